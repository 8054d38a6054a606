"""Writes the values of Python that the tests of the R package read.

They are kept as hex digits: R packages hold no binary files that look like programs.

Usage: python write_fixtures.py ../../r/tests/testthat/values
"""

import datetime
import fractions
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from instep.values import encode
from scipy import sparse


def fixtures() -> dict[str, object]:
    """Gives the values by the name of their file."""
    cells = np.arange(24.0).reshape(2, 3, 4)
    thin = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 3.0]])
    widths = {name: np.array([np.iinfo(name).min, np.iinfo(name).max], name) for name in ("int8", "int16")}
    widths |= {name: np.array([-5, 5], name) for name in ("int32", "int64")}
    widths |= {name: np.array([0, np.iinfo(name).max], name) for name in ("uint8", "uint16", "uint32")}
    widths["uint64"] = np.array([0, 2**53], "uint64")
    widths["float16"] = np.array([0.5, -0.25, np.inf, np.nan, 2.0**-24], "float16")
    widths["float32"] = np.array([0.5, np.nan], "float32")
    widths["bool"] = np.array([True, False])
    return {
        "widths": widths,
        "int32_min": np.array([-(2**31), 1], "int32"),
        "int64_integer": np.array([-(2**31) + 1, 2**31 - 1]),
        "int64_double": np.array([-(2**31), 2**53]),
        "int64_wide": np.array([2**53 + 1, -1]),
        "int64_min": np.array([-(2**63), 2**60]),
        "uint64_wide": np.array([2**53 + 1], "uint64"),
        "zero_character": "a\0b",
        "offset": datetime.datetime(
            2024, 2, 29, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=30))
        ),
        "nanoseconds": np.array([1_000_001_501, np.iinfo("int64").min], "datetime64[ns]"),
        "nanoseconds_inside": {
            "exact": np.array([1_000], "datetime64[ns]"),
            "b": [1, pd.DataFrame({"n": [1], "when": np.array([1_001], "datetime64[ns]")})],
        },
        "array_c": cells,
        "array_f": np.asfortranarray(cells),
        "matrix_c": np.arange(2700.0).reshape(45, 60),
        "array_0d": np.array(1.5),
        "sparse_csc": sparse.csc_matrix(thin),
        "sparse_csr": sparse.csr_matrix(thin),
        "sparse_coo": sparse.coo_matrix(thin),
        "pandas": pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
        "pandas_index": pd.DataFrame({"a": [1, 2]}, index=["x", "y"]),
        "pandas_multi": pd.DataFrame(
            {"a": [0.5, 1.5]}, index=pd.MultiIndex.from_arrays([["x", "x"], [1, 2]], names=["k", "l"])
        ),
        "polars": pl.DataFrame({"a": [1, 2], "l": [[1, 2], [3]]}),
        "categories": pd.Categorical([2, 1, None], categories=[1, 2]),
        "fraction": fractions.Fraction(1, 2),
    }


def main() -> None:
    """Writes one manifest per value."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in fixtures().items():
        digits = encode(value, name=name, inline=True).manifest.hex()
        (folder / f"{name}.hex").write_text(textwrap.fill(digits, 100) + "\n")


if __name__ == "__main__":
    main()
