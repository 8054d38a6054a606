"""What steps and class bodies see of a config: dictionaries and lists that can be read by attribute, and not changed.

They are a `dict` and a `list`, so that they spread, compare and turn into JSON as these do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, cast


def frozen(value: object) -> Any:
    """Makes the view of a plain value: dictionaries and lists in it, at any depth, become read-only.

    Args:
        value: What a config holds.
    """
    if isinstance(value, dict):
        return ConfigDict({key: frozen(item) for key, item in value.items()})
    if isinstance(value, list):
        return ConfigList(map(frozen, value))
    return tuple(map(frozen, value)) if type(value) is tuple else value


def plain(value: object) -> Any:
    """Undoes `frozen`.

    Args:
        value: A view, or a part of one.
    """
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return tuple(map(plain, value)) if type(value) is tuple else value


def _refuse(*_args: object, **_named: object) -> NoReturn:
    raise TypeError("A config cannot be changed. Copy it with to_dict(), and change the copy.")


class ConfigDict(dict[str, Any]):
    """A dictionary of a config: read by key or, where the key is a name, by attribute.

    Example:
        >>> config = frozen({"model": {"folds": 5}})
        >>> config.model.folds, config["model"].folds, config.to_dict()
        (5, 5, {'model': {'folds': 5}})
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            known = ", ".join(map(repr, self)) or "none"
            raise AttributeError(f"The config has no {name!r} here. Its keys are {known}.") from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(key for key in self if isinstance(key, str))})

    def to_dict(self) -> dict[str, Any]:
        """Copies it into plain dictionaries and lists, which can be changed."""
        return cast("dict[str, Any]", plain(self))

    def copy(self) -> dict[str, Any]:
        """Copies it into plain dictionaries and lists, which can be changed."""
        return self.to_dict()

    def __reduce__(self) -> tuple[Callable[[object], Any], tuple[dict[str, Any]]]:
        return frozen, (self.to_dict(),)

    __setitem__ = __delitem__ = __setattr__ = __delattr__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


class ConfigList(list[Any]):
    """A list of a config."""

    __slots__ = ()

    def copy(self) -> list[Any]:
        """Copies it into a plain list, which can be changed."""
        return cast("list[Any]", plain(self))

    def __reduce__(self) -> tuple[Callable[[object], Any], tuple[list[Any]]]:
        return frozen, (self.copy(),)

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse
