"""Results as JSON, and the list of what is known to fail.

Times are left out, so that a report changes only when a result does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from instep_conformance.runner import Introduction, Result
from instep_conformance.value_check import ValueResult
from instep_conformance.value_service import ValueService


@dataclass(frozen=True, slots=True)
class Expectations:
    """What is known to fail."""

    failing: frozenset[str]
    """Its names."""

    @classmethod
    def read(cls, file: Path | None) -> Self:
        """Reads a file with one name per line; `#` begins a comment. None: nothing is known to fail."""
        lines = file.read_text(encoding="utf-8").splitlines() if file else []
        names = (line.partition("#")[0].strip() for line in lines)
        return cls(frozenset(name for name in names if name))

    def are_met(self, name: str, failed: bool) -> bool:
        """Whether something failed exactly if that is known. What passes must be taken off the list."""
        return failed == (name in self.failing)


def write_report(file: Path, introduction: Introduction, results: Sequence[Result]) -> None:
    """Writes the results of scenarios."""
    report = {
        "language": introduction.language,
        "sdk": introduction.sdk,
        "capabilities": sorted(introduction.capabilities),
        "scenarios": [
            {
                "name": result.scenario.name,
                "outcome": str(result.outcome),
                "problems": list(result.problems),
            }
            for result in results
        ],
    }
    _write(file, report)


def write_value_report(file: Path, service: ValueService, results: Sequence[ValueResult]) -> None:
    """Writes the results of value vectors: how many passed of each producer, for each reader, and what did not."""
    counts: dict[tuple[str, str], list[int]] = {}
    for result in results:
        count = counts.setdefault((result.vector.producer, result.reader), [0, 0, 0])
        count[0] += not result.problems
        count[1] += result.is_refused
        count[2] += bool(result.problems) and not result.is_refused
    report = {
        "language": service.language,
        "sdk": service.sdk,
        "readings": [
            {
                "producer": producer,
                "reader": reader,
                "passed": passed,
                "refused": refused,
                "otherwise": otherwise,
            }
            for (producer, reader), (passed, refused, otherwise) in sorted(counts.items())
        ],
        "failed": {result.name: list(result.problems) for result in results if result.problems},
    }
    _write(file, report)


def _write(file: Path, report: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
