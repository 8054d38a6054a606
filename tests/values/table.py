"""Writes docs/values.md: what becomes of values on their way through both languages, as measured.

    python -m values.table          in directory tests: writes the page

Each case of rows.py is stored and read by the language that makes it, read by the other, stored there again, and read
at home. The test beside this file fails when the page is not what is measured.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import threading
import warnings
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse as sp
from instep.values import (
    NA,
    NA_FLOAT,
    ForeignObject,
    LossWarning,
    NamedList,
    NamedVector,
    NDArray,
    ValueDecodeError,
    ValueEncodeError,
    encode,
)
from values.exchange import same
from values.peer import R, read
from values.rows import ROWS, Row

PAGE = Path(__file__).parents[2] / "docs" / "values.md"

NAMES = {
    "dt": dt, "os": os, "threading": threading, "Decimal": Decimal, "Fraction": Fraction, "ZoneInfo": ZoneInfo,
    "np": np, "pd": pd, "pl": pl, "pa": pa, "sp": sp, "NA": NA, "NA_FLOAT": NA_FLOAT, "NamedList": NamedList,
    "NamedVector": NamedVector, "NDArray": NDArray,
}  # fmt: skip
"""What the code of Python's cases can name."""

LONGEST = 90
"""Values are shown in as many characters."""


@dataclass(frozen=True)
class Step:
    """What one language found."""

    outcome: str
    """`same`, `read` or `refused`."""
    loss: str
    """Names of the rules by which something was lost when it was stored."""
    text: str
    """The value, or the name of the error."""
    manifest: bytes = b""
    """What the language stored."""


@dataclass(frozen=True)
class Measured:
    """What became of a case. `None`: it did not get that far."""

    code: str
    own: Step
    other: Step | None
    back: Step | None


class PythonSide:
    """Python's side of the exchange. R's is table.R."""

    def __init__(self) -> None:
        self._last: Any = None

    def write(self, code: str) -> Step:
        value = eval(code, dict(NAMES))
        try:
            encoded = encode(value, on_loss="ignore", inline=True)
            self._last = read(encoded.manifest)
        except (ValueEncodeError, ValueDecodeError) as error:
            return Step("refused", "", error.code)
        finally:
            if hasattr(value, "close"):
                value.close()
        outcome = "same" if is_same(value, self._last) else "read"
        return Step(outcome, _losses(encoded.losses), sketch(self._last), encoded.manifest)

    def store_again(self, manifest: bytes) -> Step:
        try:
            value = read(manifest)
            encoded = encode(value, on_loss="ignore", inline=True)
        except (ValueEncodeError, ValueDecodeError) as error:
            return Step("refused", "", error.code)
        return Step("read", _losses(encoded.losses), sketch(value), encoded.manifest)

    def read_back(self, manifest: bytes) -> Step:
        try:
            value = read(manifest)
        except ValueDecodeError as error:
            return Step("refused", "", error.code)
        return Step("same" if is_same(self._last, value) else "read", "", sketch(value))


class RSide:
    """R's side of the exchange."""

    def __init__(self, process: R) -> None:
        self._process = process

    def write(self, code: str) -> Step:
        return self._ask(b"W", code.encode())

    def store_again(self, manifest: bytes) -> Step:
        return self._ask(b"S", manifest)

    def read_back(self, manifest: bytes) -> Step:
        return self._ask(b"B", manifest)

    def _ask(self, kind: bytes, body: bytes) -> Step:
        outcome, loss, text, manifest = self._process.ask(kind, body).split(b"\n", 3)
        return Step(outcome.decode(), loss.decode(), text.decode(), manifest)


Side = PythonSide | RSide


def _losses(losses: Any) -> str:
    return " ".join(dict.fromkeys(loss.rule for loss in losses))


def is_same(a: Any, b: Any) -> bool:
    """Says whether a value came back as it was."""
    if isinstance(a, pl.DataFrame):
        return isinstance(b, pl.DataFrame) and bool(a.equals(b)) and a.schema == b.schema
    if sp.issparse(a):
        return type(a) is type(b) and a.dtype == b.dtype and (a != b).nnz == 0
    if isinstance(a, ForeignObject):
        return isinstance(b, ForeignObject) and a.digest == b.digest
    return same(a, b)


