"""Random values of each language that pass through the other one. Each language has one process for all of them."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from instep.values import NA_FLOAT, NAType
from values.exchange import same
from values.peer import R, read, stored
from values.rules import after_r

pytestmark = pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")

CASES = int(os.environ.get("INSTEP_PROPERTY_CASES", "2000"))
"""How many values of each kind. They are the same in each run."""
EXACT_SECONDS = 2**32
"""R counts seconds in doubles; up to here, in both directions, these are exact to the microsecond."""

thorough = settings(
    max_examples=CASES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(scope="module")
def r() -> Iterator[R]:
    process = R("properties.R")
    yield process
    process.close()


# Values of Python.

zones = st.sampled_from(
    [
        dt.UTC,
        ZoneInfo("Europe/Berlin"),
        ZoneInfo("America/New_York"),
        dt.timezone(dt.timedelta(hours=5, minutes=30)),
    ]
)
first, last = dt.datetime(1835, 1, 1), dt.datetime(2105, 1, 1)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
floats = st.floats(allow_nan=False) | st.sampled_from([np.nan, NA_FLOAT])
complexes = st.complex_numbers(allow_nan=False) | st.just(complex(np.nan, 1))
arrays = st.one_of(
    st.lists(floats, min_size=2, max_size=6).map(lambda xs: np.array(xs, "float64")),
    st.lists(st.integers(-(2**31) + 1, 2**31 - 1), min_size=2, max_size=6).map(
        lambda xs: np.array(xs, "int32")
    ),
    st.lists(st.booleans(), min_size=2, max_size=6).map(lambda xs: np.array(xs, "bool")),
    st.lists(complexes, min_size=2, max_size=6).map(lambda xs: np.array(xs, "complex128")),
    st.lists(floats, min_size=6, max_size=6).map(lambda xs: np.array(xs).reshape(2, 3)),
    st.lists(floats, min_size=6, max_size=6).map(lambda xs: np.array(xs).reshape(1, 2, 3, order="F")),
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    floats,
    complexes,
    texts,
    st.binary(max_size=8),
    st.dates(),
    st.datetimes(first, last),
    st.datetimes(first, last, timezones=zones, allow_imaginary=False),
    st.times(),
    st.timedeltas(dt.timedelta(seconds=-EXACT_SECONDS), dt.timedelta(seconds=EXACT_SECONDS)),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from(["bool", "int32", "string"]).map(NAType),
)
values = st.recursive(
    scalars | arrays,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(st.none() | st.integers(), max_size=4),
        st.lists(st.none() | texts, max_size=4),
        st.lists(st.none() | floats, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.sets(st.integers(), max_size=4),
        st.frozensets(texts, max_size=4),
        st.dictionaries(texts, inner, max_size=4),
        st.dictionaries(st.integers(-1000, 1000) | st.dates(), inner, min_size=1, max_size=4),
    ),
    max_leaves=12,
)


@thorough
@given(value=values)
def test_python_reads_what_it_stored(value: object) -> None:
    assert same(read(stored(value)), value)


@thorough
@given(value=values)
def test_values_of_python_come_back_from_r_by_the_rules(r: R, value: object) -> None:
    after, expected = read(r.ask(b"E", stored(value))), after_r(value)
    assert same(after, expected), f"read {after!r}, expected {expected!r}"


@thorough
@given(choices=st.binary(max_size=120))
def test_values_of_r_come_back_from_python_by_the_rules(r: R, choices: bytes) -> None:
    made = r.ask(b"M", choices)
    problem = r.ask(b"R", stored(read(made)))
    assert not problem, "\n" + problem.decode()
