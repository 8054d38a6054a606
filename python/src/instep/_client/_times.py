"""Times as people give them to searches: an instant, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from instep.errors import UsageError

When = str | datetime | timedelta
"""An instant (without a zone: local time), a duration before now, or a text of either: ``1 week``, ``2026-11-01``."""

_UNITS = ("second", "minute", "hour", "day", "week")
_AGO = re.compile(rf"(\d+(?:\.\d+)?)\s*({'|'.join(_UNITS)})s?", re.IGNORECASE)


def unix_ms(when: When, now: datetime) -> int:
    """Turns a time into unix milliseconds.

    Args:
        when: The time.
        now: The present.

    Raises:
        UsageError: It says no time.

    Example:
        >>> now = datetime(2026, 11, 8, tzinfo=UTC)
        >>> unix_ms("1 week", now) == unix_ms(datetime(2026, 11, 1, tzinfo=UTC), now)
        True
    """
    if isinstance(when, str):
        when = _parsed(when)
    if isinstance(when, timedelta):
        when = now - when
    if not isinstance(when, datetime):
        raise _not_a_time(when)
    return round(when.timestamp() * 1000)


def now() -> datetime:
    """Tells the present, in UTC."""
    return datetime.now(UTC)


def _parsed(text: str) -> datetime | timedelta:
    if ago := _AGO.fullmatch(text.strip()):
        return timedelta(**{f"{ago[2].lower()}s": float(ago[1])})
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError as err:
        raise _not_a_time(text) from err


def _not_a_time(when: object) -> UsageError:
    return UsageError(
        f"{when!r} says no time. Give a datetime, a timedelta before now, or a text such as '1 week', '90 minutes' "
        f"or '2026-11-01 09:30'. The units are {', '.join(_UNITS)}."
    )
