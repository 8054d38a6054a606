"""Makes calls again that failed on their way.

A call that failed on its way tells nothing, so it is made again with the same ids, after a growing pause. A verdict
of the server is final, but for the few that ask for patience.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import SystemRandom
from typing import TYPE_CHECKING, TypeVar

from instep.errors import (
    ConcurrentPollError,
    InstepError,
    OverloadedError,
    TransportError,
    WriteConflictError,
)

if TYPE_CHECKING:
    from instep_proto.v1.store_service_pb2 import ReadBlobRequest, ReadBlobResponse

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
# The call was given up, is too large, or is not known to the server. All other statuses without a verdict may be those of
# a proxy.
_LASTING_CODES = frozenset({"CANCELLED", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"})
# Not the generator of the module `random`: its state is the user's, who may have seeded it.
_random = SystemRandom()

CALL_SECONDS = 10.0
"""How long one try of a call may take, unless the orchestrator says so."""

T = TypeVar("T")
Pause = Callable[[float], bool]
"""Waits for some seconds. False: the call is not to be made again."""


def persistently(call: Callable[[], T], pause: Pause) -> T:
    """Makes a call until it is answered.

    Args:
        call: Makes it, with the same ids each time.
        pause: Waits, or gives up.

    Returns:
        What the call returns.

    Raises:
        InstepError: The verdict; or how the last try failed.

    Example:
        >>> persistently(lambda: 42, lambda seconds: False)
        42
    """
    waits = pauses()
    while True:
        try:
            return call()
        except InstepError as err:
            if not is_passing(err) or not pause(_advised(err) or next(waits)):
                raise


def pauses() -> Iterator[float]:
    """Yields how long to wait before each repetition, in seconds: longer and longer, and never in step with others."""
    seconds = _FIRST_PAUSE
    while True:
        yield seconds * _random.uniform(0.8, 1.2)
        seconds = min(seconds * 2, _LONGEST_PAUSE)


def skip_bytes(request: ReadBlobRequest, answer: ReadBlobResponse) -> None:
    """Makes a request for the bytes of a blob one for those that follow an answer."""
    request.offset += len(answer.data)


def is_passing(err: InstepError) -> bool:
    """Tells whether the same call may succeed later."""
    if isinstance(err, TransportError):
        return err.code not in _LASTING_CODES
    return isinstance(err, ConcurrentPollError | OverloadedError | WriteConflictError)


def _advised(err: InstepError) -> float:
    """Gives how long the orchestrator asks to wait, in seconds. 0: it does not say."""
    return (getattr(err, "retry_after_ms", None) or 0) / 1000
