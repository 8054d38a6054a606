"""Changes to parts as Arrow streams: lies about a sound one, changed words of its metadata, other batches."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from instep.values import _flatbuffer as fb
from instep.values import _stream as arrow
from values.fuzz.messages import LARGE

_KINDS = [*arrow.WIDTHS, *arrow.OFFSETS, "bool", "struct", "fixed_size_list"]
_TEXTS = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\0", "\u00fc".encode()[:1]]


def change(rng: random.Random, data: bytes) -> tuple[str, bytes]:
    """Changes a stream in one way; other bytes in any. Gives the name of the change, and the bytes."""
    try:
        sound = arrow.read(data)
    except (arrow.StreamError, OverflowError, ValueError):  # changed before
        sound = None
    name, way = rng.choice(_WAYS)
    if sound is None:
        return "words", _words(rng, data)
    return name, way(rng, data, sound)


# Lies: the stream is well formed, and says what is not so.


def _lie(rng: random.Random, data: bytes, stream: arrow.Stream) -> bytes:
    batch = (
        list(stream.batches[0]) if stream.batches else [arrow.empty(field.type) for field in stream.fields]
    )
    if not batch:
        return data
    at = rng.randrange(len(batch))
    batch[at] = _change_column(rng, batch[at])
    if rng.random() < 0.1:
        batch[0] = replace(batch[0], length=rng.choice(LARGE))  # the number of rows of the batch, too
    try:
        return _written(stream.fields, batch)
    except (struct.error, OverflowError, KeyError):  # the writer can't say that
        return data


def _written(fields: Any, batch: list[arrow.Column]) -> bytes:
    return b"".join(bytes(piece) for piece in arrow.write(fields, batch))


def _change_column(rng: random.Random, column: arrow.Column) -> arrow.Column:
    if column.children and rng.random() < 0.6:
        children = list(column.children)
        at = rng.randrange(len(children))
        children[at] = _change_column(rng, children[at])
        return replace(column, children=tuple(children))
    return rng.choice(_COLUMN_CHANGES)(rng, column)


def _change_length(rng: random.Random, column: arrow.Column) -> arrow.Column:
    return replace(column, length=_near(rng, column.length))


def _change_nulls(rng: random.Random, column: arrow.Column) -> arrow.Column:
    return replace(column, nulls=_near(rng, column.nulls))


def _change_validity(rng: random.Random, column: arrow.Column) -> arrow.Column:
    bits = rng.randbytes(rng.choice([0, 1, (max(column.length, 0) + 7) // 8 % 4096]))
    length = min(max(column.length, 0), 8 * len(bits))
    present = (int.from_bytes(bits, "little") & ((1 << length) - 1)).bit_count()
    return replace(column, validity=bits, nulls=length - present if rng.random() < 0.7 else column.nulls)


def _change_buffer(rng: random.Random, column: arrow.Column) -> arrow.Column:
    if not column.buffers:
        return column
    buffers = [bytes(buffer) for buffer in column.buffers]
    at = rng.randrange(len(buffers))
    buffers[at] = _bytes(rng, buffers[at], arrow.OFFSETS.get(column.type.kind, 8))
    return replace(column, buffers=tuple(buffers))


def _bytes(rng: random.Random, data: bytes, width: int) -> bytes:
    changed = bytearray(data)
    choice = rng.randrange(5)
    if choice == 0 or not changed:
        return bytes(changed[: rng.randrange(len(changed) + 1)])
    at = rng.randrange(0, len(changed), width)
    if choice == 1:
        number = rng.choice(LARGE) & ((1 << 8 * width) - 1)
        changed[at : at + width] = number.to_bytes(width, "little")
    elif choice == 2:
        old = int.from_bytes(changed[at : at + width], "little", signed=True)
        number = (old + rng.choice([-8, -1, 1, 8])) & ((1 << 8 * width) - 1)
        changed[at : at + width] = number.to_bytes(width, "little")
    elif choice == 3:
        text = rng.choice(_TEXTS)
        at = rng.randrange(len(changed))
        changed[at : at + len(text)] = text
    else:
        changed += rng.randbytes(rng.randrange(1, 40))
    return bytes(changed)


def _change_children(rng: random.Random, column: arrow.Column) -> arrow.Column:
    if not column.children:
        return column
    children = list(column.children)
    if rng.random() < 0.5:
        children.pop()
    else:
        children.append(children[0])
    return replace(column, children=tuple(children))


_COLUMN_CHANGES: list[Callable[[random.Random, arrow.Column], arrow.Column]] = [
    _change_length, _change_nulls, _change_validity, _change_buffer, _change_buffer, _change_children,
]  # fmt: skip


def _near(rng: random.Random, number: int) -> int:
    return rng.choice([number - 1, number + 1, -number, 0, 2 * number, rng.choice(LARGE)])


def _schema(rng: random.Random, data: bytes, stream: arrow.Stream) -> bytes:
    """Gives a field another type, name or nesting, over the same data."""
    if not stream.fields:
        return data
    fields = list(stream.fields)
    at = rng.randrange(len(fields))
    kind = _change_type(rng, fields[at].type)
    fields[at] = replace(
        fields[at], type=kind, nullable=rng.random() < 0.7, name=rng.choice(["v", "", "x" * 200])
    )
    if rng.random() < 0.1:
        fields.append(fields[0])
    try:
        return _written(fields, list(stream.batches[0]) if stream.batches else [])
    except (struct.error, OverflowError, KeyError):
        return data


def _change_type(rng: random.Random, kind: arrow.Type) -> arrow.Type:
    if kind.children and rng.random() < 0.5:
        children = list(kind.children)
        at = rng.randrange(len(children))
        children[at] = replace(children[at], type=_change_type(rng, children[at].type))
        return replace(kind, children=tuple(children))
    if rng.random() < 0.2:
        for _ in range(rng.choice([1, 2, 30, 33, 64, 66, 200])):
            kind = arrow.Type(
                rng.choice(["list", "large_list", "struct"]), children=(arrow.Field("v", kind),)
            )
        return kind
    changed = replace(kind, kind=rng.choice(_KINDS), size=rng.choice([0, 1, 2, -1, 2**31 - 1]))
    if rng.random() < 0.2:
        changed = replace(changed, zone=rng.choice(["UTC", "Europe/Berlin", "nowhere", ""]))
    return changed


# Frames: messages of a stream, as they are.


def frames(data: bytes) -> list[tuple[int, int, int]]:
    """Finds the messages of a sound stream: where each starts, where its body starts, where it ends."""
    found = []
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if size == 0 or at + 8 + size > len(data):
            break
        body = _body_length(data[at + 8 : at + 8 + size])
        if body < 0 or at + 8 + size + body > len(data):
            break
        found.append((at, at + 8 + size, at + 8 + size + body))
        at = found[-1][2]
    return found


def _body_length(metadata: bytes) -> int:
    try:
        return fb.Buffer(metadata).root().number(3, "q")
    except fb.FlatbufferError:
        return -1


def _batches(rng: random.Random, data: bytes, stream: arrow.Stream) -> bytes:
    """Doubles, drops, swaps or cuts messages."""
    messages = [data[start:end] for start, _, end in frames(data)]
    if not messages:
        return data
    choice = rng.randrange(5)
    if choice == 0:
        messages.insert(rng.randrange(len(messages) + 1), rng.choice(messages))
    elif choice == 1:
        del messages[rng.randrange(len(messages))]
    elif choice == 2:
        rng.shuffle(messages)
    elif choice == 3:
        messages += [messages[-1]] * rng.randrange(1, 6)
    end = b"" if choice == 4 else b"\xff\xff\xff\xff\0\0\0\0"
    return b"".join(messages) + end


def _metadata(rng: random.Random, data: bytes, stream: arrow.Stream) -> bytes:
    """Changes an aligned word of a message's metadata, or of its frame."""
    found = frames(data)
    if not found:
        return data
    start, body, _ = rng.choice(found)
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        width = rng.choice([1, 2, 4, 8])
        at = rng.randrange(start, body - width + 1, width)
        old = int.from_bytes(changed[at : at + width], "little", signed=True)
        number = rng.choice([old + 1, old - 1, old + 4, old - 8, 2 * old, -old, rng.choice(LARGE)])
        changed[at : at + width] = (number & ((1 << 8 * width) - 1)).to_bytes(width, "little")
    return bytes(changed)


