"""Reads vector nodes: scalars, containers of scalars, and the vectors of R and of the array libraries."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from instep_proto.v1 import value_pb2 as pb

from instep.values import _times as times
from instep.values._containers import collect
from instep.values._logical import NUMBERS
from instep.values._missing import NA_FLOAT, NAType
from instep.values._named import NamedVector, TextList
from instep.values._reader import Reader

_DIGITS: Final = re.compile(r"-?[0-9]{1,4300}", re.ASCII)
"""What a bigint looks like. Python reads no more than 4300 digits unless told otherwise."""

_SINGLE: Final = frozenset({pb.SHAPE_SCALAR, pb.SHAPE_UNIT})
"""Shapes of vectors that are scalars in Python."""

_ARRAYS: Final = NUMBERS | {"date", "naive", "duration"}
"""Logical types whose vectors are NumPy arrays unless they belong to another library or container."""


def params_of(params: Any) -> dict[str, str]:
    """Gives the details of a vector, array or column as a dict."""
    return {param.key: param.value for param in params}


def decode_vector(reader: Reader, node: pb.Node, index: int) -> object:
    """Reads a vector node of any shape."""
    vector = node.vector
    shape = vector.shape
    if shape in _SINGLE:
        return _decode_scalar(reader, node)
    if shape != pb.SHAPE_VECTOR:
        reader.refuse("a vector has no shape")
    values = _decode_many(reader, node, index)
    if not vector.HasField("names") or node.origin == "pandas":
        return values  # a series has its index in a note; the names are for R
    return NamedVector(values, reader.texts(vector.names, index, vector.count))


# Scalars.


def _decode_scalar(reader: Reader, node: pb.Node) -> object:
    vector = node.vector
    logical = vector.logical
    raw = reader.row(vector)
    origin = node.origin
    if origin == "numpy":
        from instep.values._numpy_read import scalar_of

        return scalar_of(reader, logical, raw, params_of(vector.params), unit=unit_of(reader, vector))
    if origin == "pandas":
        from instep.values._pandas_read import scalar_of as pandas_scalar_of

        return pandas_scalar_of(reader, vector, raw)
    if raw is None and logical != "factor":
        return NA_FLOAT if logical == "float64" else NAType(logical)
    if logical in _PLAIN:
        return raw
    return convert(reader, logical, raw, params_of(vector.params), unit=unit_of(reader, vector))


_PLAIN: Final = NUMBERS | {"string", "bytes", "json"}
"""Logical types whose rows are what they mean."""


def unit_of(reader: Reader, vector: pb.Vector) -> str:
    """Gives the unit of a vector of instants or naive times: `us` or `ns`."""
    return reader.stream(vector.part).fields[0].type.kind[-2:]


def convert(reader: Reader, logical: str, raw: Any, params: Mapping[str, str], *, unit: str = "us") -> object:
    """Makes the Python object that a stored row means."""
    if logical in {"instant", "naive"}:
        if unit == "ns" and raw % 1000:
            reader.loss("NANOSECONDS", "a time is cut to microseconds.")
        return _point_in_time(reader, logical, raw // 1000 if unit == "ns" else raw, params)
    converter = _CONVERTERS.get(logical)
    if converter is None:
        reader.refuse(f"a value of type {logical!r} can't stand alone")
    try:
        return converter(raw)
    except (ValueError, OverflowError, InvalidOperation):
        reader.refuse(f"{raw!r:.60} is not a value of type {logical!r}")


def _point_in_time(reader: Reader, logical: str, microseconds: int, params: Mapping[str, str]) -> object:
    """Makes a datetime; outside of the years 1 to 9999 a NumPy one, in UTC."""
    try:
        if logical == "naive":
            return times.naive_of(microseconds)
        return times.instant_of(microseconds, times.zone_or_utc(reader, params.get("tz", "")))
    except OverflowError:
        import numpy as np

        return np.datetime64(microseconds, "us")


def _date(days: int) -> object:
    """Makes a date; outside of the years 1 to 9999 a NumPy one."""
    try:
        return times.date_of(days)
    except (OverflowError, ValueError):
        import numpy as np

        return np.datetime64(days, "D")


def _bigint(digits: str) -> int:
    if not _DIGITS.fullmatch(digits):
        raise ValueError(digits)
    return int(digits)


def _duration(microseconds: int) -> object:
    """Makes a timedelta; a NumPy one if it is longer than 999,999,999 days."""
    try:
        return datetime.timedelta(microseconds=microseconds)
    except OverflowError:
        import numpy as np

        return np.timedelta64(microseconds, "us")


_CONVERTERS: Final[Mapping[str, Callable[[Any], object]]] = {
    "date": _date,
    "time": times.time_of,
    "duration": _duration,
    "bigint": _bigint,
    "decimal": Decimal,
}


# Vectors.


def _decode_many(reader: Reader, node: pb.Node, index: int) -> object:
    """Reads the elements of a vector, without names."""
    vector = node.vector
    logical = vector.logical
    params = params_of(vector.params)
    if "family" in params:
        return _decode_container(reader, vector, params)
    if node.origin == "pandas":
        from instep.values._pandas_read import decode_series

        return decode_series(reader, node, index, params)
    if node.origin == "polars":
        from instep.values._polars import decode_series as decode_polars

        return decode_polars(reader, node, index, params)
    if logical in {"instant", "factor"}:
        from instep.values._pandas_read import decode_r_vector

        return decode_r_vector(reader, node, index, params)
    if logical in _ARRAYS or "dtype" in params:
        from instep.values._numpy_read import decode_array

        return decode_array(reader, vector, params)
    found = elements(reader, vector, params)
    is_text = logical == "string" and node.origin == "r" and all(element is None for element in found)
    return TextList(found) if is_text else found  # type: ignore[arg-type]


def decode_element(reader: Reader, node: pb.Node, position: int) -> object:
    """Reads one element of a vector: what the vector gives at that position; of a set, the stored one."""
    params = params_of(node.vector.params)
    if "family" in params:
        return _family_elements(reader, node.vector, params)[position]
    values: Any = _decode_many(reader, node, 0)
    return values.iloc[position] if hasattr(values, "iloc") else values[position]


def elements(reader: Reader, vector: pb.Vector, params: Mapping[str, str]) -> list[object]:
    """Reads a vector as a list of Python objects, None where there is no value."""
    rows = reader.rows(vector)
    if vector.logical in _PLAIN:
        return rows
    unit = unit_of(reader, vector)
    return [None if row is None else convert(reader, vector.logical, row, params, unit=unit) for row in rows]


def _decode_container(reader: Reader, vector: pb.Vector, params: Mapping[str, str]) -> object:
    return collect(reader, params["family"], _family_elements(reader, vector, params))


def _family_elements(reader: Reader, vector: pb.Vector, params: Mapping[str, str]) -> list[object]:
    """Reads the elements of a Python container of scalars."""
    found = elements(reader, vector, params)
    if params.get("nan_is_missing") == "true" and vector.logical == "float64":
        return [NA_FLOAT if element is None else element for element in found]
    return found
