"""docs/conformance.md, written from the reports that are kept.

python -m instep_conformance.page DIRECTORY FILE          writes FILE from the reports in DIRECTORY
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from instep_conformance import scenarios  # noqa: F401 - registers them
from instep_conformance.runner import Outcome
from instep_conformance.scenario import FEATURES, SCENARIOS, Scenario, in_order

_NAMES = {"python": "Python", "r": "R", "typescript": "TypeScript"}
_ORDER = tuple(_NAMES)

_FOREWORD = """# Conformance

<!-- Written by instep_conformance/page.py from proto/conformance/reports. Do not edit. -->

A worker is any program that keeps to the step protocol of `proto/instep/v1`. The conformance kit shows whether one does: a
scripted orchestrator, built from the protocol alone, starts the worker, leases it tasks, and then loses, delays, repeats and
refuses answers, takes leases away, goes away and comes back, and speaks of things that this version of the protocol does not
know. It checks every call that the worker makes. [workers.md](workers.md) tells how to write a worker, and how to run the kit.

```sh
make conformance                  # all workers; writes this page
```
"""

Report = dict[str, Any]


def page(directory: Path) -> str:
    """Writes the page.

    Args:
        directory: Holds `worker-*.json` and `value-*.json`.
    """
    workers, values = (_reports(directory, kind) for kind in ("worker", "value"))
    sections = [_FOREWORD, *_features(workers), *_values(values), *_scenarios(workers)]
    return "\n".join(sections)


def _reports(directory: Path, kind: str) -> list[Report]:
    found = [json.loads(file.read_text(encoding="utf-8")) for file in directory.glob(f"{kind}-*.json")]
    return sorted(found, key=lambda one: _ORDER.index(one["language"]))


def _features(reports: list[Report]) -> Iterator[str]:
    yield "## Features\n"
    yield "Scenarios that were passed, of all that show the feature. Those that need a capability are optional: a worker"
    yield "that does not declare it is not asked.\n"
    yield f"| feature | {' | '.join(_NAMES[one['language']] for one in reports)} |"
    yield f"|---|{'---|' * len(reports)}"
    for feature in FEATURES:
        shown = [one for one in SCENARIOS.values() if one.feature == feature]
        capability = next((one.capability for one in shown if one.capability), "")
        optional = f" (`{capability}`)" if all(one.capability for one in shown) else ""
        cells = " | ".join(_cell(one, shown) for one in reports)
        yield f"| {feature}{optional} | {cells} |"
    totals = " | ".join(_cell(one, list(SCENARIOS.values())) for one in reports)
    yield f"| **all** | {totals} |\n"


def _cell(report: Report, shown: list[Scenario]) -> str:
    outcomes = {one["name"]: one["outcome"] for one in report["scenarios"]}
    asked = [outcomes[one.name] for one in shown if outcomes[one.name] != Outcome.NOT_OFFERED]
    if not asked:
        return "not offered"
    passed = sum(outcome == Outcome.PASSED for outcome in asked)
    return f"{'' if passed == len(asked) else '**failed** '}{passed}/{len(asked)}"


def _values(reports: list[Report]) -> Iterator[str]:
    yield "## Values\n"
    yield "Each language reads the test vectors that the others stored, and stores them again; then the others read that. A"
    yield "reading passes when pyarrow finds the value in the result that the vector's `truth.json` tells. What a language"
    yield "itself stored must become the same bytes again. The vectors are in"
    yield "[proto/conformance/src/instep_conformance/vectors](../proto/conformance/src/instep_conformance/vectors/README.md).\n"
    yield "| stored by | read and stored again by | then read by | the same value | refused | another value |"
    yield "|---|---|---|---:|---:|---:|"
    for report in reports:
        for one in report["readings"]:
            reader = _NAMES.get(one["reader"], "")
            producer, consumer = _NAMES[one["producer"]], _NAMES[report["language"]]
            counts = " | ".join(str(one[name]) for name in ("passed", "refused", "otherwise"))
            yield f"| {producer} | {consumer} | {reader} | {counts} |"
    yield ""
    for report in reports:
        if report["failed"]:
            yield f"What {_NAMES[report['language']]} has no place for:\n"
            for name, problems in report["failed"].items():
                yield f"- `{name}`: {'; '.join(problems)}"
            yield ""


def _scenarios(reports: list[Report]) -> Iterator[str]:
    yield "## Scenarios\n"
    failing = {
        name: [_NAMES[report["language"]] for report in reports if _outcome(report, name) == Outcome.FAILED]
        for name in SCENARIOS
    }
    for feature in FEATURES:
        yield f"### {feature[0].upper()}{feature[1:]}\n"
        for one in in_order():
            if one.feature == feature:
                note = f" **Fails in {', '.join(failing[one.name])}.**" if failing[one.name] else ""
                yield f"- `{one.name}`: {one.text}{note}"
        yield ""


def _outcome(report: Report, name: str) -> str:
    return next(str(one["outcome"]) for one in report["scenarios"] if one["name"] == name)


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(page(Path(sys.argv[1])), encoding="utf-8")
