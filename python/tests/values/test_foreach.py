from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from instep.values import (
    ForeachError,
    NamedList,
    NamedVector,
    NDArray,
    ValueDecodeError,
    decode_item,
    encode,
    item_count,
)
from instep_proto.v1 import value_pb2 as pb


class Pages:
    """A sequence of the user's own."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> str:
        return "ab"[index]


COLLECTIONS = {
    "list": [1, 2],
    "mixed list": [1, "a", None],
    "tuple": ("x", None),
    "text": "añ",
    "range": range(3, 9, 2),
    "array": np.array([1.5, 2.5]),
    "matrix": np.arange(6).reshape(2, 3),
    "records": [{"a": 1}, {"a": 2}],
    "objects": [Fraction(1, 2), Fraction(1, 3)],
    "own": Pages(),
    "named list": NamedList([1, "a"], ["x", None]),
    "named vector": NamedVector(np.array([1.0, 2.0]), ["a", "b"]),
    "factor": pd.Categorical(["a", "b"]),
    "times": pd.DatetimeIndex(["2024-01-01"], tz="UTC"),
    "dimnames": NDArray(np.arange(4).reshape(2, 2), (["a", "b"], None)),
    "bytes": [b"a", b"bc"],
}


@pytest.mark.parametrize("name", sorted(COLLECTIONS))
def test_each_item_is_what_indexing_gives(name: str, fetch: Any) -> None:
    value: Any = COLLECTIONS[name]
    encoded = encode(value)
    count = item_count(value)
    items = [decode_item(encoded.manifest, index, fetch(encoded)) for index in range(count)]
    for index, item in enumerate(items):
        assert type(item) is type(value[index])
        assert np.array_equal(item, value[index]) if isinstance(item, np.ndarray) else item == value[index]
    with pytest.raises(ForeachError, match=f"Item {count} does not exist"):
        decode_item(encoded.manifest, count, fetch(encoded))
    with pytest.raises(ForeachError):
        decode_item(encoded.manifest, -1, fetch(encoded))


@pytest.mark.parametrize("value", [{"b", "a", "c"}, frozenset([3, 1]), {1, "a", (2, 3)}])
def test_items_of_a_set_come_in_stored_order(value: Any, fetch: Any) -> None:
    encoded = encode(value)
    items = [decode_item(encoded.manifest, index, fetch(encoded)) for index in range(item_count(value))]
    assert set(items) == value
    assert len(items) == len(value)


def test_bare_value_of_r_is_one_item() -> None:
    manifest = pb.Manifest.FromString(encode("Ideal", inline=True).manifest)
    manifest.nodes[0].vector.shape = pb.SHAPE_UNIT
    data = manifest.SerializeToString()
    assert decode_item(data, 0, lambda digest, size: b"") == "Ideal"
    with pytest.raises(ForeachError):
        decode_item(data, 1, lambda digest, size: b"")


def test_only_the_item_is_fetched() -> None:
    """The items of a list are parts of their own when they are large."""
    encoded = encode([np.full(200_000, 1.0), np.full(200_000, 2.0)])
    blobs = {blob.hash: b"".join(bytes(piece) for piece in blob.buffers) for blob in encoded.blobs}
    fetched = []

    def fetch(digest: str, size: int) -> bytes:
        fetched.append(digest)
        return blobs[digest]

    item: Any = decode_item(encoded.manifest, 1, fetch)
    assert item[0] == 2.0
    assert len(fetched) == 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": 1}, "it is a dict"),
        (None, "it is None, which has no items"),
        (5, "it is an int, which has no items"),
        (np.float64(1), "it is a float64"),
        (np.array(5), "without dimensions"),
        (pd.DataFrame({"a": [1]}), "it is a data frame"),
        (pl.DataFrame({"a": [1]}), "it is a data frame"),
        ((number for number in range(3)), "can't be counted"),
    ],
)
def test_value_that_cannot_be_spread_is_refused_with_the_reason(value: object, words: str) -> None:
    with pytest.raises(ForeachError, match=words):
        item_count(value)


def test_empty_collection_has_no_items() -> None:
    empty: list[Any] = [[], "", set(), np.zeros(0), range(0)]
    assert [item_count(value) for value in empty] == [0] * 5


@pytest.mark.parametrize("value", [{1: 2}, 5, None])
def test_item_of_what_has_none_is_refused(value: object) -> None:
    encoded = encode(value, inline=True)
    with pytest.raises(ForeachError):
        decode_item(encoded.manifest, 1, lambda digest, size: b"")


def test_damaged_collection_is_refused() -> None:
    with pytest.raises(ValueDecodeError):
        decode_item(b"nonsense", 0, lambda digest, size: b"")
