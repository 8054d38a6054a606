"""NumPy arrays and scalars, written and read. Imported only when there is one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from instep_proto.v1 import value_pb2 as pb

from instep.values import _column
from instep.values._column import COMPLEX
from instep.values._logical import FLOATS, INTEGERS, STORED_AS
from instep.values._missing import NA_BITS, NA_FLOAT, NAType
from instep.values._ndarray import NDArray
from instep.values._opaque import encode_opaque
from instep.values._stream import Bytes, Column, Type, empty, size_of
from instep.values._writer import POOLED_ROWS, Writer

if TYPE_CHECKING:
    from instep.values._reader import Reader

AnyArray = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

_NA_LOW_WORD: Final = 1954
_NAT: Final = np.iinfo(np.int64).min
_PER_MICROSECOND: Final = {"us": 1, "ms": 10**3, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6}
_PER_DURATION: Final = {**_PER_MICROSECOND, "D": 86_400 * 10**6, "W": 7 * 86_400 * 10**6}
_TIME_DTYPE: Final = re.compile(r"(datetime64|timedelta64)\[(W|D|h|m|s|ms|us|ns)\]")
_TEXT_DTYPE: Final = re.compile(r"<U(\d{1,9})")


@dataclass(slots=True)
class Cells:
    """The cells of an array as they are stored: one type, in one run."""

    logical: str
    """Their logical type."""
    type: Type
    """Their Arrow type."""
    data: AnyArray | Sequence[object]
    """The cells: an array, zero where one is missing; of text and complex numbers a list or an array of these."""
    missing: Mask | None = None
    """True where a cell is missing. `None`: none is."""
    params: dict[str, str] = field(default_factory=dict)
    """Details by logical type."""


class UnstorableError(Exception):
    """The array has cells that have no portable form."""


# Writing: cells.


def cells_of(writer: Writer, array: AnyArray) -> Cells:
    """Brings the cells of an array to the form in which they are stored.

    Args:
        writer: Takes losses.
        array: An array of one dimension, in one run.

    Raises:
        UnstorableError: The type of the cells has no portable form.
    """
    if not array.dtype.isnative:
        writer.loss("BYTE_ORDER", f"an array of type {array.dtype} comes back in this machine's byte order.")
        array = array.astype(array.dtype.newbyteorder("="))
    kind = array.dtype.kind
    name = array.dtype.name
    if kind == "b":
        return Cells("bool", Type("bool"), array.view(np.uint8))
    if name in INTEGERS:
        return Cells(name, Type(name), array)
    if name in FLOATS:
        return _floats(name, array)
    if kind == "c" and array.dtype.itemsize <= 16:
        return _complexes(writer, array)
    if kind == "M":
        return _times(writer, array)
    if kind == "m":
        return _durations(writer, array)
    if kind in "UO":
        return _texts(array)
    raise UnstorableError(name)


def has_nan(array: AnyArray) -> bool:
    """Says whether a float array holds NaN. Reads it once and needs no memory."""
    with np.errstate(invalid="ignore"):
        return bool(array.size) and bool(np.isnan(array.min()))


def _floats(name: str, array: AnyArray) -> Cells:
    """Makes every NaN the same; of float64, those that are R's NA are missing."""
    if not has_nan(array):
        return Cells(name, Type(name), array)
    nan = np.isnan(array)
    missing = None
    clean = array.copy()
    clean[nan] = np.nan
    if name == "float64":
        missing = nan & (array.view(np.uint64).astype(np.uint32) == _NA_LOW_WORD)
        clean[missing] = 0.0
    return Cells(name, Type(name), clean, missing if missing is not None and missing.any() else None)


def _complexes(writer: Writer, array: AnyArray) -> Cells:
    if array.dtype.itemsize < 16:
        writer.loss("COMPLEX64_WIDENED", "an array of type complex64 comes back as complex128.")
        array = array.astype(np.complex128)
    return Cells("complex128", COMPLEX, array)


