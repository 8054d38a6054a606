"""Manifests that nobody should have written: each breaks one rule of the format, and both languages must refuse it.

A case is made by changing what was stored of a sound value. All bytes are in the manifest.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import pandas as pd
import pyarrow as pa
from instep_proto.v1 import value_pb2 as pb
from values.peer import stored

HUGE = 2**60
ROWS = 12_345
"""A number of rows that stands nowhere in a stream for anything else."""

Change = Callable[[pb.Manifest], None]


def changed(value: object, change: Change) -> bytes:
    """Stores a value and changes the manifest."""
    manifest = pb.Manifest.FromString(stored(value))
    change(manifest)
    return manifest.SerializeToString(deterministic=True)


def with_bytes(value: object, old: bytes, new: bytes) -> bytes:
    """Stores a value and replaces bytes of its parts, by as many."""
    assert len(old) == len(new)

    def change(manifest: pb.Manifest) -> None:
        assert any(old in part.inline for part in manifest.parts)
        for part in manifest.parts:
            part.inline = part.inline.replace(old, new)

    return changed(value, change)


def _child(index: int) -> Change:
    def change(manifest: pb.Manifest) -> None:
        manifest.nodes[1].seq.values[0] = index

    return change


def _vector(**fields: int) -> Change:
    def change(manifest: pb.Manifest) -> None:
        for name, number in fields.items():
            setattr(manifest.nodes[0].vector, name, number)

    return change


def _part(**fields: int) -> Change:
    def change(manifest: pb.Manifest) -> None:
        for name, number in fields.items():
            setattr(manifest.parts[0], name, number)

    return change


def _cut(size: int) -> Change:
    """Cuts the end off the first part, and says so."""

    def change(manifest: pb.Manifest) -> None:
        part = manifest.parts[0]
        part.inline = part.inline[:-size]
        part.length -= size

    return change


def _dims(*dims: int) -> Change:
    def change(manifest: pb.Manifest) -> None:
        node = manifest.nodes[0]
        part, logical = node.vector.part, node.vector.logical
        node.array.part, node.array.logical = part, logical
        node.array.dims.extend(dims)

    return change


def _rows(rows: int) -> Change:
    def change(manifest: pb.Manifest) -> None:
        manifest.nodes[0].table.rows = rows

    return change


def _offsets(*offsets: int) -> bytes:
    return struct.pack(f"<{len(offsets)}i", *offsets)


def _column(change_column: Callable[[pb.Column], object]) -> Change:
    def change(manifest: pb.Manifest) -> None:
        change_column(manifest.nodes[0].table.columns[0])

    return change


def _deep(column: pb.Column) -> None:
    """Puts columns into a column, 50 levels deep."""
    for _ in range(50):
        column.columns.add(logical="struct")
        column = column.columns[-1]


def _stream_of(array: pa.Array) -> Change:
    """Puts another column into the first part, as Arrow itself writes it."""

    def change(manifest: pb.Manifest) -> None:
        batch = pa.record_batch([array], ["x"])
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        manifest.parts[0].inline = sink.getvalue().to_pybytes()
        manifest.parts[0].length = len(manifest.parts[0].inline)

    return change


def _lengths(*lengths: int) -> bytes:
    """Gives the field nodes of a batch without nulls."""
    return b"".join(struct.pack("<qq", length, 0) for length in lengths)


INNER = [[1, "a"], 2]
TEXTS = ["ab", "cd", "ef", "gh"]
SOUND = _offsets(0, 2, 4, 6, 8)
NUMBERS = [float(number) for number in range(ROWS)]
FRAME = pd.DataFrame({"x": [1.5, 2.5], "f": pd.Categorical(["a", "b"])})
RECORDS = pa.table({"x": pa.array([{"a": 1, "b": True}, {"a": 2, "b": False}])})
MANY_RECORDS = pa.table({"x": pa.array([{"a": True, "b": True}] * ROWS)})

CASES: dict[str, bytes] = {
    "empty": b"",
    "no manifest": b"hello",
    "truncated manifest": stored(INNER)[:30],
    "manifest without nodes": pb.Manifest(format=1).SerializeToString(),
    "more than a million nodes": b"\x08\x01" + b"\x12\x02\x0a\x00" * 1_000_001,
    "node that names itself": changed(INNER, _child(1)),
    "node that names its parent": changed(INNER, _child(0)),
    "node beyond the last one": changed(INNER, _child(99)),
    "negative node": changed(INNER, _child(-1)),
    "nodes nested too deep": pb.Manifest(
        format=1,
        nodes=[*(pb.Node(seq=pb.Seq(values=[at + 1])) for at in range(300)), pb.Node(null=pb.Null())],
    ).SerializeToString(),
    "part that does not exist": changed(1.5, _vector(part=7)),
    "names that do not exist": changed(TEXTS, _vector(names=9)),
    "start beyond the part": changed(TEXTS, _vector(start=4)),
    "negative start": changed(TEXTS, _vector(start=-1)),
    "count beyond the part": changed(TEXTS, _vector(count=5)),
    "count of 2^60": changed(TEXTS, _vector(count=HUGE)),
    "start of 2^63 - 1": changed(TEXTS, _vector(start=2**63 - 1)),
    "part longer than its bytes": changed(1.5, _part(length=100_000)),
    "part of 2^60 bytes": changed(1.5, _part(length=HUGE)),
    "part at 2^60": changed(1.5, _part(offset=HUGE)),
    "part of negative length": changed(1.5, _part(length=-1)),
    "truncated part": changed(TEXTS, _cut(40)),
    "array of other dimensions": changed([1.5, 2.5], _dims(3, 1)),
    "array of 2^60 rows": changed([1.5, 2.5], _dims(HUGE, 16)),
    "array of negative dimensions": changed([1.5, 2.5], _dims(-1, -2)),
    "frame of other rows": changed(FRAME, _rows(3)),
    "frame of 2^60 rows": changed(FRAME, _rows(HUGE)),
    "stream of 2^60 rows": with_bytes(NUMBERS, struct.pack("<q", ROWS), struct.pack("<q", HUGE)),
    "stream of negative rows": with_bytes(NUMBERS, struct.pack("<q", ROWS), struct.pack("<q", -1)),
    "text that is not UTF-8": with_bytes(TEXTS, b"abcdefgh", b"ab\xff\xfeefgh"),
    "text cut in a character": with_bytes(["aé", "b"], "aéb".encode(), b"a\xc3b\xa9"),
    "surrogate as UTF-8": with_bytes(["xyz"] * 2, b"xyzxyz", b"\xed\xa0\x80xyz"),
    "offsets that go backwards": with_bytes(TEXTS, SOUND, _offsets(0, 6, 4, 6, 8)),
    "offsets beyond the bytes": with_bytes(TEXTS, SOUND, _offsets(0, 2, 4, 6, 2**31 - 1)),
    "negative offsets": with_bytes(TEXTS, SOUND, _offsets(-8, 2, 4, 6, 8)),
    "factor code without a level": with_bytes(FRAME, _offsets(0, 1), _offsets(0, 7)),
    "struct with null rows": changed(RECORDS, _stream_of(pa.array([{"a": 1, "b": True}, None]))),
    "struct that is no struct": changed(RECORDS, _stream_of(pa.array([1, 2]))),
    "struct with a field that nobody describes": changed(
        RECORDS, _stream_of(pa.array([{"a": 1, "b": True, "c": 1}, {"a": 1, "b": True, "c": 1}]))
    ),
    "struct with fields of other types": changed(RECORDS, _stream_of(pa.array([{"a": "u", "b": True}] * 2))),
    "struct with a column too many": changed(
        RECORDS, _column(lambda column: column.columns.add(logical="int64"))
    ),
    "struct with an index": changed(
        RECORDS, _column(lambda column: setattr(column.columns[0], "index", True))
    ),
    "column of numbers with columns inside": changed(
        FRAME, _column(lambda column: column.columns.add(logical="float64"))
    ),
    "structs nested too deep": changed(RECORDS, _column(_deep)),
    "struct with a short field": with_bytes(
        MANY_RECORDS, _lengths(ROWS, ROWS, ROWS), _lengths(ROWS, ROWS, ROWS - 1)
    ),
    "struct with a long field": with_bytes(
        MANY_RECORDS, _lengths(ROWS, ROWS, ROWS), _lengths(ROWS, ROWS + 1, ROWS)
    ),
}
"""What is broken, and the manifest."""
