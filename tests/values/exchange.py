"""Values that pass between R and Python: writes them, checks them, and passes them on.

    python tests/values/exchange.py write DIR      stores the value of each case
    python tests/values/exchange.py check DIR      reads what a language stored, and compares
    python tests/values/exchange.py echo IN OUT    reads and stores again, as a step in between would

`exchange.R` beside this file has the same commands and the same cases. A directory holds `<case>.manifest`, the
blobs below `objects`, and `writer`: the language that wrote it, then the language that passed it on, if one did.
"""

from __future__ import annotations

import datetime as dt
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from instep.values import (
    NA,
    NA_FLOAT,
    ForeignObject,
    LossWarning,
    NamedList,
    NamedVector,
    NAType,
    NDArray,
    ObjectStore,
    decode,
    encode,
    register_type,
)

MISSING = object()
"""Stands for a case that the other language does not write."""


@dataclass(frozen=True)
class Case:
    """A value, and what Python reads when R wrote it or passed it on."""

    name: str
    """Name of the files."""
    make: Callable[[], Any]
    """Makes the value that Python stores."""
    from_r: Any = None
    """Makes the value that Python reads when R stored it. `None`: the same value."""
    after_r: Any = None
    """Makes the value that Python reads when R passed its own on. `None`: the same as R would store."""


@register_type("exchange.point")
@dataclass(frozen=True)
class Point:
    """The same record as the S3 class `point` in `exchange.R`."""

    x: float
    label: str | None


@dataclass
class Angle:
    """What only Python has registered: R reads the number."""

    degrees: float


register_type("exchange.angle", Angle, to_portable=lambda angle: angle.degrees, from_portable=Angle)


def foreign(value: object) -> bool:
    return isinstance(value, ForeignObject) and value.language == "r"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "i": np.array([1, 2, 3], "int32"),
            "d": [1.5, np.nan, np.inf],
            "s": ["a", None, "c"],
            "b": [True, False, True],
        }
    )


def frame_types(day: Any) -> pd.DataFrame:
    days = [dt.date(2024, 2, 29), None, dt.date(1970, 1, 1)]
    at = pd.DatetimeIndex(["2024-02-29 12:00:00", None, "1970-01-01"], tz="UTC").as_unit("us")
    return pd.DataFrame(
        {
            "f": pd.Categorical(["x", "y", "x"]),
            "day": pd.array(days, dtype="date32[day][pyarrow]") if day else days,
            "at": at,
            "z": np.array([1 + 2j, 0, 0]),
        }
    )


def doubled_labels() -> pd.DataFrame:
    result = pd.DataFrame({0: np.array([1, 2], "int32"), 1: ["x", "y"]})
    result.columns = pd.Index(["a", "a"])
    return result


def family(name: str) -> Callable[[], pd.DataFrame]:
    def make() -> pd.DataFrame:
        result = pd.DataFrame({"x": [1.5, 2.5], "y": ["a", "b"]})
        result.attrs["instep.family"] = name
        return result

    return make


def instants() -> pd.DatetimeIndex:
    return pd.DatetimeIndex(["2024-07-01 08:00", None], tz="America/New_York").as_unit("us")


def masked(values: list[Any], mask: list[bool], dtype: str) -> np.ma.MaskedArray[Any, Any]:
    return np.ma.MaskedArray(np.array(values, dtype), mask=mask)


BERLIN = ZoneInfo("Europe/Berlin")

