"""How numbers are written."""

import doctest

import pytest
from instep import _format
from instep._format import counted, duration, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.00 s"), (0.994, "0.99 s"), (1, "1.0 s"), (59.94, "59.9 s"), (59.99, "60.0 s"), (60, "1 min 0 s"), (3599.9, "1 h 0 min")],
)  # fmt: skip
def test_duration_is_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (999_949, "999.9 kB"), (999_960, "1.0 MB"), (2 * 10**15, "2000.0 TB")]
)  # fmt: skip
def test_size_is_short(count: int, text: str) -> None:
    assert size(count) == text


def test_counted_knows_one() -> None:
    assert counted(1, "task") == "1 task"
    assert counted(0, "task") == "0 tasks"


def test_the_examples_are_true() -> None:
    assert doctest.testmod(_format).failed == 0
