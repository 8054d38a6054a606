"""How users register types of their own."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, overload

from instep.errors import UsageError
from instep.values._encode import is_known
from instep.values._types import RegisteredType, by_kind, by_name

T = TypeVar("T")

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}")
_RESERVED: Final = "instep."


@overload
def register_type(
    name: str,
    cls: type[T],
    *,
    to_portable: Callable[[T], object] | None = None,
    from_portable: Callable[[Any], T] | None = None,
) -> type[T]: ...


@overload
def register_type(
    name: str,
    cls: None = None,
    *,
    to_portable: Callable[[Any], object] | None = None,
    from_portable: Callable[[Any], object] | None = None,
) -> Callable[[type[T]], type[T]]: ...


def register_type(
    name: str,
    cls: type[T] | None = None,
    *,
    to_portable: Callable[[Any], object] | None = None,
    from_portable: Callable[[Any], object] | None = None,
) -> type[T] | Callable[[type[T]], type[T]]:
    """Registers a class of yours, so that its instances are stored as values that every language can read.

    Who has registered a type under the same name, in Python or in R, reads an instance of that type. Who has not
    reads what `to_portable` returned. Instances of subclasses are other types: register these, too.

    Register where every task and reader does it: at the top level of the flow's file, or of a module it imports.
    Registering a name again replaces the class by the same one, defined again: when a notebook's cell is run twice.

    Args:
        name: Name of the type in all languages, such as `geo.point`: up to 100 letters, digits, `.`, `_` and `-`,
            a letter first. Names that begin with `instep.` are reserved.
        cls: The class. Without it, `register_type` gives a class decorator.
        to_portable: Takes an instance and returns a value that every language can read, such as a dict of numbers,
            text, lists, arrays and frames. Values inside of it may be of registered types. For a dataclass, by
            default a dict of its fields.
        from_portable: Takes such a value and returns an instance. It may get what another language wrote. For
            a dataclass, by default a call with the dict as keyword arguments.

    Returns:
        The class, unchanged, or a decorator that returns it.

    Raises:
        UsageError: The name is not valid or belongs to another class, the class belongs to another name or is
            one that Instep stores itself, or a function is missing.

    Example:
        >>> @register_type("geo.point")
        ... @dataclasses.dataclass
        ... class Point:
        ...     x: float
        ...     y: float
    """

    def register(kind: type[T]) -> type[T]:
        _add(name, kind, to_portable, from_portable)
        return kind

    return register if cls is None else register(cls)


def _add(
    name: str,
    kind: type,
    to_portable: Callable[[Any], object] | None,
    from_portable: Callable[[Any], object] | None,
) -> None:
    """Checks a registration, and makes it."""
    _check_name(name)
    _check_kind(name, kind)
    if to_portable is None and from_portable is None:
        to_portable, from_portable = _field_functions(name, kind)
    if not callable(to_portable) or not callable(from_portable):
        raise UsageError(f"The type {name!r} needs both functions, to_portable and from_portable.")
    by_name[name] = by_kind[kind] = RegisteredType(name, kind, to_portable, from_portable)


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} can't be the name of a type: it must have up to 100 letters, digits, '.', '_' and '-', "
            "a letter first."
        )
    if name.startswith(_RESERVED):
        raise UsageError(
            f"The type name {name!r} is reserved. Choose one that does not begin with {_RESERVED!r}."
        )


def _check_kind(name: str, kind: type) -> None:
    """Checks that class and name do not belong to others already."""
    if not isinstance(kind, type):
        raise UsageError(f"The type {name!r} must be registered with a class, not with {kind!r}.")
    if is_known(kind):
        raise UsageError(f"{kind.__qualname__} can't be registered as {name!r}: Instep stores it itself.")
    of_kind, of_name = by_kind.get(kind), by_name.get(name)
    if of_kind is not None and of_kind.name != name:
        raise UsageError(
            f"{kind.__qualname__} can't be registered as {name!r}: it is registered as {of_kind.name!r}."
        )
    if of_name is not None and not _is_again(of_name.kind, kind):
        known = f"{of_name.kind.__module__}.{of_name.kind.__qualname__}"
        raise UsageError(f"The type name {name!r} belongs to the class {known} already.")


def _is_again(old: type, new: type) -> bool:
    """Says whether a class is the same one, defined again: by a notebook's cell, or as program and as module."""
    modules = {old.__module__, new.__module__}
    return old.__qualname__ == new.__qualname__ and (len(modules) == 1 or "__main__" in modules)


def _field_functions(
    name: str, kind: type
) -> tuple[Callable[[Any], dict[str, object]], Callable[[Mapping[str, object]], object]]:
    """Makes the functions of a dataclass that is all said by the arguments that make it."""
    fields = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else None
    if fields is None or fields != list(inspect.signature(kind).parameters):
        raise UsageError(
            f"The type {name!r} needs to_portable and from_portable: {kind.__qualname__} is not a dataclass "
            "whose arguments are its fields."
        )
    return (lambda value: {field: getattr(value, field) for field in fields}), (lambda form: kind(**form))