def sketch(value: Any) -> str:
    """Shows a value in a line, the same in every run."""
    if isinstance(value, ForeignObject):
        return f"<R {value.classes[0]}>"
    if isinstance(value, pd.DataFrame):
        return _sketch_frame(value)
    if isinstance(value, pl.DataFrame | pa.Table):
        cells = value.to_dict(as_series=False) if isinstance(value, pl.DataFrame) else value.to_pydict()
        return f"{type(value).__module__.partition('.')[0]} frame {cells}"
    if isinstance(value, np.ma.MaskedArray):
        return f"masked_array({value.tolist()}, {value.dtype})"
    if sp.issparse(value):
        return f"{type(value).__name__} {value.dtype} {value.shape[0]} x {value.shape[1]}"
    return re.sub(r"\s+", " ", repr(value))


def _sketch_frame(frame: pd.DataFrame) -> str:
    columns = (frame.iloc[:, position] for position in range(frame.shape[1]))
    cells = ", ".join(f"{column.name}: {column.dtype} {column.tolist()}" for column in columns)
    index = "" if isinstance(frame.index, pd.RangeIndex) else f", index {frame.index.tolist()}"
    return f"pandas frame {{{cells}}}{index}"


def measure(code: str, home: Side, abroad: Side) -> Measured:
    """Sends a value to the other language and back."""
    own = home.write(code)
    if own.outcome == "refused":
        return Measured(code, own, None, None)
    other = abroad.store_again(own.manifest)
    back = None if other.outcome == "refused" else home.read_back(other.manifest)
    return Measured(code, own, other, back)


def _cell(step: Step | None) -> str:
    """What a language found, as the cell of a table."""
    if step is None:
        return ""
    if step.outcome == "refused":
        return f"**refused** `{step.text}`"
    words = "exact" if step.outcome == "same" else _quoted(step.text)
    return f"{words}, loss `{step.loss}`" if step.loss else words


def _quoted(text: str) -> str:
    short = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    escaped = short.replace("|", "\\|")
    return f"`` {escaped} ``" if "`" in short else f"`{escaped}`"


def _table(heading: str, other: str, cases: list[Measured]) -> list[str]:
    if not cases:
        return []
    lines = [
        f"| {heading} stores | {heading} reads | {other} reads | {heading} reads it from {other} |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {_quoted(case.code)} | {_cell(case.own)} | {_cell(case.other)} | {_cell(case.back)} |"
        for case in cases
    ]
    return [*lines, ""]


def _section(number: int, row: Row, python: PythonSide, r: RSide) -> list[str]:
    in_python = [measure(code, python, r) for code in row.python]
    in_r = [measure(code, r, python) for code in row.r]
    tables = _table("Python", "R", in_python) + _table("R", "Python", in_r)
    return [f"## {number}. {row.title}", "", row.rule, "", *tables]


INTRODUCTION = """\
# How values pass between R and Python

<!-- Written by tests/values/table.py, run by `make docs`, from what it measured. Do not edit. -->

For each kind of value: what a language stores, what it reads again, what the other language reads, and what comes back
when a step of the other language stores that again. *exact* means the same type, the same value, the same bits. A *loss*
is told by a warning that carries the name of its rule; with `on_loss = "error"` it is an error. *refused* is an error
that carries the code shown; nothing is stored, or read. In the last column, *exact* means the same as what the
language reads of its own.

A value that a step does not change keeps its digest. It is not stored again, and is read as in the second column,
however many steps of other languages it came through.
"""


def page() -> str:
    """Measures all cases and gives the page."""
    process = R("table.R")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LossWarning)
            sides = PythonSide(), RSide(process)
            lines = [line for number, row in enumerate(ROWS, 1) for line in _section(number, row, *sides)]
    finally:
        process.close()
    return "\n".join([INTRODUCTION, *lines]).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
