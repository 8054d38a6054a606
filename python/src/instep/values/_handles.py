"""Things that only live in one process, and so are never stored."""

from __future__ import annotations

import io
import types
from _thread import LockType, RLock
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

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


def place_of(target: object, value: object) -> str:
    """Finds where an object is inside of a value.

    Args:
        target: The object.
        value: What holds it, however deep.

    Returns:
        The shortest way there as Python code, such as `.fits[3].con`. Empty: it can't be told.
    """
    queue = deque([("", value)])
    seen = {id(value)}
    keep = []  # else what is made on the way could get the id of something that was seen
    while queue:
        path, current = queue.popleft()
        for step, child in _inside(current):
            if child is target:
                return path + step
            if id(child) not in seen:
                seen.add(id(child))
                keep.append(child)
                queue.append((path + step, child))
    return ""


def _inside(value: Any) -> Iterator[tuple[str, object]]:
    """Lists what an object holds, with the step that leads there."""
    if isinstance(value, list | tuple):
        yield from ((f"[{position}]", child) for position, child in enumerate(value))
    elif isinstance(value, dict):
        yield from ((f"[{key!r}]", child) for key, child in value.items())
    elif isinstance(value, types.FunctionType):
        for position, cell in enumerate(value.__closure__ or ()):
            yield f".__closure__[{position}].cell_contents", cell.cell_contents
    elif isinstance(value, types.MethodType):
        yield ".__self__", value.__self__
    if isinstance(value, type):
        return
    yield from ((f".{name}", child) for name, child in getattr(value, "__dict__", {}).items())
    for kind in type(value).__mro__:
        for name, slot in vars(kind).items():
            if isinstance(slot, types.MemberDescriptorType) and kind.__module__ != "builtins":
                try:
                    yield f".{name}", slot.__get__(value)
                except AttributeError:  # never set
                    continue
