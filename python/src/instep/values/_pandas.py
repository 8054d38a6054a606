"""pandas frames, series, indices and scalars, written and read. Imported only when there is one.

How missing values are told apart: NaN in a column of NumPy floats means missing and is stored as null, flagged
`nan_is_missing`; nullable dtypes and Arrow dtypes keep NaN and null apart. A frame that R wrote gets NumPy columns
where nothing is missing, nullable integers and booleans where something is, `str` for text, Arrow dates (pandas
has no date of its own), Arrow lists of fixed size for columns that are matrices, and `attrs["instep.family"]` when it was a tibble or data.table, so that it goes back to R
as one.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from instep_proto.v1 import value_pb2 as pb

from instep.values import _column
from instep.values import _times as times
from instep.values._column import ColumnBuilder
from instep.values._frames import LIST, Stored, encode_table, label_of, label_text, stored
from instep.values._logical import FLOATS, INTEGERS, STORED_AS
from instep.values._missing import NA_BITS
from instep.values._numpy import (
    Cells,
    Mask,
    UnstorableError,
    add_params,
    array_of,
    cells_of,
    column_of,
    has_nan,
    mask_out,
    missing_of,
    numbers_of,
    vector_columns,
)
from instep.values._opaque import encode_opaque
from instep.values._stream import Column, Type
from instep.values._vectors import convert, params_of
from instep.values._writer import Writer

if TYPE_CHECKING:
    from instep.values._reader import Reader

FAMILY_ATTR: Final = "instep.family"
"""Key in `DataFrame.attrs` of the class that the frame had in R."""

_R_FAMILIES: Final = frozenset({"tibble", "data.table"})
_UNIT: Final = re.compile(r"datetime64\[(s|ms|us|ns)(?:, .*)?\]")
_MASKED: Final = re.compile(r"U?Int(8|16|32|64)|Float(32|64)|boolean")
_LEVELS: Final = re.compile(
    r"U?int(8|16|32|64)|float(32|64)|bool|datetime64\[(s|ms|us|ns)\]|object|string", re.IGNORECASE
)

_DEFAULT_TEXT: Final = pd.StringDtype(na_value=np.nan)


class _ColumnTypeError(Exception):
    """A column has a dtype that has no portable form. The frame as a whole is pickled."""


# Writing: columns.


def _column_of(writer: Writer, values: pd.Series | pd.Index) -> Stored:
    """Brings a column to the form in which it is stored.

    Raises:
        _ColumnTypeError: Its dtype has no portable form.
    """
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _factor(writer, values.array)
    if isinstance(dtype, pd.StringDtype):
        return _text(values)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _instants(values)
    if isinstance(dtype, pd.ArrowDtype):
        return _arrow(writer, values)
    if isinstance(dtype, np.dtype):
        return _objects(writer, values) if dtype.kind == "O" else _numpy(writer, values)
    if _MASKED.fullmatch(str(dtype)):
        return _masked(writer, values)
    raise _ColumnTypeError(f"dtype {dtype}")


def _numpy(writer: Writer, values: pd.Series | pd.Index) -> Stored:
    array = values.to_numpy()
    try:
        cells = cells_of(writer, np.ascontiguousarray(array))
    except UnstorableError as error:
        raise _ColumnTypeError(f"dtype {error}") from error
    if array.dtype.kind == "f":
        if has_nan(array):
            cells = mask_out(cells, np.isnan(array))
            cells.params["nan_is_missing"] = "true"
    return stored(cells.logical, column_of(cells), params=cells.params)


def _masked(writer: Writer, values: pd.Series | pd.Index) -> Stored:
    name = str(values.dtype)
    plain = "bool" if name == "boolean" else name.lower()
    numbers = values.to_numpy(dtype=plain, na_value=0)
    cells = mask_out(cells_of(writer, np.ascontiguousarray(numbers)), np.asarray(values.isna()))
    return stored(cells.logical, column_of(cells), params={"dtype": name})


def _text(values: pd.Series | pd.Index) -> Stored:
    import pyarrow as pa

    from instep.values import _arrow

    array = pa.array(values.array, from_pandas=True)
    params = {} if values.dtype == _DEFAULT_TEXT else {"dtype": str(values.dtype)}
    return stored("string", _arrow.column_of(_arrow.one_chunk(array)), params=params)


def _instants(values: pd.Series | pd.Index) -> Stored:
    dtype = values.dtype
    missing = np.asarray(values.isna())
    ticks = np.asarray(values.array.asi8)
    params = {"tz": times.zone_name(dtype.tz) or str(dtype.tz)}
    logical_type = Type("timestamp_ns" if dtype.unit == "ns" else "timestamp_us", zone="UTC")
    if dtype.unit in {"s", "ms"}:
        params["dtype"] = f"datetime64[{dtype.unit}]"
        ticks = np.where(missing, 0, ticks) * (10**6 if dtype.unit == "s" else 10**3)
    cells = mask_out(Cells("instant", logical_type, ticks), missing)
    return stored("instant", column_of(cells), params=params)


def _factor(writer: Writer, values: pd.Categorical) -> Stored:
    levels, dtype = _level_texts(values.categories)
    codes = values.codes.astype(np.int32)
    params = {"ordered": "true" if values.ordered else "false"}
    if dtype:
        params["dtype"] = dtype
    cells = mask_out(Cells("factor", Type("int32"), codes), codes < 0)
    return stored("factor", column_of(cells), levels=levels, params=params)


def _level_texts(categories: pd.Index) -> tuple[list[str | None], str]:
    """Gives the levels of a factor as text, and their dtype if it was not text."""
    if isinstance(categories.dtype, pd.StringDtype):
        return list(categories), "" if categories.dtype == _DEFAULT_TEXT else str(categories.dtype)
    name = str(categories.dtype)
    if not _LEVELS.fullmatch(name) or (name == "object" and set(map(type, categories)) - {str}):
        raise _ColumnTypeError(f"a category of {name}")
    if name.startswith("datetime64"):
        return [level.isoformat() for level in categories], name
    return [level if isinstance(level, str) else repr(level) for level in categories.tolist()], name


def _arrow(writer: Writer, values: pd.Series | pd.Index) -> Stored:
    import pyarrow as pa

    from instep.values import _pyarrow

    try:
        column = _pyarrow.column_of(writer, pa.array(values.array))
    except _pyarrow.UnstorableArrowError as error:
        raise _ColumnTypeError(f"dtype {error}") from error
    column.params["dtype"] = str(values.dtype)
    return column


# Writing: columns of objects.

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
        return _nested(cells, gone, params)
    return _refuse_mixed(writer, cells, gone)


def _built(logical: str, rows: Sequence[object]) -> Column:
    builder = ColumnBuilder(STORED_AS[logical])
    builder.extend(rows)
    return builder.column()


def _nested(cells: list[object], gone: list[bool], params: dict[str, str]) -> Stored:
    """Stores cells that are lists, or dicts with the same keys."""
    import pyarrow as pa

    from instep.values import _arrow

    rows = [None if missing else cell for cell, missing in zip(cells, gone, strict=True)]
    try:
        array = pa.array(rows)
        if array.to_pylist() != rows or set(map(_shape, array.to_pylist())) != set(map(_shape, rows)):
            raise _ColumnTypeError("a column of lists or dicts that differ in type")
        return stored(LIST, _arrow.column_of(array), params=params)
    except (pa.ArrowException, _arrow.ProfileError, OverflowError) as error:
        raise _ColumnTypeError(f"a column of lists or dicts ({error})") from error


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


# Writing: frames.


def encode_frame(writer: Writer, frame: pd.DataFrame) -> int:
    """Adds a frame. One with a dtype that has no portable form is pickled, with a loss."""
    try:
        with writer.inside(frame) as path:
            columns = _columns_of(writer, frame, path)
    except _ColumnTypeError as error:
        writer.loss("COLUMN_TYPE", f"{error} has no portable form, so only Python can read the frame.")
        return encode_opaque(writer, frame)
    family = frame.attrs.get(FAMILY_ATTR)
    index = encode_table(writer, family if family in _R_FAMILIES else "pandas", len(frame), columns)
    node = writer.manifest.nodes[index]
    if any(name is not None for name in frame.columns.names):
        if all(name is None or isinstance(name, str) for name in frame.columns.names):
            writer.note(node, "pandas.column_names", list(frame.columns.names))
        else:
            writer.loss("COLUMN_NAMES", f"the names {list(frame.columns.names)} of the columns are not text.")
    if frame.attrs.keys() - {FAMILY_ATTR}:
        writer.loss("ATTRS", f"the attrs {sorted(map(str, frame.attrs))} of the frame do not come back.")
    return index


def _columns_of(writer: Writer, frame: pd.DataFrame, path: list[Any]) -> list[Stored]:
    columns = []
    index = frame.index
    if not (isinstance(index, pd.RangeIndex) and (index.start, index.step, index.name) == (0, 1, None)):
        for level in range(index.nlevels):
            path[-1] = f".index[{level}]"
            columns.append(_index_column(writer, index.get_level_values(level)))
    for position, label in enumerate(frame.columns):
        path[-1] = "item", label
        columns.append(_labelled(_column_of_checked(writer, frame.iloc[:, position]), label))
    return columns


def _column_of_checked(writer: Writer, values: pd.Series | pd.Index) -> Stored:
    try:
        return _column_of(writer, values)
    except UnicodeEncodeError as error:
        writer.refuse("STRING_ENCODING", f"holds text with a lone surrogate ({error.object[error.start]!r}).")


def _index_column(writer: Writer, index: pd.Index) -> Stored:
    column = _labelled(_column_of_checked(writer, index), index.name)
    column.is_index = True
    freq = getattr(index, "freqstr", None)
    if freq is not None:
        column.params["freq"] = freq
    return column


def _labelled(column: Stored, label: object) -> Stored:
    try:
        column.label, label_type = label_text(label)
    except TypeError as error:
        raise _ColumnTypeError(f"the label {label!r} of type {error}") from error
    if label_type:
        column.params["label_type"] = label_type
    return column


# Writing: series, indices, scalars.


def encode_categorical(writer: Writer, value: pd.Categorical) -> int:
    """Adds a factor."""
    try:
        return _vector(writer, _factor(writer, value), "")[1]
    except _ColumnTypeError:
        return encode_opaque(writer, value)


def encode_index(writer: Writer, value: pd.Index) -> int:
    """Adds an index: as instants without further ado if it is no more than that, as R's are."""
    is_plain = isinstance(value, pd.DatetimeIndex) and value.tz is not None and value.name is None
    if is_plain and value.freq is None and value.unit in {"us", "ns"}:
        return _vector(writer, _instants(value), "")[1]
    return _encode_labelled(writer, value, "Index")


