from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import pandas as hpd
from instep.values import LossWarning, ValueDecodeError, ValueEncodeError, decode, encode
from instep_proto.v1 import value_pb2 as pb

FRAMES = {
    "numbers": pd.DataFrame(
        {"i": np.array([1, 2], "int32"), "f": [1.5, np.nan], "b": [True, False], "z": [1j, 0]}
    ),
    "small": pd.DataFrame({"a": np.array([1, 2], "uint8"), "h": np.array([1, np.nan], "float16")}),
    "text": pd.DataFrame({"s": ["a", None], "n": pd.array(["a", None], dtype="string")}),
    "nullable": pd.DataFrame(
        {"i": pd.array([1, None], dtype="Int8"), "b": pd.array([True, None], dtype="boolean")}
    ),
    "nullable floats": pd.DataFrame({"f": pd.array([np.nan, None, 1.5], dtype="Float64")}),
    "factor": pd.DataFrame({"c": pd.Categorical(["x", None], categories=["y", "x"], ordered=True)}),
    "factor of numbers": pd.DataFrame({"c": pd.Categorical([1, 2]), "f": pd.Categorical([1.5, None])}),
    "factor of times": pd.DataFrame({"c": pd.Categorical(pd.to_datetime(["2024-01-01", "2024-01-02"]))}),
    "times": pd.DataFrame(
        {
            "n": pd.to_datetime(["2024-01-01", None]),
            "z": pd.to_datetime(["2024-07-01", None]).tz_localize("Europe/Berlin"),
            "d": pd.to_timedelta([5, None], unit="h"),
        }
    ),
    "other units": pd.DataFrame(
        {
            "s": pd.to_datetime(["2024-01-01", None]).as_unit("s"),
            "ns": pd.to_datetime(["2024-01-01", None]).as_unit("ns"),
            "ms": pd.to_datetime(["2024-01-01", None]).tz_localize("UTC").as_unit("ms"),
        }
    ),
    "arrow": pd.DataFrame(
        {
            "i": pd.array([1, None], dtype="int64[pyarrow]"),
            "d": pd.array([dt.date(2024, 1, 1), None], dtype="date32[day][pyarrow]"),
            "s": pd.array(["a", None], dtype="string[pyarrow]"),
            "l": pd.array([[1], None], dtype="list<item: int64>[pyarrow]") if False else [1, 2],
        }
    ),
    "records": pd.DataFrame(
        {
            "dicts": [{"a": 1, "b": {"t": dt.date(2024, 1, 1)}}, {"a": None, "b": {"t": None}}],
            "arrow": pd.array(
                [{"s": "a", "t": dt.datetime(2024, 1, 1)}, {"s": None, "t": None}],
                dtype=pd.ArrowDtype(pa.struct([("s", pa.string()), ("t", pa.timestamp("us"))])),
            ),
        }
    ),
    "objects": pd.DataFrame(
        {
            "d": [Decimal("1.10"), None],
            "day": [dt.date(2024, 2, 29), None],
            "list": [[1, 2], None],
            "none": pd.Series([None, None], dtype=object),
            "text": pd.Series(["a", None], dtype=object),
            "nan": pd.Series(["a", np.nan], dtype=object),
            "big": pd.Series([2**70, 1], dtype=object),
            "bytes": [b"a", b""],
            "clock": [dt.time(1, 2), None],
        }
    ),
    "row names": pd.DataFrame({"x": [1, 2]}, index=["r1", "r2"]),
    "numbered rows": pd.DataFrame({"x": [1, 2]}, index=[5, 7]),
    "two levels": pd.DataFrame({"x": [1]}, index=pd.MultiIndex.from_tuples([("a", 1)], names=["k", None])),
    "dates as index": pd.DataFrame({"x": [1, 2]}, index=pd.date_range("2024", periods=2, name="at")),
    "no columns": pd.DataFrame(index=range(3)),
    "no rows": pd.DataFrame({"a": np.zeros(0), "s": pd.Series([], dtype="str"), "c": pd.Categorical([])}),
    "nothing": pd.DataFrame(),
    "numbered columns": pd.DataFrame(np.arange(6.0).reshape(2, 3)),
    "doubled labels": pd.DataFrame([[1, "x"]], columns=["a", "a"]),
    "empty label": pd.DataFrame([[1, 2]], columns=["", "b"]),
    "odd labels": pd.DataFrame([[1, 2, 3]], columns=[1.5, "b", 3]),
    "levels of columns": pd.DataFrame(
        [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["p", "q"])
    ),
    "named columns": pd.DataFrame([[1]], columns=pd.Index(["a"], name="what")),
}


