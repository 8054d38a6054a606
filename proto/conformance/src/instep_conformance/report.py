"""Results as JSON, and the list of scenarios that are known to fail."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from instep_conformance.runner import Introduction, Outcome, Result


@dataclass(frozen=True, slots=True)
class Expectations:
    """Which scenarios are known to fail."""

    failing: frozenset[str]
    """Their names."""

    @classmethod
    def read(cls, file: Path | None) -> Self:
        """Reads a file with one name per line; `#` begins a comment. None: nothing is known to fail."""
        lines = file.read_text(encoding="utf-8").splitlines() if file else []
        names = (line.partition("#")[0].strip() for line in lines)
        return cls(frozenset(name for name in names if name))

    def are_met_by(self, result: Result) -> bool:
        """Whether a scenario fails exactly if that is known. One that passes must be taken off the list."""
        return (result.outcome is Outcome.FAILED) == (result.scenario.name in self.failing)


def write_report(file: Path, introduction: Introduction, results: Sequence[Result]) -> None:
    """Writes results. Times are left out, so that a report changes only when a result does."""
    report = {
        "language": introduction.language,
        "runtime": introduction.runtime_version,
        "sdk": introduction.sdk,
        "capabilities": sorted(introduction.capabilities),
        "scenarios": [
            {
                "name": result.scenario.name,
                "feature": result.scenario.feature,
                "outcome": str(result.outcome),
                "problems": list(result.problems),
            }
            for result in results
        ],
    }
    file.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
