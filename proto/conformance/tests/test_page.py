"""docs/conformance.md, and the reports that it is written from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from instep_conformance import scenarios  # noqa: F401 - registers them
from instep_conformance.flow import STEPS
from instep_conformance.page import page
from instep_conformance.scenario import SCENARIOS
from workers import KNOWN_FAILING, ROOT

REPORTS = ROOT / "proto" / "conformance" / "reports"


def test_page_is_what_the_reports_say() -> None:
    """Written by hand, or forgotten after `make conformance`, it would tell what nobody has seen."""
    assert (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8") == page(REPORTS)


@pytest.mark.parametrize("file", sorted(REPORTS.glob("worker-*.json")), ids=lambda file: file.stem)
def test_report_is_of_these_scenarios(file: Path) -> None:
    report = json.loads(file.read_text(encoding="utf-8"))
    assert {one["name"] for one in report["scenarios"]} == set(SCENARIOS)


def test_nothing_is_known_to_fail() -> None:
    """But for values that a language has no place for: those of TypeScript, in a list of their own."""
    lines = [
        line
        for file in map(KNOWN_FAILING.joinpath, ("python.txt", "r.txt", "typescript.txt"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    assert [line for line in lines if not line.startswith("#")] == []


def test_guide_tells_all_functions_of_the_flow() -> None:
    guide = (ROOT / "docs" / "workers.md").read_text(encoding="utf-8")
    assert [
        step.name for step in STEPS if f"| `{step.name}` | {step.reads} | {step.does} |" not in guide
    ] == []