def _times(writer: Writer, array: AnyArray) -> Cells:
    unit = np.datetime_data(array.dtype)
    missing = np.isnat(array)
    if unit == ("D", 1):
        days = np.where(missing, 0, array.view(np.int64))
        if days.size and not -(2**31) <= days.min() <= days.max() < 2**31:
            writer.refuse("DATE_RANGE", "holds a date more than 5.8 million years from now.")
        return Cells("date", STORED_AS["date"], days.astype(np.int32), _if_any(missing))
    if unit == ("ns", 1):
        return Cells("naive", Type("timestamp_ns"), _zeroed(array.view(np.int64), missing), _if_any(missing))
    ticks = _microseconds(writer, array, missing, _PER_MICROSECOND)
    params = {} if unit == ("us", 1) else {"dtype": array.dtype.name}
    return Cells("naive", STORED_AS["naive"], ticks, _if_any(missing), params)


def _durations(writer: Writer, array: AnyArray) -> Cells:
    missing = np.isnat(array)
    params = {} if array.dtype.name == "timedelta64[us]" else {"dtype": array.dtype.name}
    if np.datetime_data(array.dtype) == ("ns", 1):
        ticks = microseconds_of_nanoseconds(writer, _zeroed(array.view(np.int64), missing))
    else:
        ticks = _microseconds(writer, array, missing, _PER_DURATION)
    return Cells("duration", STORED_AS["duration"], ticks, _if_any(missing), params)


def microseconds_of_nanoseconds(writer: Writer, ticks: AnyArray) -> AnyArray:
    """Rounds nanoseconds to microseconds, half to even, and notes a loss if that changes any."""
    rounded, rest = np.divmod(ticks, 1000)
    if rest.any():
        writer.loss("NANOSECONDS", "lengths of time are rounded to microseconds.")
        rounded += (rest > 500) | ((rest == 500) & (rounded % 2 == 1))
    return rounded


def _microseconds(writer: Writer, array: AnyArray, missing: Mask, factors: Mapping[str, int]) -> AnyArray:
    unit, step = np.datetime_data(array.dtype)
    factor = factors.get(unit)
    if factor is None or step != 1:
        raise UnstorableError(array.dtype.name)
    ticks = _zeroed(array.view(np.int64), missing)
    limit = (2**63 - 1) // factor
    if ticks.size and not -limit <= ticks.min() <= ticks.max() <= limit:
        raise UnstorableError(f"{array.dtype.name} beyond 292,000 years")
    return ticks if factor == 1 else ticks * factor


def _zeroed(ticks: AnyArray, missing: Mask) -> AnyArray:
    return np.where(missing, 0, ticks) if missing.any() else ticks


def _if_any(missing: Mask) -> Mask | None:
    return missing if missing.any() else None


def _texts(array: AnyArray) -> Cells:
    values = array.tolist()
    if array.dtype.kind == "U":
        return Cells("string", STORED_AS["string"], values, None, {"dtype": array.dtype.str})
    if not set(map(type, values)) <= {str, type(None)}:
        raise UnstorableError("object")
    return Cells("string", STORED_AS["string"], values, None, {"dtype": "object"})


def mask_out(cells: Cells, missing: Mask) -> Cells:
    """Makes further cells missing."""
    if not missing.any():
        return cells
    if isinstance(cells.data, np.ndarray):
        cells.data = np.where(missing, np.zeros((), cells.data.dtype), cells.data)
    else:
        cells.data = [None if gone else value for value, gone in zip(cells.data, missing, strict=True)]
    cells.missing = missing if cells.missing is None else missing | cells.missing
    return cells


def bytes_of(array: AnyArray) -> Bytes:
    """Gives the bytes of an array in one run, without copying them."""
    return array.reshape(-1).view(np.uint8).data if array.size else b""


def bitmap_of(bits: AnyArray) -> Bytes:
    """Packs an array of bools to a bitmap."""
    return bytes_of(np.packbits(bits, bitorder="little"))


