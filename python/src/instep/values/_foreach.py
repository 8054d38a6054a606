"""Counts what a foreach spreads over tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from instep.errors import ForeachError

_FRAMES = frozenset(
    {("pandas", "DataFrame"), ("polars", "DataFrame"), ("polars", "LazyFrame"), ("pyarrow", "Table")}
)


def item_count(value: object) -> int:
    """Counts the items of a value that a foreach names.

    Args:
        value: The value, as the step holds it.

    Returns:
        The number of items.

    Raises:
        ForeachError: The value cannot be spread over tasks. The message says why, as a main clause about "it".
    """
    kind = type(value)
    if isinstance(value, Mapping):
        raise ForeachError(
            "it is a dict, whose items have no order to count on. Store a list of its items or keys."
        )
    if any((base.__module__.partition(".")[0], base.__name__) in _FRAMES for base in kind.__mro__):
        raise ForeachError(
            "it is a data frame. Say what the items are: store a list of its rows, columns or groups."
        )
    if not isinstance(value, Iterable) and not hasattr(value, "__getitem__"):
        raise ForeachError(f"it is {_article(kind)}, which has no items. Store a list.")
    length = getattr(kind, "__len__", None)
    if length is None:
        raise ForeachError(f"it is {_article(kind)}, whose items can't be counted. Store a list of them.")
    if getattr(value, "shape", None) == ():
        raise ForeachError("it is an array without dimensions, which has no items. Store a list.")
    return int(length(value))


def _article(kind: type) -> str:
    if kind is type(None):
        return "None"
    return f"{'an' if kind.__name__[0] in 'aeiouAEIOU' else 'a'} {kind.__name__}"