def encode_series(writer: Writer, value: pd.Series) -> int:
    """Adds a series: a vector, whose index goes into notes. In R it has names if the index is text."""
    return _encode_labelled(writer, value, "Series")


def _encode_labelled(writer: Writer, value: pd.Series | pd.Index, kind: str) -> int:
    index = value.index if isinstance(value, pd.Series) else None
    if isinstance(value, pd.MultiIndex | pd.RangeIndex) or isinstance(index, pd.MultiIndex):
        return encode_opaque(writer, value)
    try:
        column = _column_of_checked(writer, value)
        if index is not None:
            _column_of_checked(writer, index)
        label_text(value.name)
    except (_ColumnTypeError, TypeError):
        return encode_opaque(writer, value)
    column.params["class"] = kind
    freq = getattr(value, "freqstr", None)
    if freq is not None:
        column.params["freq"] = freq
    is_named = isinstance(index, pd.Index) and isinstance(index.dtype, pd.StringDtype)
    node, place = _vector(writer, column, "pandas", list(index) if index is not None and is_named else None)
    is_default = isinstance(index, pd.RangeIndex) and (index.start, index.step, index.name) == (0, 1, None)
    if index is not None and not is_default:
        writer.note(
            node,
            "pandas.index",
            index if not isinstance(index, pd.RangeIndex) else pd.Index(np.asarray(index), name=index.name),
        )
    if value.name is not None:
        writer.note(node, "pandas.name", value.name)
    return place


