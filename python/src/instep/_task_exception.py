"""The error with which an attempt ended, as an object: what `catch` stores, and what clients give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from instep._task import Failure


@dataclass(frozen=True, slots=True)
class TaskException:
    """The error with which an attempt of a task ended.

    As an artifact it is portable: R reads a list of class `instep_exception` with the same names.
    """

    exception: str
    """The message."""
    type: str
    """Its class: `module.Class`, or the first class of the condition in R."""
    stacktrace: str
    """The call stack, as its own language writes it."""
    language: str = "python"
    """Language of the code that failed: `python` or `r`. Empty: no code of the user's was involved."""
    cause: TaskException | None = None
    """What the error came from. None: nothing else is known."""

    def __str__(self) -> str:
        return self.stacktrace or f"{self.type}: {self.exception}"


def exception_of(failure: Failure) -> TaskException:
    """Makes the object for the failure of an attempt.

    Args:
        failure: Why the attempt failed.
    """
    return TaskException(
        exception=failure.message,
        type=failure.classes[0] if failure.classes else failure.kind.name,
        stacktrace=failure.traceback,
        language=failure.language,
        cause=None if failure.cause is None else exception_of(failure.cause),
    )
