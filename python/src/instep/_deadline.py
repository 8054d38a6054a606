"""The time limit of a step: an exception in its code when the time is up."""

from __future__ import annotations

import signal
from types import FrameType

from instep._format import duration
from instep.errors import TimeoutException


class Deadline:
    """Raises `TimeoutException` in the main thread when the time is up, also out of calls that wait.

    Code that swallows the exception, or waits where Python cannot interrupt it, is left to the orchestrator.

    Args:
        step: Name of the step.
        seconds: The limit. 0: there is none.
    """

    def __init__(self, step: str, seconds: float) -> None:
        self._step = step
        self._seconds = seconds
        self._runs = False

    def start(self) -> None:
        """Lets the time run from now on."""
        if self._seconds > 0:
            self._runs = True
            signal.signal(signal.SIGALRM, self._end)
            signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def stop(self) -> None:
        """Ends the limit: no exception comes any more."""
        self._runs = False  # first, for a signal that is there already
        if self._seconds > 0:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _end(self, number: int, frame: FrameType | None) -> None:
        if not self._runs:
            return
        raise TimeoutException(
            f"Step {self._step!r} took longer than its timeout of {duration(self._seconds)}.",
            step=self._step,
            seconds=self._seconds,
        )