def _vector(
    writer: Writer, column: Stored, origin: str, names: list[Any] | None = None
) -> tuple[pb.Node, int]:
    part = writer.column(column.batches[0])
    node, index = writer.placed_vector(column.logical, part, 0, column.length)
    node.origin = origin
    if names is not None:
        node.vector.names = writer.strings([name if isinstance(name, str) else None for name in names])
    if column.levels is not None:
        node.vector.levels = writer.strings(column.levels)
    add_params(node.vector, column.params)
    return node, index


def encode_timestamp(writer: Writer, value: pd.Timestamp) -> int:
    """Adds a timestamp."""
    unit = "ns" if value.unit == "ns" else "us"
    ticks = int(value.as_unit(unit).asm8.view("i8"))
    if value.tzinfo is None:
        vector, index = writer.scalar("naive", Type(f"timestamp_{unit}"), ticks, "pandas")
    else:
        vector, index = writer.scalar("instant", Type(f"timestamp_{unit}", zone="UTC"), ticks, "pandas")
    params = {"dtype": f"datetime64[{value.unit}]"} if value.unit in {"s", "ms"} else {}
    if value.tzinfo is not None:
        params["tz"] = times.zone_name(value.tzinfo) or times.offset_name(value.utcoffset())
    add_params(vector, params)
    return index


