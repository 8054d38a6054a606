"""What Ctrl-C, SIGTERM and SIGHUP do to a command."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType
from typing import Any

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asks the command to end. Not an `Exception`: only the outermost frame may catch it.

    Args:
        signum: Number of the signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """The exit code by which shells know that a signal ended a program."""
        return 128 + self.signum


class Impatient(Interrupted):
    """A second signal came while the command was already ending its work: it must not wait any longer."""


class Signals:
    """Receives signals for a command: as `Interrupted`, or through a queue while somebody waits there."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Any] | None = None

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Takes over the signals, and gives them back at the end. A signal that is ignored stays so (nohup)."""
        taken = [number for number in HANDLED if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._receive) for number in taken}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def into(self, queue: SimpleQueue[Any]) -> Iterator[None]:
        """Puts the numbers of signals into a queue, in place of raising `Interrupted`."""
        self._queue = queue
        try:
            yield
        finally:
            self._queue = None

    def _receive(self, signum: int, _frame: FrameType | None) -> None:
        if self._queue is None:
            raise Interrupted(signum)
        self._queue.put(signum)
