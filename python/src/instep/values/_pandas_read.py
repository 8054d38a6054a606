"""pandas frames, series, indices and scalars, read. Imported only when there is one.

A frame that R wrote gets NumPy columns where nothing is missing, nullable integers and booleans where something
is, `str` for text, Arrow dates (pandas has no date of its own), Arrow lists of fixed size for columns that are
matrices, whose column names are in `attrs["instep.colnames"]`, and `attrs["instep.family"]` when it was a tibble or
data.table, so that it goes back to R as one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from instep_proto.v1 import value_pb2 as pb

from instep.values import _times as times
from instep.values._column import ColumnBuilder
from instep.values._frames import COLNAMES_ATTR, FAMILY_ATTR, LIST, R_FAMILIES, STRUCT, Stored, label_of
from instep.values._logical import FLOATS, INTEGERS, STORED_AS
from instep.values._missing import NA_BITS
from instep.values._numpy import Mask
from instep.values._numpy_read import array_of, missing_of, numbers_of, vector_columns
from instep.values._pandas_columns import DEFAULT_TEXT, LEVELS, MASKED
from instep.values._vectors import convert, params_of

if TYPE_CHECKING:
    from instep.values._reader import Reader

_UNIT: Final = re.compile(r"datetime64\[(s|ms|us|ns)(?:, .*)?\]")


def _column_values(reader: Reader, column: Stored) -> Any:
    """Makes the values of a frame's column, whose label is part of the path."""
    with reader.inside(column.step):
        return _values_of(reader, column)


def _values_of(reader: Reader, column: Stored) -> Any:
    """Makes the values of a column, as an array of NumPy or pandas."""
    params = column.params
    dtype = params.get("dtype", "")
    logical = column.logical
    if logical == "factor":
        return _categorical(reader, column)
    is_arrow = logical == STRUCT or column.type.kind == "fixed_size_list"
    if dtype.endswith("[pyarrow]") or (is_arrow and not dtype):
        return _arrow_values(reader, column, dtype)
    if dtype == "object" or logical in {LIST, STRUCT, "bytes", "bigint", "decimal", "json"}:
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
    if MASKED.fullmatch(dtype) or (missing is not None and not is_float):
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
    zone = times.zone_or_utc(reader, column.params.get("tz", ""))
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
        return pd.Index(levels, dtype=DEFAULT_TEXT)
    if not LEVELS.fullmatch(dtype):
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
    if column.logical in {LIST, STRUCT}:
        from instep.values import _pyarrow

        rows = _pyarrow.array_of(reader, column, "").to_pylist()
    else:
        raw = reader.objects(column.batches)
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


# Frames, series, scalars.


def frame_of(reader: Reader, node: pb.Node, columns: Sequence[Stored]) -> pd.DataFrame:
    """Makes a frame."""
    rows = node.table.rows
    data = [column for column in columns if not column.is_index]
    values = {position: _column_values(reader, column) for position, column in enumerate(data)}
    frame = pd.DataFrame(values, index=_index_of(reader, columns, rows), copy=False)
    frame.columns = _labels_of(reader, node, data)
    if node.table.family in R_FAMILIES:
        frame.attrs[FAMILY_ATTR] = node.table.family
    colnames = {column.label: column.colnames for column in data if column.colnames is not None}
    if colnames:
        frame.attrs[COLNAMES_ATTR] = colnames
    return frame


def _index_of(reader: Reader, columns: Sequence[Stored], rows: int) -> pd.Index:
    levels = [_index(reader, column) for column in columns if column.is_index]
    if not levels:
        return pd.RangeIndex(rows)
    return levels[0] if len(levels) == 1 else pd.MultiIndex.from_arrays(levels)


def _index(reader: Reader, column: Stored) -> pd.Index:
    label = label_of(reader, column.label, column.params.get("label_type", ""))
    return _with_freq(_as_index(_column_values(reader, column), label), column.params)


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
        return pd.Index(labels, dtype=DEFAULT_TEXT, name=name)
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
        found = found.tz_localize("UTC").tz_convert(times.zone_or_utc(reader, params.get("tz", "")))
    return found.as_unit(target)