def encode_timedelta(writer: Writer, value: pd.Timedelta) -> int:
    """Adds a length of time, rounded to microseconds."""
    if value.nanoseconds:
        writer.loss("NANOSECONDS", "a length of time is rounded to microseconds.")
    ticks = int(value.round("us").as_unit("us").asm8.view("i8"))
    vector, index = writer.scalar("duration", STORED_AS["duration"], ticks, "pandas")
    add_params(vector, {"dtype": f"timedelta64[{value.unit}]"})
    return index


def encode_nat(writer: Writer, value: object) -> int:
    """Adds a missing timestamp."""
    return writer.scalar("naive", STORED_AS["naive"], None, "pandas")[1]


def encode_na(writer: Writer, value: object) -> int:
    """Adds the missing value of pandas."""
    return writer.scalar("bool", STORED_AS["bool"], None, "pandas")[1]


ENCODERS: Final[dict[type, Callable[[Writer, Any], int]]] = {
    pd.DataFrame: encode_frame,
    pd.Series: encode_series,
    pd.Categorical: encode_categorical,
    pd.Index: encode_index,
    pd.DatetimeIndex: encode_index,
    pd.TimedeltaIndex: encode_index,
    pd.CategoricalIndex: encode_index,
    pd.Timestamp: encode_timestamp,
    pd.Timedelta: encode_timedelta,
    type(pd.NaT): encode_nat,
    type(pd.NA): encode_na,
}
"""Encoders by exact type."""


# Reading: columns.


def _values_of(reader: Reader, column: Stored) -> Any:
    """Makes the values of a column, as an array of NumPy or pandas."""
    params = column.params
    dtype = params.get("dtype", "")
    logical = column.logical
    if logical == "factor":
        return _categorical(reader, column)
    if dtype.endswith("[pyarrow]") or (column.type.kind == "fixed_size_list" and not dtype):
        return _arrow_values(reader, column, dtype)
    if dtype == "object" or logical in {LIST, "bytes", "bigint", "decimal", "json"}:
        return _object_values(reader, column)
    if logical == "string":
        return _text_values(column, dtype)
    if logical in {"date", "time"}:
        return _arrow_values(reader, column, "")
    if logical == "instant":
        return _instant_values(reader, column)
    if logical in FLOATS | INTEGERS | {"bool"}:
        return _number_values(column, dtype)
    found = array_of(
        reader, column.batches, logical, {key: text for key, text in params.items() if key == "dtype"}
    )
    if isinstance(found, np.ma.MaskedArray):
        reader.refuse(f"a column of type {logical!r} can't be masked")
    return found


def _number_values(column: Stored, dtype: str) -> Any:
    numbers, missing = numbers_of(column.batches, column.logical), missing_of(column.batches)
    is_float = column.logical in FLOATS
    if _MASKED.fullmatch(dtype) or (missing is not None and not is_float):
        return _nullable(column.logical, numbers, missing)
    if missing is not None:
        if column.logical == "float64" and column.params.get("nan_is_missing") != "true":
            numbers.view(np.int64)[missing] = NA_BITS
        else:
            numbers[missing] = np.nan
    return numbers


def _nullable(logical: str, numbers: Any, missing: Mask | None) -> Any:
    mask = np.zeros(len(numbers), bool) if missing is None else missing
    if logical == "bool":
        return pd.arrays.BooleanArray(numbers, mask)
    if logical in {"float32", "float64"}:
        return pd.arrays.FloatingArray(numbers, mask)
    if logical == "float16":
        return pd.arrays.FloatingArray(numbers.astype(np.float32), mask)
    return pd.arrays.IntegerArray(numbers, mask)


def _text_values(column: Stored, dtype: str) -> Any:
    import pyarrow as pa

    from instep.values import _arrow

    array = _arrow.array_of(column.batches, column.type)
    if array.type != pa.large_string():
        array = array.cast(pa.large_string())
    text = pd.StringDtype("pyarrow", na_value=pd.NA if dtype == "string" else np.nan)
    return pd.arrays.ArrowStringArray(pa.chunked_array([array]), dtype=text)


