from __future__ import annotations

import datetime as dt
import math
import struct
import subprocess
import sys
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from instep.values import (
    NA,
    NA_FLOAT,
    LossWarning,
    NAType,
    ValueDecodeError,
    ValueEncodeError,
    decode,
    encode,
)
from instep_proto.v1 import value_pb2 as pb

BERLIN = ZoneInfo("Europe/Berlin")


def no_blobs(digest: str, size: int) -> bytes:
    raise AssertionError(f"blob {digest} of {size} bytes was fetched")


def read_back(value: object) -> Any:
    return decode(encode(value, inline=True).manifest, no_blobs)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(),
    st.binary(),
    st.decimals(allow_nan=False),
    st.dates(),
    st.datetimes(),
    st.datetimes(
        timezones=st.sampled_from([dt.UTC, BERLIN, dt.timezone(dt.timedelta(hours=5, minutes=30))]),
        allow_imaginary=False,
    ),
    st.timedeltas(),
    st.times(),
)


@given(SCALARS)
def test_scalar_comes_back_equal_in_type_and_value(value: Any) -> None:
    found = read_back(value)
    assert type(found) is type(value)
    assert found == value
    if isinstance(value, float):
        assert math.copysign(1, found) == math.copysign(1, value)
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        assert found.utcoffset() == value.utcoffset()


def bits(value: float) -> int:
    number: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return number


@pytest.mark.parametrize(
    "pattern", [0x7FF8000000000000, 0xFFF8000000000000, 0x7FF8DEADBEEF0000, 0x7FF0000000000001]
)
def test_every_nan_becomes_the_same_one(pattern: int) -> None:
    value = struct.unpack("<d", struct.pack("<Q", pattern))[0]
    assert bits(read_back(value)) == 0x7FF8000000000000


@pytest.mark.parametrize("pattern", [0x7FF00000000007A2, 0x7FF80000000007A2])
def test_na_of_r_stays_na(pattern: int) -> None:
    value = struct.unpack("<d", struct.pack("<Q", pattern))[0]
    manifest = pb.Manifest.FromString(encode(value).manifest)
    assert manifest.nodes[0].vector.logical == "float64"
    assert bits(read_back(value)) == 0x7FF80000000007A2 == bits(NA_FLOAT)


@pytest.mark.parametrize("logical", ["bool", "int32", "string", "date", "instant"])
def test_missing_scalar_remembers_its_type(logical: str) -> None:
    assert read_back(NAType(logical)) is NAType(logical)


def test_na_is_neither_true_nor_false() -> None:
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(NA)
    assert NA == NAType("int32") != 0


@pytest.mark.parametrize("value", [bytearray(b"ab"), memoryview(b"ab")])
def test_bytes_like_comes_back_as_bytes_with_a_loss(value: object) -> None:
    with pytest.warns(LossWarning, match="comes back as bytes"):
        assert read_back(value) == b"ab"


def test_lone_surrogate_is_refused_with_its_place() -> None:
    with pytest.raises(ValueEncodeError, match=r"U\+D800 at position 1") as caught:
        encode({"a": ["x", "b\ud800"]}, name="result")
    assert caught.value.code == "STRING_ENCODING"
    assert caught.value.path == 'self.result["a"][1]'


def test_lone_surrogate_in_a_key_is_refused() -> None:
    with pytest.raises(ValueEncodeError, match="lone surrogate"):
        encode({"\ud800": 1})


def test_zero_character_is_kept() -> None:
    assert read_back("a\0b") == "a\0b"


def test_huge_integer_is_pickled() -> None:
    encoded = encode(10**5000)
    assert not encoded.portable
    assert decode(encoded.manifest, no_blobs) == 10**5000


def test_zone_without_a_name_becomes_an_offset_with_a_loss() -> None:
    class Odd(dt.tzinfo):
        def utcoffset(self, _: object) -> dt.timedelta:
            return dt.timedelta(hours=2)

        def dst(self, _: object) -> None:
            return None

        def tzname(self, _: object) -> None:
            return None

    moment = dt.datetime(2024, 1, 1, tzinfo=Odd())
    with pytest.warns(LossWarning, match="fixed offset"):
        assert read_back(moment) == moment


def test_time_that_no_clock_shows_goes_on_with_a_loss() -> None:
    with pytest.warns(LossWarning, match="change of the clocks"):
        found = read_back(dt.datetime(2013, 3, 31, 2, 30, tzinfo=BERLIN))
    assert found == dt.datetime(2013, 3, 31, 3, 30, tzinfo=BERLIN)


def test_time_with_a_zone_is_pickled() -> None:
    assert not encode(dt.time(1, tzinfo=dt.UTC)).portable


def changed(value: object, **fields: Any) -> bytes:
    manifest = pb.Manifest.FromString(encode(value, inline=True).manifest)
    for name, content in fields.items():
        setattr(manifest.nodes[0].vector, name, content)
    return manifest.SerializeToString()


def test_unknown_zone_is_read_as_utc_with_a_loss() -> None:
    manifest = pb.Manifest.FromString(encode(dt.datetime(2024, 7, 1, tzinfo=BERLIN)).manifest)
    manifest.nodes[0].vector.params[0].value = "Mars/Olympus"
    with pytest.warns(LossWarning, match="Mars/Olympus"):
        found = decode(manifest.SerializeToString(), no_blobs)
    assert found == dt.datetime(2024, 6, 30, 22, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (1, {"logical": "float64"}),
        (1, {"logical": "nonsense"}),
        (1, {"part": 1}),
        (1, {"start": 1}),
        (1, {"start": -1}),
        (1, {"count": 2}),
        (1, {"shape": 0}),
        (1, {"shape": 9}),
        ("x", {"logical": "bigint"}),
        ("x", {"logical": "decimal"}),
        ("9" * 5000, {"logical": "bigint"}),
    ],
)
def test_scalar_that_does_not_fit_its_part_is_refused(value: object, fields: dict[str, Any]) -> None:
    with pytest.raises(ValueDecodeError):
        decode(changed(value, **fields), no_blobs)


def test_small_values_load_no_library() -> None:
    """A task whose values are small must not wait for NumPy and pyarrow to be imported."""
    program = (
        "import sys\n"
        "from instep.values import decode, encode\n"
        "value = {'a': [1, 2.5, None, 'x'], 'b': [1, 2], 'c': (b'z', True), 'd': {1, 2}}\n"
        "assert decode(encode(value, inline=True).manifest, None) == value\n"
        "assert not {'numpy', 'pyarrow', 'pandas', 'polars', 'cloudpickle'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
