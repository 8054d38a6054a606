"""Says how two values differ, whatever language wrote them: in shape, names, and the first few elements."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from instep.values import ForeignObject

SHOWN = 3
"""How many elements, rows or keys are shown."""
TEXT_WIDTH = 60
DEPTH = 3
"""How deep lists and dicts are followed."""


def value_changes(old: object, new: object) -> list[str]:
    """Says how two values differ.

    Args:
        old: The one value.
        new: The other one.

    Returns:
        One line for each thing that can be said. Empty: they are equal as far as can be told.

    Example:
        >>> value_changes(3, 5)
        ['3 -> 5 (+2)']
        >>> value_changes({"a": 1, "b": 2}, {"a": 1, "c": 2})
        ["only before: 'b'", "only after: 'c'"]
    """
    return list(_changes(old, new, DEPTH))


def _changes(old: object, new: object, depth: int) -> Iterator[str]:
    tables = _table(old), _table(new)
    arrays = _array(old), _array(new)
    if tables[0] is not None and tables[1] is not None:
        yield from _of_tables(*tables)
    elif isinstance(old, ForeignObject) and isinstance(new, ForeignObject):
        yield from _of_text(_opaque_text(old), _opaque_text(new))
    elif _is_number(old) and _is_number(new):
        if not _same(old, new):
            yield _of_numbers(old, new)
    elif isinstance(old, str) and isinstance(new, str):
        yield from _of_text(old, new)
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _of_mappings(old, new, depth)
    elif arrays[0] is not None and arrays[1] is not None:
        yield from _of_arrays(*arrays)
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple) and type(old) is type(new):
        yield from _of_sequences(old, new, depth)
    elif type(old) is not type(new) or not _same(old, new):
        yield f"{_short(old)} -> {_short(new)}"


def _of_numbers(old: Any, new: Any) -> str:
    if isinstance(old, bool) or isinstance(new, bool) or type(old) is not type(new):
        return f"{_short(old)} -> {_short(new)}"
    return f"{_short(old)} -> {_short(new)} ({new - old:+.6g})"


def _of_text(old: str, new: str) -> Iterator[str]:
    if old == new:
        return
    if len(old) <= TEXT_WIDTH and len(new) <= TEXT_WIDTH and "\n" not in old + new:
        yield f"{old!r} -> {new!r}"
        return
    lines = old.splitlines(), new.splitlines()
    yield f"text of {len(lines[0]):,} lines -> {len(lines[1]):,} lines"
    changed = (
        (line for line in difflib.ndiff(*lines) if line[0] in "+-") if max(map(len, lines)) < 1_000 else ()
    )
    yield from (_cut(line) for line in islice(changed, 2 * SHOWN))


def _of_mappings(old: Mapping[Any, Any], new: Mapping[Any, Any], depth: int) -> Iterator[str]:
    yield from _of_names(list(old), list(new), "")
    if depth == 0:
        return
    shown = 0
    for key in old:
        lines = list(_changes(old[key], new[key], depth - 1)) if key in new else []
        if lines and shown == SHOWN:
            yield "... more keys differ"
            return
        shown += bool(lines)
        yield from (f"[{key!r}] {line}" for line in lines)


def _of_sequences(old: Sequence[Any], new: Sequence[Any], depth: int) -> Iterator[str]:
    if len(old) != len(new):
        yield f"{len(old):,} elements -> {len(new):,}"
    differ = [index for index, pair in enumerate(zip(old, new, strict=False)) if not _same(*pair)]
    if not differ:
        return
    yield f"{len(differ):,} of {min(len(old), len(new)):,} elements differ"
    for index in differ[:SHOWN] if depth else ():
        yield from (f"[{index}] {line}" for line in _changes(old[index], new[index], depth - 1))


def _of_arrays(old: Any, new: Any) -> Iterator[str]:
    import numpy as np

    if old.dtype != new.dtype:
        yield f"type {old.dtype} -> {new.dtype}"
    if old.shape != new.shape:
        yield f"shape {_by(old.shape)} -> {_by(new.shape)}"
        return
    both_missing = (old != old) & (new != new)
    differ = np.atleast_1d((old != new) & ~both_missing)
    count = int(differ.sum())
    if not count:
        return
    largest = ""
    if old.dtype.kind in "fiu" and new.dtype.kind in "fiu":
        distance = np.abs(np.atleast_1d(new)[differ].astype(float) - np.atleast_1d(old)[differ].astype(float))
        largest = f", by up to {np.nanmax(distance):.6g}" if not np.isnan(distance).all() else ""
    yield f"{count:,} of {old.size:,} elements differ{largest}"
    for where in np.argwhere(differ)[:SHOWN]:
        place = ", ".join(str(int(one)) for one in where)
        at = tuple(where)
        yield f"[{place}] {_short(np.atleast_1d(old)[at].item())} -> {_short(np.atleast_1d(new)[at].item())}"


def _of_tables(old: Any, new: Any) -> Iterator[str]:
    if old.shape != new.shape:
        yield f"data frame {_by(old.shape)} -> {_by(new.shape)}"
    yield from _of_names(old.column_names, new.column_names, "column ")
    for name in old.column_names:
        if old.column_names.count(name) == 1 == new.column_names.count(name):
            yield from (
                f"column {name!r}: {line}" for line in _of_columns(old.column(name), new.column(name))
            )


def _of_columns(old: Any, new: Any) -> Iterator[str]:
    if old.type != new.type:
        yield f"type {old.type} -> {new.type}"
    if len(old) != len(new):
        return
    differ = _differing(old, new)
    if not differ:
        return
    yield f"{len(differ):,} of {len(old):,} cells differ"
    for row in differ[:SHOWN]:
        yield f"row {row}: {_short(old[row].as_py())} -> {_short(new[row].as_py())}"


def _differing(old: Any, new: Any) -> list[int]:
    """Finds the rows in which two columns differ. Missing cells are equal, and NaN is NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (old.type == new.type and (pa.types.is_primitive(old.type) or pa.types.is_string(old.type))):
        pairs = zip(old.to_pylist(), new.to_pylist(), strict=True)
        return [row for row, pair in enumerate(pairs) if not _same(*pair)]
    missing = pc.xor(pc.is_null(old), pc.is_null(new))
    other = pc.fill_null(pc.not_equal(old, new), False)
    if pa.types.is_floating(old.type):
        both_nan = pc.fill_null(pc.and_(pc.is_nan(old), pc.is_nan(new)), False)
        other = pc.and_(other, pc.invert(both_nan))
    found: list[int] = pc.indices_nonzero(pc.or_(missing, other)).to_pylist()
    return found


