"""Values with names that Python has no type of its own for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class TextList(list[str | None]):
    """A vector of text from R in which there is no text: an ordinary list that goes back to R as text.

    Other vectors of text are lists themselves; of an empty list, or one of `None` alone, nobody would know.
    """

    __slots__ = ()


class _Named:
    """Values with a name for each: what `NamedList` and `NamedVector` have in common.

    Args:
        values: The values.
        names: A name for each value. `None` is a missing name (`NA` in R).

    Raises:
        ValueError: There are not as many names as values.
    """

    __slots__ = ("names", "values")

    values: Any
    names: list[str | None]

    def __init__(self, values: Any, names: Sequence[str | None]) -> None:
        if len(values) != len(names):
            raise ValueError(
                f"A {type(self).__name__} needs a name for each value: {len(values)} values, {len(names)} names."
            )
        self.values = values
        self.names = list(names)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __getitem__(self, key: int | str) -> Any:
        """Gives the value at a position, or the first one of a name."""
        return self.values[self._position(key)]

    def __setitem__(self, key: int | str, value: Any) -> None:
        """Replaces the value at a position, or the first one of a name."""
        self.values[self._position(key)] = value

    def _position(self, key: int | str) -> int:
        if isinstance(key, int):
            return key
        try:
            return self.names.index(key)
        except ValueError:
            raise KeyError(key) from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.values!r}, {self.names!r})"


class NamedList(_Named):
    """An ordered collection of values with names that may be missing, empty or doubled: an R list.

    A dict would drop entries, so a list whose names are not unique text becomes a `NamedList`.

    Args:
        values: The values.
        names: A name for each value. `None` is a missing name (`NA` in R).

    Raises:
        ValueError: There are not as many names as values.

    Example:
        >>> pair = NamedList([1, 2], ["a", ""])
        >>> pair["a"], pair[1], pair.names
        (1, 2, ['a', ''])
    """

    __slots__ = ()

    values: list[Any]
    """The values, in order."""
    names: list[str | None]
    """The names, in order."""

    def __init__(self, values: Sequence[Any], names: Sequence[str | None]) -> None:
        super().__init__(list(values), names)

    def items(self) -> list[tuple[str | None, Any]]:
        """Gives pairs of name and value, in order."""
        return list(zip(self.names, self.values, strict=True))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NamedList):
            return NotImplemented
        return self.names == other.names and self.values == other.values


class NamedVector(_Named):
    """A vector whose elements have names: a named vector in R.

    Args:
        values: A one-dimensional array, or a list of text.
        names: A name for each element. `None` is a missing name (`NA` in R).

    Raises:
        ValueError: There are not as many names as values.

    Example:
        >>> NamedVector(["x", "y"], ["a", "b"])["b"]
        'y'
    """

    __slots__ = ()

    values: Any
    """What the vector would be without names: an array, a list of text, a `pandas.Categorical`."""
    names: list[str | None]
    """The names, in order."""

    def to_dict(self) -> dict[str | None, Any]:
        """Gives a dict from name to element.

        Raises:
            ValueError: A name is there twice.
        """
        result = dict(zip(self.names, self.values, strict=True))
        if len(result) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise ValueError(
                f"The vector has more than one element called {twice!r}, so a dict would lose some."
            )
        return result

    def to_series(self) -> pd.Series:
        """Gives a pandas Series with the names as its index."""
        import pandas as pd

        return pd.Series(self.values, index=self.names)

    def __eq__(self, other: object) -> bool:
        """Says whether names and elements are equal; elements that are not equal to themselves count as equal."""
        if not isinstance(other, NamedVector):
            return NotImplemented
        return self.names == other.names and all(
            a == b or (a != a and b != b) for a, b in zip(self.values, other.values, strict=True)
        )
