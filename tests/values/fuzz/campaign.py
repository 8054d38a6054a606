"""Runs a campaign: makes cases, has them decoded, and judges what came of it."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from values.fuzz.agreement import DETAILS, may_differ
from values.fuzz.cases import Case
from values.fuzz.mutator import Mutator
from values.fuzz.plain import plain
from values.fuzz.seeds import load
from values.fuzz.workers import CASE_SECONDS, Outcome, Worker

BATCH = 500


@dataclass(frozen=True)
class Finding:
    """A case that did not go as it must."""

    number: int
    """Of the case, in its campaign."""
    language: str
    """`python`, `r`, or `both` when they differ."""
    kind: str
    """What is wrong."""
    message: str
    seed: str
    changes: tuple[str, ...]

    @property
    def signature(self) -> str:
        """The same for findings that look the same."""
        text = re.sub(r"0x[0-9a-f]+|\d+|'[^']*'", "N", self.message)
        return f"{self.language}: {self.kind}: {text[:160]}"


@dataclass
class Result:
    """What came of a campaign."""

    campaign: int
    inputs: int = 0
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    """By language: how many cases were `read`, refused (by code), or `wrong`."""
    changes: Counter[str] = field(default_factory=Counter)
    """How many cases were changed in which way."""
    differences: Counter[str] = field(default_factory=Counter)
    """How many cases only one language reads, by the reason for which it may."""
    slowest: dict[str, float] = field(default_factory=dict)
    """By language: milliseconds of the slowest case."""
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)


def run(
    inputs: Sequence[int],
    campaign: int,
    languages: Sequence[str],
    library: Path | None = None,
    progress: Callable[[Result], None] = lambda result: None,
) -> Result:
    """Runs a campaign.

    Args:
        inputs: Numbers of the cases.
        campaign: Its number, from which all cases are made.
        languages: `python`, `r`, or both, which must then agree.
        library: An R library with a package built with sanitizers.
        progress: Is told of the result so far, after each batch.
    """
    mutator = Mutator(load(), campaign)
    workers = {name: Worker(name, library if name == "r" else None) for name in languages}
    result = Result(campaign, outcomes={name: Counter() for name in languages})
    began = time.monotonic()
    try:
        for first in range(0, len(inputs), BATCH):
            numbers = inputs[first : first + BATCH]
            cases = [mutator.case(number) for number in numbers]
            outcomes = {name: worker.decode(cases) for name, worker in workers.items()}
            for place, (number, case) in enumerate(zip(numbers, cases, strict=True)):
                judge(result, number, case, {name: found[place] for name, found in outcomes.items()})
            _compare(result, numbers, cases, outcomes, workers)
            result.inputs += len(cases)
            result.seconds = time.monotonic() - began
            progress(result)
    finally:
        for worker in workers.values():
            worker.close()
    return result


def judge(result: Result, number: int, case: Case, outcomes: dict[str, Outcome]) -> None:
    """Adds a case to the result."""
    result.changes.update(set(case.changes))

    def found(language: str, kind: str, message: str) -> None:
        result.findings.append(Finding(number, language, kind, message, case.seed, case.changes))

    for language, outcome in outcomes.items():
        name = outcome.kind if outcome.kind != "refused" else f"refused {outcome.code}"
        result.outcomes[language][name] += 1
        result.slowest[language] = max(result.slowest.get(language, 0.0), outcome.milliseconds)
        if outcome.kind == "wrong":
            found(language, outcome.code, outcome.message)
        elif outcome.milliseconds > 1000 * CASE_SECONDS:
            found(language, "slow", f"{outcome.milliseconds:.0f} ms")
        elif case.must and outcome.code != case.must:
            found(language, f"not {case.must}", f"{outcome.kind} {outcome.code} {outcome.message}")


def _compare(
    result: Result,
    numbers: Sequence[int],
    cases: Sequence[Case],
    outcomes: dict[str, list[Outcome]],
    workers: dict[str, Worker],
) -> None:
    """Adds those cases to the result that only one language reads, though both should."""
    if len(workers) < 2:
        return
    differing = [
        place
        for place, (python, r) in enumerate(zip(outcomes["python"], outcomes["r"], strict=True))
        if {python.kind, r.kind} == {"read", "refused"}
    ]
    plains = {place: plain(cases[place]) for place in differing}
    asked = [case for case in plains.values() if case is not None]
    again = {name: iter(worker.decode(asked)) for name, worker in workers.items()} if asked else {}
    for place in differing:
        found = {name: outcomes[name][place] for name in workers}
        if plains[place] is not None:
            found = {name: next(answers) for name, answers in again.items()}
        kinds = {outcome.kind for outcome in found.values()}
        reason = DETAILS if len(kinds) == 1 else may_differ(found["python"], found["r"])
        if reason and "wrong" not in kinds:
            result.differences[reason] += 1
            continue
        case = cases[place]
        language = next(name for name in found if found[name].kind != "read")
        kind = f"{language} alone: {found[language].kind}"
        message = found[language].message
        result.findings.append(Finding(numbers[place], "both", kind, message, case.seed, case.changes))
