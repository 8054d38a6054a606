from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from instep.values import ValueDecodeError, decode, encode
from instep_proto.v1 import value_pb2 as pb


@pytest.mark.parametrize("layout", ["csc", "csr", "coo"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("dtype", ["float64", "int32", "bool", "complex128"])
def test_matrix_comes_back_equal(round_trip: Any, layout: str, kind: str, dtype: str) -> None:
    dense = np.array([[0, 1, 0], [2, 0, 3]]).astype(dtype)
    value = getattr(sp, f"{layout}_{kind}")(dense)
    found = round_trip(value)
    assert (type(found), found.dtype, found.shape) == (type(value), value.dtype, value.shape)
    assert (found.toarray() == dense).all()


def test_explicit_zero_is_kept(round_trip: Any) -> None:
    value = sp.csr_array((np.array([0.0, 1.0]), np.array([0, 1]), np.array([0, 1, 2])), shape=(2, 2))
    assert round_trip(value).nnz == 2


def test_other_layout_is_pickled(round_trip: Any) -> None:
    value = sp.dok_array(np.eye(2))
    assert not encode(value).portable
    assert (round_trip(value).toarray() == np.eye(2)).all()


@pytest.mark.parametrize(
    ("field", "numbers"),
    [
        ("indices", [0, 9, 2]),
        ("indices", [0, -1, 2]),
        ("indptr", [0, 3, 2, 3]),
        ("indptr", [1, 1, 2, 3]),
        ("indptr", [0, 1, 2, 9]),
    ],
)
def test_index_outside_of_the_matrix_is_refused(field: str, numbers: list[int]) -> None:
    """SciPy does not look at indices before it calculates with them."""
    encoded = encode(sp.csr_array(np.eye(3)))
    manifest = pb.Manifest.FromString(encoded.manifest)
    bad = pb.Manifest.FromString(encode(np.array(numbers, "int32")).manifest)
    node = manifest.nodes[getattr(manifest.nodes[0].sparse, field)]
    node.vector.part = len(manifest.parts)
    node.vector.start = 0
    manifest.parts.append(bad.parts[0])
    with pytest.raises(ValueDecodeError, match="outside of it"):
        decode(manifest.SerializeToString(), lambda digest, size: b"")
