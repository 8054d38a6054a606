"""Decides what a run does next: which tasks become ready, and when the run ends.

Theory of operation. A `Plan` is the state of one run. Each method takes one event, changes the plan, and
returns actions: facts to record and things to carry out, in the order in which they happened. The plan does
no I/O and knows no clock, so that the same events always give the same actions.

A split or foreach *opens a scope* with one place per branch or item; each task remembers its innermost open
scope and its place in it. A task that goes on to a join does not make a task: it arrives at its place. When
the last place is taken, the join is made, in the scope around, at the place of the task that split. So nesting
needs no depth, the order of a join's inputs is the order of places, and it does not matter in which order tasks
finish. Foreach frames are a property of the task that splits: the join gets them back.

Rules that keep it true:

* a scope is closed once, by the task that takes its last open place;
* a task leaves the plan's ready or active set in the call that ends it, and in no other;
* once the plan is ending, no task becomes ready.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from instep_server.core.environment import Artifact, Environment, overlay
from instep_server.core.failure import Failure, FailureKind
from instep_server.core.graph_types import Graph, GraphStep, TransitionKind
from instep_server.core.states import (
    RUN,
    RUN_ENDS,
    TASK,
    RunEvent,
    RunState,
    TaskEvent,
    TaskState,
    advance,
)

MAX_RELEASES = 3
"""How often a task may come back without having begun, before it fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One level of foreach that is open at a task."""

    variable: str
    """Name of the artifact whose items were spread."""
    items: Artifact
    """The artifact at the time of the split."""
    index: int
    """Position of the task's item, counted from 0."""
    count: int
    """Number of items."""
    step: str
    """Name of the step that split."""


@dataclass(slots=True, eq=False)
class _Scope:
    """A split that waits for its join."""

    splitter: PlannedTask
    arrived: list[PlannedTask | None]
    missing: int


