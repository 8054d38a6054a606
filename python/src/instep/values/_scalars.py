"""Scalars of Python's own types, written and read."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from typing import Final, Never

from instep.values import _times as times
from instep.values._column import COMPLEX, LARGE_BINARY, UTF8
from instep.values._logical import INSTANT, NAIVE, STORED_AS
from instep.values._missing import NAType, plain_float
from instep.values._stream import Type
from instep.values._writer import Writer

BOOL: Final = Type("bool")
INT64: Final = Type("int64")
FLOAT64: Final = Type("float64")
DATE: Final = STORED_AS["date"]
DURATION: Final = STORED_AS["duration"]
TIME: Final = STORED_AS["time"]


def encode_none(writer: Writer, value: None) -> int:
    """Adds None."""
    node, index = writer.node()
    node.null.SetInParent()
    return index


def encode_bool(writer: Writer, value: bool) -> int:
    """Adds a bool."""
    return writer.scalar("bool", BOOL, value)[1]


def encode_int(writer: Writer, value: int) -> int:
    """Adds an int, as text when 64 bits do not hold it."""
    if -(2**63) <= value < 2**63:
        return writer.scalar("int64", INT64, value)[1]
    if is_too_long(value):
        return writer.opaque(value)
    return writer.scalar("bigint", UTF8, str(value))[1]


def is_too_long(value: int) -> bool:
    """Says whether an int has more digits than Python reads from text."""
    return value.bit_length() > math.floor(4300 / math.log10(2)) - 1


def encode_float(writer: Writer, value: float) -> int:
    """Adds a float."""
    return writer.scalar("float64", FLOAT64, plain_float(value))[1]


def encode_complex(writer: Writer, value: complex) -> int:
    """Adds a complex number."""
    return writer.scalar("complex128", COMPLEX, value)[1]


def encode_str(writer: Writer, value: str) -> int:
    """Adds text."""
    try:
        return writer.scalar("string", UTF8, value)[1]
    except UnicodeEncodeError as error:
        refuse_text(writer, value, error)


def refuse_text(writer: Writer, value: str, error: UnicodeEncodeError) -> Never:
    """Refuses text that holds a lone surrogate."""
    character = f"U+{ord(value[error.start]):04X}"
    writer.refuse(
        "STRING_ENCODING",
        f"holds the lone surrogate {character} at position {error.start}, which UTF-8 does not have. "
        "Decode the text with errors='replace', or store bytes.",
    )


def encode_bytes(writer: Writer, value: bytes) -> int:
    """Adds bytes."""
    return writer.scalar("bytes", LARGE_BINARY, value)[1]


def encode_bytes_like(writer: Writer, value: bytearray | memoryview) -> int:
    """Adds what holds bytes. It comes back as bytes."""
    writer.loss("BYTES", f"a {type(value).__name__} comes back as bytes.")
    return encode_bytes(writer, bytes(value))


def encode_decimal(writer: Writer, value: Decimal) -> int:
    """Adds a decimal number, as text."""
    return writer.scalar("decimal", UTF8, str(value))[1]


def encode_na(writer: Writer, value: NAType) -> int:
    """Adds a missing scalar."""
    return writer.scalar(value.logical, STORED_AS[value.logical], None)[1]


def encode_date(writer: Writer, value: datetime.date) -> int:
    """Adds a date."""
    return writer.scalar("date", DATE, times.days_of(value))[1]


def encode_datetime(writer: Writer, value: datetime.datetime) -> int:
    """Adds a point in time: an instant when it knows its zone, else a naive one."""
    if value.tzinfo is None or value.utcoffset() is None:
        return writer.scalar("naive", NAIVE, times.microseconds_of(value.replace(tzinfo=None)))[1]
    amount = times.microseconds_of(value)
    if times.is_skipped(value, amount):
        writer.loss("CLOCK_CHANGE", f"{value} is skipped by a change of the clocks, and comes back later.")
    vector, index = writer.scalar("instant", INSTANT, amount)
    vector.params.add(key="tz", value=zone_name(writer, value))
    return index


def zone_name(writer: Writer, value: datetime.datetime) -> str:
    """Names the zone of an instant. Notes a loss when only its offset at that instant can be told."""
    name = times.zone_name(value.tzinfo)
    if name is not None:
        return name
    writer.loss("ZONE", f"time zone {value.tzinfo!r} has no name and comes back as a fixed offset.")
    return times.offset_name(value.utcoffset() or datetime.timedelta())


def encode_timedelta(writer: Writer, value: datetime.timedelta) -> int:
    """Adds a length of time; one of more than 292,000 years has no portable form, and is stored opaque."""
    amount = value // datetime.timedelta(microseconds=1)
    if not -(2**63) < amount < 2**63:
        return writer.opaque(value)
    return writer.scalar("duration", DURATION, amount)[1]


def encode_time(writer: Writer, value: datetime.time) -> int:
    """Adds a time of day. One with a zone is no time of day anywhere else, and is stored opaque."""
    if value.tzinfo is not None:
        return writer.opaque(value)
    return writer.scalar("time", TIME, times.microseconds_of_day(value))[1]
