from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from instep.values import LossWarning, encode
from instep.values._arrow import ProfileError, array_of, column_of
from instep.values._stream import Field, read, write

TABLE = pa.table(
    {
        "i": pa.array([1, None], pa.int16()),
        "s": ["x", None],
        "large": pa.array(["x", None], pa.large_string()),
        "view": pa.array(["x", None], pa.string_view()),
        "dec": [Decimal("1.10"), None],
        "dict": pa.array(["a", None]).dictionary_encode(),
        "list": [[1], None],
        "ms": pa.array([1, None], pa.timestamp("ms", "UTC")),
        "zone": pa.array([1, None], pa.timestamp("ns", "Asia/Tokyo")),
        "date64": pa.array([86_400_000, None], pa.date64()),
        "time": pa.array([1, None], pa.time32("s")),
        "fixed": pa.array([b"ab", None], pa.binary(2)),
        "binary": [b"a", None],
        "null": pa.nulls(2),
        "struct": [{"a": 1}, {"a": None}],
    }
)


def test_table_comes_back_equal(round_trip: Any) -> None:
    assert encode(TABLE).portable
    found = round_trip(TABLE)
    assert found.schema == TABLE.schema
    assert found.equals(TABLE)


@pytest.mark.parametrize("table", [TABLE.slice(1), TABLE.slice(0, 0), pa.table({})])
def test_part_of_a_table_comes_back_equal(round_trip: Any, table: pa.Table) -> None:
    assert round_trip(table).equals(table)


def test_table_with_doubled_labels_comes_back(round_trip: Any) -> None:
    table = pa.table([[1], [2]], names=["a", "a"])
    assert round_trip(table).equals(table)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pa.table({"m": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8()))}), "map"),
        (pa.table({"s": pa.array([{"a": 1}, None])}), "null rows"),
        (pa.table({"a": [1]}).replace_schema_metadata({"k": "v"}), "metadata"),
        (pa.table({"t": pa.array([1], pa.time64("ns"))}), "microseconds"),
        (pa.table({"d": pa.array([1, 2]).dictionary_encode()}), "dictionary"),
    ],
)
def test_detail_that_does_not_come_back_is_a_loss(table: pa.Table, words: str) -> None:
    with pytest.warns(LossWarning, match=words):
        encode(table)


ARRAYS = [
    pa.array([1, None, 3, None]),
    pa.array([True, None, False, True]),
    pa.array(["a", None, "", "bcd"]),
    pa.array([[1, None], None, [], [2]]),
    pa.array([["a"], None, [], ["b", None]], pa.large_list(pa.string())),
    pa.array([{"a": 1, "b": [None]}, {"a": None, "b": []}, {"a": 3, "b": None}, {"a": 4, "b": [1]}]),
    pa.array([[1, 2], None, [3, 4], [5, None]], pa.list_(pa.int8(), 2)),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.type))
@pytest.mark.parametrize(("start", "length"), [(0, 4), (1, 3), (1, 2), (3, 1), (2, 0)])
def test_slice_of_an_array_is_brought_to_canonical_form(array: pa.Array, start: int, length: int) -> None:
    cut = array.slice(start, length)
    columns = [column_of(cut)]
    data = b"".join(bytes(piece) for piece in write([Field("v", columns[0].type)], columns))
    assert pa.ipc.open_stream(data).read_all().column(0).to_pylist() == cut.to_pylist()
    stream = read(data)
    found = array_of([batch[0] for batch in stream.batches], stream.fields[0].type)
    assert found.equals(cut)
    again = column_of(pa.array(cut.to_pylist(), cut.type))
    assert b"".join(bytes(piece) for piece in write([Field("v", again.type)], [again])) == data


def test_type_outside_of_the_profile_is_refused() -> None:
    with pytest.raises(ProfileError, match="month_day_nano"):
        column_of(pa.nulls(1, pa.month_day_nano_interval()))
