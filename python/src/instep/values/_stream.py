"""Arrow IPC streams of profile P1, written and read without pyarrow.

Theory of operation. A part of a value is a stream: a schema message, at most one record batch, an end mark. Both
messages are small FlatBuffers, and the data follow as plain buffers, so a writer only needs to describe buffers
that exist already, and a reader only needs to find them. Doing this here, not in pyarrow, gives three things: a
task whose values are small never loads pyarrow; equal content gives equal bytes whatever version of pyarrow is
installed; and what hostile bytes can reach is this file, in which each place is checked before it is used.

Rules that a stream keeps, and that `read` holds it to:

* Types are those of profile P1; nothing is compressed, dictionary-encoded or nested deeper than 64 levels.
* A struct has no validity bitmap; a count of nulls is true to its bitmap.
* Buffers of a batch follow each other and do not overlap, so that a stream cannot name more data than it has.
* Rows always cost bytes: the type `null`, lists of fixed size 0 and structs without fields are refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from instep.values import _flatbuffer as fb

Bytes = bytes | bytearray | memoryview
"""Anything that holds bytes in one run."""

SMALL_BODY: Final = 4096
"""A batch with a smaller body aligns its buffers at 8 bytes, a larger one at 64."""

_MAX_DEPTH: Final = 64
_MAX_ROWS: Final = 2**52
_CONTINUATION: Final = b"\xff\xff\xff\xff"
_END: Final = _CONTINUATION + bytes(4)
_SCHEMA: Final = 1
_RECORD_BATCH: Final = 3

# The numbers that Arrow's FlatBuffers schema gives to types.
_INT, _FLOAT, _BINARY, _UTF8, _BOOL, _DATE, _TIME, _TIMESTAMP = 2, 3, 4, 5, 6, 8, 9, 10
_LIST, _STRUCT, _FIXED_SIZE_LIST, _DURATION, _LARGE_BINARY, _LARGE_UTF8, _LARGE_LIST = (
    12,
    13,
    16,
    18,
    19,
    20,
    21,
)
_MICROSECOND, _NANOSECOND = 2, 3

WIDTHS: Final = {
    "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2, "int32": 4, "uint32": 4, "float32": 4,
    "date32": 4, "int64": 8, "uint64": 8, "float64": 8, "timestamp_us": 8, "timestamp_ns": 8,
    "duration_us": 8, "time64_us": 8,
}  # fmt: skip
"""Bytes per row of the types that have a fixed number of them."""

OFFSETS: Final = {"utf8": 4, "binary": 4, "list": 4, "large_utf8": 8, "large_binary": 8, "large_list": 8}
"""Bytes per offset of the types whose rows vary in length."""

_PLAIN: Final = {_UTF8: "utf8", _LARGE_UTF8: "large_utf8", _BINARY: "binary", _LARGE_BINARY: "large_binary",
                 _BOOL: "bool", _LIST: "list", _LARGE_LIST: "large_list", _STRUCT: "struct"}  # fmt: skip
_PLAIN_IDS: Final = {kind: number for number, kind in _PLAIN.items()}
_REFUSED: Final = {1: "null", 7: "decimal", 11: "interval", 14: "union", 15: "fixed_size_binary", 17: "map",
                   22: "run_end_encoded", 23: "binary_view", 24: "utf8_view", 25: "list_view",
                   26: "large_list_view"}  # fmt: skip


class StreamError(Exception):
    """The bytes are not a stream of profile P1."""


@dataclass(frozen=True, slots=True)
class Type:
    """An Arrow type of profile P1."""

    kind: str
    """Name of the type, such as `int32` or `timestamp_us`."""
    zone: str = ""
    """Time zone of a timestamp. Empty: none."""
    size: int = 0
    """Number of elements of each row of a `fixed_size_list`."""
    children: tuple[Field, ...] = ()
    """Fields of a struct, or the only field of a list."""


@dataclass(frozen=True, slots=True)
class Field:
    """A named column of a schema, or a child of a nested type."""

    name: str
    """Name of the column. Readers go by position."""
    type: Type
    """Type of the column."""
    nullable: bool = True
    """False for structs."""


@dataclass(frozen=True, slots=True)
class Column:
    """The data of one column of one batch."""

    type: Type
    """What the buffers hold."""
    length: int
    """Number of rows."""
    nulls: int
    """Number of rows that are null."""
    validity: Bytes
    """One bit per row, 1 for a value. Empty when `nulls` is 0."""
    buffers: tuple[Bytes, ...] = ()
    """The data; of types with offsets: the offsets, then the data if the rows are not lists."""
    children: tuple[Column, ...] = field(default=())
    """Columns of the children of a nested type."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What a stream holds."""

    fields: tuple[Field, ...]
    """The schema."""
    batches: tuple[tuple[Column, ...], ...]
    """For each batch its columns, in the order of `fields`."""

    @property
    def rows(self) -> int:
        """Number of rows of all batches. 0 when there are no columns."""
        return sum(batch[0].length for batch in self.batches if batch)


