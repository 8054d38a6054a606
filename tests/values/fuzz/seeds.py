"""Sound values that cases are made of: the test vectors, and values of kinds that these lack.

python -m values.fuzz.seeds        in directory tests: writes those of directory seeds anew, in both languages
"""

from __future__ import annotations

import datetime as dt
import subprocess
import warnings
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse as sp
from instep.values import NamedVector, NDArray, encode
from instep_conformance import vectors
from instep_proto.v1 import value_pb2 as pb
from values.fuzz.types import Pair

HERE = Path(__file__).parent
SEEDS = HERE / "seeds"


@dataclass(frozen=True)
class Seed:
    """A sound value with all bytes in its manifest."""

    name: str
    manifest: pb.Manifest

    @property
    def is_opaque(self) -> bool:
        """Whether some part is not read without trust."""
        return any(node.WhichOneof("kind") == "opaque" for node in self.manifest.nodes)


def load() -> list[Seed]:
    """Reads all seeds, in the same order each time."""
    stored = [Seed(f"{vector.producer}/{vector.case}", vector.inlined()) for vector in vectors.load()]
    own = [
        Seed(f"{path.parent.name}/{path.stem}", pb.Manifest.FromString(path.read_bytes()))
        for path in sorted(SEEDS.glob("*/*.bin"))
    ]
    return stored + own


def values() -> dict[str, Any]:
    """Makes the values that Python stores beside the vectors."""
    deep: Any = 1.5
    for level in range(60):
        deep = [deep] if level % 2 else {"x": deep}
    return {
        "mixed": {"a": [1, "x", None, (2.5, b"b")], "b": {1: {"c"}, (2, 3): frozenset({1, 2})}},
        "deep": deep,
        "records": [{"id": i, "name": f"n{i}", "score": i / 2, "tags": ["a", None]} for i in range(12)],
        "zoned": dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))),
        "masked": np.ma.MaskedArray([1, 2], mask=[True, False]),
        "masked_time": np.ma.MaskedArray(np.array(["2024-01-01"], "M8[s]"), mask=[False]),
        "text_array": np.array(["a", "bc"]),
        "object_array": np.array(["a", None], object),
        "bool_array": np.arange(20) % 3 == 0,
        "halves": np.arange(5, dtype="float16"),
        "unsigned": np.array([1, 2**64 - 1], "uint64"),
        "small": np.arange(300, dtype="int8").reshape(3, 100),
        "fortran": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
        "complex_array": np.array([[1 + 2j, 0], [3, 4]]),
        "dimnames": NDArray(np.eye(2), (["a", "b"], None)),
        "named": NamedVector(np.arange(2), ["a", None]),
        "no_cells": np.zeros((0, 3)),
        "categorical": pd.Categorical(["a", None], ["b", "a"], ordered=True),
        "pandas_times": pd.DataFrame(
            {"a": [1.5, None], "s": ["x", None], "l": [[1], None]}, index=pd.date_range("2024", periods=2)
        ),
        "pandas_tuples": pd.DataFrame({("a", 1): pd.array([1, None], dtype="Int64")}),
        "pandas_index": pd.DataFrame(
            {"x": [1.0, 2.0]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None])
        ),
        "pandas_types": pd.DataFrame(
            {
                "f": pd.array([1.5, None], dtype="Float64"),
                "b": pd.array([True, None], dtype="boolean"),
                "t": pd.to_timedelta([1, None], unit="s"),
                "p": pd.array(["x", None], dtype="string[pyarrow]"),
                "c": pd.Categorical(["u", None]),
            }
        ),
        "series": pd.Series([1.5], index=["a"], name="n"),
        "index": pd.Index([1, 2], name="i"),
        "polars": pl.DataFrame(
            {
                "a": ["x", None],
                "d": [Decimal(1), None],
                "c": pl.Series(["a", None], dtype=pl.Categorical()),
                "l": [[1, 2], None],
                "s": [{"u": 1, "v": "x"}, {"u": 2, "v": None}],
            }
        ),
        "arrow": pa.table(
            {
                "d": pa.array(["a"]).dictionary_encode(),
                "t": pa.array([1], pa.timestamp("ms", "UTC")),
                "l": pa.array([[[1.5], None]]),
                "w": pa.array([[1, 2]], pa.list_(pa.int32(), 2)),
                "b": pa.array([b"x"]),
            }
        ),
        "csr": sp.csr_array(np.eye(3)),
        "coo": sp.coo_array(np.eye(3)),
        "csc": sp.csc_matrix(np.eye(3) > 0),
        "registered": [Pair(1, "x"), {Pair(2, "y")}, {Pair(3, Pair(4, None)): 1}],
        "opaque": {"f": Fraction(1, 2), "n": [1, 2.5]},
    }


def write() -> None:
    """Writes directory `seeds`."""
    (SEEDS / "python").mkdir(parents=True, exist_ok=True)
    (SEEDS / "r").mkdir(exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in values().items():
            (SEEDS / "python" / f"{name}.bin").write_bytes(encode(value, inline=True).manifest)
    subprocess.run(["Rscript", str(HERE / "seeds.R"), str(SEEDS / "r")], check=True)


if __name__ == "__main__":
    write()