def column_of(cells: Cells) -> Column:
    """Makes a column of cells, without copying them if they are numbers."""
    if not isinstance(cells.data, np.ndarray):
        builder = _column.ColumnBuilder(cells.type)
        builder.extend(cells.data)
        return builder.column()
    if cells.logical == "complex128":
        return _complex_column(cells.data, cells.missing)
    nulls = 0 if cells.missing is None else int(np.count_nonzero(cells.missing))
    validity = b"" if cells.missing is None else bitmap_of(~cells.missing)
    data = bitmap_of(cells.data) if cells.logical == "bool" else bytes_of(cells.data)
    return Column(cells.type, len(cells.data), nulls, validity, (data,))


def _complex_column(array: AnyArray, missing: Mask | None) -> Column:
    halves = []
    for half in (array.real, array.imag):
        cells = _floats("float64", np.ascontiguousarray(half))
        halves.append(column_of(cells if missing is None else mask_out(cells, missing)))
    return Column(COMPLEX, len(array), 0, b"", (), tuple(halves))


def place(writer: Writer, cells: Cells) -> tuple[int, int]:
    """Puts cells in a pool if they are few, else in a part of their own.

    Returns:
        The index of the part, and the first row.
    """
    if len(cells.data) > POOLED_ROWS:
        return writer.column(column_of(cells)), 0
    builder, part = writer.pool(cells.type)
    if not isinstance(cells.data, np.ndarray):
        return part, builder.extend(cells.data)
    if cells.logical == "complex128":
        rows = cells.data.astype(object)
        if cells.missing is not None:
            rows[cells.missing] = None
        return part, builder.extend(rows.tolist())
    nulls = [] if cells.missing is None else np.flatnonzero(cells.missing).tolist()
    return part, builder.extend_packed(bytes_of(cells.data), len(cells.data), nulls)


# Writing: arrays and scalars.


def encode_array(writer: Writer, value: AnyArray) -> int:
    """Adds an array: a vector if it has one dimension, else an array; opaque if its cells are not portable."""
    is_vector = value.ndim == 1 and type(value) is not NDArray
    is_column_major = not value.flags.c_contiguous and value.flags.f_contiguous
    flat = np.asarray(value).ravel(order="F" if is_column_major else "C")
    try:
        cells = cells_of(writer, flat)
        if isinstance(value, np.ma.MaskedArray):
            cells = mask_out(cells, np.ma.getmaskarray(value).ravel(order="F" if is_column_major else "C"))
            cells.params["masked"] = "true"
    except UnstorableError:
        return encode_opaque(writer, value)
    try:
        if is_vector:
            return _encode_vector(writer, cells)
        return _encode_array(writer, value, cells, is_column_major=is_column_major)
    except UnicodeEncodeError as error:
        writer.refuse("STRING_ENCODING", f"holds text with a lone surrogate ({error.object[error.start]!r}).")


def add_params(target: pb.Vector | pb.Array | pb.Column, params: Mapping[str, str]) -> None:
    """Adds details, sorted by key."""
    for key in sorted(params):
        target.params.add(key=key, value=params[key])


def _encode_vector(writer: Writer, cells: Cells) -> int:
    part, start = place(writer, cells)
    node, index = writer.placed_vector(cells.logical, part, start, len(cells.data))
    node.origin = "numpy"
    add_params(node.vector, cells.params)
    return index


def _encode_array(writer: Writer, value: AnyArray, cells: Cells, *, is_column_major: bool) -> int:
    node, index = writer.node()
    array = node.array
    array.logical = cells.logical
    array.part = writer.column(column_of(cells))
    array.dims.extend(value.shape)
    array.column_major = is_column_major
    node.origin = "numpy"
    if isinstance(value, NDArray):
        array.dimnames.extend(
            -1 if names is None else writer.strings(names) for names in value.dimnames or ()
        )
        for name in value.dimnames_names or ():
            array.dimnames_names.add(text=name)
    add_params(array, cells.params)
    return index


