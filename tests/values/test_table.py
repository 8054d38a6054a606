"""docs/values.md says what is measured."""

from __future__ import annotations

import re
import shutil

import pytest
from values.rows import ROWS
from values.table import PAGE, page

HAND_OVER = {33, 34}
"""Rows of values that only one language can make."""


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_page_says_what_is_measured() -> None:
    assert PAGE.read_text() == page(), (
        "docs/values.md is not what is measured: run `make docs` and read the changes."
    )


def test_values_that_a_step_only_reads_come_back() -> None:
    assert "| changed |" not in PAGE.read_text()


def test_page_has_all_rows() -> None:
    numbers = [int(number) for number in re.findall(r"^## (\d+)\. ", PAGE.read_text(), re.MULTILINE)]
    assert numbers == list(range(1, 35))


def test_rows_have_cases_of_both_languages() -> None:
    lacking = [number for number, row in enumerate(ROWS, 1) if not (row.python and row.r)]
    assert set(lacking) == HAND_OVER
