"""NumPy arrays and scalars, written. Imported only when there is one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from instep_proto.v1 import value_pb2 as pb

from instep.values import _column
from instep.values._column import COMPLEX
from instep.values._logical import FLOATS, INTEGERS, STORED_AS
from instep.values._missing import NA_LOW_WORD
from instep.values._ndarray import MaskedNDArray, NDArray
from instep.values._stream import Bytes, Column, Type
from instep.values._writer import POOLED_ROWS, Writer

AnyArray = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

NAT: Final = np.iinfo(np.int64).min
"""The number behind NaT."""

_PER_MICROSECOND: Final = {"us": 1, "ms": 10**3, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6}
PER_DURATION: Final = {**_PER_MICROSECOND, "D": 86_400 * 10**6, "W": 7 * 86_400 * 10**6}
"""Microseconds in each unit of time."""

_CACHED: Final = 1 << 17
"""So many numbers at a time are looked at: NumPy is twice as fast with those that stay in the cache."""

TIME_DTYPE: Final = re.compile(r"(datetime64|timedelta64)\[(W|D|h|m|s|ms|us|ns)\]")
"""Types of times that come back."""


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
    """Says whether a float array of one dimension holds NaN. Reads it at most once and needs no memory."""
    with np.errstate(invalid="ignore"):
        return any(np.isnan(array[start : start + _CACHED].min()) for start in range(0, len(array), _CACHED))


def _floats(name: str, array: AnyArray) -> Cells:
    """Makes every NaN the same; of float64, those that are R's NA are missing."""
    if not has_nan(array):
        return Cells(name, Type(name), array)
    nan = np.isnan(array)
    missing = None
    clean = array.copy()
    clean[nan] = np.nan
    if name == "float64":
        missing = nan & (array.view(np.uint64).astype(np.uint32) == NA_LOW_WORD)
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
        ticks = _microseconds(writer, array, missing, PER_DURATION)
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


# Arrays and scalars.


def encode_array(writer: Writer, value: AnyArray) -> int:
    """Adds an array: a vector if it has one dimension, else an array; opaque if its cells are not portable."""
    is_vector = value.ndim == 1 and not isinstance(value, NDArray | MaskedNDArray)
    is_column_major = not value.flags.c_contiguous and value.flags.f_contiguous
    flat = np.asarray(value).ravel(order="F" if is_column_major else "C")
    try:
        cells = cells_of(writer, flat)
        if isinstance(value, np.ma.MaskedArray):
            cells = mask_out(cells, np.ma.getmaskarray(value).ravel(order="F" if is_column_major else "C"))
            cells.params["masked"] = "true"
    except UnstorableError:
        return writer.opaque(value)
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
    if isinstance(value, NDArray | MaskedNDArray):
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
        return writer.opaque(value)
    params = {key: text for key, text in cells.params.items() if TIME_DTYPE.fullmatch(text)}
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
    MaskedNDArray: encode_array,
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