@pytest.mark.parametrize("name", sorted(FRAMES))
def test_frame_comes_back_equal(round_trip: Any, name: str) -> None:
    frame = FRAMES[name]
    assert encode(frame).portable
    pd.testing.assert_frame_equal(round_trip(frame), frame)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=50)
@given(
    hpd.data_frames(
        [
            hpd.column("i", dtype="int64"),
            hpd.column("f", dtype="float64"),
            hpd.column("b", dtype="bool"),
            hpd.column("t", dtype="datetime64[ns]"),
            hpd.column(
                "s", elements=st.none() | st.text(st.characters(exclude_categories=["Cs"])), dtype=object
            ),
        ]
    )
)
def test_any_frame_comes_back_equal(round_trip: Any, frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(round_trip(frame), frame)


def test_numbers_are_neither_copied_to_be_stored_nor_to_be_read(fetch: Any) -> None:
    numbers = np.arange(200_000.0)
    encoded = encode(pd.DataFrame({"a": numbers}, copy=False))
    (blob,) = encoded.blobs
    assert any(
        np.shares_memory(np.frombuffer(piece, np.uint8), numbers)
        for piece in blob.buffers
        if len(piece) > 99999
    )
    stored = fetch(encoded)(blob.hash, blob.size)
    found: Any = decode(encoded.manifest, lambda digest, size: stored)
    assert np.shares_memory(found["a"].to_numpy(), np.frombuffer(stored, np.uint8))
    found.iloc[0, 0] = 5
    assert found.iloc[0, 0] == 5


def test_text_is_used_in_place(fetch: Any) -> None:
    encoded = encode(pd.DataFrame({"s": ["a longer text"] * 100_000}))
    (blob,) = encoded.blobs
    stored = fetch(encoded)(blob.hash, blob.size)
    found: Any = decode(encoded.manifest, lambda digest, size: stored)
    import pyarrow as pa

    data = pa.array(found["s"].array).buffers()[2]
    assert np.shares_memory(np.frombuffer(data, np.uint8), np.frombuffer(stored, np.uint8))


def test_missing_number_is_null_and_flagged() -> None:
    manifest = pb.Manifest.FromString(encode(pd.DataFrame({"a": [1.5, np.nan]})).manifest)
    (column,) = manifest.nodes[0].table.columns
    assert [(param.key, param.value) for param in column.params] == [("nan_is_missing", "true")]


@pytest.mark.parametrize("dtype", ["float32", "float64", ">f8"])
@pytest.mark.parametrize("row", [None, 0, 299_999])
@pytest.mark.filterwarnings("ignore::instep.values.LossWarning")
def test_missing_number_of_a_long_column_is_found_wherever_it_is(
    round_trip: Any, dtype: str, row: int | None
) -> None:
    numbers = np.arange(300_000).astype(dtype)
    if row is not None:
        numbers[row] = np.nan
    frame = pd.DataFrame({"a": numbers})
    (column,) = pb.Manifest.FromString(encode(frame).manifest).nodes[0].table.columns
    assert ("nan_is_missing" in {param.key for param in column.params}) == (row is not None)
    pd.testing.assert_frame_equal(round_trip(frame), frame.astype(np.dtype(dtype).newbyteorder("=")))


def test_column_of_different_things_is_refused_with_its_row() -> None:
    frame = pd.DataFrame({"ok": [1, 2, 3], "bad": ["a", None, 5]})
    with pytest.raises(ValueEncodeError, match="holds int in row 2 among str") as caught:
        encode({"frames": [frame]}, name="result")
    assert caught.value.code == "COLUMN_MIXED"
    assert caught.value.path == 'self.result["frames"][0]["bad"]'


def test_column_of_objects_is_refused() -> None:
    with pytest.raises(ValueEncodeError, match="holds object in row 0"):
        encode(pd.DataFrame({"a": [object()]}))


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"a": pd.period_range("2024", periods=2)}), "period"),
        (pd.DataFrame({"a": pd.interval_range(0, 2)}), "interval"),
        (pd.DataFrame({"a": [[1], ["x"]]}), "lists or dicts"),
        (pd.DataFrame({"a": [[1], [1.5]]}), "lists or dicts"),
        (pd.DataFrame([[1]], columns=[dt.date(2024, 1, 1)]), "label"),
    ],
)
def test_frame_without_portable_form_is_pickled_with_a_loss(round_trip: Any, frame: Any, words: str) -> None:
    with pytest.warns(LossWarning, match=words):
        found = round_trip(frame)
    pd.testing.assert_frame_equal(found, frame)


