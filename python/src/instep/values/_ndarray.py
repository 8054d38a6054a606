"""Arrays that know the names of their rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Dimnames = tuple[list[str | None] | None, ...]


class NDArray(np.ndarray):
    """A NumPy array with `dimnames`: a matrix or array of R whose rows and columns have names.

    It behaves like any array. What NumPy makes of it (a slice, a sum, a copy) has no names any more, because it
    need not have the same rows. Changing elements in place keeps them.

    Args:
        values: The array, or what makes one.
        dimnames: For each dimension a list with a name for each index, or `None`. `None`: no names at all.
        dimnames_names: For each dimension a name of its own. `None`: none has one.

    Raises:
        ValueError: The names do not fit the shape.

    Example:
        >>> table = NDArray([[1, 2], [3, 4]], (["r1", "r2"], ["a", "b"]))
        >>> table.dimnames[1]
        ['a', 'b']
    """

    dimnames: Dimnames | None
    """For each dimension its names, or `None`."""
    dimnames_names: list[str | None] | None
    """For each dimension a name of its own."""

    def __new__(
        cls,
        values: npt.ArrayLike,
        dimnames: Sequence[Sequence[str | None] | None] | None = None,
        dimnames_names: Sequence[str | None] | None = None,
    ) -> NDArray:
        array = np.asarray(values).view(cls)
        lengths = [None if names is None else len(names) for names in dimnames or ()]
        if dimnames is not None and (
            len(lengths) != array.ndim
            or any(length not in (None, extent) for length, extent in zip(lengths, array.shape, strict=True))
        ):
            raise ValueError(f"The dimnames have lengths {lengths}, and the array has shape {array.shape}.")
        if dimnames_names is not None and len(dimnames_names) != array.ndim:
            raise ValueError(
                f"There are {len(dimnames_names)} names of dimnames for {array.ndim} dimensions."
            )
        if dimnames is not None:
            array.dimnames = tuple(None if names is None else list(names) for names in dimnames)
        if dimnames_names is not None:
            array.dimnames_names = list(dimnames_names)
        return array

    def __array_finalize__(self, source: object) -> None:
        self.dimnames = None
        self.dimnames_names = None

    def __reduce__(self) -> tuple[Callable[..., NDArray], tuple[Any, ...]]:
        return NDArray, (np.asarray(self), self.dimnames, self.dimnames_names)


class MaskedNDArray(np.ma.MaskedArray):
    """A masked array with `dimnames`: a matrix or array of R of whole numbers or logicals, some of them NA.

    As with `NDArray`, what NumPy makes of it has no names any more.
    """

    dimnames: Dimnames | None = None
    """For each dimension its names, or `None`."""
    dimnames_names: list[str | None] | None = None
    """For each dimension a name of its own."""

    @classmethod
    def of(
        cls,
        values: np.ma.MaskedArray[Any, Any],
        dimnames: Sequence[list[str | None] | None] | None,
        dimnames_names: list[str | None] | None,
    ) -> MaskedNDArray:
        """Gives names to a masked array, whose memory it shares."""
        array = values.view(cls)
        array.dimnames = None if dimnames is None else tuple(dimnames)
        array.dimnames_names = dimnames_names
        return array