def _instant_values(reader: Reader, column: Stored) -> Any:
    missing = missing_of(column.batches)
    ticks = numbers_of(column.batches, "instant")
    if missing is not None:
        ticks[missing] = np.iinfo(np.int64).min
    zone = times.zone_or_utc(column.params.get("tz", ""))
    found = pd.DatetimeIndex(ticks.view(f"M8[{column.type.kind[-2:]}]")).tz_localize("UTC").tz_convert(zone)
    unit = _UNIT.fullmatch(column.params.get("dtype", ""))
    return (found.as_unit(unit[1]) if unit else found).array


def _categorical(reader: Reader, column: Stored) -> Any:
    levels = column.levels
    if levels is None or None in levels or len(set(levels)) != len(levels):
        reader.refuse("a factor has no levels, or they are missing or doubled")
    codes = numbers_of(column.batches, "factor")
    missing = missing_of(column.batches)
    present = codes if missing is None else codes[~missing]
    if present.size and not 0 <= present.min() <= present.max() < len(levels):
        reader.refuse("a factor has a code without a level")
    if missing is not None:
        codes = np.where(missing, -1, codes)
    categories = _levels(reader, levels, column.params.get("dtype", ""))
    return pd.Categorical.from_codes(codes, categories, ordered=column.params.get("ordered") == "true")


def _levels(reader: Reader, levels: Sequence[str | None], dtype: str) -> pd.Index:
    if dtype in {"", "str"}:
        return pd.Index(levels, dtype=_DEFAULT_TEXT)
    if not _LEVELS.fullmatch(dtype):
        reader.refuse(f"{dtype!r} is not a type of levels")
    if dtype == "object" or dtype == "string":
        return pd.Index(levels, dtype=dtype)
    name = dtype.lower()
    if name.startswith("datetime64"):
        return pd.DatetimeIndex(np.array(levels, dtype))
    if name == "bool":
        return pd.Index([level == "True" for level in levels])
    return pd.Index(
        [float(str(level)) if "float" in name else int(str(level)) for level in levels], dtype=dtype
    )


def _object_values(reader: Reader, column: Stored) -> Any:
    """Makes a column of Python objects, None (or NaN) where there is none."""
    if column.logical == LIST:
        from instep.values import _arrow

        rows = _arrow.array_of(column.batches, column.type).to_pylist()
    else:
        raw = [row for batch in column.batches for row in _column.values(batch)]
        unit = column.type.kind[-2:]
        plain = column.logical in FLOATS | INTEGERS | {"bool", "string", "bytes", "json", "complex128"}
        rows = (
            raw
            if plain
            else [
                None if row is None else convert(reader, column.logical, row, column.params, unit=unit)
                for row in raw
            ]
        )
    if column.params.get("nan_is_missing") == "true":
        rows = [np.nan if row is None else row for row in rows]
    found = np.empty(len(rows), object)
    found[:] = rows
    return pd.Series(found, dtype=object, copy=False)  # a bare array of text would become `str`


def _arrow_values(reader: Reader, column: Stored, dtype: str) -> Any:
    import pyarrow as pa

    from instep.values import _pyarrow

    array = _pyarrow.array_of(reader, column, dtype.removesuffix("[pyarrow]"))
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([array]))


# Reading: frames, series, scalars.


def frame_of(reader: Reader, node: pb.Node, columns: Sequence[Stored]) -> pd.DataFrame:
    """Makes a frame."""
    rows = node.table.rows
    data = [column for column in columns if not column.is_index]
    values = {position: _values_of(reader, column) for position, column in enumerate(data)}
    frame = pd.DataFrame(values, index=_index_of(reader, columns, rows), copy=False)
    frame.columns = _labels_of(reader, node, data)
    if node.table.family in _R_FAMILIES:
        frame.attrs[FAMILY_ATTR] = node.table.family
    return frame


def _index_of(reader: Reader, columns: Sequence[Stored], rows: int) -> pd.Index:
    levels = [_index(reader, column) for column in columns if column.is_index]
    if not levels:
        return pd.RangeIndex(rows)
    return levels[0] if len(levels) == 1 else pd.MultiIndex.from_arrays(levels)


def _index(reader: Reader, column: Stored) -> pd.Index:
    label = label_of(reader, column.label, column.params.get("label_type", ""))
    return _with_freq(_as_index(_values_of(reader, column), label), column.params)


