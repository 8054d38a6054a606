from __future__ import annotations

import struct

import pytest
from instep.values import _flatbuffer as fb


def test_table_read_back_gives_its_fields() -> None:
    data = fb.build(
        fb.table(
            (0, "h", -3),
            (2, "q", 2**40),
            (3, "o", fb.text("grüße")),
            (4, "o", fb.pairs([(1, 2), (3, -4)])),
            (5, "o", fb.references([fb.table((0, "b", 7)), fb.table()])),
        )
    )
    root = fb.Buffer(data).root()
    assert len(data) % 8 == 0
    assert (root.number(0, "h"), root.number(2, "q"), root.text(3)) == (-3, 2**40, "grüße")
    assert root.pairs(4) == [(1, 2), (3, -4)]
    assert [table.number(0, "b", 9) for table in root.tables(5)] == [7, 9]


def test_absent_field_gives_default() -> None:
    root = fb.Buffer(fb.build(fb.table((3, "i", 1)))).root()
    assert (root.number(0, "i", 5), root.number(8, "i", 6)) == (5, 6)
    assert (root.has(0), root.table(1), root.tables(2), root.pairs(9), root.text(1)) == (
        False,
        None,
        [],
        [],
        "",
    )


@pytest.mark.parametrize("cut", range(0, 40, 4))
def test_truncated_buffer_is_refused(cut: int) -> None:
    data = fb.build(fb.table((0, "o", fb.text("a longer text than that"))))
    with pytest.raises(fb.FlatbufferError):
        fb.Buffer(data[:cut]).root().text(0)


def test_text_that_is_not_utf8_is_refused() -> None:
    data = fb.build(fb.table((0, "o", fb.text("abcd")))).replace(b"abcd", b"ab\xff\xfe")
    with pytest.raises(fb.FlatbufferError, match="UTF-8"):
        fb.Buffer(data).root().text(0)


def test_tables_that_share_tables_do_not_take_long() -> None:
    """Both references of a table lead to the same next one: followed one by one that is 2^40 visits."""
    levels = 40
    width = 32  # vtable 8, table 8, vector of two references 12, padding 4
    data = bytearray(8 + levels * width + width)
    struct.pack_into("<I", data, 0, 8 + 8)
    for level in range(levels + 1):
        vtable = 8 + level * width
        table, vector = vtable + 8, vtable + 16
        struct.pack_into("<3H", data, vtable, 6, 8, 4)
        struct.pack_into("<iI", data, table, 8, vector - table - 4)
        count = 2 if level < levels else 0
        struct.pack_into("<I", data, vector, count)
        for reference in range(count):
            at = vector + 4 + 4 * reference
            struct.pack_into("<I", data, at, table + width - at)

    def visit(table: fb.Table) -> None:
        for child in table.tables(0):
            visit(child)

    with pytest.raises(fb.FlatbufferError, match="too often"):
        visit(fb.Buffer(bytes(data)).root())
