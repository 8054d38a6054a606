"""How two values differ, in words."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instep._value_diff import value_changes

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(plain)
def test_a_value_does_not_differ_from_itself(value: object) -> None:
    copied: Any = eval(repr(value), {"nan": float("nan"), "inf": float("inf")})
    assert value_changes(value, copied) == []


@given(plain, plain)
def test_values_that_differ_are_told(old: object, new: object) -> None:
    if repr(old) != repr(new) and old != new:
        assert value_changes(old, new)


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (0.5, 0.75, ["0.5 -> 0.75 (+0.25)"]),
        (1, 1.5, ["1 -> 1.5"]),
        (True, False, ["True -> False"]),
        (float("nan"), float("nan"), []),
        (np.float64(2), np.float64(3), ["2.0 -> 3.0 (+1)"]),
        (None, 3, ["None -> 3"]),
        ("a", "b", ["'a' -> 'b'"]),
        ("x\ny", "x\nz", ["text of 2 lines -> 2 lines", "- y", "+ z"]),
        ([1, 2, 3], [1, 5], ["3 elements -> 2", "1 of 2 elements differ", "[1] 2 -> 5 (+3)"]),
        ({"a": [1], "b": 1}, {"a": [2]}, ["only before: 'b'", "['a'] 1 of 1 elements differ", "['a'] [0] 1 -> 2 (+1)"]),
        (np.ones(3), np.array([1, 1, 4.0]), ["1 of 3 elements differ, by up to 3", "[2] 1.0 -> 4.0"]),
        (np.array([np.nan, 1]), np.array([np.nan, 1]), []),
        (np.ones(3), np.ones((2, 2)), ["shape 3 -> 2 x 2"]),
        (np.ones(2), np.ones(2, dtype=int), ["type float64 -> int64"]),
    ],
)  # fmt: skip
def test_changes_are_told(old: object, new: object, lines: list[str]) -> None:
    assert value_changes(old, new) == lines


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "arrow"])
def test_frames_are_compared_by_cell(library: Any) -> None:
    old = library({"n": [1.0, None, 3.0], "word": ["a", "b", "c"], "gone": [1, 2, 3]})
    new = library({"n": [1.0, None, 4.5], "word": ["a", None, "d"], "new": [1, 2, 3]})
    lines = value_changes(old, new)
    assert lines[:4] == [
        "only before: column 'gone'",
        "only after: column 'new'",
        "column 'n': 1 of 3 cells differ",
        "column 'n': row 2: 3.0 -> 4.5",
    ]
    assert "column 'word': 2 of 3 cells differ" in lines
    assert value_changes(old, old) == []


def test_frames_of_other_shapes_and_types_are_told() -> None:
    old = pd.DataFrame({"k": pd.Categorical(["u", "v"]), "m": [1, 2], "lists": [[1], [2]]})
    new = pd.DataFrame({"k": pd.Categorical(["u", "u"]), "m": ["1", "2"], "lists": [[1], [3]]})
    lines = value_changes(old, new)
    assert "column 'k': row 1: 'v' -> 'u'" in lines
    assert any("column 'm': type int64 -> " in line for line in lines)
    assert "column 'lists': row 1: [2] -> [3]" in lines
    assert value_changes(old, pd.concat([old, old]))[0] == "data frame 2 x 3 -> 4 x 3"


def test_a_long_difference_shows_only_its_first_elements() -> None:
    lines = value_changes(list(range(100)), list(range(100, 200)))
    assert lines == [
        "100 of 100 elements differ",
        "[0] 0 -> 100 (+100)",
        "[1] 1 -> 101 (+100)",
        "[2] 2 -> 102 (+100)",
    ]
