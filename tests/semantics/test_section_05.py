"""Switches and recursion."""

from __future__ import annotations

import pytest
from bilingual import LANGUAGES, Step, plain, write
from project import Project

ROUNDS = {
    "start": Step(py="self.goals = [1, 3]", r="self$goals <- c(1L, 3L)", next="item", foreach="goals"),
    "round": Step(
        py="""
        self.n = self.n + 1
        self.seen = [self.input, self.index, [list(level) for level in self.foreach_stack()]]
        self.more = self.n < self.input
        """,
        r="""
        self$n <- self$n + 1L
        self$seen <- list(self$input, self$index, self$foreach_stack())
        self$more <- self$n < self$input
        """,
        next={True: "round", False: "choose"},
        condition="more",
    ),
    "item": Step(py="self.n = 0", r="self$n <- 0L", next="round"),
    "choose": Step(
        py="self.kind = 'few' if self.n < 2 else 'many'",
        r='self$kind <- if (self$n < 2L) "few" else "many"',
        next={"few": "few", "many": "many", "none": "none"},
        condition="kind",
    ),
    "few": Step(py="self.path = 'few'", r='self$path <- "few"', next="meet"),
    "many": Step(py="self.path = 'many'", r='self$path <- "many"', next="meet"),
    "none": Step(py="self.path = 'none'", r='self$path <- "none"', next="meet"),
    "meet": Step(py="self.met = [self.path, self.n]", r="self$met <- list(self$path, self$n)", next="gather"),
    "gather": Step(
        py="self.all = [one.met for one in inputs]\nself.places = [one.seen for one in inputs]",
        r='self$all <- gather_inputs(inputs, "met"); self$places <- gather_inputs(inputs, "seen")',
        join=True,
        next="end",
    ),
    "end": Step(),
}


@pytest.mark.holds("5.1 5.4 5.5 5.7 5.8", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_items_go_through_their_own_rounds_and_paths(project: Project, run, data, language: str) -> None:
    project.call(write(project, language, ROUNDS), "run")
    assert data("gather", "all") == [["few", 1], ["many", 3]]
    assert data("gather", "places") == [[1, 0, [[0, 2, 1]]], [3, 1, [[1, 2, 3]]]]
    steps = {step.id: list(step) for step in run("1")}
    assert "none" not in steps
    assert {name: len(tasks) for name, tasks in steps.items()} == {
        "start": 1, "item": 2, "round": 4, "choose": 2, "few": 1, "many": 1, "meet": 2, "gather": 1, "end": 1,
    }  # fmt: skip
    rounds = sorted((plain(task.data.seen)[0], task.data.n) for task in steps["round"])
    assert rounds == [(1, 1), (3, 1), (3, 2), (3, 3)]


@pytest.mark.holds("5.2 5.3", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("py", "r", "words"),
    [
        ("self.answer = '1'", 'self$answer <- "1"', ["answer", "1", "two"]),
        ("self.answer = [1, 2]", "self$answer <- c(1, 2)", ["answer"]),
        ("pass", "NULL", ["answer"]),
    ],
)
def test_value_that_is_no_key_fails_the_task(
    project: Project, run, language: str, py: str, r: str, words: list[str]
) -> None:
    steps = {
        "start": Step(next="choose"),
        "choose": Step(py=py, r=r, next={1: "one", "two": "end"}, condition="answer"),
        "one": Step(next="end"),
        "end": Step(),
    }
    done = project.call(write(project, language, steps), "run", expect=1)
    for word in [*words, "'choose'"]:
        assert word in done.text
    assert [step.id for step in run("1")] == ["choose", "start"]
