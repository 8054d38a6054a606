from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from instep.values import NamedList, NamedVector, ValueEncodeError, encode
from instep.values._named import TextList


def test_named_list_is_indexed_by_name_and_position() -> None:
    pair = NamedList([1, 2, 3], ["a", "b", "a"])
    pair["b"] = 5
    pair[0] = 4
    assert (pair["a"], pair["b"], pair[2], len(pair)) == (4, 5, 3, 3)
    assert pair.items() == [("a", 4), ("b", 5), ("a", 3)]
    with pytest.raises(KeyError):
        pair["z"]


def test_named_list_needs_a_name_for_each_value() -> None:
    with pytest.raises(ValueError, match="2 values, 1 names"):
        NamedList([1, 2], ["a"])


def test_named_vector_converts_to_dict_and_series() -> None:
    vector = NamedVector(np.array([1.5, 2.5]), ["a", "b"])
    assert vector.to_dict() == {"a": 1.5, "b": 2.5}
    assert vector.to_series()["b"] == vector["b"] == vector[1] == 2.5


def test_named_vector_with_a_name_twice_makes_no_dict() -> None:
    with pytest.raises(ValueError, match="'a'"):
        NamedVector([1, 2], ["a", "a"]).to_dict()


@pytest.mark.parametrize(
    "values", [np.array([1.0, np.nan]), ["x", None], [None, None], np.array([True, False])]
)
def test_named_vector_comes_back(round_trip: Any, values: Any) -> None:
    vector = NamedVector(values, ["a", None])
    assert round_trip(vector) == vector


def test_named_vector_of_times_of_day_comes_back(round_trip: Any) -> None:
    vector = NamedVector([dt.time(12, 30), None], ["a", "a"])
    assert round_trip(vector) == vector


def test_named_vector_of_no_text_comes_back(round_trip: Any) -> None:
    assert round_trip(NamedVector([], [])) == NamedVector([], [])


def test_named_vector_of_other_elements_comes_back_as_a_named_list(round_trip: Any) -> None:
    days = [dt.date(2024, 2, 29), None]
    assert round_trip(NamedVector(days, ["a", "a"])) == NamedList(days, ["a", "a"])


def test_named_vector_of_something_else_is_refused() -> None:
    with pytest.raises(ValueEncodeError, match="no vector"):
        encode(NamedVector(np.zeros((2, 2)), ["a", "b"]))


def test_text_list_is_a_vector_of_text_until_there_is_something_else_in_it(round_trip: Any) -> None:
    for texts in ([], [None, None]):
        value = TextList(texts)
        found = round_trip(value)
        assert found == value
        assert type(found) is TextList
    value.append(1)  # type: ignore[arg-type]
    assert type(round_trip(value)) is list
    assert round_trip(value) == [None, None, 1]
