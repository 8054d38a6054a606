"""Columns of pandas frames as they are stored: by dtype, or for columns of objects by what the cells are."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd

from instep.values import _times as times
from instep.values._column import ColumnBuilder
from instep.values._frames import Stored, stored
from instep.values._logical import STORED_AS
from instep.values._numpy import Cells, UnstorableError, cells_of, has_nan, mask_out
from instep.values._numpy import column_of as column_of_cells
from instep.values._stream import Column, Type
from instep.values._writer import Writer

MASKED: Final = re.compile(r"U?Int(8|16|32|64)|Float(32|64)|boolean")
"""Dtypes that keep a mask beside the numbers."""

LEVELS: Final = re.compile(
    r"U?int(8|16|32|64)|float(32|64)|bool|datetime64\[(s|ms|us|ns)\]|object|string", re.IGNORECASE
)
"""Dtypes of the levels of a factor that come back."""

DEFAULT_TEXT: Final = pd.StringDtype(na_value=np.nan)
"""The dtype that pandas itself takes for text."""


class ColumnTypeError(Exception):
    """A column has a dtype that has no portable form. The frame as a whole is pickled."""


def column_of(writer: Writer, values: pd.Series | pd.Index) -> Stored:
    """Brings a column to the form in which it is stored.

    Raises:
        ColumnTypeError: Its dtype has no portable form.
        ValueEncodeError: It holds things of different types, or text that UTF-8 does not have.
    """
    try:
        return _stored_column(writer, values)
    except UnicodeEncodeError as error:
        writer.refuse("STRING_ENCODING", f"holds text with a lone surrogate ({error.object[error.start]!r}).")


def _stored_column(writer: Writer, values: pd.Series | pd.Index) -> Stored:
    """Brings a column to its stored form by the module that knows its dtype."""
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return factor_of(writer, values.array)
    if isinstance(dtype, pd.StringDtype):
        return _text(values)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return instants_of(values)
    if isinstance(dtype, pd.ArrowDtype):
        return _arrow(writer, values)
    if isinstance(dtype, np.dtype):
        return _objects(writer, values) if dtype.kind == "O" else _numpy(writer, values)
    if MASKED.fullmatch(str(dtype)):
        return _masked(writer, values)
    raise ColumnTypeError(f"dtype {dtype}")


def _numpy(writer: Writer, values: pd.Series | pd.Index) -> Stored:
    array = np.ascontiguousarray(values.to_numpy())
    try:
        cells = cells_of(writer, array)
    except UnstorableError as error:
        raise ColumnTypeError(f"dtype {error}") from error
    # Without NaN the cells are the array itself, unless its byte order had to change.
    if array.dtype.kind == "f" and cells.data is not array and has_nan(array):
        cells = mask_out(cells, np.isnan(array))
        cells.params["nan_is_missing"] = "true"
    return stored(cells.logical, column_of_cells(cells), params=cells.params)


def _masked(writer: Writer, values: pd.Series | pd.Index) -> Stored:
    name = str(values.dtype)
    plain = "bool" if name == "boolean" else name.lower()
    numbers = values.to_numpy(dtype=plain, na_value=0)
    cells = mask_out(cells_of(writer, np.ascontiguousarray(numbers)), np.asarray(values.isna()))
    return stored(cells.logical, column_of_cells(cells), params={"dtype": name})


def _text(values: pd.Series | pd.Index) -> Stored:
    import pyarrow as pa

    from instep.values import _arrow

    array = pa.array(values.array, from_pandas=True)
    params = {} if values.dtype == DEFAULT_TEXT else {"dtype": str(values.dtype)}
    return stored("string", _arrow.column_of(_arrow.one_chunk(array)), params=params)


def instants_of(values: pd.Series | pd.Index) -> Stored:
    dtype = values.dtype
    missing = np.asarray(values.isna())
    ticks = np.asarray(values.array.asi8)
    params = {"tz": times.zone_name(dtype.tz) or str(dtype.tz)}
    logical_type = Type("timestamp_ns" if dtype.unit == "ns" else "timestamp_us", zone="UTC")
    if dtype.unit in {"s", "ms"}:
        params["dtype"] = f"datetime64[{dtype.unit}]"
        ticks = np.where(missing, 0, ticks) * (10**6 if dtype.unit == "s" else 10**3)
    cells = mask_out(Cells("instant", logical_type, ticks), missing)
    return stored("instant", column_of_cells(cells), params=params)


def factor_of(writer: Writer, values: pd.Categorical) -> Stored:
    levels, dtype = _level_texts(values.categories)
    codes = values.codes.astype(np.int32)
    params = {"ordered": "true" if values.ordered else "false"}
    if dtype:
        params["dtype"] = dtype
    cells = mask_out(Cells("factor", Type("int32"), codes), codes < 0)
    return stored("factor", column_of_cells(cells), levels=levels, params=params)


def _level_texts(categories: pd.Index) -> tuple[list[str | None], str]:
    """Gives the levels of a factor as text, and their dtype if it was not text."""
    if isinstance(categories.dtype, pd.StringDtype):
        return list(categories), "" if categories.dtype == DEFAULT_TEXT else str(categories.dtype)
    name = str(categories.dtype)
    if not LEVELS.fullmatch(name) or (name == "object" and set(map(type, categories)) - {str}):
        raise ColumnTypeError(f"a category of {name}")
    if name.startswith("datetime64"):
        return [level.isoformat() for level in categories], name
    return [level if isinstance(level, str) else repr(level) for level in categories.tolist()], name


def _arrow(writer: Writer, values: pd.Series | pd.Index) -> Stored:
    import pyarrow as pa

    from instep.values import _pyarrow

    try:
        column = _pyarrow.column_of(writer, pa.array(values.array))
    except _pyarrow.UnstorableArrowError as error:
        raise ColumnTypeError(f"dtype {error}") from error
    column.params["dtype"] = str(values.dtype)
    return column


# Columns of Python objects.

_OBJECTS: Final[Mapping[type, str]] = {
    str: "string",
    bool: "bool",
    int: "int64",
    float: "float64",
    complex: "complex128",
    bytes: "bytes",
    Decimal: "decimal",
    datetime.date: "date",
    datetime.time: "time",
    datetime.timedelta: "duration",
}

_TO_ROWS: Final[Mapping[str, Callable[[Any], object]]] = {
    "decimal": str,
    "bigint": str,
    "date": times.days_of,
    "time": times.microseconds_of_day,
    "duration": lambda value: value // datetime.timedelta(microseconds=1),
}


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (type(value) is float and value != value)


def _objects(writer: Writer, values: pd.Series | pd.Index) -> Stored:
    """Stores a column of Python objects of one type."""
    cells = values.tolist()
    gone = [_is_missing(cell) for cell in cells]
    kinds = {type(cell) for cell, missing in zip(cells, gone, strict=True) if not missing}
    params = {"dtype": "object"}
    if any(gone) and all(type(cell) is float for cell, missing in zip(cells, gone, strict=True) if missing):
        params["nan_is_missing"] = "true"
    if not kinds:
        return stored("bool", _built("bool", [None] * len(cells)), params=params)
    (kind, *others) = kinds
    if not others and kind in _OBJECTS:
        logical = _OBJECTS[kind]
        present = [cell for cell, missing in zip(cells, gone, strict=True) if not missing]
        if kind is int and not all(-(2**63) <= cell < 2**63 for cell in present):
            logical = "bigint"
        to_row = _TO_ROWS.get(logical)
        rows = [
            None if missing else to_row(cell) if to_row else cell
            for cell, missing in zip(cells, gone, strict=True)
        ]
        return stored(logical, _built(logical, rows), params=params)
    if not others and kind in (list, dict):
        return _nested(writer, cells, gone, params)
    return _refuse_mixed(writer, cells, gone)


def _built(logical: str, rows: Sequence[object]) -> Column:
    builder = ColumnBuilder(STORED_AS[logical])
    builder.extend(rows)
    return builder.column()


def _nested(writer: Writer, cells: list[object], gone: list[bool], params: dict[str, str]) -> Stored:
    """Stores cells that are lists, or dicts with the same keys."""
    import pyarrow as pa

    from instep.values import _pyarrow

    rows = [None if missing else cell for cell, missing in zip(cells, gone, strict=True)]
    try:
        array = pa.array(rows)
        if array.to_pylist() != rows or set(map(_shape, array.to_pylist())) != set(map(_shape, rows)):
            raise ColumnTypeError("a column of lists or dicts that differ in type")
        column = _pyarrow.column_of(writer, array)
        column.params.update(params)
        return column
    except (pa.ArrowException, _pyarrow.UnstorableArrowError, OverflowError) as error:
        raise ColumnTypeError(f"a column of lists or dicts ({error})") from error


def _shape(value: object) -> object:
    """Describes the types inside of a value: Arrow may turn 1 into 1.0, which compares equal."""
    if isinstance(value, list):
        return list, tuple({_shape(element) for element in value})
    if isinstance(value, dict):
        return dict, tuple((key, _shape(element)) for key, element in value.items())
    return type(value)


def _refuse_mixed(writer: Writer, cells: list[object], gone: list[bool]) -> Stored:
    first: type | None = None
    for row, (cell, missing) in enumerate(zip(cells, gone, strict=True)):
        if missing:
            continue
        first = first or type(cell)
        if type(cell) is not first or first not in _OBJECTS:
            seen = f"{type(cell).__name__} in row {row}"
            wanted = f" among {first.__name__}" if type(cell) is not first else ""
            writer.refuse(
                "COLUMN_MIXED",
                f"is a column that holds {seen}{wanted}. The cells of a column must be text, numbers, dates or lists "
                "of one type: convert the column, or store the objects in a list.",
            )
    raise AssertionError("a column of one known type is not mixed")
