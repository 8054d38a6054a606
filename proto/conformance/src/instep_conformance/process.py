"""The worker's process, started as the orchestrator's launcher starts a worker that is not forked.

The descriptor of a pipe is named by the environment variable INSTEP_BOOTSTRAP_FD. On it lies one WorkerBootstrap,
preceded by its length as four bytes, little-endian; then the pipe is closed. The process leads a group of its own, its
stdin is empty, and its stdout and stderr are files, which INSTEP_STDOUT_FILE and INSTEP_STDERR_FILE name.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

BOOTSTRAP_FD = "INSTEP_BOOTSTRAP_FD"


class WorkerProcess:
    """A worker.

    Args:
        command: The program and its arguments.
        bootstrap: The bytes on the pipe. None: there is no pipe.
        folder: Working directory, and where the streams are kept.
    """

    def __init__(self, command: Sequence[str], bootstrap: bytes | None, folder: Path) -> None:
        self.files = {name: folder / f"{name}.log" for name in ("stdout", "stderr")}
        env = {name: value for name, value in os.environ.items() if not name.startswith("INSTEP_BOOTSTRAP")}
        env |= {f"INSTEP_{name.upper()}_FILE": str(file) for name, file in self.files.items()}
        read = _pipe_with(bootstrap) if bootstrap is not None else None
        if read is not None:
            env[BOOTSTRAP_FD] = str(read)
        try:
            with self.files["stdout"].open("ab") as stdout, self.files["stderr"].open("ab") as stderr:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    pass_fds=[] if read is None else [read],
                    cwd=folder,
                    env=env,
                    start_new_session=True,
                )
        finally:
            if read is not None:
                os.close(read)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait(self, seconds: float) -> int | None:
        """Waits for its end.

        Returns:
            Its exit code; negative: the signal that ended it. None: it runs still.
        """
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def text(self, stream: str) -> str:
        """Gives what it wrote to a stream so far."""
        return self.bytes(stream).decode(errors="replace")

    def bytes(self, stream: str) -> bytes:
        """The same as bytes."""
        return self.files[stream].read_bytes()

    def end(self) -> None:
        """Ends it and all that it started, if it runs still."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def framed(message: bytes) -> bytes:
    """Precedes a message by its length."""
    return struct.pack("<I", len(message)) + message


def _pipe_with(data: bytes) -> int:
    read, write = os.pipe()
    os.write(write, data)
    os.close(write)
    return read