def _words(rng: random.Random, data: bytes, stream: arrow.Stream | None = None) -> bytes:
    """Changes, inserts or deletes bytes anywhere."""
    return any_bytes(rng, data)


def any_bytes(rng: random.Random, data: bytes) -> bytes:
    """Changes bytes of any kind: bits, bytes, words; deletes, doubles, cuts off."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        if not changed:
            break
        at = rng.randrange(len(changed))
        choice = rng.randrange(7)
        if choice == 0:
            changed[at] = rng.randrange(256)
        elif choice == 1:
            changed[at] ^= 1 << rng.randrange(8)
        elif choice == 2:
            width = rng.choice([2, 4, 8])
            number = rng.choice(LARGE) & ((1 << 8 * width) - 1)
            changed[at : at + width] = number.to_bytes(width, "little")
        elif choice == 3:
            del changed[at : at + rng.randrange(1, 9)]
        elif choice == 4:
            changed[at:at] = changed[at : at + rng.randrange(1, 65)]
        elif choice == 5:
            changed[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif rng.random() < 0.3:
            del changed[at:]
    return bytes(changed)


_WAYS: list[tuple[str, Callable[[random.Random, bytes, arrow.Stream], bytes]]] = [
    ("lie", _lie), ("lie", _lie), ("schema", _schema), ("batches", _batches), ("metadata", _metadata),
    ("metadata", _metadata), ("words", _words),
]  # fmt: skip
