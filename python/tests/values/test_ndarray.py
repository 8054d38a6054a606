from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from instep.values import NDArray
from instep.values._ndarray import MaskedNDArray


def test_dimnames_come_back(round_trip: Any) -> None:
    array = NDArray([[1.0, 2.0], [3.0, 4.0]], (["r1", None], None), ["rows", None])
    found = round_trip(array)
    assert type(found) is NDArray
    assert (found.dimnames, found.dimnames_names) == ((["r1", None], None), ["rows", None])
    np.testing.assert_array_equal(found, array)


def test_missing_whole_numbers_stay_missing_beside_dimnames(round_trip: Any) -> None:
    masked = np.ma.MaskedArray(np.array([[1, 0]], "int32"), mask=[[False, True]])
    array = MaskedNDArray.of(masked, (["a"], ["b", "c"]), ["x", "y"])
    found = round_trip(array)
    assert (type(found), found.dtype) == (MaskedNDArray, np.dtype("int32"))
    assert found.mask.tolist() == [[False, True]]
    assert (found.dimnames, found.dimnames_names) == ((["a"], ["b", "c"]), ["x", "y"])
    assert found[:, 1:].dimnames is None


def test_array_of_one_dimension_with_a_missing_number_comes_back(round_trip: Any) -> None:
    array = MaskedNDArray.of(np.ma.MaskedArray([True, False], mask=[True, False]), None, None)
    found = round_trip(array)
    assert (type(found), found.mask.tolist(), found.dimnames) == (MaskedNDArray, [True, False], None)


def test_array_of_one_dimension_stays_one(round_trip: Any) -> None:
    found = round_trip(NDArray(np.arange(3)))
    assert (type(found), found.shape, found.dimnames) == (NDArray, (3,), None)


def test_calculating_loses_the_names_and_changing_in_place_keeps_them() -> None:
    array: Any = NDArray(np.zeros((1, 2)), (["a"], ["b", "c"]))
    array[0, 0] = 5
    assert array.dimnames == (["a"], ["b", "c"])
    assert (array + 1).dimnames is None
    assert array[:, 0].dimnames is None


def test_names_survive_pickling_and_copying() -> None:
    array = NDArray(np.zeros((1, 2)), (["a"], ["b", "c"]))
    assert pickle.loads(pickle.dumps(array)).dimnames == array.dimnames
    assert copy.deepcopy(array).shape == (1, 2)


@pytest.mark.parametrize("dimnames", [(["a"],), (["a", "b"], None), (None, ["a"])])
def test_names_that_do_not_fit_are_refused(dimnames: Any) -> None:
    with pytest.raises(ValueError, match="dimnames"):
        NDArray(np.zeros((1, 2)), dimnames)
