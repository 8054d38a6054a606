"""What is broken is an error with a name, in both languages: never a crash, a hang, or a value."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from instep.values import ValueDecodeError
from values.hostile import CASES
from values.peer import R, read

BROKEN = pytest.mark.parametrize("case", CASES)


@pytest.fixture(scope="module")
def r() -> Iterator[R]:
    process = R("table.R")
    yield process
    process.close()


@BROKEN
def test_python_refuses_what_is_broken(case: str) -> None:
    with pytest.raises(ValueDecodeError) as caught:
        read(CASES[case])
    assert caught.value.code in {"MALFORMED", "FORMAT_UNKNOWN"}


@BROKEN
@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_r_refuses_what_is_broken(r: R, case: str) -> None:
    outcome, _, code, _ = r.ask(b"B", CASES[case]).split(b"\n", 3)
    assert (outcome, code in {b"MALFORMED", b"FORMAT_UNKNOWN"}) == (b"refused", True), code
