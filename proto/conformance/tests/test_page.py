"""docs/conformance.md, and the reports that it is written from."""

from __future__ import annotations

import json

import pytest
from instep_conformance import scenarios  # noqa: F401 - registers them
from instep_conformance.page import page
from instep_conformance.scenario import SCENARIOS
from workers import ROOT, WORKERS

REPORTS = ROOT / "proto" / "conformance" / "reports"


def test_page_is_what_the_reports_say() -> None:
    """Written by hand, or forgotten after `make conformance`, it would tell what nobody has seen."""
    assert (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8") == page(REPORTS)


@pytest.mark.parametrize("file", sorted(REPORTS.glob("worker-*.json")), ids=lambda file: file.stem)
def test_report_is_of_these_scenarios(file: object) -> None:
    report = json.loads(file.read_text(encoding="utf-8"))
    assert {one["name"] for one in report["scenarios"]} == set(SCENARIOS)


@pytest.mark.parametrize("language", ["python", "r"])
def test_nothing_is_known_to_fail(language: str) -> None:
    lines = (WORKERS / language / "known-failing.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == []
