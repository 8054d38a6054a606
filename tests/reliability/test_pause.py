"""A few of the pauses of the campaign."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from reliability import pause
from reliability.subject import LANGUAGES

SEED = 1


def test_pauses_change_nothing() -> None:
    """I6: what wakes up too late writes no state. I15: time in which the orchestrator slept does not count."""
    tally = pause.new_tally()
    expected = {language: pause.in_peace(language) for language in LANGUAGES}
    with ThreadPoolExecutor(pause.LANES) as lanes:
        jobs = [
            lanes.submit(pause.pauses, language, expected[language], targets, SEED, tally)
            for language in LANGUAGES
            for targets in pause.plans(random.Random(SEED))
        ]
        for job in jobs:
            job.result()
    assert not tally.findings
    assert tally.as_json()["faults"]


@pytest.mark.parametrize("language", ["python", "r"])
def test_stopped_workers_are_ended_and_replaced(language: str) -> None:
    """I1, I6: nobody sends SIGCONT."""
    tally = pause.new_tally()
    pause.stops(language, pause.in_peace(language, pause.STOP_WIDTH), 6, SEED, tally)
    assert not tally.findings
    assert tally.as_json()["faults"]
