from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from instep import _unchanged
from instep._unchanged import Footprint, footprint_of
from instep.values import ObjectStore, decode, encode

COLUMNS = {name: np.arange(200_000.0) + number for number, name in enumerate("abc")}


@pytest.fixture(autouse=True)
def _every_size_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_unchanged, "LARGE_BYTES", 1)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[object], tuple[Any, Footprint | None]]:
    """Stores a value and reads it again, with its footprint."""
    store = ObjectStore(tmp_path)

    def read(value: object) -> tuple[Any, Footprint | None]:
        encoded = encode(value)
        for blob in encoded.blobs:
            store.put(blob)
        fetched: list[memoryview | bytes] = []

        def fetch(hash: str, size: int) -> memoryview:
            fetched.append(store.open(hash, size))
            return fetched[-1]  # type: ignore[return-value]

        found = decode(encoded.manifest, fetch)
        return found, footprint_of(found, fetched)

    return read


Read = Callable[[object], tuple[Any, Footprint]]


@pytest.mark.parametrize("value", [pd.DataFrame(COLUMNS), np.arange(400_000).reshape(200, 2000)])
def test_untouched_value_fits_its_footprint(read: Read, value: object) -> None:
    found, footprint = read(value)
    assert float(np.asarray(found).sum()) > 0
    assert footprint.fits(found)


def set_cell(frame: pd.DataFrame) -> None:
    frame.loc[5, "a"] = -1.0


def add_column(frame: pd.DataFrame) -> None:
    frame["d"] = 1


def swap_columns(frame: pd.DataFrame) -> None:
    frame["a"], frame["b"] = frame["b"], frame["a"]


def drop_rows(frame: pd.DataFrame) -> None:
    frame.drop(index=[0], inplace=True)


def rename_column(frame: pd.DataFrame) -> None:
    frame.columns = pd.Index(["x", "b", "c"])


def name_index(frame: pd.DataFrame) -> None:
    frame.index.name = "row"


def describe(frame: pd.DataFrame) -> None:
    frame.attrs["unit"] = "kg"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "change", [set_cell, add_column, swap_columns, drop_rows, rename_column, name_index, describe]
)
def test_changed_frame_does_not_fit(read: Read, change: Callable[[pd.DataFrame], None]) -> None:
    frame, footprint = read(pd.DataFrame(COLUMNS))
    change(frame)
    assert not footprint.fits(frame)


def test_changed_array_does_not_fit(read: Read) -> None:
    array, footprint = read(np.arange(400_000).reshape(200, 2000))
    array[3, 4] = 0
    assert not footprint.fits(array)

    array, footprint = read(np.arange(400_000).reshape(200, 2000))
    array.shape = (2000, 200)
    assert not footprint.fits(array)


def test_write_through_a_view_is_seen(read: Read) -> None:
    array, footprint = read(np.arange(400_000))
    view = array[10:20]
    view += 1
    assert not footprint.fits(array)


@pytest.mark.parametrize(
    "value",
    [
        [1, 2, 3],
        "x" * 100_000,
        pd.DataFrame({"a": np.arange(200_000.0), "b": ["text"] * 200_000}),
        pd.DataFrame(COLUMNS, index=pd.Index(np.arange(200_000) * 2)),
        np.array([1, 2, 3]),
    ],
)
def test_value_that_is_not_all_mapped_has_no_footprint(read: Read, value: object) -> None:
    assert read(value)[1] is None
