"""Classes and functions of the user's own files inside pickles.

Theory of operation. A class of the user's flow file cannot be pickled by name alone: a client in a notebook has no
such module. Pickled by value alone, it would be another class in each task, and `isinstance` and `==` of
dataclasses would fail. So cloudpickle describes it by value, and this module puts its name around that: a reader
that has loaded a module of that name takes the class from there, and only others build it from the description.
What is built is remembered under the name and the digest of the file, so that two artifacts share it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

from instep.values._digest import hash_of

Reduced = tuple[Any, ...]
"""What a reducer gives: maker, arguments, state, items, pairs, setter."""

_TRACKER: Final = {"_make_skeleton_class": 4, "_make_skeleton_enum": 5}
"""By maker of cloudpickle, which argument is the random id that ties equal classes together."""

_names: set[str] = set()


def register_user_module(name: str) -> None:
    """Makes classes and functions of a module be stored by value.

    Args:
        name: Name of the module as in `sys.modules`: the stem of the user's flow file, or of a file beside it.
            `__main__` is always stored by value.
    """
    _names.add(name)


def user_modules() -> list[ModuleType]:
    """Gives the registered modules that are loaded."""
    return [module for name in sorted(_names) if (module := sys.modules.get(name)) is not None]


def is_user_code(value: object) -> bool:
    """Says whether a value is a class or function that a user module has under its own name."""
    if not isinstance(value, type | FunctionType):
        return False
    is_user = value.__module__ in _names or value.__module__ == "__main__"
    return is_user and _loaded(value.__module__, value.__qualname__) is value


def _stem(module: ModuleType | None) -> str:
    file = getattr(module, "__file__", None)
    return Path(file).stem if file else "__main__"


def _named_module(name: str) -> ModuleType | None:
    """Finds a loaded module; the program itself counts under the stem of its file."""
    found = sys.modules.get(name)
    main = sys.modules.get("__main__")
    return found if found is not None or _stem(main) != name else main


def _loaded(name: str, path: str) -> object:
    """Finds a class or function in a loaded module. `None`: it is not there."""
    found: object = _named_module(name)
    for step in path.split("."):
        if found is None:
            return None
        found = getattr(found, step, None)
    return found


@cache
def _source_digest(file: str | None) -> str:
    try:
        return hash_of([Path(file).read_bytes()]) if file else ""
    except OSError:  # typed at a prompt, or removed since
        return ""


def with_name(value: type | FunctionType, reduced: Reduced) -> Reduced:
    """Puts the name of a class or function around the description of it that cloudpickle gives."""
    if len(reduced) != 6:
        return reduced  # by name already
    maker, arguments, state, items, pairs, setter = reduced
    module = sys.modules.get(value.__module__)
    name = _stem(module) if value.__module__ == "__main__" else value.__module__
    tracker = _TRACKER.get(getattr(maker, "__name__", ""))
    if tracker is not None:
        identity = f"{name}:{value.__qualname__}:{_source_digest(getattr(module, '__file__', None))}"
        arguments = (*arguments[:tracker], identity, *arguments[tracker + 1 :])
    return (
        find_or_make,
        (name, value.__qualname__, maker, arguments),
        (name, value.__qualname__, setter, state),
        items,
        pairs,
        set_unless_found,
    )


def find_or_make(name: str, path: str, maker: Callable[..., object], arguments: tuple[Any, ...]) -> object:
    """Gives the loaded class or function of a name, or starts to build it. Called by unpickling."""
    found = _loaded(name, path)
    return maker(*arguments) if found is None else found


def set_unless_found(
    target: object, state: tuple[str, str, Callable[[object, object], object], object]
) -> None:
    """Finishes building a class or function that was not loaded. Called by unpickling."""
    name, path, setter, content = state
    if _loaded(name, path) is not target:
        setter(target, content)
