"""Dates, times and zones as the numbers and names that are stored."""

from __future__ import annotations

import datetime
import re
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from instep.values._reader import Reader
_MICROSECOND: Final = datetime.timedelta(microseconds=1)
_EPOCH: Final = datetime.datetime(1970, 1, 1)
_EPOCH_UTC: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_EPOCH_DAY: Final = _EPOCH.toordinal()
_DAY: Final = 86_400_000_000

_OFFSET: Final = re.compile(r"([+-])(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{6}))?)?", re.ASCII)


def days_of(value: datetime.date) -> int:
    """Counts the days since 1970-01-01."""
    return value.toordinal() - _EPOCH_DAY


def date_of(days: int) -> datetime.date:
    """Gives the date some days after 1970-01-01.

    Raises:
        OverflowError: The year is not between 1 and 9999.
        ValueError: Likewise.
    """
    return datetime.date.fromordinal(days + _EPOCH_DAY)


def microseconds_of(value: datetime.datetime) -> int:
    """Counts the microseconds since 1970-01-01: in UTC when the value knows its zone, else on its own clock."""
    return (value - (_EPOCH if value.tzinfo is None else _EPOCH_UTC)) // _MICROSECOND


def naive_of(microseconds: int) -> datetime.datetime:
    """Gives the point in time some microseconds after 1970-01-01, without a zone.

    Raises:
        OverflowError: The year is not between 1 and 9999.
    """
    return _EPOCH + datetime.timedelta(microseconds=microseconds)


def instant_of(microseconds: int, zone: datetime.tzinfo) -> datetime.datetime:
    """Gives the instant some microseconds after 1970-01-01 UTC, as a clock in `zone` shows it.

    Raises:
        OverflowError: The year is not between 1 and 9999.
    """
    return (_EPOCH_UTC + datetime.timedelta(microseconds=microseconds)).astimezone(zone)


def is_skipped(value: datetime.datetime, microseconds: int) -> bool:
    """Says whether no clock of the value's zone ever shows it: because summer time begins, for example."""
    try:
        shown = instant_of(microseconds, value.tzinfo or datetime.UTC)
        return shown.replace(tzinfo=None) != value.replace(tzinfo=None)
    except (OverflowError, ValueError):  # near the year 1 or 9999, or a zone that can't tell
        return False


def microseconds_of_day(value: datetime.time) -> int:
    """Counts the microseconds since midnight."""
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return seconds * 1_000_000 + value.microsecond


def time_of(microseconds: int) -> datetime.time:
    """Gives the time of day some microseconds after midnight.

    Raises:
        ValueError: The number is negative, or a day has fewer.
    """
    if not 0 <= microseconds < _DAY:
        raise ValueError(f"{microseconds} microseconds are not a time of day")
    return naive_of(microseconds).time()


def offset_name(offset: datetime.timedelta) -> str:
    """Names a fixed offset from UTC, such as `+05:30`."""
    sign = "-" if offset < datetime.timedelta() else "+"
    clock = naive_of(abs(offset) // _MICROSECOND).time()
    return sign + clock.isoformat("auto" if clock.second or clock.microsecond else "minutes")


def zone_name(zone: object) -> str | None:
    """Names a time zone. `None`: it has neither a name nor one offset for all time."""
    if isinstance(zone, datetime.timezone):
        return "UTC" if zone is datetime.UTC else offset_name(zone.utcoffset(None))
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)  # zoneinfo, pytz
    return name if isinstance(name, str) else None


def zone_or_utc(reader: Reader, name: str) -> datetime.tzinfo:
    """Gives the time zone of a name or offset; UTC, which is a loss, if this machine does not know it."""
    zone = zone_of(name)
    if zone is None:
        reader.loss("ZONE_UNKNOWN", f"time zone {name!r} is not known here, so times are read in UTC.")
    return zone or datetime.UTC


@cache
def zone_of(name: str) -> datetime.tzinfo | None:
    """Gives the time zone of a name or offset. `None`: this machine does not know it."""
    if name in {"UTC", ""}:
        return datetime.UTC
    offset = _OFFSET.fullmatch(name)
    try:
        if offset is None:
            return ZoneInfo(name)
        sign, hours, minutes, seconds, fraction = offset.groups()
        clock = datetime.timedelta(
            hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0), microseconds=int(fraction or 0)
        )
        return datetime.timezone(-clock if sign == "-" else clock)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
