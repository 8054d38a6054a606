"""Writes docs/values.md: what becomes of values on their way through both languages, as measured.

    python -m values.table          in directory tests: writes the page

Each case of rows.py is stored and read by the language that makes it, read by the other, stored there again, and read
at home. And a run of a flow takes it through a step of the other language, which only reads it; see passing.py. The
test beside this file fails when the page is not what is measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse as sp
from instep.values import ForeignObject, Loss, ValueDecodeError, ValueEncodeError, encode
from values.cases import is_same, make
from values.passing import pass_on
from values.peer import R, read
from values.rows import ROWS, Row

PAGE = Path(__file__).parents[2] / "docs" / "values.md"

LONGEST = 90
"""Values are shown in as many characters."""


@dataclass(frozen=True)
class Step:
    """What one language found."""

    outcome: str
    """`same`, `read` or `refused`."""
    loss: str
    """Names of the rules by which something was lost when it was read and stored."""
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
    passed: str | None = None
    """Whether it came back from a step of the other language that only read it: `exact`, or `changed`."""


class PythonSide:
    """Python's side of the exchange. R's is table.R."""

    def __init__(self) -> None:
        self._last: Any = None

    def write(self, code: str) -> Step:
        value = make(code)
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
        lost: list[Loss] = []
        try:
            value = read(manifest, lambda losses, _: lost.extend(losses))
            encoded = encode(value, on_loss="ignore", inline=True)
        except (ValueEncodeError, ValueDecodeError) as error:
            return Step("refused", "", error.code)
        return Step("read", _losses([*lost, *encoded.losses]), sketch(value), encoded.manifest)

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


def _losses(losses: Sequence[Loss]) -> str:
    return " ".join(dict.fromkeys(loss.rule for loss in losses))


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
    if type(value) is dict:
        return f"{{{', '.join(f'{sketch(key)}: {sketch(element)}' for key, element in value.items())}}}"
    if type(value) is list:
        return f"[{', '.join(map(sketch, value))}]"
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
        f"| {heading} stores | {heading} reads | {other} reads | {heading} reads it, stored again by {other} "
        f"| {heading} reads it, passed on by {other} |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {_quoted(case.code)} | {_cell(case.own)} | {_cell(case.other)} | {_cell(case.back)} | {case.passed or ''} |"
        for case in cases
    ]
    return [*lines, ""]


def _section(number: int, row: Row, python: Mapping[str, Measured], r: Mapping[str, Measured]) -> list[str]:
    tables = _table("Python", "R", [python[code] for code in row.python])
    tables += _table("R", "Python", [r[code] for code in row.r])
    return [f"## {number}. {row.title}", "", row.rule, "", *tables]


INTRODUCTION = """\
# How values pass between R and Python

<!-- Written by tests/values/table.py, run by `make docs`, from what it measured. Do not edit. -->

For each kind of value: what a language stores, what it reads again, what the other language reads, what comes back when
a step of the other language stores that again, and what comes back when a step of the other language only reads it.
*exact* means the same type, the same value, the same bits; in the last two columns the same as what the language reads
of its own. A *loss* is told by a warning that carries the name of its rule; with `on_loss = "error"` it is an error.
*refused* is an error that carries the code shown; nothing is stored, or read.

The last column was measured in a run of a flow. A value that a step does not change keeps its digest, also when the
step can't read it. It is not stored again, however many steps of other languages it goes through.
"""


def page() -> str:
    """Measures all cases and gives the page."""
    process = R("table.R")
    try:
        python, r = PythonSide(), RSide(process)
        of_python = {code: measure(code, python, r) for row in ROWS for code in row.python}
        of_r = {code: measure(code, r, python) for row in ROWS for code in row.r}
    finally:
        process.close()
    of_python, of_r = _passed("python", of_python), _passed("r", of_r)
    lines = [line for number, row in enumerate(ROWS, 1) for line in _section(number, row, of_python, of_r)]
    return "\n".join([INTRODUCTION, *lines]).rstrip() + "\n"


def _passed(language: str, measured: Mapping[str, Measured]) -> dict[str, Measured]:
    """Adds what becomes of values that the other language only reads."""
    stored = [code for code, case in measured.items() if case.own.outcome != "refused"]
    passed = pass_on(language, stored)
    return {code: replace(case, passed=passed.get(code)) for code, case in measured.items()}


if __name__ == "__main__":
    PAGE.write_text(page())
