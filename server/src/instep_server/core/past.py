"""Decides which tasks of a run are clones of tasks of earlier runs, and says why.

A plan asks `Past.choose` for each task when it makes it. There are two ways to choose:

* `Resumed` takes over what an earlier run, the *origin*, has done. A task is found in the origin by its way: it has
  the same step and foreach positions, and came from the tasks whose clones this one comes from. So whatever follows
  from a task that runs again runs again, and rounds of a recursion are told apart by the round before.
* `Unchanged` takes over what a task would do again: see `reuse`. Whether the tasks before it ran or not does not
  matter, only what they left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from instep_server.core.graph_types import Graph
from instep_server.core.graph_words import listed, quoted
from instep_server.core.planned import Clone, PlannedTask
from instep_server.core.reuse import changed, environment_of, onward_of, reuse_key
from instep_server.core.states import TaskState


@dataclass(frozen=True, slots=True)
class Choice:
    """What becomes of a task."""

    reason: str
    """Why, one sentence."""
    clone: Clone | None = None
    """What it is a clone of. None: it runs."""


class Past(Protocol):
    """Earlier runs, as a plan sees them."""

    def choose(self, task: PlannedTask, parents: Sequence[PlannedTask]) -> Choice:
        """Chooses what becomes of a task.

        Args:
            task: The task, with all that it can read.
            parents: The tasks that it takes input from, in order.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The steps that are to run again whatever was done."""

    named: str = ""
    """The step that was named. Empty: none was."""
    steps: frozenset[str] = frozenset()
    """It, and all steps that can be reached from it."""

    def reason(self, step: str) -> str:
        """Says why a step is among them. Empty: it is not."""
        if step not in self.steps:
            return ""
        return (
            "It is the step to resume from."
            if step == self.named
            else f"It follows step {quoted(self.named)}."
        )


def again_from(graph: Graph, step: str) -> Again:
    """Finds what is to run again from a step on.

    Args:
        graph: The graph.
        step: The step.
    """
    found: set[str] = set()
    todo = [step]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += graph.step(name).transition.targets
    return Again(named=step, steps=frozenset(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTask:
    """A task of an earlier run."""

    id: int
    """Its id."""
    step: str
    """Name of its step."""
    parents: tuple[int, ...]
    """The tasks that it took input from, in order."""
    foreach_path: tuple[int, ...]
    """Positions in all open levels of foreach, outermost first."""
    state: TaskState
    """Where it ended."""
    clone: Clone | None
    """What it did. None: it did not succeed, or what it stored is lost."""


_Way = tuple[int, str, tuple[int, ...]]


class Resumed:
    """One earlier run, whose successful tasks are cloned as far as nothing before them runs again.

    Args:
        number: Number of the run.
        tasks: Its tasks.
        again: What runs in any case.
    """

    def __init__(self, number: int, tasks: Iterable[PastTask], again: Again) -> None:
        self._number = number
        self._again = again
        self._tasks: dict[_Way, PastTask] = {
            (task.parents[0] if task.parents else 0, task.step, task.foreach_path): task for task in tasks
        }

    def choose(self, task: PlannedTask, parents: Sequence[PlannedTask]) -> Choice:
        """As `Past.choose`."""
        if reason := self._again.reason(task.step.name):
            return Choice(reason)
        origins: list[int] = []
        for parent in parents:
            if parent.clone is None:
                return Choice(f"Task {parent.step.name}/{parent.id}, before it, ran again.")
            origins.append(parent.clone.task)
        past = self._tasks.get((origins[0] if origins else 0, task.step.name, task.foreach_path))
        if past is None or past.parents != tuple(origins):
            return Choice(f"Run {self._number} did not reach it.")
        if past.clone is None:
            if past.state is TaskState.SUCCEEDED:
                return Choice(f"What it stored in run {self._number} is lost.")
            how = "It failed" if past.state is TaskState.FAILED else "It did not end"
            return Choice(f"{how} in run {self._number}.")
        how = "Its error was handled" if past.clone.outcome.caught else "It succeeded"
        return Choice(f"{how} in run {self._number}.", past.clone)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAttempt:
    """A successful attempt of an earlier run that a task may be a clone of."""

    id: tuple[int, int]
    """Row id of the run, and id of the task."""
    number: int
    """Number of the run."""
    reads: Mapping[str, str]
    """What user code looked at: names, each with a digest of what was there."""
    load: Callable[[], Clone]
    """Reads what it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSteps:
    """The steps of an earlier run, to tell what has changed since."""

    number: int
    """Number of the run."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """Digest of the code of each step, by name."""
    environments: Mapping[str, str] = field(default_factory=dict)
    """Declared environment of each step, by name, as `reuse.environment_of` tells it."""
    onward: Mapping[str, str] = field(default_factory=dict)
    """How each step goes on, by name, as `reuse.onward_of` tells it."""
    widths: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """How many tasks the successful tasks of each step took input from, by name."""


class Unchanged:
    """Earlier runs, whose tasks are cloned where they would do the same again, each once.

    Once, because the rounds of a recursion may all read the same: each is a clone of its own round, and the last one
    ends the recursion as it did.

    Args:
        flow: Name of the flow.
        find: Finds attempts by their key, those to be preferred first.
        again: What runs in any case.
        last: The run to compare with, when something has changed. None: there is none.
    """

    def __init__(
        self,
        flow: str,
        find: Callable[[str], Iterable[PastAttempt]],
        again: Again,
        last: PastSteps | None,
    ) -> None:
        self._flow = flow
        self._find = find
        self._again = again
        self._last = last
        self._taken: set[tuple[int, int]] = set()

    def choose(self, task: PlannedTask, parents: Sequence[PlannedTask]) -> Choice:
        """As `Past.choose`."""
        if reason := self._again.reason(task.step.name):
            return Choice(reason)
        key = reuse_key(self._flow, task)
        if key is None:
            return Choice("The code of its step is not known.")
        nearest = ""
        for past in self._find(key):
            if past.id in self._taken:
                nearest = nearest or f"Run {past.number} had fewer rounds of it."
                continue
            names = changed(task, past.reads)
            if not names:
                self._taken.add(past.id)
                return Choice(f"Its code and what it reads are as in run {past.number}.", past.load())
            nearest = nearest or f"What it reads has changed since run {past.number}: {listed(names)}."
        return Choice(nearest or self._what_changed(task))

    def _what_changed(self, task: PlannedTask) -> str:
        last, step = self._last, task.step
        if last is None:
            return "There is no earlier run."
        if step.name not in last.codes:
            return f"Run {last.number} had no such step."
        if step.spec.code != last.codes[step.name]:
            return f"Its code has changed since run {last.number}."
        if environment_of(step) != last.environments[step.name]:
            return f"Its environment has changed since run {last.number}."
        if onward_of(step) != last.onward[step.name]:
            return f"How it goes on has changed since run {last.number}."
        width, widths = len(task.joins), last.widths.get(step.name, frozenset())
        if task.joins and widths and width not in widths:
            before = " or ".join(str(one) for one in sorted(widths))
            return f"It joins {width} tasks, and joined {before} in run {last.number}."
        what = f" for these items of {listed(frame.variable for frame in task.frames)}" if task.frames else ""
        return f"No earlier run has ended it with success{what}."
