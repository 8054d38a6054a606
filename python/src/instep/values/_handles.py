"""Things that only live in one process, and so are never stored."""

from __future__ import annotations

import io
import types
from _thread import LockType, RLock
from typing import Final

MARK: Final = "__instep_not_storable__"
"""Class attribute that says why instances can't be stored, and what to do, in sentences."""

_KINDS: Final[tuple[tuple[tuple[type, ...], str], ...]] = (
    (
        (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType),
        "A generator only lives in this process. Store a list of its items.",
    ),
    ((io.IOBase,), "An open file only lives in this process. Store its path or its content."),
    ((LockType, RLock), "A lock only lives in this process. Store the data that it guards."),
    (
        (types.FrameType, types.TracebackType),
        "A frame or traceback is a part of a running program. Store its text.",
    ),
)

_NAMED: Final = {
    ("socket", "socket"): "A network connection only lives in this process. Store its address.",
    ("threading", "Thread"): "A thread only lives in this process. Store its result.",
    ("sqlite3", "Connection"): "A database connection only lives in this process. Store its path.",
}


def not_storable(value: object) -> str | None:
    """Says why a value must never be stored, and what to store instead. `None`: nothing speaks against it."""
    reason = getattr(type(value), MARK, None)
    if isinstance(reason, str):
        return reason
    for kinds, text in _KINDS:
        if isinstance(value, kinds) and not isinstance(value, io.BytesIO | io.StringIO):
            return text
    for kind in type(value).__mro__[:-1]:
        named = _NAMED.get((kind.__module__.lstrip("_"), kind.__name__))
        if named is not None:
            return named
    return None
