"""Exceptions as failures: data that travels, and text that a person reads in the log.

The text is Python's own traceback without the frames of Instep, so that it begins with the user's code. Frames
of libraries stay, because the user called them. Limits are those of the protocol: 16 KiB of message, 64 KiB of
traceback, 16 causes, 256 KiB in all; what is cut is cut in the middle, since both ends tell something.
"""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType

from instep._task import Failure, FailureKind, Frame

MESSAGE_BYTES = 16 * 1024
TRACEBACK_BYTES = 64 * 1024
TOTAL_BYTES = 240 * 1024  # leaves room for what the protocol adds
CAUSES = 16
FRAMES = 100
LINE_BYTES = 400

_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep
_PYTHON = tuple({sysconfig.get_path(key) + os.sep for key in ("stdlib", "platstdlib")})
_LIBRARIES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def describe(error: BaseException, kind: FailureKind, details: dict[str, str] | None = None) -> Failure:
    """Turns an exception into a failure.

    Args:
        error: The exception, with its traceback.
        kind: What kind of thing went wrong. For INTERNAL the frames of Instep stay.
        details: Further facts, such as the name of the artifact.

    Returns:
        The failure, within the limits of the protocol.
    """
    hide_own = kind is not FailureKind.INTERNAL
    text, cut = _cut(_render(error, hide_own=hide_own), TRACEBACK_BYTES)
    chain = [_level(level, kind, hide_own=hide_own) for level in _chain(error)]
    root = replace(chain[0], traceback=text, details=dict(details or {}), truncated=chain[0].truncated or cut)
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    suppressed = [_level(member, kind, hide_own=hide_own) for member in members[:CAUSES]]
    return _fit(root, chain[1:], suppressed)


def is_own_file(filename: str) -> bool:
    """Tells whether a source file is Instep's own."""
    return filename.startswith(_OWN)


def is_user_file(filename: str) -> bool:
    """Tells whether a source file is the user's: neither Instep's, nor Python's, nor that of a library."""
    if filename.startswith("<frozen ") or is_own_file(filename):
        return False
    return not (any(part in filename for part in _LIBRARIES) or filename.startswith(_PYTHON))


def class_names(cls: type) -> tuple[str, ...]:
    """Names a class and its bases, most specific first, without `object`."""
    return tuple(f"{_module_name(base)}.{base.__qualname__}" for base in cls.__mro__ if base is not object)


def valid_text(text: str) -> str:
    """Replaces what UTF-8 cannot hold, which the protocol would refuse."""
    return text.encode("utf-8", "backslashreplace").decode()


def _module_name(cls: type) -> str:
    """Names a class's module as any other process knows it: that of the flow's file is not `__main__` there."""
    if cls.__module__ != "__main__":
        return cls.__module__
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return os.path.splitext(os.path.basename(file))[0] if file else "__main__"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception and what it came from, as Python's own traceback would show them."""
    seen: set[int] = set()
    level: BaseException | None = error
    while level is not None and id(level) not in seen and len(seen) <= CAUSES:
        yield level
        seen.add(id(level))
        level = level.__cause__ or (None if level.__suppress_context__ else level.__context__)


def _level(error: BaseException, kind: FailureKind, *, hide_own: bool) -> Failure:
    message, cut = _cut(_message(error), MESSAGE_BYTES)
    frames = list(_frames(error.__traceback__, hide_own=hide_own))
    if len(frames) > FRAMES:
        frames, cut = frames[: FRAMES // 2] + frames[-FRAMES // 2 :], True
    return Failure(
        kind=kind, classes=class_names(type(error)), message=message, frames=tuple(frames), truncated=cut
    )


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the user's __str__ may raise anything
        return f"<{type(error).__name__} without a message: its __str__ failed>"


def _frames(trace: TracebackType | None, *, hide_own: bool) -> Iterator[Frame]:
    for frame, line in traceback.walk_tb(trace):
        code = frame.f_code
        if hide_own and is_own_file(code.co_filename):
            continue
        text = linecache.getline(code.co_filename, line, frame.f_globals).strip()
        yield Frame(
            function=code.co_qualname,
            file=valid_text(code.co_filename),
            line=line or 0,
            module=str(frame.f_globals.get("__name__", "")),
            source_line=_cut(text, LINE_BYTES)[0],
            user_code=is_user_file(code.co_filename),
        )


def _render(error: BaseException, *, hide_own: bool) -> str:
    rendered = traceback.TracebackException.from_exception(error, compact=True)
    if hide_own:
        _drop_own_frames(rendered)
    return "".join(rendered.format())


def _drop_own_frames(rendered: traceback.TracebackException) -> None:
    rendered.stack[:] = [frame for frame in rendered.stack if not is_own_file(frame.filename)]
    linked: Iterable[traceback.TracebackException | None] = (
        rendered.__cause__,
        rendered.__context__,
        *(getattr(rendered, "exceptions", None) or ()),
    )
    for other in linked:
        if other is not None:
            _drop_own_frames(other)


def _cut(text: str, limit: int) -> tuple[str, bool]:
    """Cuts the middle out of a text that is too long. Tells whether it did."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= limit:
        return data.decode(), False
    note = f"\n... [{len(data) - limit} bytes cut here] ...\n".encode()
    keep = (limit - len(note)) // 2
    head, tail = data[:keep], data[-keep:]
    return head.decode(errors="ignore") + note.decode() + tail.decode(errors="ignore"), True


def _fit(root: Failure, causes: Sequence[Failure], suppressed: Sequence[Failure]) -> Failure:
    """Joins a failure with what it came from, as far as there is room."""
    room = TOTAL_BYTES - _size(root)
    kept: list[Failure] = []
    members: list[Failure] = []
    truncated = root.truncated
    for source, target in ((causes, kept), (suppressed, members)):
        for level in source:
            fitting = level if _size(level) <= room else replace(level, frames=(), truncated=True)
            if _size(fitting) > room:
                truncated = True
                break
            room -= _size(fitting)
            target.append(fitting)
    cause: Failure | None = None
    for level in reversed(kept):
        cause = replace(level, cause=cause)
    return replace(root, cause=cause, suppressed=tuple(members), truncated=truncated)


def _size(failure: Failure) -> int:
    """Estimates from above how many bytes a failure takes when it travels."""
    texts = [failure.message, failure.traceback, *failure.classes, *failure.details.values()]
    for frame in failure.frames:
        texts += [frame.function, frame.file, frame.module, frame.source_line]
    return sum(len(text.encode()) + 12 for text in texts) + 24 * len(failure.frames) + 64