def encode_scalar(writer: Writer, value: np.generic) -> int:
    """Adds a NumPy scalar."""
    try:
        cells = cells_of(writer, np.asarray(value).reshape(1))
    except UnstorableError:
        return encode_opaque(writer, value)
    params = {key: text for key, text in cells.params.items() if _TIME_DTYPE.fullmatch(text)}
    if isinstance(cells.data, np.ndarray):
        raw = None if cells.missing is not None and cells.missing[0] else cells.data[0].item()
    else:
        raw = cells.data[0]
    vector, index = writer.scalar(cells.logical, cells.type, raw, "numpy")
    add_params(vector, params)
    return index


ENCODERS: Final = {
    np.ndarray: encode_array,
    np.ma.MaskedArray: encode_array,
    NDArray: encode_array,
    **dict.fromkeys(
        {
            np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.float16,
            np.float32, np.float64, np.longdouble, np.complex64, np.complex128, np.clongdouble, np.datetime64,
            np.timedelta64, np.str_, np.longlong, np.ulonglong,
        },
        encode_scalar,
    ),
}  # fmt: skip
"""Encoders by exact type."""


# Reading.


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
        numbers[missing] = _NAT
    found: AnyArray = numbers.view(f"{'m8' if logical == 'duration' else 'M8'}[{unit}]")
    dtype = params.get("dtype")
    if dtype is not None:
        if not _TIME_DTYPE.fullmatch(dtype) or np.dtype(dtype).kind != found.dtype.kind:
            reader.refuse(f"{dtype!r} is not a type of times")
        found = _in_unit(found, np.dtype(dtype))
    if params.get("masked") == "true":
        return np.ma.MaskedArray(found, mask=False if missing is None else missing)
    return found


def _in_unit(times: AnyArray, dtype: np.dtype[Any]) -> AnyArray:
    """Brings times in microseconds to the unit that they had. NumPy's own cast overflows on the way."""
    factor = _PER_DURATION.get(np.datetime_data(dtype)[0])
    if factor is None or not times.dtype.name.endswith("[us]"):
        return times.astype(dtype)
    ticks = times.view(np.int64)
    return np.where(np.isnat(times), _NAT, ticks // factor).view(dtype)


def _text_array(reader: Reader, columns: Sequence[Column], params: Mapping[str, str]) -> AnyArray:
    texts = [row for column in columns for row in _column.values(column)]
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


def _named(reader: Reader, array: pb.Array, index: int, shaped: AnyArray) -> NDArray:
    dims = tuple(array.dims)
    if len(array.dimnames) not in (0, len(dims)) or len(array.dimnames_names) not in (0, len(dims)):
        reader.refuse(f"{len(array.dimnames)} dimnames are not those of {len(dims)} dimensions")
    names = [
        None if child < 0 else reader.texts(child, index, extent)
        for child, extent in zip(array.dimnames, dims, strict=False)
    ]
    outer = [name.text if name.HasField("text") else None for name in array.dimnames_names]
    return NDArray(shaped, names or None, outer or None)


def scalar_of(reader: Reader, logical: str, raw: Any, params: Mapping[str, str], *, unit: str) -> object:
    """Makes the NumPy scalar that a stored row means. `unit` is that of stored times, `us` or `ns`."""
    if logical in {"date", "naive", "duration"}:
        kind = "timedelta64" if logical == "duration" else "datetime64"
        dtype = params.get("dtype", f"{kind}[{'D' if logical == 'date' else unit}]")
        if not _TIME_DTYPE.fullmatch(dtype) or not dtype.startswith(kind):
            reader.refuse(f"{dtype!r} is not a type of times")
        unit = "D" if logical == "date" else unit
        found = np.array([_NAT if raw is None else raw], np.int64).view(f"{kind}[{unit}]")
        return _in_unit(found, np.dtype(dtype))[0]
    if logical == "string":
        return NAType("string") if raw is None else np.str_(raw)
    if raw is None:
        return np.float64(NA_FLOAT) if logical == "float64" else NAType(logical)
    if logical not in FLOATS | INTEGERS | {"bool", "complex128"}:
        reader.refuse(f"a value of type {logical!r} is no NumPy scalar")
    return np.dtype(logical).type(raw)
