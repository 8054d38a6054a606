from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instep.values import (
    NA,
    NA_FLOAT,
    LossWarning,
    NamedList,
    ValueDecodeError,
    ValueEncodeError,
    decode,
    encode,
)
from instep_proto.v1 import value_pb2 as pb

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(max_size=8)
)
KEYS = st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.tuples(st.integers(), st.text()))
VALUES: Any = st.recursive(
    LEAVES
    | st.sets(st.integers() | st.text())
    | st.frozensets(st.none() | st.booleans() | st.binary(max_size=3)),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(KEYS, inner)
    ),
    max_leaves=25,
)


def shape(value: object) -> object:
    """Describes a value with the types inside, so that 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return dict, [(shape(key), shape(element)) for key, element in value.items()]
    if isinstance(value, set | frozenset):
        return type(value), value, sorted(map(repr, map(type, value)))
    if isinstance(value, list | tuple):
        return type(value), [shape(element) for element in value]
    return type(value), value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES)
def test_container_comes_back_equal_in_types_and_values(round_trip: Any, value: object) -> None:
    assert shape(round_trip(value)) == shape(value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES)
def test_encoding_twice_gives_the_same_digest(value: object) -> None:
    """I18."""
    assert encode(value).digest == encode(value).digest


def kind_of(value: object) -> str:
    return str(pb.Manifest.FromString(encode(value).manifest).nodes[0].WhichOneof("kind"))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([1, 2, None], "vector"),
        (["a"], "vector"),
        ((True, False), "vector"),
        ({1.5, 2.5}, "vector"),
        ([2**70, 1], "vector"),
        ([1, 2.5], "seq"),
        ([True, 1], "seq"),
        (["a", b"b"], "seq"),
        ([None, None], "seq"),
        ([], "seq"),
        ({"a": 1}, "record"),
        ({}, "record"),
        ({1: "a"}, "pairs"),
        ({"a": 1, None: 2}, "pairs"),
    ],
)
def test_container_is_stored_as_its_kind(value: object, kind: str) -> None:
    assert kind_of(value) == kind


def test_list_of_floats_keeps_na_and_none_apart(round_trip: Any) -> None:
    assert repr(round_trip([1.0, NA_FLOAT])) == "[1.0, nan]"
    assert round_trip([1.0, None]) == [1.0, None]
    mixed = round_trip([NA_FLOAT, None, 1.0])
    assert mixed[1] is None
    assert mixed[0] != mixed[0]


def test_missing_scalar_in_a_list_stays_one(round_trip: Any) -> None:
    assert round_trip([True, NA]) == [True, NA]


def test_set_gives_the_same_bytes_whatever_the_order_of_its_elements() -> None:
    assert encode({"b", "a", "c"}).digest == encode({"c", "b", "a"}).digest
    assert encode({1, "a", (2, 3)}).digest == encode({(2, 3), "a", 1}).digest


def test_named_list_keeps_names_that_a_dict_cannot_have(round_trip: Any) -> None:
    value = NamedList([1, 2, 3, 4], ["a", "", None, "a"])
    assert round_trip(value) == value
    assert round_trip({"": 1}) == {"": 1}


def test_subclass_is_pickled_and_not_flattened(round_trip: Any) -> None:
    class Text(str):
        __slots__ = ()

    assert type(round_trip(OrderedDict(a=1))) is OrderedDict
    assert not encode(Text("a")).portable
    assert not encode(time.gmtime(0)).portable


@pytest.mark.parametrize("depth", [200, 253])
def test_deep_list_comes_back(round_trip: Any, depth: int) -> None:
    value: list[Any] = []
    for _ in range(depth):
        value = [value, 1]
    assert round_trip(value) == value


def test_list_that_is_too_deep_is_pickled_with_a_loss(round_trip: Any) -> None:
    value: list[Any] = []
    for _ in range(300):
        value = [value]
    with pytest.warns(LossWarning, match="256 levels"):
        assert round_trip(value) == value


def test_list_of_more_than_a_million_elements_of_different_types_is_pickled_with_a_loss() -> None:
    value: list[Any] = [1, "a"] * 500_000
    with pytest.warns(
        LossWarning, match="more than 1,000,000 elements .* self.value\\[[0-9]+\\] is one too many"
    ):
        assert not encode(value).portable
    with pytest.raises(ValueEncodeError, match="NOT_PORTABLE"):
        encode(value, on_loss="error")
    assert encode([1] * 1_000_001).portable


def test_list_that_holds_itself_is_pickled_with_a_loss(round_trip: Any) -> None:
    value: list[Any] = [1]
    value.append(value)
    with pytest.warns(LossWarning, match=r"self\.x\[1\] holds itself"):
        found = round_trip(value, name="x")
    assert found[1] is found


def test_ten_thousand_records_share_their_columns() -> None:
    records = [{"id": i, "name": f"n{i}", "x": i / 3, "ok": i % 2 == 0, "t": [1, 2]} for i in range(10_000)]
    encoded = encode(records, inline=True)
    found = decode(encoded.manifest, lambda digest, size: b"")
    assert found == records
    assert len(pb.Manifest.FromString(encoded.manifest).parts) == 4


def manifest_of(value: object) -> pb.Manifest:
    return pb.Manifest.FromString(encode(value, inline=True).manifest)


def refused(manifest: pb.Manifest) -> ValueDecodeError:
    with pytest.raises(ValueDecodeError) as caught:
        decode(manifest.SerializeToString(), lambda digest, size: b"")
    return caught.value


def test_child_before_its_parent_is_refused() -> None:
    manifest = manifest_of([1, "a"])
    manifest.nodes[0].seq.values[1] = 0
    assert "node 0 names node 0" in str(refused(manifest))


def test_child_that_does_not_exist_is_refused() -> None:
    manifest = manifest_of({"a": [1, "a"]})
    manifest.nodes[1].seq.values[1] = 99
    assert refused(manifest).path == 'value["a"][1]'


def doubled(levels: int) -> pb.Manifest:
    """Lists that each name the next one twice."""
    manifest = pb.Manifest(format=1)
    for index in range(levels):
        manifest.nodes.add(seq=pb.Seq(values=[index + 1, index + 1]))
    manifest.nodes.add(null=pb.Null())
    return manifest


def test_nodes_that_share_children_are_read_once() -> None:
    found: Any = decode(doubled(18).SerializeToString(), lambda digest, size: b"")
    for _ in range(18):
        assert found[0] is found[1]
        found = found[1]
    assert found is None


def test_nodes_count_as_often_as_they_are_named() -> None:
    """Read one by one these are 2^200 lists: whoever prints or stores the value would never end."""
    assert "as often as they are named" in str(refused(doubled(200)))


def test_manifest_that_is_too_deep_is_refused() -> None:
    manifest = pb.Manifest(format=1)
    for index in range(300):
        manifest.nodes.add(seq=pb.Seq(values=[index + 1]))
    manifest.nodes.add(null=pb.Null())
    assert "256 levels" in str(refused(manifest))


def test_rows_that_two_nodes_take_are_refused() -> None:
    manifest = manifest_of([1, "a", 2])
    manifest.nodes[3].vector.start = 0
    manifest.nodes[3].vector.count = 2
    manifest.nodes[3].vector.shape = pb.SHAPE_VECTOR
    assert "share rows" in str(refused(manifest))


def test_unknown_family_is_refused() -> None:
    manifest = manifest_of((1, "a"))
    manifest.nodes[0].seq.family = "deque"
    assert "deque" in str(refused(manifest))


def test_set_with_a_list_inside_is_refused() -> None:
    manifest = manifest_of([[1], "a"])
    manifest.nodes[0].seq.family = "set"
    assert "cannot be in one" in str(refused(manifest))


def test_key_that_was_a_tuple_is_one_again_after_r() -> None:
    """R has neither tuples nor dicts: a pair of numbers comes back as a vector."""
    import numpy as np

    for key in ([1, "a"], np.array([1, 2])):
        manifest = manifest_of([key, 5])
        manifest.nodes[0].pairs.keys.append(1)
        manifest.nodes[0].pairs.values.append(len(manifest.nodes) - 1)
        found = decode(manifest.SerializeToString(), lambda digest, size: b"")
        assert found == {tuple(key): 5}


def test_dict_with_a_key_twice_is_refused() -> None:
    manifest = manifest_of({1: "a", 2: "b"})
    manifest.nodes[0].pairs.keys[1] = manifest.nodes[0].pairs.keys[0]
    assert "twice" in str(refused(manifest))


def test_record_with_too_few_names_is_refused() -> None:
    manifest = manifest_of({"a": 1, "b": 2})
    del manifest.nodes[0].record.names[0]
    assert "as many names" in str(refused(manifest))
