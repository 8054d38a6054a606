"""Random graphs of both languages give what the reference says: run, killed and resumed, failed, changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from instep._archive import close_all

from graphs.drawing import draw
from graphs.graph import Graph
from graphs.reference import interpret
from graphs.stories import STORIES, Story, play_all

GRAPHS = 200
AT_ONCE = 10
SEEDS = [range(first, first + AT_ONCE) for first in range(0, GRAPHS, AT_ONCE)]
LEAST = {
    **dict.fromkeys(["split", "foreach", "nested foreach", "switch", "recursion", "rounds", "join"], 20),
    **dict.fromkeys(["switch in foreach", "recursion in foreach", "not taken", "by_name", "changes_box"], 20),
    **dict.fromkeys(["merge: done", "merge: conflict", "merge: missing", "fails", "dies", "is caught"], 20),
    **dict.fromkeys(["loses an item", *STORIES], 10),
    **dict.fromkeys(["main in python", "main in r", "mixed", "is killed"], 60),
}
"""Of the graphs, how many have what."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One store for all graphs, so that clients need one server."""
    yield tmp_path_factory.mktemp("graphs")
    close_all()


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_runs_are_what_the_reference_says(seeds: range, folder: Path) -> None:
    """2.1 to 2.8, 3.2 to 3.9, 4.1 to 4.6, 5.1, 5.4 to 5.8, 7.3 to 7.12, 8.1 to 8.16, 11.11."""
    wrong = [story.report() for story in play_all(seeds, folder) if story.mistakes]
    assert not wrong, "\n\n".join(wrong)


def test_the_graphs_have_all_that_graphs_can_have(tmp_path: Path) -> None:
    """Seeds that draw nothing of a kind would test nothing of it."""
    graphs = [draw(seed) for seeds in SEEDS for seed in seeds]
    seen: Counter[str] = Counter()
    for graph in graphs:
        seen.update(_traits(graph))
        seen[Story(graph.seed, tmp_path).kind] += 1
    assert {trait: seen[trait] for trait, least in LEAST.items() if seen[trait] < least} == {}


def _traits(graph: Graph) -> set[str]:
    """What tasks of a graph's run do, by what must become of them."""
    found = {f"main in {graph.main}"}
    tasks = interpret(graph)
    for task in tasks.values():
        step, artifacts = graph.steps[task.step], task.artifacts
        indices = task.key.partition("@")[2].partition("#")[0]
        inside = " in foreach" if indices else ""
        found |= {f"{step.kind}{inside}"} if step.kind in ("switch", "recursion") else {step.kind}
        found |= {trait for trait in ("fails", "dies", "by_name", "changes_box") if getattr(step, trait)}
        found |= {"nested foreach"} if "." in indices else set()
        found |= {"rounds"} if task.key.endswith(("#2", "#3")) else set()
        found |= {"loses an item"} if ":-" in str(artifacts["at"]) and step.kind != "join" else set()
        found |= {"is caught"} if artifacts.get(f"error_{step.name}") else set()
        if step.merge is not None:
            found.add(f"merge: {str(artifacts.get('problem', 'done')).partition(':')[0]}")
    found |= {"not taken"} if {task.step for task in tasks.values()} < graph.steps.keys() else set()
    found |= {"mixed"} if len({graph.steps[task.step].language for task in tasks.values()}) == 2 else set()
    return found
