from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instep.values._column import ColumnBuilder, bitmap, bits, values
from instep.values._stream import Column, StreamError, Type


@given(st.binary().map(lambda data: bytes(byte & 1 for byte in data)))
def test_bitmap_unpacks_to_what_was_packed(rows: bytes) -> None:
    packed = bitmap(rows)
    assert bits(packed, len(rows)) == rows
    assert packed == np.packbits(np.frombuffer(rows, np.uint8), bitorder="little").tobytes()


def test_nulls_have_zero_bytes() -> None:
    builder = ColumnBuilder(Type("int32"))
    builder.extend([7, None])
    assert bytes(builder.column().buffers[0]) == struct.pack("<2i", 7, 0)


def test_number_out_of_range_changes_nothing() -> None:
    builder = ColumnBuilder(Type("int64"))
    with pytest.raises(struct.error):
        builder.extend([None, 2**63])
    builder.append(1)
    assert values(builder.column()) == [1]


def test_packed_rows_follow_plain_ones() -> None:
    builder = ColumnBuilder(Type("int16"))
    builder.append(1)
    assert builder.extend_packed(np.array([2, 0], "int16").data.cast("B"), 2, [1]) == 1
    assert values(builder.column()) == [1, 2, None]


def test_offsets_that_go_backwards_are_refused() -> None:
    column = Column(Type("utf8"), 2, 0, b"", (struct.pack("<3i", 0, 3, 2), b"abc"))
    with pytest.raises(StreamError, match="backwards"):
        values(column)


def test_text_that_is_not_utf8_is_refused() -> None:
    column = Column(Type("utf8"), 1, 0, b"", (struct.pack("<2i", 0, 1), b"\xff"))
    with pytest.raises(StreamError, match="UTF-8"):
        values(column)
