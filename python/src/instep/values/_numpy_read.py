"""NumPy arrays and scalars, read. Imported only when there is one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from instep_proto.v1 import value_pb2 as pb

from instep.values import _column
from instep.values._logical import FLOATS, INTEGERS, STORED_AS
from instep.values._missing import NA_BITS, NA_FLOAT, NAType
from instep.values._ndarray import MaskedNDArray, NDArray
from instep.values._numpy import NAT, PER_DURATION, TIME_DTYPE, AnyArray, Mask, bitmap_of
from instep.values._stream import Bytes, Column, empty, size_of

if TYPE_CHECKING:
    from instep.values._reader import Reader

_TEXT_DTYPE: Final = re.compile(r"<U(\d{1,9})")


def valid_bits(column: Column) -> Mask:
    """Unpacks the validity bitmap of a column that has nulls."""
    packed = np.frombuffer(column.validity, np.uint8)
    return np.unpackbits(packed, count=column.length, bitorder="little").view(np.bool_)


def data_of(column: Column, dtype: str) -> AnyArray:
    """Gives the numbers of a column as an array that views them, or copies them if they can't be written to."""
    if column.type.kind == "bool":
        packed = np.frombuffer(column.buffers[0], np.uint8)
        return np.unpackbits(packed, count=column.length, bitorder="little").view(np.bool_)
    found = np.frombuffer(column.buffers[0], dtype, count=column.length)
    return found if found.flags.writeable else found.copy()


def missing_of(columns: Sequence[Column]) -> Mask | None:
    """Tells which rows of a column are null. `None`: none is."""
    if not any(column.nulls for column in columns):
        return None
    gone = [~valid_bits(column) if column.nulls else np.zeros(column.length, np.bool_) for column in columns]
    return gone[0] if len(gone) == 1 else np.concatenate(gone)


_STORAGE: Final = {
    "date": "int32",
    "naive": "int64",
    "duration": "int64",
    "instant": "int64",
    "time": "int64",
    "factor": "int32",
}


def numbers_of(columns: Sequence[Column], logical: str) -> AnyArray:
    """Gives the numbers of all batches of a column as one array."""
    dtype = _STORAGE.get(logical, logical)
    found = [data_of(column, dtype) for column in columns]
    if len(found) == 1:
        return found[0]
    return np.concatenate(found)


def complexes_of(columns: Sequence[Column]) -> tuple[AnyArray, Mask | None]:
    """Gives the complex numbers of a column, and which are missing."""
    halves = []
    for position in (0, 1):
        half = [column.children[position] for column in columns]
        numbers, missing = numbers_of(half, "float64"), missing_of(half)
        if missing is not None:
            numbers.view(np.int64)[missing] = NA_BITS
        halves.append((numbers, missing))
    result = np.empty(len(halves[0][0]), np.complex128)
    result.real, result.imag = halves[0][0], halves[1][0]
    if halves[0][1] is None or halves[1][1] is None:
        return result, None
    return result, halves[0][1] & halves[1][1]


def array_of(reader: Reader, columns: Sequence[Column], logical: str, params: Mapping[str, str]) -> AnyArray:
    """Makes a one-dimensional array of a column.

    Numbers that are missing become a masked array; missing float64 becomes the NaN that R takes for NA, missing
    times become NaT.
    """
    if logical == "complex128":
        numbers, missing = complexes_of(columns)
    elif logical in {"string", "bigint", "decimal", "json", "bytes"}:
        return _text_array(reader, columns, params)
    else:
        numbers, missing = numbers_of(columns, logical), missing_of(columns)
    if logical in {"date", "naive", "duration", "instant"}:
        return _time_array(reader, columns, logical, numbers, missing, params)
    if params.get("masked") == "true":
        return np.ma.MaskedArray(numbers, mask=False if missing is None else missing)
    if missing is None or logical == "complex128":
        return numbers
    if logical in FLOATS:
        if logical == "float64":
            numbers.view(np.int64)[missing] = NA_BITS
        else:
            numbers[missing] = np.nan
        return numbers
    return np.ma.MaskedArray(numbers, mask=missing)


