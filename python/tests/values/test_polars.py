from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from instep.values import LossWarning, ValueDecodeError, decode, encode
from instep_proto.v1 import value_pb2 as pb
from polars.testing import assert_frame_equal, assert_series_equal

FRAME = pl.DataFrame(
    {
        "i": [1, None],
        "f": [1.5, float("nan")],
        "g": [None, 2.5],
        "s": ["x", None],
        "b": [True, None],
        "day": [dt.date(2024, 2, 29), None],
        "clock": [dt.time(1, 2, 3), None],
        "at": [dt.datetime(2024, 1, 1), None],
        "zoned": pl.Series([dt.datetime(2024, 7, 1), None], dtype=pl.Datetime("ms", "Europe/Berlin")),
        "ns": pl.Series([dt.datetime(2024, 7, 1), None], dtype=pl.Datetime("ns")),
        "long": pl.Series([dt.timedelta(1), None], dtype=pl.Duration("ns")),
        "cat": pl.Series(["a", None], dtype=pl.Categorical()),
        "enum": pl.Series(["a", None], dtype=pl.Enum(["b", "a"])),
        "dec": [Decimal("1.10"), None],
        "none": [None, None],
        "bytes": [b"a", None],
        "list": [[1, None], None],
        "struct": [{"q": 1, "r": "a"}, {"q": None, "r": "b"}],
        "array": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int8, 2)),
        "u": pl.Series([1, 2], dtype=pl.UInt16),
    }
)


def test_frame_comes_back_equal(round_trip: Any) -> None:
    assert encode(FRAME).portable
    found = round_trip(FRAME)
    assert found.schema == FRAME.schema
    assert_frame_equal(found, FRAME, categorical_as_str=True)


@pytest.mark.parametrize("frame", [FRAME.clear(), FRAME[1:], FRAME[["i"]].clear(), pl.DataFrame()])
def test_part_of_a_frame_comes_back_equal(round_trip: Any, frame: pl.DataFrame) -> None:
    assert_frame_equal(round_trip(frame), frame, categorical_as_str=True)


def test_equal_frames_have_equal_digests_however_they_were_made() -> None:
    """A slice has its bitmaps at an offset, and a frame that was grown has several chunks."""
    whole = pl.DataFrame({"a": [None, 1, None, 3], "s": ["q", None, "b", "c"]})
    grown = pl.concat([whole[1:2], whole[2:3]], rechunk=False)
    assert encode(whole[1:3]).digest == encode(grown).digest == encode(grown.rechunk()).digest


def test_frame_without_portable_form_is_pickled_with_a_loss(round_trip: Any) -> None:
    frame = pl.DataFrame({"a": pl.Series([[dt.time(1)]])})
    with pytest.warns(LossWarning, match="no portable form"):
        assert_frame_equal(round_trip(frame), frame)


@pytest.mark.parametrize("name", ["i", "s", "cat", "zoned", "none"])
def test_series_comes_back_equal(round_trip: Any, name: str) -> None:
    found = round_trip(FRAME[name])
    assert_series_equal(found, FRAME[name], categorical_as_str=True)


def test_labels_that_are_doubled_are_refused() -> None:
    manifest = pb.Manifest.FromString(encode(pl.DataFrame({"a": [1], "b": [2]})).manifest)
    manifest.nodes[0].table.columns[1].label = "a"
    with pytest.raises(ValueDecodeError, match="'a'") as caught:
        decode(manifest.SerializeToString(), lambda digest, size: b"")
    assert caught.value.code == "DUPLICATE_LABELS"
