"""Runs scenarios against a worker, several at a time, and tells how they went."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from instep_conformance.kit import Kit, Unexpected, Worker
from instep_conformance.scenario import Scenario


class Outcome(StrEnum):
    """How a scenario went."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_OFFERED = "not offered"


@dataclass(frozen=True, slots=True)
class Result:
    """How a scenario went, and why."""

    scenario: Scenario
    """The scenario."""
    outcome: Outcome
    """How it went."""
    problems: tuple[str, ...] = ()
    """What was wrong."""
    evidence: str = ""
    """The calls that came, and what the worker wrote to stderr. Empty when nothing was wrong."""
    seconds: float = 0.0
    """How long it took."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a worker says about itself when it registers."""

    language: str
    runtime_version: str
    sdk: str
    capabilities: tuple[str, ...]


def introduce(worker: Worker, scenario: Scenario) -> Introduction | None:
    """Lets a worker register, to learn what it offers. None: it does not register."""
    with Kit(worker, shares_store=True) as kit:
        with contextlib.suppress(Unexpected):
            scenario.body(kit)
        registration = kit.orchestrator.registration
        if registration is None:
            return None
        return Introduction(
            registration.language,
            registration.runtime_version,
            registration.sdk,
            tuple(registration.capabilities),
        )


def run_all(
    worker: Worker,
    scenarios: Iterable[Scenario],
    capabilities: Iterable[str],
    jobs: int,
    tell: Callable[[Result], None],
) -> list[Result]:
    """Runs scenarios.

    Args:
        worker: The worker under test.
        scenarios: Which ones.
        capabilities: What the worker declares.
        jobs: How many at a time.
        tell: Called with each result, in the order of the scenarios.

    Returns:
        All results in that order.
    """
    offered = set(capabilities)

    def run(scenario: Scenario) -> Result:
        if scenario.capability and scenario.capability not in offered:
            return Result(scenario, Outcome.NOT_OFFERED)
        return run_one(worker, scenario)

    results = []
    with ThreadPoolExecutor(jobs) as pool:
        for result in pool.map(run, scenarios):
            tell(result)
            results.append(result)
    return results


def run_one(worker: Worker, scenario: Scenario) -> Result:
    """Runs one scenario."""
    started = time.monotonic()
    with Kit(worker, shares_store=scenario.shares_store) as kit:
        problems = []
        try:
            scenario.body(kit)
        except Unexpected as unexpected:
            problems.append(str(unexpected))
        problems += kit.orchestrator.transcript.problems
        evidence = _evidence(kit) if problems else ""
    seconds = time.monotonic() - started
    outcome = Outcome.FAILED if problems else Outcome.PASSED
    return Result(scenario, outcome, tuple(problems), evidence, seconds)


def _evidence(kit: Kit) -> str:
    stderr = kit.process.text("stderr")[-4000:] if kit.process is not None else ""
    return f"calls:\n{kit.orchestrator.transcript}\nstderr:\n{stderr}"