CASES = [
    Case("none", lambda: None),
    Case("logical_unit", lambda: True),
    Case("integer_unit", lambda: 42),
    Case("double_unit", lambda: 1.5),
    Case("string_unit", lambda: "gr\u00fc\u00dfe \U0001f600"),
    Case("complex_unit", lambda: 1 + 2j),
    Case("raw", lambda: b"\x00\x01\xff"),
    Case("integer_wide", lambda: 3000000000, lambda: 3e9),
    Case("integer64", lambda: 2**53 + 1),
    Case("bigint", lambda: 10**30),
    Case("decimal", lambda: Decimal("1.10")),
    Case("na_logical", lambda: NA),
    Case("na_integer", lambda: NAType("int32")),
    Case("na_double", lambda: NA_FLOAT),
    Case("na_string", lambda: NAType("string")),
    Case("doubles", lambda: np.array([1, -0.0, np.inf, -np.inf, np.nan])),
    Case("doubles_na", lambda: np.array([1, NA_FLOAT, np.nan])),
    Case("integers", lambda: np.array([1, 2, 3], "int32")),
    Case("integers_na", lambda: masked([1, 0, 3], [False, True, False], "int32")),
    Case("logicals_na", lambda: masked([True, False, False], [False, True, False], "bool")),
    Case("complexes", lambda: np.array([1 + 2j, 0])),
    Case("strings", lambda: ["a", None, "", "NA"]),
    Case("strings_one", lambda: ["a"], after_r=lambda: "a"),
    Case("empty_list", lambda: []),
    Case("empty_doubles", lambda: np.zeros(0)),
    Case("packed_doubles", lambda: np.arange(1025.0)),
    Case("big_doubles", lambda: np.arange(200000.0)),
    Case("list_mixed", lambda: [1, "a", None, [True, 2.5]]),
    Case("record", lambda: {"a": 1, "b": "x", "c": None}),
    Case("nested", lambda: {"x": {"y": [{"z": 1.5}]}}),
    Case("partial_names", lambda: NamedList([1, 2, 3], ["a", "", None])),
    Case("pairs", lambda: {1: "a", 2: "b"}),
    Case("named_doubles", lambda: NamedVector(np.array([1.0, 2.0]), ["a", "b"])),
    Case("named_strings", lambda: NamedVector(["x", None], ["a", None])),
    Case("matrix", lambda: np.array([[1, 2, 3], [4, 5, 6]], "int32")),
    Case("array3", lambda: np.arange(24.0).reshape(2, 3, 4)),
    Case("dimnames", lambda: NDArray([[1.0, 3.0], [2.0, 4.0]], (["r1", "r2"], ["c1", "c2"]))),
    Case(
        "named_dimnames",
        lambda: NDArray([[1.0, 3.0], [2.0, 4.0]], (["r1", "r2"], ["c1", "c2"]), ["rows", "cols"]),
    ),
    Case("factor", lambda: pd.Categorical(["a", "b", None, "a"], ["b", "a", "c"])),
    Case("ordered", lambda: pd.Categorical(["a", "b", None, "a"], ["b", "a", "c"], ordered=True)),
    Case("date", lambda: dt.date(2024, 2, 29)),
    Case("dates", lambda: np.array(["1969-12-31", "2024-02-29", "NaT"], "datetime64[D]")),
    Case("instant", lambda: dt.datetime(2024, 2, 29, 12, 30, 15, 250000, tzinfo=BERLIN)),
    Case("instants", instants),
    Case("naive", lambda: dt.datetime(2024, 1, 2, 3, 4, 5)),
    Case("duration", lambda: dt.timedelta(hours=36)),
    Case("difftime_days", lambda: np.array([129_600_000_000, "NaT"], "timedelta64[us]")),
    Case("time", lambda: dt.time(12, 30, 15, 500000)),
    Case("frame", frame),
    Case("frame_types", lambda: frame_types(day=True)),
    Case("frame_row_names", lambda: pd.DataFrame({"x": [1.5, 2.5]}, index=["r1", "r2"])),
    Case("frame_no_columns", lambda: pd.DataFrame(index=range(3))),
    Case("frame_doubled_labels", doubled_labels),
    Case("tibble", family("tibble")),
    Case("data_table", family("data.table")),
    Case("opaque", lambda: Fraction(1, 2), foreign, lambda: Fraction(1, 2)),
    Case("registered", lambda: Point(1.5, "gr\u00fc\u00dfe")),
    Case("registered_deep", lambda: {"points": [Point(1.5, "a"), [Point(2.5, None)]], "n": 1}),
    Case("registered_here", lambda: [Angle(1.5), "a"], lambda: [1.5, "a"]),
    Case(
        "foreign_in_list",
        lambda: {"f": Fraction(1, 2), "n": 1},
        lambda value: foreign(value["f"]) and value["n"] == 1,
        lambda: {"f": Fraction(1, 2), "n": 1},
    ),
]


