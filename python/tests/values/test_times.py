from __future__ import annotations

import datetime as dt

import pytest
from instep.values import _times as times


@pytest.mark.parametrize("name", ["+05:30", "-08:00", "+00:00:01", "+01:02:03.000004"])
def test_offset_name_and_zone_are_inverse(name: str) -> None:
    zone = times.zone_of(name)
    assert zone is not None
    assert times.zone_name(zone) == name


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "No/Where", "+99:00", "a\0b", "+5:30"])
def test_name_of_no_zone_gives_none(name: str) -> None:
    assert times.zone_of(name) is None


def test_utc_is_the_zone_of_no_name() -> None:
    assert times.zone_of("") is times.zone_of("UTC") is dt.UTC


def test_time_of_day_outside_of_the_day_is_refused() -> None:
    with pytest.raises(ValueError, match="time of day"):
        times.time_of(86_400_000_000)
