"""Random graphs of both languages give what the reference says: run, killed and resumed, failed, changed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from graphs.drawing import draw
from graphs.stories import STORIES, Story, play_all

GRAPHS = 200
AT_ONCE = 10
SEEDS = [range(first, first + AT_ONCE) for first in range(0, GRAPHS, AT_ONCE)]


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_runs_are_what_the_reference_says(seeds: range, tmp_path: Path) -> None:
    """2.1 to 2.8, 3.2 to 3.9, 4.1 to 4.6, 5.1, 5.4 to 5.8, 7.3 to 7.12, 8.1 to 8.16, 11.11."""
    wrong = [story.report() for story in play_all(seeds, tmp_path) if story.mistakes]
    assert not wrong, "\n\n".join(wrong)


def test_graphs_have_all_that_graphs_can_have(tmp_path: Path) -> None:
    """Seeds that draw nothing of a kind would test nothing of it."""
    graphs = [draw(seed) for seeds in SEEDS for seed in seeds]
    steps = [step for graph in graphs for step in graph.steps.values()]
    kinds = Counter(step.kind for step in steps)
    assert all(kinds[kind] >= 50 for kind in ("split", "foreach", "switch", "recursion", "join"))
    for trait in ("fails", "dies", "catches", "merge", "by_name", "changes_box"):
        assert sum(bool(getattr(step, trait)) for step in steps) >= 20, trait
    mixed = [graph for graph in graphs if {step.language for step in graph.steps.values()} == {"python", "r"}]
    assert len(mixed) >= 60
    assert {graph.main for graph in mixed} == {"python", "r"}
    stories = Counter(Story(graph.seed, tmp_path).kind for graph in graphs)
    assert stories.keys() == STORIES.keys()
    assert stories["is killed"] >= 60
