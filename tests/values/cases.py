"""The values of Python's cases in rows.py: how they are made, and compared."""

from __future__ import annotations

import datetime as dt
import os
import re
import threading
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse as sp
from instep.values import NA, NA_FLOAT, ForeignObject, NamedList, NamedVector, NDArray
from values.exchange import same


@dataclass
class Reading:
    """A dataclass that nobody has registered."""

    value: float


def nested(depth: int) -> object:
    """Makes lists inside of lists."""
    value: object = [1, "a"]
    for _ in range(depth - 1):
        value = [value]
    return value


NAMES = {
    "dt": dt, "os": os, "threading": threading, "Decimal": Decimal, "Fraction": Fraction, "ZoneInfo": ZoneInfo,
    "np": np, "pd": pd, "pl": pl, "pa": pa, "sp": sp, "NA": NA, "NA_FLOAT": NA_FLOAT, "NamedList": NamedList,
    "NamedVector": NamedVector, "NDArray": NDArray, "Reading": Reading, "nested": nested, "re": re,
}  # fmt: skip
"""What the code of Python's cases can name."""


def make(code: str) -> Any:
    """Makes the value of a case."""
    return eval(code, dict(NAMES))


def is_same(a: Any, b: Any) -> bool:
    """Says whether a value came back as it was."""
    if isinstance(a, pl.DataFrame):
        return isinstance(b, pl.DataFrame) and bool(a.equals(b)) and a.schema == b.schema
    if isinstance(a, pl.Series):
        return isinstance(b, pl.Series) and bool(a.equals(b)) and a.dtype == b.dtype
    if isinstance(a, pd.Series):
        return isinstance(b, pd.Series) and bool(
            a.equals(b) and a.index.equals(b.index) and a.dtype == b.dtype
        )
    if sp.issparse(a):
        return type(a) is type(b) and a.dtype == b.dtype and (a != b).nnz == 0
    if isinstance(a, ForeignObject):
        return isinstance(b, ForeignObject) and a.digest == b.digest
    return same(a, b)
