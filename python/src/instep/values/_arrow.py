"""Arrow arrays as stored columns, and back. Imported only when there is a data frame.

Writing brings an array to the canonical form: one chunk, offset 0, zero bytes under nulls, no bitmap when nothing
is null. Numbers and text that are in this form already are only pointed at. Reading builds arrays over the stored
bytes and has Arrow validate them in full, because the bytes may come from anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from instep.values._numpy import bitmap_of, bytes_of
from instep.values._stream import OFFSETS, WIDTHS, Bytes, Column, Field, Type, empty

_MAX_DEPTH: Final = 32

_PLAIN: Final = {
    pa.bool_(): "bool", pa.int8(): "int8", pa.int16(): "int16", pa.int32(): "int32", pa.int64(): "int64",
    pa.uint8(): "uint8", pa.uint16(): "uint16", pa.uint32(): "uint32", pa.uint64(): "uint64",
    pa.float16(): "float16", pa.float32(): "float32", pa.float64(): "float64", pa.string(): "utf8",
    pa.large_string(): "large_utf8", pa.binary(): "binary", pa.large_binary(): "large_binary",
    pa.date32(): "date32", pa.duration("us"): "duration_us", pa.time64("us"): "time64_us",
}  # fmt: skip
_ARROW: Final = {name: kind for kind, name in _PLAIN.items()}


class ProfileError(Exception):
    """An array is of a type that profile P1 does not have."""


def type_of(kind: pa.DataType, depth: int = 0) -> Type:
    """Gives the stored type of an Arrow type.

    Raises:
        ProfileError: There is none.
    """
    if kind in _PLAIN:
        return Type(_PLAIN[kind])
    if pa.types.is_timestamp(kind) and kind.unit in {"us", "ns"}:
        return Type(f"timestamp_{kind.unit}", zone=kind.tz or "")
    if depth < _MAX_DEPTH:
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            name = "list" if pa.types.is_list(kind) else "large_list"
            return Type(name, children=(_field(kind.value_field, depth),))
        if pa.types.is_fixed_size_list(kind) and kind.list_size > 0:
            return Type("fixed_size_list", size=kind.list_size, children=(_field(kind.value_field, depth),))
        if pa.types.is_struct(kind) and kind.num_fields:
            return Type("struct", children=tuple(_field(field, depth) for field in kind))
    raise ProfileError(str(kind))


def _field(field: pa.Field, depth: int) -> Field:
    kind = type_of(field.type, depth + 1)
    return Field(field.name, kind, kind.kind != "struct")


def one_chunk(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Joins the chunks of an array, if there are several."""
    if isinstance(array, pa.ChunkedArray):
        return array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
    return array


def column_of(array: pa.Array) -> Column:
    """Makes a stored column of an Arrow array.

    Raises:
        ProfileError: Its type is not in profile P1, or a struct has null rows.
    """
    kind = type_of(array.type)
    if kind.kind == "struct" and array.null_count:
        raise ProfileError(f"{array.type} with null rows")
    validity: Bytes = b""
    missing = None
    if array.null_count:
        missing = np.asarray(array.is_null().to_numpy(zero_copy_only=False))
        validity = bitmap_of(~missing)
    buffers, children = _content(array, kind, missing)
    return Column(kind, len(array), array.null_count, validity, buffers, children)


def _content(
    array: pa.Array, kind: Type, missing: npt.NDArray[np.bool_] | None
) -> tuple[tuple[Bytes, ...], tuple[Column, ...]]:
    """Gives the buffers and children of a stored column."""
    if kind.kind == "struct":
        return (), tuple(column_of(child) for child in array.flatten())
    if kind.kind == "fixed_size_list":
        start = array.offset * kind.size
        return (), (column_of(array.values.slice(start, len(array) * kind.size)),)
    if kind.kind == "bool":
        filled = array if missing is None else pc.fill_null(array, False)
        return (bitmap_of(filled.to_numpy(zero_copy_only=False)),), ()
    if kind.kind in WIDTHS:
        return (bytes_of(_numbers(array, kind, missing)),), ()
    return _with_offsets(array, kind, missing)


def _numbers(array: pa.Array, kind: Type, missing: npt.NDArray[np.bool_] | None) -> npt.NDArray[Any]:
    dtype = np.dtype(f"u{WIDTHS[kind.kind]}")
    numbers = np.frombuffer(array.buffers()[1], dtype)[array.offset : array.offset + len(array)]
    return numbers if missing is None else np.where(missing, np.zeros((), dtype), numbers)


def _with_offsets(
    array: pa.Array, kind: Type, missing: npt.NDArray[np.bool_] | None
) -> tuple[tuple[Bytes, ...], tuple[Column, ...]]:
    if not len(array):
        return (b"",) if kind.children else (b"", b""), tuple(empty(child.type) for child in kind.children)
    offsets = _offsets(array, kind)
    if missing is not None and np.diff(offsets)[missing].any():  # bytes under nulls
        array = pa.array(array.to_pylist(), array.type)
        offsets = _offsets(array, kind)
    first, last = int(offsets[0]), int(offsets[-1])
    if first:
        offsets = offsets - offsets.dtype.type(first)
    if kind.children:
        return (bytes_of(offsets),), (column_of(array.values.slice(first, last - first)),)
    data = array.buffers()[2]
    return (bytes_of(offsets), memoryview(data)[first:last] if last > first else b""), ()


def _offsets(array: pa.Array, kind: Type) -> npt.NDArray[Any]:
    dtype = np.int32 if OFFSETS[kind.kind] == 4 else np.int64
    return np.frombuffer(array.buffers()[1], dtype)[array.offset : array.offset + len(array) + 1]


# Reading.


def arrow_type(kind: Type) -> pa.DataType:
    """Gives the Arrow type of a stored type."""
    name = kind.kind
    if name in _ARROW:
        return _ARROW[name]
    if name.startswith("timestamp"):
        return pa.timestamp(name[-2:], kind.zone or None)
    fields = [pa.field(child.name, arrow_type(child.type), child.nullable) for child in kind.children]
    if name == "struct":
        return pa.struct(fields)
    if name == "fixed_size_list":
        return pa.list_(fields[0], kind.size)
    return pa.list_(fields[0]) if name == "list" else pa.large_list(fields[0])


def array_of(batches: Sequence[Column], kind: Type) -> pa.Array:
    """Makes an Arrow array over the stored bytes of a column.

    Args:
        batches: The column in each batch.
        kind: Its type.

    Raises:
        pyarrow.ArrowInvalid: Offsets or text are not valid.
    """
    arrays = [_array(column) for column in batches if column.length]
    for array in arrays:
        array.validate(full=True)
    if len(arrays) == 1:
        return arrays[0]
    return pa.concat_arrays(arrays) if arrays else pa.array([], arrow_type(kind))


def _array(column: Column) -> pa.Array:
    kind = arrow_type(column.type)
    if not column.length:
        return pa.array([], kind)
    children = [_array(child) for child in column.children]
    validity = pa.py_buffer(column.validity) if column.nulls else None
    buffers = [validity, *(pa.py_buffer(buffer) for buffer in column.buffers)]
    return pa.Array.from_buffers(kind, column.length, buffers, column.nulls, 0, children or None)