def test_attrs_that_do_not_come_back_are_a_loss(round_trip: Any) -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["source"] = "x"
    with pytest.warns(LossWarning, match="source"):
        assert round_trip(frame).attrs == {}


def from_r(frame: pd.DataFrame, family: str) -> bytes:
    manifest = pb.Manifest.FromString(encode(frame, inline=True).manifest)
    manifest.nodes[0].table.family = family
    for column in manifest.nodes[0].table.columns:
        del column.params[:]
    return manifest.SerializeToString()


def test_class_of_r_frame_is_kept_when_it_is_stored_again(round_trip: Any) -> None:
    found: Any = decode(from_r(pd.DataFrame({"a": [1]}), "tibble"), lambda digest, size: b"")
    assert found.attrs == {"instep.family": "tibble"}
    found["b"] = found["a"] + 1
    manifest = pb.Manifest.FromString(encode(found).manifest)
    assert manifest.nodes[0].table.family == "tibble"


def test_r_frame_gets_types_that_keep_what_is_missing() -> None:
    frame = pd.DataFrame({"i": pd.array([1, None], dtype="Int32"), "d": [1.5, np.nan], "s": ["a", None]})
    found: Any = decode(from_r(frame, "data.frame"), lambda digest, size: b"")
    assert list(map(str, found.dtypes)) == ["Int32", "float64", "str"]
    assert found["d"].to_numpy().view(np.uint64)[1] == 0x7FF80000000007A2
    assert found.attrs == {}


SERIES = {
    "numbers": pd.Series([1, 2, 3]),
    "named": pd.Series([1.5, np.nan], index=["a", "b"], name="x"),
    "text": pd.Series(["a", None], index=[3, 4]),
    "times": pd.Series([1], index=pd.date_range("2024", periods=1, name="at")),
    "factor": pd.Series(pd.Categorical(["a", "b"])),
    "from one": pd.Series([1, 2], index=range(1, 3), name=("a", 1)),
}


@pytest.mark.parametrize("name", sorted(SERIES))
def test_series_comes_back_equal(round_trip: Any, name: str) -> None:
    assert encode(SERIES[name]).portable
    pd.testing.assert_series_equal(round_trip(SERIES[name]), SERIES[name])


def test_series_with_text_as_index_is_a_named_vector_for_r() -> None:
    manifest = pb.Manifest.FromString(encode(pd.Series([1], index=["a"])).manifest)
    assert manifest.nodes[0].vector.HasField("names")


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["a", None], name="n"),
        pd.Index([1, 2]),
        pd.DatetimeIndex(["2024-01-01", None], tz="America/New_York"),
        pd.date_range("2024", periods=3),
        pd.CategoricalIndex(["a"]),
        pd.RangeIndex(3),
        pd.MultiIndex.from_tuples([("a", 1)]),
    ],
)
def test_index_comes_back_equal(round_trip: Any, index: Any) -> None:
    pd.testing.assert_index_equal(round_trip(index), index)


