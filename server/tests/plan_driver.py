"""Drives a plan as a server would, with artifacts that tell where they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from instep_server.core.environment import Artifact
from instep_server.core.graph_types import Graph, TransitionKind
from instep_server.core.past import Past
from instep_server.core.planned import (
    Action,
    Outcome,
    PlannedTask,
    RunChanged,
    TaskChanged,
    TaskCloned,
    TaskMade,
    TaskRetried,
)
from instep_server.core.scheduler import Plan
from instep_server.core.states import TaskState


def artifact(name: str, content: str) -> Artifact:
    return Artifact(name=name, hash=content, manifest_size=1)


class Driver:
    """A plan with the tasks that are ready and active, as its actions tell."""

    def __init__(
        self,
        graph: Graph,
        count: Callable[[PlannedTask], int] = lambda _: 2,
        *,
        max_num_splits: int = 1000,
        past: Past | None = None,
    ) -> None:
        inputs = {"p": artifact("p", "parameter")}
        self.plan = Plan(graph, inputs, max_num_splits=max_num_splits, chance=lambda: 1.0, past=past)
        self.count = count
        self.ready: dict[int, PlannedTask] = {}
        self.active: dict[int, PlannedTask] = {}
        self.waiting: dict[int, PlannedTask] = {}
        self.done: list[PlannedTask] = []
        self.actions: list[Action] = []

    def take(self, actions: Sequence[Action]) -> Sequence[Action]:
        self.actions += actions
        for action in actions:
            match action:
                case TaskMade(task):
                    self.ready[task.id] = task
                case TaskCloned(task):
                    self.done.append(task)
                case TaskRetried(task):
                    self.waiting[task.id] = self.active.pop(task.id)
                case TaskChanged(task, state):
                    for place in (self.ready, self.active, self.waiting):
                        place.pop(task.id, None)
                    if state is TaskState.READY:
                        self.ready[task.id] = task
                    elif state is TaskState.ACTIVE:
                        self.active[task.id] = task
                    else:
                        self.done.append(task)
        return actions

    def start(self) -> Sequence[Action]:
        return self.take(self.plan.start())

    def lease(self, task_id: int) -> Sequence[Action]:
        return self.take(self.plan.lease(task_id))

    def succeed(self, task_id: int) -> Sequence[Action]:
        return self.take(self.plan.succeed(task_id, self.outcome(self.plan.tasks[task_id])))

    def choose(self, task: PlannedTask) -> int:
        """Goes some rounds where a case leads back, then takes a case: which one depends on the item alone."""
        rounds, before = 0, task
        while before.inherits and self.plan.tasks[before.inherits].step is task.step:
            rounds, before = rounds + 1, self.plan.tasks[before.inherits]
        number = sum(task.foreach_path) + len(task.step.name)
        cases = task.step.transition.cases
        others = [position for position, case in enumerate(cases) if case.target != task.step.name]
        if len(others) < len(cases) and rounds < number % 3:
            return next(position for position, case in enumerate(cases) if case.target == task.step.name)
        return others[number % len(others)]

    def outcome(self, task: PlannedTask) -> Outcome:
        trace = f"{trace_before(task)}{task.step.name}"
        outputs = [artifact("trace", trace)]
        transition = task.step.transition
        if transition.kind is TransitionKind.SWITCH:
            return Outcome(outputs=outputs, switch_case=self.choose(task))
        if transition.kind is not TransitionKind.FOREACH:
            return Outcome(outputs=outputs)
        outputs.append(artifact(transition.foreach, f"items of {trace}"))
        return Outcome(outputs=outputs, foreach_count=self.count(task))

    def run(self, task_id: int) -> Sequence[Action]:
        self.lease(task_id)
        return self.succeed(task_id)

    def run_all(self, choose: Callable[[Mapping[int, PlannedTask]], int] = min) -> None:
        """Runs everything, one task after another, and finishes."""
        while self.ready:
            self.run(choose(self.ready))
        self.take(self.plan.finish())

    @property
    def run_states(self) -> list[str]:
        return [action.state.name for action in self.actions if isinstance(action, RunChanged)]


def trace_before(task: PlannedTask) -> str:
    """What a task sees of the way that led to it."""
    frames = "".join(f"{frame.index}/{frame.count}" for frame in task.frames[-1:])
    if task.joins:
        return "[" + " ".join(joined.left["trace"].hash for joined in task.joins) + "]"
    before = task.environment["trace"].hash + ">" if "trace" in task.environment else ""
    return f"{before}{frames + ':' if frames else ''}"
