"""A smaller crowd than the campaign's."""

from __future__ import annotations

from reliability import crowd

COUNT = 24


def test_runs_beside_each_other_and_readers_are_all_right() -> None:
    """Each run ends as it would alone; readers see no state that never was."""
    tally = crowd.new_tally()
    crowd.crowd(crowd.outcomes(), COUNT, COUNT, tally)
    assert not tally.findings
    assert tally.as_json()["faults"]