@pytest.mark.parametrize(
    "scalar",
    [
        pd.Timestamp("2024-02-29 12:00"),
        pd.Timestamp("2024-07-01", tz="Europe/Berlin"),
        pd.Timestamp("2024-07-01T00:00:00.000000001", tz="+05:30"),
        pd.Timestamp("2024-07-01").as_unit("s"),
        pd.Timedelta(hours=36),
    ],
)
def test_scalar_comes_back_equal(round_trip: Any, scalar: Any) -> None:
    found = round_trip([scalar, 1])[0]
    assert (type(found), found, found.unit) == (type(scalar), scalar, scalar.unit)


def test_missing_scalars_come_back(round_trip: Any) -> None:
    assert round_trip([pd.NA, pd.NaT])[0] is pd.NA
    assert round_trip([pd.NA, pd.NaT])[1] is pd.NaT


@pytest.mark.parametrize(
    "values", [[1, 2], [1.5, None], pd.to_datetime(["2024-01-01"])], ids=["int", "float", "time"]
)
def test_categorical_alone_keeps_the_type_of_its_categories(round_trip: Any, values: Any) -> None:
    value = pd.Categorical(values, ordered=True)
    found = round_trip(value)
    assert found.dtype == value.dtype
    assert found.equals(value)


@pytest.mark.parametrize("ordered", [True, False])
def test_categorical_comes_back_equal(round_trip: Any, ordered: bool) -> None:
    value = pd.Categorical(["a", None, "c"], categories=["c", "b", "a"], ordered=ordered)
    pd.testing.assert_extension_array_equal(round_trip(value), value)


def manifest_of(frame: object) -> pb.Manifest:
    return pb.Manifest.FromString(encode(frame, inline=True).manifest)


def refused(manifest: pb.Manifest) -> str:
    with pytest.raises(ValueDecodeError) as caught:
        decode(manifest.SerializeToString(), lambda digest, size: b"")
    return str(caught.value)


def test_frame_with_other_number_of_columns_or_rows_is_refused() -> None:
    manifest = manifest_of(pd.DataFrame({"a": [1, 2]}))
    manifest.nodes[0].table.rows = 3
    assert "3 rows" in refused(manifest)
    del manifest.nodes[0].table.columns[:]
    assert "0 columns" in refused(manifest)


def test_factor_with_bad_codes_or_levels_is_refused() -> None:
    manifest = manifest_of(pd.Categorical(["a", "b"]))
    manifest.nodes[1].vector.count = 1
    assert "code without a level" in refused(manifest)
    manifest.nodes[0].vector.ClearField("levels")
    assert "no levels" in refused(manifest)


def test_column_of_another_type_than_it_says_is_refused() -> None:
    manifest = manifest_of(pd.DataFrame({"a": [1.5]}))
    manifest.nodes[0].table.columns[0].logical = "int64"
    assert "can't be stored as float64" in refused(manifest)


def test_matrix_column_of_r_goes_back_as_one(round_trip: Any) -> None:
    """R stores a matrix column as lists of fixed size. A frame of Python's own keeps lists of objects."""
    import pyarrow as pa

    cells = pa.array([[1, 3], [2, 4]], pa.list_(pa.int32(), 2))
    frame = pd.DataFrame({"m": pd.arrays.ArrowExtensionArray(pa.chunked_array([cells]))})
    found: Any = decode(from_r(frame, "data.frame"), lambda digest, size: b"")
    assert found["m"].tolist() == [[1, 3], [2, 4]]
    pd.testing.assert_frame_equal(round_trip(found), found)
    assert encode(found).digest == encode(frame).digest
