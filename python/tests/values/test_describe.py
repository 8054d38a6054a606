from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from instep.values import NA, describe, encode
from instep_proto.v1 import value_pb2 as pb


@pytest.mark.parametrize(
    ("value", "name", "summary"),
    [
        (None, "NoneType", "None"),
        (True, "bool", "bool True"),
        (42, "int", "int 42"),
        (2**70, "int", "int 1180591620717411303424"),
        (1.5, "float", "float 1.5"),
        ("text", "str", "str 'text'"),
        ("x" * 100, "str", "str '" + "x" * 60 + "…'"),
        (b"ab", "bytes", "bytes"),
        (Decimal("1.10"), "decimal.Decimal", "decimal 1.10"),
        (dt.date(2024, 2, 29), "datetime.date", "date"),
        (NA, "instep.NAType", "bool NA"),
        ([1, 2], "list", "list of 2 int"),
        ([1, "a"], "list", "list of 2"),
        ((), "tuple", "tuple of 0"),
        ({"a": 1}, "dict", "dict of 1"),
        ({1: 1}, "dict", "dict of 1"),
        (np.arange(3), "numpy.ndarray", "array of 3 int64"),
        (np.zeros((2, 3)), "numpy.ndarray", "float64 array 2 x 3"),
        (pd.DataFrame({"a": range(1200)}, index=[str(i) for i in range(1200)]), "pandas.DataFrame", "pandas.DataFrame 1,200 x 1"),
        (Fraction(1, 2), "fractions.Fraction", "fractions.Fraction (Python only)"),
        (sp.csr_array(np.eye(3)), "scipy.sparse._csr.csr_array", "sparse matrix 3 x 3"),
    ],
)  # fmt: skip
def test_value_is_described(value: object, name: str, summary: str) -> None:
    encoded = encode(value)
    assert (encoded.type_name, encoded.summary) == (name, summary)
    assert describe(encoded.manifest)[1] == summary


@pytest.mark.parametrize(
    ("value", "family", "name"),
    [
        (1.5, "", "numeric"),
        (None, "", "NULL"),
        ({"a": 1}, "", "list"),
        (pd.DataFrame({"a": [1]}), "tibble", "tibble"),
    ],
)
def test_value_of_r_is_described_in_words_of_r(value: object, family: str, name: str) -> None:
    manifest = pb.Manifest.FromString(encode(value).manifest)
    manifest.nodes[0].origin = "r"
    if family:
        manifest.nodes[0].table.family = family
    assert describe(manifest.SerializeToString())[0] == name


def test_summary_has_an_end() -> None:
    class Long:
        pass

    Long.__qualname__ = "L" * 500
    manifest = pb.Manifest(format=1)
    manifest.nodes.add(opaque=pb.Opaque(language="r", classes=["x" * 500]))
    summary: Any = describe(manifest.SerializeToString())[1]
    assert len(summary) == 200
    assert summary.endswith("…")
