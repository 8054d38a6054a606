"""pyarrow tables, and columns of Arrow types wherever they come from. Imported only when there is one.

A type that profile P1 does not have is cast to one that it has, and its name is kept in params `dtype`, so that
the column is cast back when Python reads it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from instep.values._arrow import ProfileError, one_chunk
from instep.values._arrow import array_of as stored_array
from instep.values._arrow import column_of as canonical
from instep.values._frames import LIST, MAX_DEPTH, STRUCT, Stored, encode_table, stored
from instep.values._stream import Column, Field, Type
from instep.values._writer import Writer

if TYPE_CHECKING:
    from instep.values._reader import Reader

_LOGICAL: Final = {
    **{pa.type_for_alias(name): name for name in ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16",
       "uint32", "uint64", "float16", "float32", "float64")},
    pa.string(): "string", pa.large_string(): "string", pa.large_binary(): "bytes", pa.date32(): "date",
    pa.duration("us"): "duration", pa.time64("us"): "time",
}  # fmt: skip
"""Types that are stored as they are."""

_DTYPES: Final = {
    str(kind): kind
    for kind in (
        pa.binary(), pa.string_view(), pa.binary_view(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("ns"),
        pa.duration("s"), pa.duration("ms"), pa.duration("ns"), pa.null(), pa.string(), *_LOGICAL,
    )
}  # fmt: skip
"""Types that can be cast back to by name."""

_PARAMETRIC: Final = re.compile(
    r"(?P<decimal>decimal(?:32|64|128|256))\((?P<precision>\d{1,2}), (?P<scale>-?\d{1,2})\)"
    r"|fixed_size_binary\[(?P<size>\d{1,9})\]"
    r"|timestamp\[(?P<unit>s|ms|us|ns)(?:, tz=(?P<zone>[^\]]*))?\]"
)


class UnstorableArrowError(Exception):
    """An Arrow type that has no portable form."""


def _cast(array: pa.Array, kind: pa.DataType, writer: Writer, rule: str, message: str) -> pa.Array:
    """Casts an array, and notes a loss if that changes a value."""
    try:
        return array.cast(kind)
    except pa.ArrowInvalid:
        writer.loss(rule, message)
        return array.cast(kind, safe=False)


def column_of(writer: Writer, chunks: pa.Array | pa.ChunkedArray, depth: int = 0) -> Stored:
    """Brings a column to the form in which it is stored.

    Args:
        writer: Notes losses.
        chunks: The column.
        depth: Number of columns that it is inside of.

    Raises:
        UnstorableArrowError: Its type has no portable form.
    """
    array = one_chunk(chunks)
    kind = array.type
    if kind in _LOGICAL:
        params = {"dtype": str(kind)} if kind == pa.string() else {}
        return stored(_LOGICAL[kind], canonical(array), params=params)
    if pa.types.is_timestamp(kind):
        return _timestamps(array)
    if pa.types.is_dictionary(kind):
        return _factor(writer, array)
    if pa.types.is_decimal(kind):
        return stored("decimal", canonical(array.cast(pa.string())), params={"dtype": str(kind)})
    simple = _simple(writer, array)
    if simple is not None:
        return simple
    if pa.types.is_struct(kind):
        return _struct(writer, array, depth)
    if isinstance(kind, pa.ListType | pa.LargeListType | pa.FixedSizeListType):
        try:
            return stored(LIST, canonical(array))
        except ProfileError as error:
            raise UnstorableArrowError(str(error)) from error
    raise UnstorableArrowError(str(kind))


def _simple(writer: Writer, array: pa.Array) -> Stored | None:
    """Stores types that are cast to one that profile P1 has."""
    kind = array.type
    params = {"dtype": str(kind)}
    if pa.types.is_null(kind):
        return stored("bool", canonical(pa.nulls(len(array), pa.bool_())), params=params)
    if pa.types.is_string_view(kind):
        return stored("string", canonical(array.cast(pa.large_string())), params=params)
    if pa.types.is_binary(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return stored("bytes", canonical(array.cast(pa.large_binary())), params=params)
    if pa.types.is_date64(kind):
        return stored("date", canonical(array.cast(pa.date32())), params=params)
    if pa.types.is_duration(kind):
        message = "lengths of time are cut to microseconds."
        return stored(
            "duration",
            canonical(_cast(array, pa.duration("us"), writer, "NANOSECONDS", message)),
            params=params,
        )
    if pa.types.is_time(kind):
        message = "times of day are cut to microseconds."
        return stored(
            "time", canonical(_cast(array, pa.time64("us"), writer, "NANOSECONDS", message)), params=params
        )
    return None


def _timestamps(array: pa.Array) -> Stored:
    kind = array.type
    unit = kind.unit if kind.unit in {"us", "ns"} else "us"
    params = {} if unit == kind.unit else {"dtype": str(kind)}
    if kind.tz is None:
        return stored("naive", canonical(array.cast(pa.timestamp(unit))), params=params)
    instants = array.cast(pa.timestamp(unit, kind.tz)).cast(pa.timestamp(unit, "UTC"))
    return stored("instant", canonical(instants), params={**params, "tz": kind.tz})


def _factor(writer: Writer, array: pa.DictionaryArray) -> Stored:
    """Stores a dictionary of text as a factor, any other one as its values."""
    kind = array.type
    levels = array.dictionary.to_pylist()
    if (
        kind.value_type not in (pa.string(), pa.large_string())
        or None in levels
        or len(set(levels)) != len(levels)
    ):
        writer.loss("DICTIONARY", "a dictionary that is not of unique text is stored as its values.")
        return column_of(writer, array.cast(kind.value_type))
    codes = array.indices.cast(pa.int32())
    params = {"ordered": "true" if kind.ordered else "false"}
    return stored("factor", canonical(codes), levels=levels, params=params)


def _struct(writer: Writer, array: pa.StructArray, depth: int) -> Stored:
    """Stores records as a frame inside of the frame, which has no missing rows."""
    kind = array.type
    if array.null_count or not kind.num_fields or depth >= MAX_DEPTH:
        reason = (
            "null rows" if array.null_count else "no fields" if not kind.num_fields else "too many levels"
        )
        raise UnstorableArrowError(f"struct with {reason}")
    columns = [column_of(writer, child, depth + 1) for child in array.flatten()]
    for column, field in zip(columns, kind, strict=True):
        column.label = field.name
    fields = [Field(column.label or "", column.type, column.type.kind != "struct") for column in columns]
    stored_type = Type("struct", children=tuple(fields))
    cells = Column(stored_type, len(array), 0, b"", (), tuple(column.batches[0] for column in columns))
    result = stored(STRUCT, cells)
    result.columns = columns
    return result


def encode_arrow_table(writer: Writer, table: pa.Table) -> int:
    """Adds a table. One with a type that has no portable form is pickled, with a loss."""
    columns = []
    try:
        for label, chunks in zip(table.column_names, table.columns, strict=True):
            column = column_of(writer, chunks)
            column.label = label
            columns.append(column)
    except UnstorableArrowError as error:
        writer.loss("COLUMN_TYPE", f"type {error} has no portable form, so only Python can read the table.")
        return writer.opaque(table)
    if table.schema.metadata:
        writer.loss("SCHEMA_METADATA", "the metadata of the table's schema does not come back.")
    return encode_table(writer, "pyarrow", table.num_rows, columns)


ENCODERS: Final = {pa.Table: encode_arrow_table}
"""Encoders by exact type."""


# Reading.


def array_of(reader: Reader, column: Stored, dtype: str) -> pa.Array:
    """Makes an Arrow array of a column.

    Args:
        reader: Refuses what does not fit.
        column: The column.
        dtype: The type that it had. Empty: the one in which it is stored.
    """
    if column.logical == "factor":
        return _dictionary(reader, column)
    if column.logical == STRUCT:
        return _records(reader, column)
    if column.logical == "complex128":
        reader.refuse("Arrow has no complex numbers")
    array = _restored(column)
    if not dtype or dtype == str(array.type):
        return array
    kind = _type_of(dtype)
    if kind is None:
        reader.refuse(f"{dtype!r} is not an Arrow type that can be read")
    if pa.types.is_null(kind):
        return pa.nulls(len(array))
    if pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return array.cast(pa.binary()).cast(kind)
    return array.cast(kind)


def _records(reader: Reader, column: Stored) -> pa.StructArray:
    """Makes records of a frame inside of a frame."""
    children = []
    for child in column.columns:
        with reader.inside(child.step):
            if child.logical == "complex128":
                reader.loss("COMPLEX_PARTS", "complex numbers inside of records are read as their two parts.")
                children.append(stored_array(child.batches, child.type))
            else:
                children.append(array_of(reader, child, child.params.get("dtype", "")))
    return pa.StructArray.from_arrays(children, [child.label or "" for child in column.columns])


def _restored(column: Stored) -> pa.Array:
    array = stored_array(column.batches, column.type)
    if column.logical == "instant":
        return array.cast(pa.timestamp(array.type.unit, column.params.get("tz") or "UTC"))
    return array


def _type_of(dtype: str) -> pa.DataType | None:
    """Finds a type by its name."""
    if dtype in _DTYPES:
        return _DTYPES[dtype]
    found = _PARAMETRIC.fullmatch(dtype)
    if found is None:
        return None
    if found["decimal"]:
        factory: Any = getattr(pa, found["decimal"])
        return factory(int(found["precision"]), int(found["scale"]))
    if found["size"]:
        return pa.binary(int(found["size"]))
    return pa.timestamp(found["unit"], found["zone"])


def _dictionary(reader: Reader, column: Stored) -> pa.DictionaryArray:
    codes = stored_array(column.batches, column.type)
    levels = column.levels
    highest = pc.max(codes).as_py()
    lowest = pc.min(codes).as_py()
    if levels is None or None in levels or (highest is not None and not 0 <= lowest <= highest < len(levels)):
        reader.refuse("a factor has no levels, or a code without a level")
    is_ordered = column.params.get("ordered") == "true"
    return pa.DictionaryArray.from_arrays(codes, pa.array(levels, pa.string()), ordered=is_ordered)


def table_of(reader: Reader, columns: Sequence[Stored], rows: int) -> pa.Table:
    """Makes a table."""
    arrays = []
    for column in columns:
        with reader.inside(column.step):
            arrays.append(array_of(reader, column, column.params.get("dtype", "")))
    if not arrays:
        return pa.table({"": pa.nulls(rows)}).select([]) if rows else pa.table({})
    return pa.Table.from_arrays(arrays, names=[column.label or "" for column in columns])
