from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from instep.values import NA_FLOAT, LossWarning, ValueDecodeError, ValueEncodeError, decode, encode
from instep_proto.v1 import value_pb2 as pb

DTYPES = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="=")
    | hnp.unsigned_integer_dtypes(endianness="=")
    | hnp.floating_dtypes(endianness="=", sizes=(16, 32, 64))
    | st.just(np.dtype("complex128"))
    | st.sampled_from(
        [np.dtype("<U5"), np.dtype("M8[us]"), np.dtype("M8[ns]"), np.dtype("m8[us]"), np.dtype("M8[s]")]
    )
)


def elements(dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "U":
        return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
    return hnp.from_dtype(dtype, allow_nan=True) if dtype.kind in "fc" else hnp.from_dtype(dtype)


@st.composite
def arrays(draw: Any) -> Any:
    dtype = draw(DTYPES)
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    array = np.asarray(draw(hnp.arrays(dtype, shape, elements=elements(dtype))))
    if array.ndim and draw(st.booleans()):
        array = array[::-1]
    return np.asfortranarray(array) if draw(st.booleans()) else array


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays())
def test_array_comes_back_equal(round_trip: Any, array: Any) -> None:
    found = round_trip(array)
    assert (type(found), found.dtype, found.shape) == (np.ndarray, array.dtype, array.shape)
    assert np.array_equal(found, array, equal_nan=array.dtype.kind in "fcMm")
    assert found.flags.writeable


def bits(array: Any) -> list[int]:
    return [int(number) for number in np.asarray(array).view(np.uint64)]


@pytest.mark.parametrize("length", [3, 3000])
def test_nan_is_made_canonical_and_na_is_kept(round_trip: Any, length: int) -> None:
    odd = np.array([0xFFF8000000000000, 0x7FF80000000007A2, 0x3FF0000000000000], np.uint64).view(float)
    found = bits(round_trip(np.tile(odd, length // 3)))
    assert found[:3] == [0x7FF8000000000000, 0x7FF80000000007A2, 0x3FF0000000000000]
    assert len(set(found)) == 3


def test_na_is_stored_as_null() -> None:
    manifest = pb.Manifest.FromString(encode(np.array([1.0, NA_FLOAT])).manifest)
    assert b"\1\0\0\0\0\0\0\0" in manifest.parts[0].inline  # the bitmap


@pytest.mark.parametrize("dtype", ["bool", "int32", "uint8", "float64", "complex128", "M8[us]"])
@pytest.mark.parametrize("length", [3, 3000])
def test_masked_array_comes_back(round_trip: Any, dtype: str, length: int) -> None:
    array = np.ma.MaskedArray(np.ones(length).astype(dtype), mask=np.arange(length) % 3 == 1)
    found = round_trip(array)
    assert type(found) is np.ma.MaskedArray
    assert (found.dtype, found.mask.tolist()) == (array.dtype, array.mask.tolist())
    assert (found == array).all()


def test_matrix_keeps_its_order() -> None:
    for order in "CF":
        manifest = pb.Manifest.FromString(encode(np.array([[1, 2], [3, 4]], order=order)).manifest)  # type: ignore[call-overload]
        assert manifest.nodes[0].array.column_major == (order == "F")


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a", None], object),
        np.array([["a", "b"]], object),
        np.array(["2024-02-29", "NaT"], "M8[D]"),
        np.array([36, 1], "m8[h]"),
        np.array([], "<U3"),
    ],
)
def test_other_array_comes_back(round_trip: Any, array: Any) -> None:
    found = round_trip(array)
    assert found.dtype == array.dtype
    assert found.tolist() == array.tolist()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([1 + 2j], "complex64"), "complex64 comes back as complex128"),
        (np.array([1, 2], ">i4"), "byte order"),
        (np.array([1], "m8[ns]"), "rounded to microseconds"),
    ],
)
def test_detail_that_does_not_come_back_is_a_loss(round_trip: Any, array: Any, words: str) -> None:
    with pytest.warns(LossWarning, match=words):
        found = round_trip(array)
    assert found.shape == array.shape
    with pytest.raises(ValueEncodeError, match="without loss"):
        encode(array, on_loss="error")
    assert len(encode(array, on_loss="ignore").losses) == 1