def empty(kind: Type) -> Column:
    """Gives a column without rows."""
    count = 0 if kind.kind in {"struct", "fixed_size_list"} else 2 if kind.kind in OFFSETS else 1
    children = tuple(empty(child.type) for child in kind.children)
    return Column(kind, 0, 0, b"", (b"",) * (count - (kind.kind in {"list", "large_list"})), children)


# Writing.


def _type_table(kind: Type) -> tuple[int, fb.Place]:
    """Gives the number of a type and the table that describes it."""
    name = kind.kind
    if name in _PLAIN_IDS:
        return _PLAIN_IDS[name], fb.table()
    if name.startswith(("int", "uint")):
        return _INT, fb.table((0, "i", 8 * WIDTHS[name]), (1, "b", int(name.startswith("int"))))
    if name.startswith("float"):
        return _FLOAT, fb.table((0, "h", WIDTHS[name].bit_length() - 2))
    if name.startswith("timestamp"):
        unit = (0, "h", _NANOSECOND if name.endswith("ns") else _MICROSECOND)
        return _TIMESTAMP, fb.table(unit, (1, "o", fb.text(kind.zone))) if kind.zone else fb.table(unit)
    if name == "date32":
        return _DATE, fb.table((0, "h", 0))
    if name == "duration_us":
        return _DURATION, fb.table((0, "h", _MICROSECOND))
    if name == "time64_us":
        return _TIME, fb.table((0, "h", _MICROSECOND), (1, "i", 64))
    return _FIXED_SIZE_LIST, fb.table((0, "i", kind.size))


def _field_table(column: Field) -> fb.Place:
    number, detail = _type_table(column.type)
    return fb.table(
        (0, "o", fb.text(column.name)),
        (1, "b", int(column.nullable)),
        (2, "b", number),
        (3, "o", detail),
        (5, "o", fb.references([_field_table(child) for child in column.type.children])),
    )


def _message(header_type: int, header: fb.Place, body_length: int) -> bytes:
    return fb.build(fb.table((0, "h", 4), (1, "b", header_type), (2, "o", header), (3, "q", body_length)))


def _framed(message: bytes, start: int, alignment: int) -> bytes:
    """Puts a message that starts at byte `start` in its frame, so that what follows is aligned."""
    padding = -(start + 8 + len(message)) % alignment
    return _CONTINUATION + struct.pack("<I", len(message) + padding) + message + bytes(padding)


def _flatten(column: Column) -> Iterator[Column]:
    yield column
    for child in column.children:
        yield from _flatten(child)


def size_of(buffer: Bytes) -> int:
    """Gives the number of bytes of a buffer of any item size."""
    return buffer.nbytes if isinstance(buffer, memoryview) else len(buffer)


def _head(fields: Sequence[Field]) -> bytes:
    """Writes the message with which a stream begins."""
    schema = fb.table((0, "h", 0), (1, "o", fb.references([_field_table(column) for column in fields])))
    return _framed(_message(_SCHEMA, schema, 0), 0, 8)


@lru_cache(maxsize=256)
def _one_column_head(column: Field) -> bytes:
    """Writes the same for a stream of one column. Most streams have one, of a few types."""
    return _head([column])


def write(fields: Sequence[Field], columns: Sequence[Column]) -> list[Bytes]:
    """Writes a stream with one batch, or none when there are no rows.

    Args:
        fields: The schema.
        columns: The data, one column for each field. Their buffers are used as they are, not copied.

    Returns:
        The bytes of the stream in pieces, in order.
    """
    head = _one_column_head(fields[0]) if len(fields) == 1 else _head(fields)
    if not columns or columns[0].length == 0:
        return [head + _END]
    flat = [part for column in columns for part in _flatten(column)]
    buffers = [buffer for part in flat for buffer in (part.validity, *part.buffers)]
    alignment = 64 if sum(map(size_of, buffers)) >= SMALL_BODY else 8
    places, pieces, position = [], [], 0
    for buffer in buffers:
        size = size_of(buffer)
        places.append((position, size))
        padding = -size % alignment
        position += size + padding
        pieces += [buffer, bytes(padding)]
    batch = fb.table(
        (0, "q", columns[0].length),
        (1, "o", fb.pairs([(part.length, part.nulls) for part in flat])),
        (2, "o", fb.pairs(places)),
    )
    message = _framed(_message(_RECORD_BATCH, batch, position), len(head), alignment)
    return [head + message, *(piece for piece in pieces if size_of(piece)), _END]