def same(a: Any, b: Any) -> bool:
    """Says whether two values are equal: in type, in value, and in which NaN is NA."""
    if isinstance(a, pd.DataFrame):
        try:
            pd.testing.assert_frame_equal(a, b)
        except AssertionError:
            return False
        return bool(a.attrs == b.attrs)
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return _same_arrays(a, b)
    if isinstance(a, pd.Index):
        return bool(a.equals(b) and a.dtype == b.dtype)
    if isinstance(a, pd.Categorical):
        return bool(a.equals(b) and list(a.categories) == list(b.categories) and a.ordered == b.ordered)
    if isinstance(a, float):
        return np.float64(a).tobytes() == np.float64(b).tobytes()
    if isinstance(a, complex):
        return np.complex128(a).tobytes() == np.complex128(b).tobytes()
    if isinstance(a, dt.datetime):
        return bool(a == b and a.utcoffset() == b.utcoffset())
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, NamedList | NamedVector):
        return a.names == b.names and same(a.values, b.values)
    if isinstance(a, NAType):
        return a is b
    return bool(a == b)


def _same_arrays(a: Any, b: Any) -> bool:
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if isinstance(a, np.ma.MaskedArray):
        return bool((a.mask == b.mask).all() and (a.filled(0) == b.filled(0)).all())
    if getattr(a, "dimnames", None) != getattr(b, "dimnames", None):
        return False
    if getattr(a, "dimnames_names", None) != getattr(b, "dimnames_names", None):
        return False
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


def store(directory: Path, name: str, value: object) -> None:
    encoded = encode(value, name=name)
    objects = ObjectStore(directory / "objects")
    for blob in encoded.blobs:
        objects.put(blob)
    (directory / f"{name}.manifest").write_bytes(encoded.manifest)


def load(directory: Path, name: str) -> object:
    return decode((directory / f"{name}.manifest").read_bytes(), ObjectStore(directory / "objects").open)


def write(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        store(directory, case.name, case.make())
    (directory / "writer").write_text("python\n")


def expected(case: Case, writers: list[str], value: object) -> tuple[bool, object]:
    """Says whether a value is the one that is expected, and which that is."""
    if writers == ["python"]:
        want = case.make()
    elif writers[0] == "python":  # passed on by R
        want = (case.after_r or (case.make if case.from_r is None else case.from_r))()
    elif case.from_r is foreign or case.name == "foreign_in_list":
        return bool(case.from_r(value)), "a handle of a value of R"
    else:
        want = (case.from_r or case.make)()
    return same(value, want), want


def check(directory: Path) -> int:
    writers = (directory / "writer").read_text().split()
    known = {case.name: case for case in CASES}
    differences = 0
    for path in sorted(directory.glob("*.manifest")):
        value = load(directory, path.stem)
        case = known.get(path.stem)
        if case is None:
            continue
        is_same, want = expected(case, writers, value)
        if not is_same:
            differences += 1
            print(f"{case.name}: read {value!r} ({type(value).__name__}), expected {want!r}")
    return min(differences, 1)


def echo(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    objects = target / "objects"
    if not objects.exists():
        objects.symlink_to((source / "objects").resolve())  # what is passed on unchanged is stored already
    for path in sorted(source.glob("*.manifest")):
        store(target, path.stem, load(source, path.stem))
    (target / "writer").write_text((source / "writer").read_text().strip() + " python\n")


def main(arguments: list[str]) -> int:
    warnings.simplefilter("ignore", LossWarning)
    match arguments:
        case ["write", directory]:
            write(Path(directory))
        case ["check", directory]:
            return check(Path(directory))
        case ["echo", source, target]:
            echo(Path(source), Path(target))
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