@dataclass(slots=True, eq=False, kw_only=True)
class PlannedTask:
    """A task of the plan. Only the plan changes it."""

    id: int
    """Id, counted from 1 in the order in which tasks were made."""
    step: GraphStep
    """Its step."""
    parents: tuple[int, ...]
    """The tasks that it took input from, in order."""
    inherits: int | None
    """The task whose environment it starts from. None: it starts from the run's inputs."""
    environment: Environment
    """What it can read. Empty once it is not needed any more."""
    frames: tuple[Frame, ...]
    """Open levels of foreach, outermost first."""
    joins: tuple[PlannedTask, ...] = ()
    """For a join: the tasks that it takes its inputs from, in order. Empty once not needed any more."""
    state: TaskState = TaskState.WAITING
    """Where it is in its lifecycle."""
    attempts: int = 0
    """How many attempts were made so far."""
    releases: int = 0
    """How many of these ended without having begun."""
    left: Environment = field(default_factory=dict)
    """What it left behind. Empty before it succeeds and once it is not needed any more."""
    _scope: _Scope | None = None
    _place: int = 0

    @property
    def foreach_path(self) -> tuple[int, ...]:
        """Positions in all open levels of foreach, outermost first."""
        return tuple(frame.index for frame in self.frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a successful attempt reported."""

    outputs: Sequence[Artifact] = ()
    """Artifacts that it assigned or changed."""
    deleted: Sequence[str] = ()
    """Names of artifacts that it deleted."""
    foreach_count: int | None = None
    """Number of items, when the step goes on by foreach."""


@dataclass(frozen=True, slots=True)
class TaskMade:
    """A task exists and is ready."""

    task: PlannedTask
    """The task."""


@dataclass(frozen=True, slots=True)
class TasksMade:
    """A foreach made tasks. Precedes them."""

    step: GraphStep
    """Their step."""
    count: int
    """How many."""
    splitter: PlannedTask
    """The task that split."""


@dataclass(frozen=True, slots=True)
class TaskChanged:
    """A task changed its state."""

    task: PlannedTask
    """The task."""
    state: TaskState
    """The state that it entered."""
    failure: Failure | None = None
    """Why, when it failed."""


@dataclass(frozen=True, slots=True)
class RunChanged:
    """The run changed its state."""

    state: RunState
    """The state that it entered."""
    failure: Failure | None = None
    """Why, when it fails."""
    failed_task: PlannedTask | None = None
    """The task to which the failure belongs."""


@dataclass(frozen=True, slots=True)
class StopTask:
    """An attempt is under way and is to be ended."""

    task: PlannedTask
    """Its task."""
    reason: str
    """Why, for people."""


Action = TaskMade | TasksMade | TaskChanged | RunChanged | StopTask
"""What follows from an event."""


class OutcomeError(Exception):
    """A report does not fit its step. Nothing has changed.

    The message says what is wrong.
    """


@dataclass(frozen=True, slots=True)
class _Ending:
    event: RunEvent
    failure: Failure | None = None
    task: PlannedTask | None = None


class Plan:
    """The state of one run.

    Args:
        graph: A valid graph without what is not supported yet.
        inputs: Parameters and constants.
        max_num_splits: The largest number of tasks that one foreach may make.

    Attributes:
        graph: The graph.
        inputs: Parameters and constants.
        state: Where the run is in its lifecycle.
        tasks: All tasks so far, by id.
    """

    def __init__(self, graph: Graph, inputs: Environment, *, max_num_splits: int) -> None:
        self.graph = graph
        self.inputs = inputs
        self.state = RunState.PENDING
        self.tasks: dict[int, PlannedTask] = {}
        self._max_num_splits = max_num_splits
        self._ready: dict[int, PlannedTask] = {}
        self._active: dict[int, PlannedTask] = {}
        self._ending: _Ending | None = None

    @property
    def is_ending(self) -> bool:
        """True when no further task will become ready."""
        return self._ending is not None

    @property
    def is_settled(self) -> bool:
        """True when all that is left is `finish`: no task is ready or active, and none will be."""
        return self.is_ending and not self._active and not self._ready and self.state not in RUN_ENDS

    def start(self) -> list[Action]:
        """Starts the run.

        Returns:
            The first task is ready, and the run has started.
        """
        self.state = advance(RUN, self.state, RunEvent.START)
        actions: list[Action] = [RunChanged(self.state)]
        actions += self._make(
            self.graph.step(self.graph.start), parents=(), environment=self.inputs, frames=()
        )
        return actions

    def lease(self, task_id: int) -> list[Action]:
        """Gives a ready task to a worker. The attempt's number is `attempts - 1` afterwards.

        Args:
            task_id: The task.

        Returns:
            The task is active.
        """
        task = self._ready[task_id]
        task.state = advance(TASK, task.state, TaskEvent.LEASE)
        del self._ready[task_id]
        self._active[task_id] = task
        task.attempts += 1
        return [TaskChanged(task, task.state)]

    def release(self, task_id: int, why: str) -> list[Action]:
        """Takes a task back whose attempt ended without having begun. It costs no retry, but is not endless.

        Args:
            task_id: The task.
            why: What happened, one sentence, for the failure when it happened too often.

        Returns:
            The task is ready, or failed or cancelled.
        """
        task = self._active[task_id]
        if self.is_ending:
            return self._end_task(task, TaskEvent.CANCEL)
        task.releases += 1
        if task.releases > MAX_RELEASES:
            message = f"Task {task.step.name}/{task.id} could not be begun {task.releases} times. {why}"
            return self.fail(task_id, Failure(kind=FailureKind.INTERNAL, message=message))
        task.state = advance(TASK, task.state, TaskEvent.RELEASE)
        self._ready[task_id] = self._active.pop(task_id)
        return [TaskChanged(task, task.state)]

    def succeed(self, task_id: int, outcome: Outcome) -> list[Action]:
        """Ends a task whose attempt succeeded, and goes on from it.

        Args:
            task_id: The task, which is active.
            outcome: What it reported.

        Returns:
            The task is done and those after it are ready; or it is cancelled, when the plan is ending.

        Raises:
            OutcomeError: The report does not fit the step.
        """
        task = self._active[task_id]
        if self.is_ending:
            return self._end_task(task, TaskEvent.CANCEL)
        left = overlay(task.environment, outcome.outputs, outcome.deleted)
        _check_fit(task, left, outcome)
        actions = self._end_task(task, TaskEvent.SUCCEED)
        task.left = left
        actions += self._follow(task, outcome)
        for joined in task.joins:
            joined.left = {}
        task.joins, task.environment = (), {}
        return actions

    def fail(self, task_id: int, failure: Failure) -> list[Action]:
        """Ends a task for good: its attempt failed, or it cannot be begun. The run fails with it.

        Args:
            task_id: The task, which is ready or active.
            failure: Why.

        Returns:
            The task has failed, and the others are ended; or it is cancelled, when the plan is ending.
        """
        task = self._active.get(task_id) or self._ready[task_id]
        if self.is_ending:
            return self._end_task(task, TaskEvent.CANCEL)
        actions = self._end_task(task, TaskEvent.FAIL, failure)
        actions += self._stop(
            _Ending(RunEvent.FAIL, failure, task), f"Task {task.step.name}/{task.id} failed."
        )
        return actions

    def cancel(self, reason: str) -> list[Action]:
        """Cancels the run. Does nothing when it is ending or has ended.

        Args:
            reason: Why, for people.

        Returns:
            Ready tasks are cancelled, active ones are to be ended.
        """
        if self.is_ending or self.state in RUN_ENDS:
            return []
        return self._stop(_Ending(RunEvent.CANCEL), reason)

    def cancelled(self, task_id: int) -> list[Action]:
        """Ends an active task whose attempt was stopped as it was told.

        Args:
            task_id: The task.

        Returns:
            The task is cancelled.
        """
        return self._end_task(self._active[task_id], TaskEvent.CANCEL)

    def finish(self) -> list[Action]:
        """Ends the run. The plan must be settled.

        Returns:
            The run has ended.
        """
        if self._ending is None or not self.is_settled:
            raise RuntimeError("The plan is not settled. This is a bug in Instep.")
        self.state = advance(RUN, self.state, self._ending.event)
        return [RunChanged(self.state, self._ending.failure, self._ending.task)]

    def _follow(self, task: PlannedTask, outcome: Outcome) -> list[Action]:
        """Goes on from a task along its transition."""
        transition = task.step.transition
        match transition.kind:
            case TransitionKind.LINEAR:
                return self._enter(self.graph.step(transition.targets[0]), task)
            case TransitionKind.SPLIT:
                return list(self._split(task))
            case TransitionKind.FOREACH:
                return self._foreach(task, outcome.foreach_count or 0)
            case TransitionKind.END:
                self._ending = _Ending(RunEvent.SUCCEED)
                return []
            case _:
                raise NotImplementedError(f"Transition {transition.kind} of step {task.step.name!r}.")

    def _enter(self, step: GraphStep, task: PlannedTask) -> list[Action]:
        """Makes the task of a step that follows another one, unless it is a join that still waits."""
        if not step.is_join:
            return self._make(
                step,
                parents=(task,),
                environment=task.left,
                frames=task.frames,
                scope=task._scope,
                place=task._place,
            )
        scope = task._scope
        if scope is None or scope.arrived[task._place] is not None:
            raise RuntimeError(f"Task {task.id} arrives at no open place of a join. This is a bug in Instep.")
        scope.arrived[task._place] = task
        scope.missing -= 1
        if scope.missing:
            return []
        splitter = scope.splitter
        return self._make(
            step,
            parents=tuple(arrived for arrived in scope.arrived if arrived is not None),
            environment=self.inputs,
            frames=splitter.frames,
            scope=splitter._scope,
            place=splitter._place,
        )

    def _split(self, task: PlannedTask) -> Iterator[Action]:
        targets = task.step.transition.targets
        scope = _Scope(task, [None] * len(targets), len(targets))
        for place, target in enumerate(targets):
            yield from self._make(
                self.graph.step(target),
                parents=(task,),
                environment=task.left,
                frames=task.frames,
                scope=scope,
                place=place,
            )

    def _foreach(self, task: PlannedTask, count: int) -> list[Action]:
        transition = task.step.transition
        if count > self._max_num_splits:
            failure = _too_many(task, count, self._max_num_splits)
            return self._stop(_Ending(RunEvent.FAIL, failure), failure.message)
        scope = _Scope(task, [None] * count, count)
        step = self.graph.step(transition.targets[0])
        items = task.left[transition.foreach]
        actions: list[Action] = [TasksMade(step, count, task)]
        for index in range(count):
            frame = Frame(
                variable=transition.foreach, items=items, index=index, count=count, step=task.step.name
            )
            actions += self._make(
                step,
                parents=(task,),
                environment=task.left,
                frames=(*task.frames, frame),
                scope=scope,
                place=index,
            )
        return actions

    def _make(
        self,
        step: GraphStep,
        *,
        parents: tuple[PlannedTask, ...],
        environment: Environment,
        frames: tuple[Frame, ...],
        scope: _Scope | None = None,
        place: int = 0,
    ) -> list[Action]:
        task = PlannedTask(
            id=len(self.tasks) + 1,
            step=step,
            parents=tuple(parent.id for parent in parents),
            inherits=None if step.is_join or not parents else parents[0].id,
            environment=environment,
            frames=frames,
            joins=parents if step.is_join else (),
            _scope=scope,
            _place=place,
        )
        task.state = advance(TASK, task.state, TaskEvent.INPUTS_READY)
        self.tasks[task.id] = self._ready[task.id] = task
        return [TaskMade(task)]

    def _end_task(self, task: PlannedTask, event: TaskEvent, failure: Failure | None = None) -> list[Action]:
        task.state = advance(TASK, task.state, event)
        self._active.pop(task.id, None)
        self._ready.pop(task.id, None)
        return [TaskChanged(task, task.state, failure)]

    def _stop(self, ending: _Ending, reason: str) -> list[Action]:
        """Begins to end the run: what is ready will not run, what is active is to be ended."""
        self._ending = ending
        actions: list[Action] = []
        if self._active or self._ready or ending.event is RunEvent.CANCEL:
            self.state = advance(RUN, self.state, RunEvent.STOP)
            actions.append(RunChanged(self.state, ending.failure, ending.task))
        for task in list(self._ready.values()):
            actions += self._end_task(task, TaskEvent.CANCEL)
        actions += (StopTask(task, reason) for task in self._active.values())
        return actions


def _check_fit(task: PlannedTask, left: Environment, outcome: Outcome) -> None:
    """Refuses a report that does not fit the transition of its step."""
    transition = task.step.transition
    if transition.kind is not TransitionKind.FOREACH:
        return
    if outcome.foreach_count is None or outcome.foreach_count < 1:
        raise OutcomeError(
            f"Step {task.step.name!r} goes on by foreach over {transition.foreach!r}, so its report needs"
            f" foreach_count of at least 1, not {outcome.foreach_count}."
        )
    if transition.foreach not in left:
        raise OutcomeError(
            f"Step {task.step.name!r} goes on by foreach over {transition.foreach!r},"
            " which it neither assigned nor inherited."
        )


def _too_many(task: PlannedTask, count: int, limit: int) -> Failure:
    return Failure(
        kind=FailureKind.USER_ERROR,
        message=(
            f"Step {task.step.name!r} splits over {count:,} items of {task.step.transition.foreach!r}, and at most"
            f" {limit:,} are allowed. Raise the limit with the option --max-num-splits {count}."
        ),
    )