# Reading.


def _read_type(table: fb.Table, children: tuple[Field, ...]) -> Type:
    """Reads the type of a field.

    Raises:
        StreamError: The type is not in profile P1.
    """
    number = table.number(2, "B")
    detail = table.table(3)
    if detail is None:
        raise StreamError("a field has no type")
    if number in _PLAIN:
        kind = Type(_PLAIN[number], children=children)
    elif number == _INT:
        kind = Type(f"{'int' if detail.number(1, 'b') else 'uint'}{detail.number(0, 'i')}")
    elif number == _FLOAT:
        kind = Type(f"float{16 << detail.number(0, 'h') if 0 <= detail.number(0, 'h') < 3 else 0}")
    elif number == _TIMESTAMP:
        unit = {_MICROSECOND: "us", _NANOSECOND: "ns"}.get(detail.number(0, "h"), "other unit")
        kind = Type(f"timestamp_{unit}", zone=detail.text(1))
    elif number == _DATE:
        kind = Type("date32" if detail.number(0, "h", 1) == 0 else "date64")
    elif number == _DURATION:
        kind = Type("duration_us" if detail.number(0, "h", 1) == _MICROSECOND else "duration of other unit")
    elif number == _TIME:
        kind = Type("time64_us" if detail.number(0, "h", 1) == _MICROSECOND else "time of other unit")
    elif number == _FIXED_SIZE_LIST:
        kind = Type("fixed_size_list", size=detail.number(0, "i"), children=children)
    else:
        kind = Type(_REFUSED.get(number, f"number {number}"))
    _check_type(kind)
    return kind


def _check_type(kind: Type) -> None:
    name = kind.kind
    if name == "struct":
        if not kind.children:
            raise StreamError("a struct has no fields")
    elif name in {"list", "large_list", "fixed_size_list"}:
        if len(kind.children) != 1 or (name == "fixed_size_list" and kind.size < 1):
            raise StreamError(f"a {name} needs one child and elements")
    elif name != "bool" and name not in WIDTHS and name not in OFFSETS:
        raise StreamError(f"type {name} is not in profile P1")


def _read_field(table: fb.Table, depth: int) -> Field:
    if depth > _MAX_DEPTH:
        raise StreamError(f"types are nested deeper than {_MAX_DEPTH} levels")
    if table.has(4):
        raise StreamError("dictionary-encoded columns are not in profile P1")
    children = tuple(_read_field(child, depth + 1) for child in table.tables(5))
    return Field(table.text(0), _read_type(table, children), bool(table.number(1, "b")))