def _time_array(
    reader: Reader,
    columns: Sequence[Column],
    logical: str,
    numbers: AnyArray,
    missing: Mask | None,
    params: Mapping[str, str],
) -> AnyArray:
    if logical == "date":
        numbers = numbers.astype(np.int64)
    unit = "D" if logical == "date" else columns[0].type.kind[-2:]
    if missing is not None:
        numbers[missing] = NAT
    found: AnyArray = numbers.view(f"{'m8' if logical == 'duration' else 'M8'}[{unit}]")
    dtype = params.get("dtype")
    if dtype is not None:
        if not TIME_DTYPE.fullmatch(dtype) or np.dtype(dtype).kind != found.dtype.kind:
            reader.refuse(f"{dtype!r} is not a type of times")
        found = _in_unit(found, np.dtype(dtype))
    if params.get("masked") == "true":
        return np.ma.MaskedArray(found, mask=False if missing is None else missing)
    return found


def _in_unit(times: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    """Brings times in microseconds to the unit that they had. NumPy's own cast overflows on the way."""
    factor = PER_DURATION.get(np.datetime_data(dtype)[0])
    if factor is None or not times.dtype.name.endswith("[us]"):
        return times.astype(dtype)
    ticks = times.view(np.int64)
    return np.where(np.isnat(times), NAT, ticks // factor).view(dtype)


def _text_array(reader: Reader, columns: Sequence[Column], params: Mapping[str, str]) -> AnyArray:
    texts = reader.objects(columns)
    dtype = params.get("dtype", "object")
    width = _TEXT_DTYPE.fullmatch(dtype)
    if dtype != "object" and (width is None or None in texts):
        reader.refuse(f"text can't be an array of type {dtype!r}")
    stored = sum(size_of(buffer) for column in columns for buffer in column.buffers)
    if width is not None and 4 * int(width[1]) * len(texts) > 256 * stored + (1 << 20):
        reader.refuse(f"{len(texts)} texts of type {dtype!r} are much larger than what is stored")
    found: AnyArray = np.empty(len(texts), dtype)
    found[:] = texts
    if params.get("masked") == "true":
        return np.ma.MaskedArray(found, mask=[text is None for text in texts])
    return found


def _sliced(columns: Sequence[Column], start: int, count: int) -> list[Column]:
    """Cuts rows out of the batches of a column of fixed width, without copying them."""
    cut = []
    kind = columns[0].type
    for column in columns:
        first, last = max(start, 0), min(start + count, column.length)
        start -= column.length
        if first < last:
            cut.append(_cut(column, first, last))
    return cut or [empty(kind)]


def _cut(column: Column, first: int, last: int) -> Column:
    if (first, last) == (0, column.length):
        return column
    length = last - first
    validity: Bytes = b""
    nulls = 0
    if column.nulls:
        bits = valid_bits(column)[first:last]
        nulls = length - int(np.count_nonzero(bits))
        validity = bitmap_of(bits) if nulls else b""
    if column.children:
        children = tuple(_cut(child, first, last) for child in column.children)
        return Column(column.type, length, 0, b"", (), children)
    if column.type.kind == "bool":
        data = bitmap_of(data_of(column, "bool")[first:last])
        return Column(column.type, length, nulls, validity, (data,))
    width = len(column.buffers[0]) // column.length
    data = memoryview(column.buffers[0])[first * width : last * width]
    return Column(column.type, length, nulls, validity, (data,))


def vector_columns(reader: Reader, vector: pb.Vector) -> list[Column]:
    """Gives the rows of a vector of numbers or times, as columns."""
    columns = reader.columns(vector.part, vector.logical)
    reader.take(vector.part, vector.start, vector.count)
    return _sliced(columns, vector.start, vector.count)


def decode_array(reader: Reader, vector: pb.Vector, params: Mapping[str, str]) -> AnyArray:
    """Reads a vector as a NumPy array."""
    if vector.logical not in STORED_AS or vector.logical in {"factor", "instant", "time"}:
        reader.refuse(f"a vector of type {vector.logical!r} is no NumPy array")
    if STORED_AS[vector.logical].kind in {"utf8", "large_binary"}:
        builder = _column.ColumnBuilder(STORED_AS[vector.logical])
        builder.extend(reader.rows(vector))
        return _text_array(reader, [builder.column()], params)
    return array_of(reader, vector_columns(reader, vector), vector.logical, params)


def decode_dims(reader: Reader, node: pb.Node, index: int) -> object:
    """Reads an array node."""
    array = node.array
    dims = tuple(array.dims)
    columns = reader.columns(array.part, array.logical)
    rows = reader.stream(array.part).rows
    if len(dims) > 64 or any(extent < 0 for extent in dims) or prod(dims) != rows:
        reader.refuse(f"an array of {rows} cells can't have the dimensions {dims}")
    reader.take(array.part, 0, rows)
    params = {param.key: param.value for param in array.params}
    if array.logical == "time":
        reader.refuse("an array of times of day is not supported")
    if array.logical == "factor":
        flat = _levels_of_codes(reader, node, index, columns)
    else:
        flat = array_of(reader, columns, array.logical, params)
    shaped = flat.reshape(dims, order="F" if array.column_major else "C")
    if len(array.dimnames) not in (0, len(dims)) or len(array.dimnames_names) not in (0, len(dims)):
        reader.refuse(f"{len(array.dimnames)} dimnames are not those of {len(dims)} dimensions")
    if len(dims) != 1 and not array.dimnames:
        return shaped
    return _named(reader, array, index, shaped)


def _levels_of_codes(reader: Reader, node: pb.Node, index: int, columns: Sequence[Column]) -> AnyArray:
    """Gives the cells of an array of factor codes as text."""
    levels = reader.texts(node.array.levels, index)
    codes = numbers_of(columns, "factor")
    missing = missing_of(columns)
    if codes.size and not 0 <= codes.min() <= codes.max() < max(len(levels), 1):
        reader.refuse("a factor has a code without a level")
    table = np.array([*levels, None], object)
    if missing is not None:
        codes = np.where(missing, len(levels), codes)
    return table[codes]


def _named(reader: Reader, array: pb.Array, index: int, shaped: AnyArray) -> NDArray | MaskedNDArray:
    dims = tuple(array.dims)
    names = [
        None if child == -1 else reader.texts(child, index, extent)
        for child, extent in zip(array.dimnames, dims, strict=False)
    ]
    outer = [name.text if name.HasField("text") else None for name in array.dimnames_names]
    if isinstance(shaped, np.ma.MaskedArray):
        return MaskedNDArray.of(shaped, names or None, outer or None)
    return NDArray(shaped, names or None, outer or None)


def scalar_of(reader: Reader, logical: str, raw: Any, params: Mapping[str, str], *, unit: str) -> object:
    """Makes the NumPy scalar that a stored row means. `unit` is that of stored times, `us` or `ns`."""
    if logical in {"date", "naive", "duration"}:
        kind = "timedelta64" if logical == "duration" else "datetime64"
        dtype = params.get("dtype", f"{kind}[{'D' if logical == 'date' else unit}]")
        if not TIME_DTYPE.fullmatch(dtype) or not dtype.startswith(kind):
            reader.refuse(f"{dtype!r} is not a type of times")
        unit = "D" if logical == "date" else unit
        found = np.array([NAT if raw is None else raw], np.int64).view(f"{kind}[{unit}]")
        return _in_unit(found, np.dtype(dtype))[0]
    if logical == "string":
        return NAType("string") if raw is None else np.str_(raw)
    if raw is None:
        return np.float64(NA_FLOAT) if logical == "float64" else NAType(logical)
    if logical not in FLOATS | INTEGERS | {"bool", "complex128"}:
        reader.refuse(f"a value of type {logical!r} is no NumPy scalar")
    return np.dtype(logical).type(raw)
