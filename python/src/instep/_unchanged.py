"""Tells without reading them that large values were not changed in place.

Theory of operation. The data of a large array or frame lie in private mappings of stored blobs. The kernel copies
a page of such a mapping when it is first written to, and counts the copy as anonymous memory. So a mapping without
anonymous memory holds what is stored. What is left to show is that the value is still made of the same pieces of
these mappings: a `Footprint` notes their addresses, types and labels when the value is read, and compares them later.
Whatever does not fit this picture is not claimed to be unchanged, and is encoded to find out.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Buffer = bytes | memoryview

LARGE_BYTES = 64 * 1024 * 1024
"""Values with less mapped data are encoded again, which takes less time than asking the kernel."""

_PLAIN_KINDS = frozenset("biufcmM")
_MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) ")


@dataclass(frozen=True, slots=True)
class Footprint:
    """How a value is made of mapped memory."""

    mappings: tuple[memoryview, ...]
    """The mapped blobs."""
    layout: tuple[object, ...]
    """Addresses, types and extents of the arrays, in order."""
    labels: tuple[object, ...] = field(compare=False)
    """Objects that never change: they must be the same ones later."""

    def fits(self, value: object) -> bool:
        """Tells whether a value surely is what it was when the footprint was taken."""
        now = footprint_of(value, self.mappings)
        if now is None or now.layout != self.layout or len(now.labels) != len(self.labels):
            return False
        if any(before is not after for before, after in zip(self.labels, now.labels, strict=True)):
            return False
        return _are_clean(self.mappings)


def footprint_of(value: object, fetched: Sequence[Buffer]) -> Footprint | None:
    """Takes the footprint of a value that was just decoded.

    Args:
        value: The value.
        fetched: The blobs that were read for it.

    Returns:
        The footprint. None: the value is small, or is not all in mapped memory.
    """
    mappings = tuple(view for view in fetched if isinstance(view, memoryview))
    if sum(view.nbytes for view in mappings) < LARGE_BYTES:
        return None
    found = _arrays_and_labels(value)
    if found is None:
        return None
    arrays, labels = found
    spans = [_span(view) for view in mappings]
    if not all(_is_inside(array, spans) for array in arrays):
        return None
    layout = tuple((array.ctypes.data, array.shape, array.strides, array.dtype) for array in arrays)
    return Footprint(mappings, layout, labels)


def _arrays_and_labels(value: Any) -> tuple[list[Any], tuple[object, ...]] | None:
    """Takes a value apart into NumPy arrays and labels. None: it holds anything else."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy and type(value) is numpy.ndarray:
        arrays, labels = [value], ()
    elif pandas and type(value) is pandas.DataFrame and not value.attrs:
        columns = [value.iloc[:, position] for position in range(value.shape[1])]
        if not all(isinstance(column.dtype, numpy.dtype) for column in columns):  # type: ignore[union-attr]
            return None
        arrays = [column.to_numpy() for column in columns]
        labels = (value.index, value.columns, *value.index.names, *value.columns.names)
        if not isinstance(value.index, pandas.RangeIndex):
            return None
    else:
        return None
    return (arrays, labels) if all(array.dtype.kind in _PLAIN_KINDS for array in arrays) else None


def _span(view: memoryview) -> tuple[int, int]:
    numpy = sys.modules["numpy"]
    start = int(numpy.frombuffer(view, numpy.uint8).ctypes.data)
    return start, start + view.nbytes


def _is_inside(array: Any, spans: Iterable[tuple[int, int]]) -> bool:
    low, high = sys.modules["numpy"].lib.array_utils.byte_bounds(array)
    return any(start <= low and high <= end for start, end in spans)


def _are_clean(mappings: Iterable[memoryview]) -> bool:
    """Tells whether no page of these mappings was written to."""
    spans = [_span(view) for view in mappings]
    return not any(start < high and low < end for low, high in _written() for start, end in spans)


def _written() -> Iterator[tuple[int, int]]:
    """Yields the address ranges of this process that hold pages of its own."""
    low = high = 0
    with open("/proc/self/smaps") as smaps:
        for line in smaps:
            if line.startswith(("Anonymous:", "Swap:")):
                if line.split()[1] != "0":
                    yield low, high
            elif found := _MAPPING.match(line):
                low, high = int(found[1], 16), int(found[2], 16)
