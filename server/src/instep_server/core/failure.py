"""Why something did not succeed, as far as decisions need to know it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class FailureKind(IntEnum):
    """What kind of thing went wrong. The numbers are those of the protocol."""

    UNSPECIFIED = 0
    """Not said."""
    USER_ERROR = 1
    """The user's code raised an error."""
    CANCELLED = 2
    """The attempt was cancelled."""
    ATTEMPT_TIMEOUT = 3
    """The attempt took longer than its limit."""
    PROGRESS_TIMEOUT = 4
    """The attempt reported no progress for longer than its limit."""
    WORKER_LOST = 5
    """The worker's process ended without a report, or its lease expired."""
    OUT_OF_MEMORY = 6
    """The worker's process was killed for want of memory."""
    INPUT_MISSING = 7
    """A blob that the task needs is gone or damaged."""
    INPUT_DECODE = 8
    """An input could not be decoded in the step's language."""
    OUTPUT_ENCODE = 9
    """A value that the step left behind cannot be stored."""
    CODE_LOAD = 10
    """The step's code could not be loaded."""
    ENVIRONMENT = 11
    """The step's environment is not as required."""
    INTERNAL = 12
    """A fault of Instep's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt, a task or a run did not succeed."""

    kind: FailureKind
    """What kind of thing went wrong."""
    message: str
    """What happened, in sentences."""
    classes: tuple[str, ...] = ()
    """Classes of the error, most specific first. Empty: there was no error, as when a process dies."""
    exit_code: int | None = None
    """Exit code of the process. None: it did not end by itself."""
    signal: int | None = None
    """Signal that ended the process. None: none did."""
    encoded: bytes = b""
    """The whole failure as its worker sent it, serialized. Empty: the other fields say all."""
