"""The logical types: what a column means, and the Arrow types it is stored in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from instep.values._column import COMPLEX, LARGE_BINARY, UTF8
from instep.values._stream import Type

_SAME = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
    "float64",
)  # fmt: skip

INSTANT: Final = Type("timestamp_us", zone="UTC")
INSTANT_NS: Final = Type("timestamp_ns", zone="UTC")
NAIVE: Final = Type("timestamp_us")
NAIVE_NS: Final = Type("timestamp_ns")

STORED_AS: Final[Mapping[str, Type]] = {
    **{name: Type(name) for name in _SAME},
    "string": UTF8,
    "bytes": LARGE_BINARY,
    "date": Type("date32"),
    "instant": INSTANT,
    "naive": NAIVE,
    "duration": Type("duration_us"),
    "time": Type("time64_us"),
    "complex128": COMPLEX,
    "factor": Type("int32"),
    "bigint": UTF8,
    "decimal": UTF8,
    "json": UTF8,
}
"""The Arrow type that a writer takes for a logical type, unless the data are too large or too fine for it."""

_ALSO: Final[Mapping[str, frozenset[str]]] = {
    "utf8": frozenset({"utf8", "large_utf8"}),
    "large_binary": frozenset({"binary", "large_binary"}),
    "timestamp_us": frozenset({"timestamp_us", "timestamp_ns"}),
}

FLOATS: Final = frozenset({"float16", "float32", "float64"})
INTEGERS: Final = frozenset(name for name in _SAME if "int" in name)
NUMBERS: Final = FLOATS | INTEGERS | {"bool", "complex128"}
TEXTS: Final = frozenset({"string", "bigint", "decimal", "json"})


def fits(logical: str, stored: Type) -> bool:
    """Says whether a reader accepts an Arrow type for a logical type."""
    expected = STORED_AS.get(logical)
    if expected is None:
        return False
    if expected.kind == "struct":
        names = tuple(child.name for child in stored.children)
        return names == ("re", "im") and all(child.type.kind == "float64" for child in stored.children)
    has_zone = stored.zone != ""
    kinds = _ALSO.get(expected.kind, frozenset({expected.kind}))
    return stored.kind in kinds and has_zone == (logical == "instant")
