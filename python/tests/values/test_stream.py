"""Streams are compared with pyarrow, which is the reference."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instep.values._column import COMPLEX, ColumnBuilder, values
from instep.values._logical import INSTANT_NS, STORED_AS
from instep.values._stream import Column, Field, StreamError, Type, read, write

ARROW = {
    "bool": pa.bool_(),
    "int8": pa.int8(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint64": pa.uint64(),
    "float16": pa.float16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "string": pa.string(),
    "bytes": pa.large_binary(),
    "date": pa.date32(),
    "instant": pa.timestamp("us", "UTC"),
    "naive": pa.timestamp("us"),
    "duration": pa.duration("us"),
    "time": pa.time64("us"),
}

ROWS: dict[str, Any] = {
    "bool": st.booleans(),
    "int8": st.integers(-128, 127),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "float16": st.floats(width=16, allow_nan=False),
    "float32": st.floats(width=32, allow_nan=False),
    "float64": st.floats(allow_nan=False),
    "string": st.text(),
    "bytes": st.binary(),
    "date": st.integers(-(2**31), 2**31 - 1),
    "instant": st.integers(-(2**63), 2**63 - 1),
    "naive": st.integers(-(2**63), 2**63 - 1),
    "duration": st.integers(-(2**63), 2**63 - 1),
    "time": st.integers(0, 86_399_999_999),
}


def stream_of(kind: Type, rows: list[Any]) -> bytes:
    builder = ColumnBuilder(kind)
    builder.extend(rows)
    column = builder.column()
    return b"".join(bytes(piece) for piece in write([Field("v", column.type)], [column]))


def storage(array: pa.Array) -> list[Any]:
    """Gives the numbers that are stored, where Python's own types have less range."""
    if pa.types.is_temporal(array.type):
        width = pa.int32() if pa.types.is_date(array.type) else pa.int64()
        return list(array.view(width).to_pylist())
    return list(array.to_pylist())


@pytest.mark.parametrize("logical", sorted(ARROW))
def test_written_stream_reads_equal_in_pyarrow(logical: str) -> None:
    @given(st.lists(st.none() | ROWS[logical], max_size=40))
    def check(rows: list[Any]) -> None:
        data = stream_of(STORED_AS[logical], rows)
        table = pa.ipc.open_stream(data).read_all()
        table.validate(full=True)
        assert table.schema.field(0).type == ARROW[logical]
        assert [row for chunk in table.column(0).chunks for row in storage(chunk)] == rows
        stream = read(data)
        assert [row for batch in stream.batches for row in values(batch[0])] == rows

    check()


@pytest.mark.parametrize("logical", sorted(ARROW))
def test_stream_of_pyarrow_reads_equal(logical: str) -> None:
    @given(st.lists(st.none() | ROWS[logical], min_size=1, max_size=40))
    def check(rows: list[Any]) -> None:
        kind = ARROW[logical]
        if pa.types.is_temporal(kind):
            array = pa.array(rows, pa.int32() if pa.types.is_date(kind) else pa.int64()).view(kind)
        else:
            array = pa.array(rows, kind)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, pa.schema([("v", kind)])) as writer:
            writer.write_table(pa.table({"v": array}), max_chunksize=7)
        stream = read(sink.getvalue())
        assert stream.fields[0].type == STORED_AS[logical]
        assert [row for batch in stream.batches for row in values(batch[0])] == rows

    check()


def test_complex_column_is_a_struct_without_bitmap() -> None:
    table = pa.ipc.open_stream(stream_of(COMPLEX, [1 + 2j, None])).read_all()
    assert table.column(0).to_pylist() == [{"re": 1.0, "im": 2.0}, {"re": None, "im": None}]
    assert table.column(0).null_count == 0


def test_nanosecond_type_keeps_unit_and_zone() -> None:
    table = pa.ipc.open_stream(stream_of(INSTANT_NS, [1])).read_all()
    assert table.schema.field(0).type == pa.timestamp("ns", "UTC")


def test_large_buffers_are_aligned_and_not_copied() -> None:
    numbers = np.arange(1000.0)
    column = Column(Type("float64"), 1000, 0, b"", (numbers.view(np.uint8).data,))
    pieces = write([Field("v", column.type)], [column])
    assert any(
        np.shares_memory(np.frombuffer(piece, np.uint8), numbers) for piece in pieces if len(piece) == 8000
    )
    data = b"".join(bytes(piece) for piece in pieces)
    assert data.index(numbers.tobytes()) % 64 == 0


def test_no_rows_write_no_batch() -> None:
    assert read(stream_of(Type("int64"), [])).batches == ()


def test_nested_types_of_pyarrow_are_found() -> None:
    table = pa.table(
        {
            "l": [[1, None], None],
            "s": [{"a": "x"}, {"a": None}],
            "f": pa.array([[1, 2]] * 2, pa.list_(pa.int8(), 2)),
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    first, second, third = read(sink.getvalue()).batches[0]
    assert (first.nulls, values(first.children[0])) == (1, [1, None])
    assert values(second.children[0]) == ["x", None]
    assert values(third.children[0]) == [1, 2, 1, 2]


def arrow_stream(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


REFUSED = {
    "null": pa.table({"v": pa.nulls(3)}),
    "dictionary": pa.table({"v": pa.array(["a"]).dictionary_encode()}),
    "date64": pa.table({"v": pa.array([1], pa.date64())}),
    "decimal": pa.table({"v": pa.array([1], pa.decimal128(5))}),
    "map": pa.table({"v": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8()))}),
    "utf8_view": pa.table({"v": pa.array(["a"], pa.string_view())}),
    "other unit": pa.table({"v": pa.array([1], pa.timestamp("ms"))}),
    "null rows": pa.table({"v": pa.array([{"a": 1}, None])}),
    "fixed_size_list": pa.table({"v": pa.array([[]], pa.list_(pa.int8(), 0))}),
    "no fields": pa.table({"v": pa.array([{}], pa.struct([]))}),
}


@pytest.mark.parametrize("word", sorted(REFUSED))
def test_type_outside_of_the_profile_is_refused(word: str) -> None:
    with pytest.raises(StreamError, match=word):
        read(arrow_stream(REFUSED[word]))


def test_compressed_stream_is_refused() -> None:
    table = pa.table({"v": np.zeros(10000)})
    with pytest.raises(StreamError, match="compressed"):
        read(arrow_stream(table, compression="zstd"))


def test_stream_without_end_mark_is_refused() -> None:
    with pytest.raises(StreamError, match="end mark"):
        read(stream_of(Type("int64"), [1])[:-8])


def test_count_of_nulls_that_lies_is_refused() -> None:
    data = bytearray(stream_of(Type("int64"), [1, None]))
    node = data.index(struct.pack("<2q", 2, 1))
    struct.pack_into("<q", data, node + 8, 2)
    with pytest.raises(StreamError, match="bitmap"):
        read(bytes(data))


def test_buffers_that_overlap_are_refused() -> None:
    table = pa.table({"a": np.arange(4), "b": np.arange(4)})
    data = bytearray(arrow_stream(table))
    second = data.index(struct.pack("<4q", 32, 0, 32, 32))
    struct.pack_into("<q", data, second + 16, 0)
    with pytest.raises(StreamError, match="overlaps"):
        read(bytes(data))


@given(st.data())
def test_mutated_stream_reads_or_is_refused(data: st.DataObject) -> None:
    stream = bytearray(stream_of(STORED_AS["string"], ["a", None, "bcd"]))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    try:
        for batch in read(bytes(stream)).batches:
            for column in batch:
                if not column.type.children:
                    values(column)
    except StreamError:
        pass
