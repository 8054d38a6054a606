"""Hostile bytes for both decoders: a few thousand inputs each time, and what longer campaigns found."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from values.fuzz import found
from values.fuzz.campaign import run
from values.fuzz.report import PAGE, page, read
from values.fuzz.workers import Outcome, Worker

pytestmark = pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")

INPUTS = 3000
CAMPAIGN = 20_240_229


@pytest.fixture(scope="module")
def workers() -> Iterator[dict[str, Worker]]:
    started = {"python": Worker("python"), "r": Worker("r")}
    yield started
    for worker in started.values():
        worker.close()


def test_hostile_values_are_read_or_refused_by_both_languages() -> None:
    result = run(range(INPUTS), CAMPAIGN, ("python", "r"))
    assert [finding.signature for finding in result.findings] == []
    assert result.inputs == INPUTS
    for outcomes in result.outcomes.values():
        assert outcomes["read"] > INPUTS / 10, "too few inputs get past the checks to find much"


@pytest.mark.parametrize("language", ["python", "r"])
@pytest.mark.parametrize(
    ("kind", "code", "cases"),
    [
        ("read", "", found.READ),
        ("refused", "MALFORMED", found.REFUSED),
        ("refused", "BLOB_CORRUPT", found.CORRUPT),
    ],
)
def test_what_campaigns_found(
    kind: str, code: str, cases: found.Found, language: str, workers: dict[str, Worker]
) -> None:
    outcomes = dict(zip(cases, workers[language].decode([make() for make in cases.values()]), strict=True))
    assert {
        name: outcome for name, outcome in outcomes.items() if (outcome.kind, outcome.code) != (kind, code)
    } == {}


def test_page_is_written_from_the_report() -> None:
    assert PAGE.read_text() == page(read())


def test_case_that_crashes_a_process_is_found() -> None:
    worker = Worker("python")
    worker.command = ["python", "-c", "import os; os.abort()"]
    assert worker.decode([found.READ["a dict with a key that cannot be opened"]()]) == [
        Outcome("wrong", "ended", "the process ended with status -6. ")
    ]