def _as_index(values: Any, name: object) -> pd.Index:
    return pd.Index(values, dtype=values.dtype, name=name)


def _with_freq(index: pd.Index, params: Mapping[str, str]) -> pd.Index:
    if "freq" in params and isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex):
        index.freq = params["freq"]
    return index


def _labels_of(reader: Reader, node: pb.Node, columns: Sequence[Stored]) -> pd.Index:
    labels = [label_of(reader, column.label, column.params.get("label_type", "")) for column in columns]
    names = next((attr.value for attr in node.attrs if attr.name == "pandas.column_names"), None)
    found = names and reader.value(names, 0)
    if not isinstance(found, list) or not all(name is None or isinstance(name, str) for name in found):
        found = [None]
    if labels and all(isinstance(label, tuple) for label in labels) and len(set(map(len, labels))) == 1:  # type: ignore[arg-type]
        found = found if len(found) == len(labels[0]) else None  # type: ignore[arg-type]
        return pd.MultiIndex.from_tuples(labels, names=found)
    name = found[0] if len(found) == 1 else None
    if not labels:
        return pd.RangeIndex(0, name=name)
    if all(isinstance(label, str) for label in labels):
        return pd.Index(labels, dtype=_DEFAULT_TEXT, name=name)
    return pd.Index(labels, name=name, tupleize_cols=False)


def decode_r_vector(reader: Reader, node: pb.Node, index: int, params: Mapping[str, str]) -> object:
    """Reads a vector of instants as an index with a zone, one of factor codes as a categorical."""
    values = _values_of(reader, _stored_vector(reader, node, index, params))
    return values if node.vector.logical == "factor" else pd.DatetimeIndex(values)


def _stored_vector(reader: Reader, node: pb.Node, index: int, params: Mapping[str, str]) -> Stored:
    vector = node.vector
    columns = reader.columns(vector.part, vector.logical)
    kind = reader.stream(vector.part).fields[0].type
    if kind.kind in {"utf8", "large_utf8", "binary", "large_binary"}:
        builder = ColumnBuilder(STORED_AS[vector.logical])
        builder.extend(reader.rows(vector))
        columns = [builder.column()]
        kind = columns[0].type
    else:
        columns = vector_columns(reader, vector)
    levels = reader.texts(vector.levels, index) if vector.HasField("levels") else None
    return Stored(vector.logical, kind, columns, levels, dict(params))


def decode_series(reader: Reader, node: pb.Node, index: int, params: Mapping[str, str]) -> object:
    """Reads a vector that was a series or an index."""
    column = _stored_vector(reader, node, index, params)
    notes = {
        attr.name: reader.value(attr.value, index) for attr in node.attrs if attr.name.startswith("pandas.")
    }
    name = notes.get("pandas.name")
    values = _values_of(reader, column)
    if params.get("class") == "Index":
        return _with_freq(_as_index(values, name), params)
    labels = notes.get("pandas.index")
    if labels is not None and (not isinstance(labels, pd.Index) or len(labels) != len(values)):
        reader.refuse("the index of a series does not fit it")
    return pd.Series(values, index=labels, name=name, copy=False)


def scalar_of(reader: Reader, vector: pb.Vector, raw: Any) -> object:
    """Makes the pandas scalar that a stored row means."""
    if vector.logical == "bool" and raw is None:
        return pd.NA
    if raw is None:
        return pd.NaT
    params = params_of(vector.params)
    unit = reader.stream(vector.part).fields[0].type.kind[-2:]
    kind = {"naive": "M8", "instant": "M8", "duration": "m8"}.get(vector.logical)
    if kind is None:
        reader.refuse(f"a value of type {vector.logical!r} is no pandas scalar")
    ticks = np.array([raw], np.int64).view(f"{kind}[{unit}]")[0]
    dtype = params.get("dtype", "")
    target = dtype[dtype.find("[") + 1 : -1] if dtype else unit
    if target not in {"s", "ms", "us", "ns"}:
        reader.refuse(f"{dtype!r} is not a type of times")
    if kind == "m8":
        return pd.Timedelta(ticks).as_unit(target)
    found = pd.Timestamp(ticks)
    if vector.logical == "instant":
        found = found.tz_localize("UTC").tz_convert(times.zone_or_utc(params.get("tz", "")))
    return found.as_unit(target)
