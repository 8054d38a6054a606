"""What a task may change of its process, and the next task of a worker that is used again must not find changed.

What is put back is what code changes to set itself up: environment variables, the working directory, and where `print`
writes to. Random numbers are fresh for each task of any worker. What code keeps in modules, or starts and leaves running,
stays: that is what isolation by a process of one's own is for.
"""

from __future__ import annotations

import os
import sys


class ProcessState:
    """The state of this process now."""

    def __init__(self) -> None:
        self._environment = dict(os.environ)
        self._directory = os.getcwd()
        self._streams = sys.stdout, sys.stderr

    def restore(self) -> None:
        """Makes the state of the process that one again.

        Raises:
            OSError: The working directory is gone.
        """
        if dict(os.environ) != self._environment:
            for name in os.environ.keys() - self._environment.keys():
                del os.environ[name]
            os.environ.update(self._environment)
        os.chdir(self._directory)
        sys.stdout, sys.stderr = self._streams