def _of_names(old: Sequence[Any], new: Sequence[Any], kind: str) -> Iterator[str]:
    for title, names in (
        ("only before", [name for name in old if name not in new]),
        ("only after", [name for name in new if name not in old]),
    ):
        if names:
            more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
            yield f"{title}: {kind}{', '.join(repr(name) for name in names[:SHOWN])}{more}"


def _table(value: object) -> Any | None:
    """Makes an Arrow table of a data frame of any library. None: it is none, or Arrow cannot hold it."""
    pandas, polars, pyarrow = (sys.modules.get(name) for name in ("pandas", "polars", "pyarrow"))
    if pyarrow is not None and isinstance(value, pyarrow.Table):
        return value
    if polars is not None and isinstance(value, polars.DataFrame):
        return value.to_arrow()
    if pandas is not None and isinstance(value, pandas.DataFrame):
        import pyarrow as pa

        try:
            return pa.Table.from_pandas(value, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            return pa.table({str(name): pa.array(map(str, value[name])) for name in value.columns})
    return None


def _array(value: object) -> Any | None:
    """Gives an array of NumPy's, also of a vector of R or a column of a frame. None: it is none."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is None:
        return None
    if isinstance(value, numpy.ndarray):
        return value
    if pandas is not None and isinstance(value, pandas.Series | pandas.Index | pandas.Categorical):
        return numpy.asarray(value, dtype=object)
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or (
        hasattr(value, "dtype") and getattr(value, "shape", None) == () and value.dtype.kind in "fiub"
    )


def _same(old: Any, new: Any) -> bool:
    """Tells whether two values are equal, as far as they can tell."""
    if old is new:
        return True
    try:
        return bool(old == new) or bool(old != old and new != new)
    except (ValueError, TypeError):  # frames and arrays have no one truth
        return not list(_changes(old, new, 1))


def _opaque_text(value: ForeignObject) -> str:
    return f"{', '.join(value.classes)} of {value.language}\n{value.preview}"


def _by(shape: Sequence[int]) -> str:
    return " x ".join(f"{one:,}" for one in shape) or "scalar"


def _short(value: object) -> str:
    return _cut(
        repr(value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value)
    )


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TEXT_WIDTH else f"{line[: TEXT_WIDTH - 3]}..."
