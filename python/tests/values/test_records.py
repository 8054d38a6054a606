from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instep.values import ValueEncodeError, decode, encode
from instep.values import _records as records
from instep_proto.v1 import value_pb2 as pb

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
RECORDS = st.dictionaries(st.text(max_size=3), SCALARS, max_size=4)


def _stored(value: object) -> pb.Manifest:
    return pb.Manifest.FromString(encode(value, inline=True).manifest)


def _back(value: object) -> Any:
    return decode(encode(value, inline=True).manifest, lambda digest, size: b"")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(RECORDS, st.integers(1, 20)), max_size=5))
def test_runs_of_records_come_back_in_order(runs: list[tuple[dict[str, object], int]]) -> None:
    value = [dict(record) for record, count in runs for _ in range(count)]
    assert repr(_back(value)) == repr(value)


def test_a_run_is_stored_in_pre_order_with_a_pool_for_each_type() -> None:
    manifest = _stored([{"a": row, "b": row + 100, "c": str(row)} for row in range(records._SHORTEST)])
    assert list(manifest.nodes[0].seq.values) == list(range(1, len(manifest.nodes), 4))
    second = manifest.nodes[5]
    assert list(second.record.values) == [6, 7, 8]
    assert [name.text for name in second.record.names] == ["a", "b", "c"]
    cells = [manifest.nodes[index].vector for index in (6, 7, 8)]
    assert [cell.logical for cell in cells] == ["int64", "int64", "string"]
    assert all(cell.shape == pb.SHAPE_SCALAR and cell.count == 1 for cell in cells)
    assert cells[0].part == cells[1].part != cells[2].part
    assert len(manifest.parts) == 2


@pytest.mark.parametrize(
    "odd",
    [2**70, float("nan"), "x" * 100_000, None, [1], b"a"],
    ids=["bigint", "nan", "long", "none", "list", "bytes"],
)
def test_records_with_something_unusual_come_back_as_well(odd: object) -> None:
    value = [{"a": 1, "b": row} for row in range(20)] + [{"a": 1, "b": odd} for _ in range(20)]
    value[30]["a"] = 2
    assert repr(_back(value)) == repr(value)


def test_text_that_can_not_be_stored_is_named_with_its_place_in_a_run() -> None:
    value = [{"a": "x"} for _ in range(20)]
    value[7]["a"] = "\ud800"
    with pytest.raises(ValueEncodeError) as caught:
        encode(value, name="rows")
    assert caught.value.path == 'self.rows[7]["a"]'
    with pytest.raises(ValueEncodeError, match="surrogate"):
        encode([{"\ud800": 1} for _ in range(20)])


def test_keys_that_are_no_plain_text_are_not_taken_for_text() -> None:
    class Key(str):
        __slots__ = ()

    value = [{Key("a"): 1} if row % 2 else {"a": 1} for row in range(40)]
    assert {type(key) for record in _back(value) for key in record} == {Key, str}


def test_records_at_the_limit_of_depth_are_not_portable_in_any_number() -> None:
    def nested(levels: int) -> object:
        value: object = [{"a": row} for row in range(20)]
        for _ in range(levels):
            value = [value]
        return value

    assert encode(nested(253)).portable
    with pytest.raises(ValueEncodeError, match="NOT_PORTABLE"):
        encode(nested(254), on_loss="error")
