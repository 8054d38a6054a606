"""What is cloned, for random flows that ended anywhere, against the rules as they are stated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from graph_builder import valid
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instep_server.core.failure import Failure, FailureKind
from instep_server.core.graph_types import Graph
from instep_server.core.past import (
    Again,
    Past,
    PastAttempt,
    PastSteps,
    PastTask,
    Resumed,
    Unchanged,
    again_from,
)
from instep_server.core.planned import Clone, Outcome, PlannedTask
from instep_server.core.reuse import EVERYTHING, environment_of, onward_of, read_digests, reuse_key
from instep_server.core.states import TaskState
from plan_driver import Driver, artifact
from test_scheduler_properties import Block, flows, items, outcome_of, tasks_of, write

BOOM = Failure(kind=FailureKind.USER_ERROR, message="Boom.")
SETTINGS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Signature = tuple[str, tuple[int, ...], tuple["Signature", ...]]


class Recorded(Driver):
    """A run that keeps what a database would: outcomes, and for each task what `reuse` needs."""

    def __init__(self, graph: Graph, past: Past | None = None, *, reads: Iterable[str] = ()) -> None:
        super().__init__(graph, items, past=past)
        self.outcomes: dict[int, Outcome] = {}
        self.keys: dict[int, tuple[str | None, dict[str, str]]] = {}
        self.reads = tuple(reads)

    def outcome(self, task: PlannedTask) -> Outcome:
        outcome = super().outcome(task)
        mine = [replace(one, producer=task.id) for one in outcome.outputs]
        outcome = replace(outcome, outputs=mine)
        self.outcomes[task.id] = outcome
        self.keys[task.id] = (reuse_key("Flow", task), read_digests(task, self.reads))
        return outcome

    def clone(self, task_id: int) -> Clone | None:
        """What a task did that ran here and succeeded."""
        if task_id not in self.outcomes or self.plan.tasks[task_id].state is not TaskState.SUCCEEDED:
            return None
        return Clone(run=1, task=task_id, attempt=0, outcome=self.outcomes[task_id])

    def past_tasks(self) -> list[PastTask]:
        return [
            PastTask(
                id=task.id,
                step=task.step.name,
                parents=task.parents,
                foreach_path=task.foreach_path,
                state=task.state,
                clone=self.clone(task.id),
            )
            for task in self.plan.tasks.values()
        ]

    def find(self, key: str) -> list[PastAttempt]:
        """As the database finds attempts by their key."""

        def load(task_id: int) -> Clone:
            clone = self.clone(task_id)
            assert clone is not None
            return clone

        return [
            PastAttempt(id=(1, task_id), number=1, reads=reads, load=lambda task_id=task_id: load(task_id))  # type: ignore[misc]
            for task_id, (known, reads) in self.keys.items()
            if known == key and self.clone(task_id) is not None
        ]


def some_way(data: st.DataObject, driver: Driver) -> None:
    """Runs any tasks in any order, until the end or until one fails for good."""
    driver.start()
    steps = data.draw(st.integers(0, 12))
    while driver.ready and steps:
        steps -= 1
        driver.run(data.draw(st.sampled_from(sorted(driver.ready))))
    if driver.ready:
        task_id = data.draw(st.sampled_from(sorted(driver.ready)))
        driver.lease(task_id)
        driver.take(driver.plan.fail(task_id, BOOM))
    driver.take(driver.plan.finish())


def signatures(driver: Driver) -> dict[int, Signature]:
    """What tells a task by itself: its step and item, and those of all tasks that led to it."""
    found: dict[int, Signature] = {}
    for task in driver.plan.tasks.values():
        found[task.id] = (task.step.name, task.foreach_path, tuple(found[parent] for parent in task.parents))
    return found


def reachable(graph: Graph, step: str) -> set[str]:
    """The step and all that can follow it."""
    found = {step}
    while more := {target for name in found for target in graph.step(name).transition.targets} - found:
        found |= more
    return found


@SETTINGS
@given(body=flows, data=st.data())
def test_resumed_run_clones_what_8_3_says_and_comes_to_the_same_end(
    body: list[Block], data: st.DataObject
) -> None:
    graph = write(body)
    origin = Recorded(graph)
    some_way(data, origin)
    named = data.draw(st.sampled_from(["", *(step.name for step in graph.steps)]))
    again = again_from(graph, named) if named else Again()

    run = Recorded(graph, Resumed(1, origin.past_tasks(), again))
    run.start()
    run.run_all()

    trace, tasks = outcome_of(graph)
    assert tasks_of(run) == tasks
    assert max(run.done, key=lambda task: task.id).left["trace"].hash == trace
    forbidden = reachable(graph, named) if named else set()
    of_origin = signatures(origin)
    succeeded = {of_origin[task.id] for task in origin.past_tasks() if task.state is TaskState.SUCCEEDED}
    of_run = signatures(run)
    cloned: set[int] = set()
    for task in run.plan.tasks.values():
        may = of_run[task.id] in succeeded and cloned.issuperset(task.parents)
        if may and task.step.name not in forbidden:
            cloned.add(task.id)
        assert (task.clone is not None) == (task.id in cloned), task.reason
        assert task.reason.startswith(("It succeeded",) if task.clone else ("It ", "Task ", "Run "))
    for task in run.plan.tasks.values():
        if task.clone is not None:
            assert of_run[task.id] == of_origin[task.clone.task]


def with_codes(graph: Graph, changed: str = "") -> Graph:
    """Gives each step a digest of its code, and one of them another one."""
    return replace(
        graph,
        steps=tuple(
            replace(step, spec=replace(step.spec, code=step.name + "!" * (step.name == changed)))
            for step in graph.steps
        ),
    )


@SETTINGS
@given(body=flows, data=st.data(), reads=st.sampled_from([["trace", "p"], ["p"], [EVERYTHING], []]))
def test_unchanged_tasks_are_cloned_wherever_they_are(
    body: list[Block], data: st.DataObject, reads: list[str]
) -> None:
    """Tasks of the step whose code has changed run; what they leave is the same, so that no other task does."""
    graph = write(body)
    changed = data.draw(st.sampled_from(["", *(step.name for step in graph.steps)]))
    origin = Recorded(with_codes(graph), reads=reads)
    some_way(data, origin)
    last = PastSteps(
        number=1,
        codes={step.name: step.spec.code for step in origin.plan.graph.steps},
        environments={step.name: environment_of(step) for step in origin.plan.graph.steps},
        onward={step.name: onward_of(step) for step in origin.plan.graph.steps},
    )
    run = Recorded(with_codes(graph, changed), Unchanged("Flow", origin.find, Again(), last), reads=reads)
    run.start()
    run.run_all()

    assert tasks_of(run) == outcome_of(graph)[1]
    done = signatures(origin)
    succeeded = {done[task.id] for task in origin.past_tasks() if task.clone is not None}
    of_run = signatures(run)
    for task in run.plan.tasks.values():
        if task.step.name == changed:
            assert task.clone is None
            assert task.reason == "Its code has changed since run 1."
        elif of_run[task.id] in succeeded:
            assert task.reason == "Its code and what it reads are as in run 1."
            assert task.clone is not None


LINE = write([("plain", []), ("plain", [])])


class Leaving(Recorded):
    """A run whose second task leaves `x` behind, as it is told to."""

    def __init__(self, x: str, past: Past | None = None, *, reads: Iterable[str] = ()) -> None:
        super().__init__(with_codes(LINE), past, reads=reads)
        self.x = x

    def outcome(self, task: PlannedTask) -> Outcome:
        outcome = super().outcome(task)
        if task.id == 2:
            outcome = replace(outcome, outputs=[*outcome.outputs, artifact("x", self.x)])
        return outcome


@pytest.mark.parametrize(
    ("reads", "x", "reason"),
    [
        (["trace"], "new", "Its code and what it reads are as in run 1."),
        (["x", "trace"], "new", "What it reads has changed since run 1: 'x'."),
        (["x", "none"], "old", "Its code and what it reads are as in run 1."),
        ([EVERYTHING], "new", "What it reads has changed since run 1: '*'."),
    ],
)
def test_only_what_was_read_matters(reads: list[str], x: str, reason: str) -> None:
    origin = Leaving("old", reads=reads)
    origin.start()
    origin.run_all()
    second = origin.plan.tasks[2].step.name
    past = Unchanged("Flow", origin.find, Again(named=second, steps=frozenset({second})), None)
    run = Leaving(x, past, reads=reads)
    run.start()
    run.run_all()
    assert run.plan.tasks[3].reason == reason


def test_code_that_is_not_known_always_runs() -> None:
    origin = Recorded(LINE)
    origin.start()
    origin.run_all()
    run = Recorded(LINE, Unchanged("Flow", origin.find, Again(), None))
    run.start()
    run.run_all()
    assert {task.reason for task in run.plan.tasks.values()} == {"The code of its step is not known."}


def test_ten_thousand_rounds_are_cloned_without_depth() -> None:
    loop, out = "loop", "out"
    graph = valid({"start": loop, loop: f"?{loop} {out}", out: "end", "end": ""})
    done = Outcome(outputs=[artifact("trace", "t")])
    steps = ["start", *[loop] * 10_000, out, "end"]
    tasks = [
        PastTask(
            id=number,
            step=step,
            parents=(number - 1,) if number > 1 else (),
            foreach_path=(),
            state=TaskState.SUCCEEDED,
            clone=Clone(
                run=1, task=number, attempt=0, outcome=replace(done, switch_case=int(steps[number] == out))
            )
            if number < len(steps)
            else None,
        )
        for number, step in enumerate(steps, 1)
    ]
    run = Driver(graph, past=Resumed(1, tasks, Again()))
    run.start()
    assert sum(task.clone is not None for task in run.plan.tasks.values()) == 10_002
    assert [task.step.name for task in run.ready.values()] == ["end"]


def test_task_that_would_go_on_differently_runs() -> None:
    """What was a plain step is a foreach now: its clone would not know how many items there are."""
    origin = Recorded(valid({"start": "a", "a": "end", "end": ""}))
    origin.start()
    origin.run_all()
    graph = valid({"start": "*a", "a": "j", "j!": "end", "end": ""})
    run = Driver(graph, past=Resumed(1, origin.past_tasks(), Again()))
    run.start()
    assert run.ready[1].reason == "Its step goes on in another way than it did."
