"""Columns of plain values: gathered from Python objects, and given back as a list."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Final, cast

from instep.values._missing import NA_FLOAT, plain_float
from instep.values._stream import OFFSETS, WIDTHS, Bytes, Column, Field, StreamError, Type

_CODES: Final = {
    "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q",
    "uint64": "Q", "float16": "e", "float32": "f", "float64": "d", "date32": "i", "timestamp_us": "q",
    "timestamp_ns": "q", "duration_us": "q", "time64_us": "q",
}  # fmt: skip

_INT32_MAX: Final = 2**31 - 1

COMPLEX: Final = Type("struct", children=(Field("re", Type("float64")), Field("im", Type("float64"))))
"""How a complex number is stored. A missing one has both fields null."""

UTF8: Final = Type("utf8")
LARGE_BINARY: Final = Type("large_binary")


def bitmap(bits: bytes | bytearray) -> bytes:
    """Packs one byte of 0 or 1 per row to one bit per row, the first row in the lowest bit."""
    if not bits:
        return b""
    digits = bytes(bits).translate(b"01" + bytes(254))[::-1]
    return int(digits, 2).to_bytes((len(bits) + 7) // 8, "little")


def bits(packed: Bytes, length: int) -> bytes:
    """Unpacks a bitmap to one byte of 0 or 1 per row."""
    if length == 0:
        return b""
    number = int.from_bytes(packed, "little") & ((1 << length) - 1)
    return format(number, f"0{length}b")[::-1].encode().translate(bytes(48) + b"\0\1" + bytes(206))


class ColumnBuilder:
    """Gathers the rows of one column.

    Args:
        kind: Type of the column: a type of fixed width, bool, utf8, large_binary, or `COMPLEX`.
    """

    __slots__ = ("_chunks", "_data", "_nulls", "_parts", "_struct", "length", "type")

    def __init__(self, kind: Type) -> None:
        self.type = kind
        self.length = 0
        self._nulls: list[int] = []
        self._data = bytearray()
        self._chunks: list[bytes] = []
        code = _CODES.get(kind.kind)
        self._struct = struct.Struct("<" + code) if code else None
        self._parts = tuple(ColumnBuilder(child.type) for child in kind.children)

    def append(self, value: object) -> int:
        """Adds a row.

        Args:
            value: A number of the column's type, a bool, text, bytes or a complex number. `None`: null.

        Returns:
            The row's position.

        Raises:
            struct.error: A number does not fit the type.
            UnicodeEncodeError: A text holds a lone surrogate.
        """
        if self._struct is None:
            return self.extend((value,))
        row = self.length
        if value is None:
            self._nulls.append(row)
            value = 0
        self._data += self._struct.pack(value)
        self.length += 1
        return row

    def extend(self, values: Sequence[object]) -> int:
        """Adds rows, as `append` does.

        Returns:
            The position of the first one.
        """
        start = self.length
        if self._parts:
            numbers = cast("Sequence[complex | None]", values)
            self._parts[0].extend([None if value is None else plain_float(value.real) for value in numbers])
            self._parts[1].extend([None if value is None else plain_float(value.imag) for value in numbers])
        else:
            self._extend_flat(values, start)
        self.length += len(values)
        return start

    def _extend_flat(self, values: Sequence[object], start: int) -> None:
        kind = self.type.kind
        nulls = [start + row for row, value in enumerate(values) if value is None] if None in values else []
        if kind == "utf8":
            texts = cast("Sequence[str | None]", values)
            self._chunks += [b"" if value is None else value.encode() for value in texts]
        elif kind == "large_binary":
            self._chunks += [
                b"" if value is None else value for value in cast("Sequence[bytes | None]", values)
            ]
        else:
            plain = [0 if value is None else value for value in values] if nulls else values
            code = _CODES.get(kind)
            self._data += (
                struct.pack(f"<{len(values)}{code}", *plain) if code else bytes(cast("list[int]", plain))
            )
        self._nulls += nulls

    def extend_packed(self, data: Bytes, length: int, nulls: Iterable[int] = ()) -> int:
        """Adds rows of a type of fixed width, or bools of one byte, that are packed already.

        Args:
            data: Their bytes, zero where a row is null.
            length: Their number.
            nulls: Positions of null rows, counted from the first new row.

        Returns:
            The position of the first one.
        """
        start = self.length
        self._data += data
        self._nulls += [start + row for row in nulls]
        self.length += length
        return start

    def column(self) -> Column:
        """Gives the rows gathered so far as a column."""
        if self._parts:
            return Column(self.type, self.length, 0, b"", (), tuple(part.column() for part in self._parts))
        validity = b""
        if self._nulls:
            present = bytearray(b"\1") * self.length
            for row in self._nulls:
                present[row] = 0
            validity = bitmap(present)
        if self.type.kind == "bool":
            return Column(self.type, self.length, len(self._nulls), validity, (bitmap(self._data),))
        if self._struct is not None:
            return Column(self.type, self.length, len(self._nulls), validity, (bytes(self._data),))
        offsets = [0, *accumulate(map(len, self._chunks))]
        kind = Type("large_utf8") if self.type == UTF8 and offsets[-1] > _INT32_MAX else self.type
        code = "i" if OFFSETS[kind.kind] == 4 else "q"
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        buffers = (struct.pack(f"<{len(offsets)}{code}", *offsets), data)
        return Column(kind, self.length, len(self._nulls), validity, buffers)


def values(column: Column) -> list[object]:
    """Gives the rows of a flat or complex column as Python objects: int, float, bool, str, bytes, complex.

    Raises:
        StreamError: Offsets go backwards, or a text is not UTF-8.
    """
    kind = column.type.kind
    if kind == "struct":
        return _complex_values(column)
    result: list[object]
    if kind == "bool":
        result = [bit == 1 for bit in bits(column.buffers[0], column.length)]
    elif kind in WIDTHS:
        result = list(struct.unpack(f"<{column.length}{_CODES[kind]}", column.buffers[0]))
    else:
        result = _sliced(column)
    if column.nulls:
        for row, present in enumerate(bits(column.validity, column.length)):
            if not present:
                result[row] = None
    return result


def _sliced(column: Column) -> list[object]:
    if not column.length:
        return []
    code = "i" if OFFSETS[column.type.kind] == 4 else "q"
    offsets = struct.unpack(f"<{column.length + 1}{code}", column.buffers[0])
    data = memoryview(column.buffers[1])
    if any(end < start for start, end in pairwise(offsets)):
        raise StreamError("offsets go backwards")
    if column.type.kind not in {"utf8", "large_utf8"}:
        return [bytes(data[start:end]) for start, end in pairwise(offsets)]
    try:
        return [str(data[start:end], "utf-8") for start, end in pairwise(offsets)]
    except UnicodeDecodeError as error:
        raise StreamError("a text is not UTF-8") from error


def _complex_values(column: Column) -> list[object]:
    re, im = (cast("list[float | None]", values(child)) for child in column.children)
    return [None if a is b is None else complex(_or_na(a), _or_na(b)) for a, b in zip(re, im, strict=True)]


def _or_na(half: float | None) -> float:
    return NA_FLOAT if half is None else half
