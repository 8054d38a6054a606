"""The little of FlatBuffers that Arrow's stream format needs, written and read without a library.

Theory of operation. A FlatBuffer is read by following offsets. A table starts with a signed offset back to its
vtable, which holds for each field the field's place in the table, 0 when the field is absent. References are
unsigned and point forward. The writer here lays objects out front to back: each table right after its vtable,
then what it refers to, so that equal content gives equal bytes. The reader trusts nothing: each place is
checked against the end of the buffer, and each table that is visited costs one unit of a budget that the size
of the buffer sets, so that tables that refer to each other many times over cannot make it run long.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final

Place = Callable[[bytearray], int]
"""Writes an object at the end of a buffer and returns where it starts."""

Field = tuple[int, str, int] | tuple[int, str, Place]
"""A field of a table: its slot, its format (``b``, ``h``, ``i``, ``q``, or ``o`` for a reference), its value."""

_SIZES: Final = {"b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "o": 4, "q": 8}


class FlatbufferError(Exception):
    """The bytes are not a well-formed FlatBuffer."""


def _pad(buffer: bytearray, alignment: int, extra: int = 0) -> None:
    """Appends zeros until the end plus `extra` is a multiple of `alignment`."""
    buffer += bytes(-(len(buffer) + extra) % alignment)


def table(*fields: Field) -> Place:
    """Describes a table of `fields`, in slot order."""

    def place(buffer: bytearray) -> int:
        slots = [0] * (1 + max((slot for slot, _, _ in fields), default=-1))
        end = 4
        for slot, kind, _ in fields:
            size = _SIZES[kind]
            end += -end % size
            slots[slot] = end
            end += size
        vtable_size = 4 + 2 * len(slots)
        _pad(buffer, 8, vtable_size)
        buffer += struct.pack(f"<{2 + len(slots)}H", vtable_size, end, *slots)
        start = len(buffer)
        buffer += bytes(end)
        struct.pack_into("<i", buffer, start, vtable_size)
        for slot, kind, value in fields:
            at = start + slots[slot]
            if isinstance(value, int):
                struct.pack_into("<" + kind, buffer, at, value)
            else:
                target = value(buffer)
                struct.pack_into("<I", buffer, at, target - at)
        return start

    return place


def text(value: str) -> Place:
    """Describes a string."""

    def place(buffer: bytearray) -> int:
        _pad(buffer, 4)
        start = len(buffer)
        encoded = value.encode()
        buffer += struct.pack("<I", len(encoded)) + encoded + b"\0"
        return start

    return place


def references(items: Sequence[Place]) -> Place:
    """Describes a vector of references."""

    def place(buffer: bytearray) -> int:
        _pad(buffer, 4)
        start = len(buffer)
        buffer += struct.pack("<I", len(items)) + bytes(4 * len(items))
        for position, item in enumerate(items):
            at = start + 4 + 4 * position
            target = item(buffer)
            struct.pack_into("<I", buffer, at, target - at)
        return start

    return place


def pairs(items: Sequence[tuple[int, int]]) -> Place:
    """Describes a vector of structs of two 64-bit integers."""

    def place(buffer: bytearray) -> int:
        _pad(buffer, 8, 4)
        start = len(buffer)
        buffer += struct.pack("<I", len(items))
        buffer += struct.pack(f"<{2 * len(items)}q", *(number for item in items for number in item))
        return start

    return place


def build(root: Place) -> bytes:
    """Writes a buffer whose root is `root`. Its size is a multiple of 8."""
    buffer = bytearray(4)
    struct.pack_into("<I", buffer, 0, root(buffer))
    _pad(buffer, 8)
    return bytes(buffer)


class Buffer:
    """Bytes to read from, with the budget of tables that may still be visited.

    Args:
        data: The bytes of one FlatBuffer.
    """

    __slots__ = ("budget", "data", "size")

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = data
        self.size = len(data)
        self.budget = self.size // 4

    def number(self, kind: str, at: int) -> int:
        """Reads one integer.

        Raises:
            FlatbufferError: The place is outside the buffer.
        """
        if at < 0 or at + _SIZES[kind] > self.size:
            raise FlatbufferError("an offset points outside of the message")
        value: int = struct.unpack_from("<" + kind.replace("o", "I"), self.data, at)[0]
        return value

    def root(self) -> Table:
        """Opens the root table."""
        return Table(self, self.number("o", 0))


class Table:
    """A table that was opened for reading.

    Args:
        buffer: Where it is.
        at: Its first byte.

    Raises:
        FlatbufferError: The table or its vtable is outside the buffer, or too many tables were visited.
    """

    __slots__ = ("_at", "_buffer", "_end", "_vtable")

    def __init__(self, buffer: Buffer, at: int) -> None:
        buffer.budget -= 1
        if buffer.budget < 0:
            raise FlatbufferError("the message refers to its tables too often")
        self._buffer = buffer
        self._at = at
        self._vtable = at - buffer.number("i", at)
        size = buffer.number("H", self._vtable)
        self._end = self._vtable + size
        if size < 4 or self._end > buffer.size:
            raise FlatbufferError("a vtable is too small, or ends outside of the message")

    def _place(self, slot: int) -> int:
        entry = self._vtable + 4 + 2 * slot
        if entry + 2 > self._end:
            return 0
        offset = self._buffer.number("H", entry)
        return self._at + offset if offset else 0

    def has(self, slot: int) -> bool:
        """Says whether the field is there."""
        return self._place(slot) != 0

    def number(self, slot: int, kind: str, default: int = 0) -> int:
        """Reads an integer field."""
        at = self._place(slot)
        return self._buffer.number(kind, at) if at else default

    def table(self, slot: int) -> Table | None:
        """Opens the table that a field refers to. `None` when the field is absent."""
        at = self._place(slot)
        return Table(self._buffer, at + self._buffer.number("o", at)) if at else None

    def _vector(self, slot: int, width: int) -> tuple[int, int]:
        at = self._place(slot)
        if not at:
            return 0, 0
        start = at + self._buffer.number("o", at)
        count = self._buffer.number("o", start)
        if start + 4 + count * width > self._buffer.size:
            raise FlatbufferError("a vector is longer than the message")
        return start + 4, count

    def tables(self, slot: int) -> list[Table]:
        """Opens all tables of a vector of references."""
        start, count = self._vector(slot, 4)
        places = range(start, start + 4 * count, 4)
        return [Table(self._buffer, at + self._buffer.number("o", at)) for at in places]

    def pairs(self, slot: int) -> list[tuple[int, int]]:
        """Reads a vector of structs of two 64-bit integers."""
        start, count = self._vector(slot, 16)
        numbers = struct.unpack_from(f"<{2 * count}q", self._buffer.data, start)
        return list(zip(numbers[::2], numbers[1::2], strict=True))

    def text(self, slot: int) -> str:
        """Reads a string. Empty when the field is absent."""
        start, count = self._vector(slot, 1)
        try:
            return str(self._buffer.data[start : start + count], "utf-8")
        except UnicodeDecodeError as error:
            raise FlatbufferError("a text is not UTF-8") from error