@pytest.mark.parametrize(
    "array",
    [
        np.array([{}]),
        np.zeros(1, "i4,f8"),
        np.array([b"ab"]),
        np.zeros(1, np.longdouble),
        np.array(["2024"], "M8[Y]"),
    ],
)
def test_array_without_portable_form_is_pickled(round_trip: Any, array: Any) -> None:
    assert not encode(array).portable
    assert (round_trip(array) == array).all()


def test_date_far_away_is_refused() -> None:
    with pytest.raises(ValueEncodeError, match="million years") as caught:
        encode(np.array([2**40], "M8[D]"))
    assert caught.value.code == "DATE_RANGE"


@pytest.mark.parametrize(
    "scalar",
    [
        np.bool_(True),
        np.int8(-3),
        np.uint64(2**64 - 1),
        np.float16(1.5),
        np.float32("inf"),
        np.float64(-0.0),
        np.complex128(1j),
        np.datetime64("2024-02-29"),
        np.datetime64("2024-02-29T01:02:03.000000004"),
        np.datetime64("NaT", "us"),
        np.timedelta64(5, "s"),
        np.str_("a"),
    ],
)
def test_scalar_comes_back_in_its_type(round_trip: Any, scalar: Any) -> None:
    found = round_trip([scalar, "other"])[0]
    assert (type(found), found.dtype) == (type(scalar), scalar.dtype)
    assert found == scalar or (np.isnat(found) and np.isnat(scalar))


def test_large_array_is_used_in_place(fetch: Any) -> None:
    array = np.arange(300_000.0)
    encoded = encode(array)
    (blob,) = encoded.blobs
    assert any(
        np.shares_memory(np.frombuffer(piece, np.uint8), array) for piece in blob.buffers if len(piece) > 1000
    )
    stored = fetch(encoded)(blob.hash, blob.size)
    found: Any = decode(encoded.manifest, lambda digest, size: stored)
    assert np.shares_memory(found, np.frombuffer(stored, np.uint8))
    found[0] = 5  # a value can be changed, whoever lent the bytes


def test_array_over_read_only_bytes_can_be_changed(fetch: Any) -> None:
    encoded = encode(np.arange(300_000.0))
    found: Any = decode(encoded.manifest, lambda *key: bytes(fetch(encoded)(*key)))
    found[0] = 5
    assert found[0] == 5


@pytest.mark.parametrize(
    "dims", [[3], [2, -2], [2, 2, 2], [2**62, 4], [4, 0], [1] * 70, [4] + [0] * 3, [2**32, 2**32, 0]]
)
def test_dimensions_that_do_not_fit_are_refused(dims: list[int]) -> None:
    manifest = pb.Manifest.FromString(encode(np.ones((2, 2))).manifest)
    del manifest.nodes[0].array.dims[:]
    manifest.nodes[0].array.dims.extend(dims)
    with pytest.raises(ValueDecodeError):
        decode(manifest.SerializeToString(), lambda digest, size: b"")


@pytest.mark.parametrize(
    "dtype", ["<U999999999", "object[x]", "datetime64[Y]", "timedelta64[s]", "int64", "<U-1"]
)
def test_dtype_that_does_not_fit_is_refused(dtype: str) -> None:
    for value in (np.array(["a"]), np.array(["2024"], "M8[s]")):
        manifest = pb.Manifest.FromString(encode(value).manifest)
        manifest.nodes[0].vector.params[0].value = dtype
        with pytest.raises(ValueDecodeError):
            decode(manifest.SerializeToString(), lambda digest, size: b"")


def test_every_batch_of_a_stream_is_read() -> None:
    """Our writers write one batch. A reader takes any number."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    table = pa.table({"v": pa.array([1.0, None, 3.0, 4.0, 5.0])})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    data = bytes(sink.getvalue())
    vector = pb.Vector(logical="float64", shape=pb.SHAPE_VECTOR, start=1, count=3)
    manifest = pb.Manifest(
        format=1, nodes=[pb.Node(vector=vector)], parts=[pb.Part(inline=data, length=len(data))]
    )
    found: Any = decode(manifest.SerializeToString(), lambda digest, size: b"")
    assert math.isnan(found[0])
    assert found[1:].tolist() == [3.0, 4.0]