class _BatchReader:
    """Takes the columns of one batch from its nodes and buffers, in order.

    Args:
        header: The table of the batch.
        body: The bytes that follow the message.
    """

    def __init__(self, header: fb.Table, body: memoryview) -> None:
        if header.has(3):
            raise StreamError("compressed data are not in profile P1")
        self.length = header.number(0, "q")
        self._nodes = iter(header.pairs(1))
        self._buffers = iter(header.pairs(2))
        self._body = body
        self._end = 0

    def _buffer(self) -> memoryview:
        offset, size = next(self._buffers, (-1, -1))
        if offset < 0 or size < 0 or offset + size > len(self._body) or (size and offset < self._end):
            raise StreamError("a buffer is missing, outside of the data, or overlaps another one")
        if size == 0:
            return self._body[:0]
        self._end = offset + size
        return self._body[offset : offset + size]

    def _data(self, needed: int) -> memoryview:
        buffer = self._buffer()
        if len(buffer) < needed:
            raise StreamError(f"a buffer has {len(buffer)} bytes where {needed} are needed")
        return buffer[:needed]

    def _validity(self, length: int, nulls: int) -> memoryview:
        if nulls == 0:
            return self._buffer()[:0]
        bitmap = self._data((length + 7) // 8)
        present = int.from_bytes(bitmap, "little") & ((1 << length) - 1)
        if length - present.bit_count() != nulls:
            raise StreamError("a count of nulls does not fit its bitmap")
        return bitmap

    def column(self, kind: Type, expected: int | None = None) -> Column:
        """Takes the next column.

        Args:
            kind: Its type.
            expected: Number of rows that it must have. `None`: any.

        Raises:
            StreamError: Nodes, buffers and type do not fit each other.
        """
        length, nulls = next(self._nodes, (-1, -1))
        if length < 0 or not 0 <= nulls <= length or expected not in (None, length):
            raise StreamError("a column has a wrong number of rows")
        if kind.kind == "struct" and nulls:
            raise StreamError("a struct has null rows")
        validity = self._validity(length, nulls)
        if kind.kind == "struct":
            children = tuple(self.column(child.type, length) for child in kind.children)
            return Column(kind, length, 0, validity, (), children)
        if kind.kind == "fixed_size_list":
            child = self.column(kind.children[0].type, length * kind.size)
            return Column(kind, length, nulls, validity, (), (child,))
        if kind.kind in OFFSETS:
            return self._with_offsets(kind, length, nulls, validity)
        needed = (length + 7) // 8 if kind.kind == "bool" else length * WIDTHS[kind.kind]
        return Column(kind, length, nulls, validity, (self._data(needed),))

    def _with_offsets(self, kind: Type, length: int, nulls: int, validity: memoryview) -> Column:
        width = OFFSETS[kind.kind]
        offsets = self._data((length + 1) * width if length else 0)
        first, last = (
            (int.from_bytes(offsets[:width], "little"), int.from_bytes(offsets[-width:], "little"))
            if length
            else (0, 0)
        )
        if first != 0:
            raise StreamError("offsets do not start at 0")
        if kind.children:
            child = self.column(kind.children[0].type)
            if child.length < last:
                raise StreamError("an offset points behind the elements of a list")
            return Column(kind, length, nulls, validity, (offsets,), (child,))
        return Column(kind, length, nulls, validity, (offsets, self._data(last)))

    def finish(self) -> None:
        """Checks that nothing is left over."""
        if next(self._nodes, None) is not None or next(self._buffers, None) is not None:
            raise StreamError("a batch has more data than its schema says")


def _metadata(data: memoryview, position: int) -> memoryview:
    """Gives the metadata of the message at a place in the stream: nothing at the end mark."""
    if position + 8 > len(data) or bytes(data[position : position + 4]) != _CONTINUATION:
        raise StreamError("a message has no frame, or the end mark is missing")
    start = position + 8
    size = int.from_bytes(data[position + 4 : start], "little")
    if start + size > len(data):
        raise StreamError("a message is cut off")
    return data[start : start + size]


def _message_parts(metadata: bytes | memoryview) -> tuple[int, fb.Table, int]:
    """Opens the metadata of a message: its kind, its header, and the size of the body that follows."""
    message = fb.Buffer(metadata).root()
    length = message.number(3, "q")
    if message.number(0, "h") != 4:
        raise StreamError("a message is not of metadata version 5")
    header = message.table(2)
    if header is None or length < 0:
        raise StreamError("a message has no header, or its data are cut off")
    return message.number(1, "B"), header, length


def _read_schema(metadata: bytes) -> tuple[tuple[Field, ...], int]:
    """Reads the metadata of the first message: the schema, and the size of the body that follows."""
    kind, header, length = _message_parts(metadata) if metadata else (0, None, 0)
    if kind != _SCHEMA or header is None or header.number(0, "h") != 0:
        raise StreamError("the stream does not start with a little-endian schema")
    return tuple(_read_field(table, 1) for table in header.tables(1)), length


_read_known_schema: Final = lru_cache(maxsize=256)(_read_schema)
"""Does so once for each of the short schemas, of which there are few."""

_SHORT: Final = 512


def read(data: Bytes) -> Stream:
    """Finds the columns of a stream, without copying their data.

    Offsets between the first and the last one, and text, are not looked at: whoever uses them checks them.

    Args:
        data: All bytes of the stream.

    Returns:
        The schema and the batches. Buffers are views of `data`.

    Raises:
        StreamError: The bytes are not a stream of profile P1.
    """
    view = memoryview(data).cast("B")
    try:
        metadata = _metadata(view, 0)
        read_schema = _read_known_schema if len(metadata) <= _SHORT else _read_schema
        fields, length = read_schema(bytes(metadata))
        position = 8 + len(metadata) + length
        batches = []
        rows = 0
        while metadata := _metadata(view, position):
            kind, header, length = _message_parts(metadata)
            start = position + 8 + len(metadata)
            position = start + length
            if position > len(view):
                raise StreamError("a message has no header, or its data are cut off")
            if kind != _RECORD_BATCH:
                raise StreamError("the stream holds something that is not a record batch")
            reader = _BatchReader(header, view[start:position])
            rows += reader.length
            if reader.length < 0 or rows > _MAX_ROWS:
                raise StreamError("a batch has a wrong number of rows")
            batches.append(tuple(reader.column(column.type, reader.length) for column in fields))
            reader.finish()
    except fb.FlatbufferError as error:
        raise StreamError(str(error)) from error
    return Stream(fields, tuple(batches))
