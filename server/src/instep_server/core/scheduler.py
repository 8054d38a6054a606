"""Decides what a run does next: which tasks become ready, and when the run ends.

Theory of operation. A `Plan` is the state of one run. Each method takes one event, changes the plan, and
returns actions: facts to record and things to carry out, in the order in which they happened. The plan does
no I/O and knows no clock, so that the same events always give the same actions.

A split or foreach *opens a scope* with one place per branch or item; each task remembers its innermost open
scope and its place in it. A task that goes on to a join does not make a task: it arrives at its place. When
the last place is taken, the join is made, in the scope around, at the place of the task that split. So nesting
needs no depth, the order of a join's inputs is the order of places, and it does not matter in which order tasks
finish. Foreach frames are a property of the task that splits: the join gets them back. A switch makes the task of
the chosen step and none of the others, in the same place; a step that a switch names again is simply a new task.

An attempt that fails is followed by another one as long as the step's policy says so; meanwhile its task waits.
Where that has an end and the step has `catch`, the worker handles the error of the last attempt; when it has died,
one more attempt follows that runs no user code and handles that.

A plan that has a `Past` asks it for each task that it makes whether this is a clone. Clones are done as soon as they
are made: they wait in a queue, because what follows from one may be the next, and so on without limit.

Rules that keep it true:

* a scope is closed once, by the task that takes its last open place;
* a task that is not done is in one of the plan's sets, ready, active or waiting, as its state says;
* once the plan is ending, no task becomes ready.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from instep_server.core.environment import Artifact, Environment, overlay
from instep_server.core.failure import Failure, FailureKind
from instep_server.core.graph_types import Graph, GraphStep, TransitionKind
from instep_server.core.past import Past
from instep_server.core.planned import (
    Action,
    Clone,
    Frame,
    Outcome,
    PlannedTask,
    RunChanged,
    Scope,
    StopTask,
    TaskChanged,
    TaskCloned,
    TaskMade,
    TaskRetried,
    TasksMade,
)
from instep_server.core.states import (
    RUN,
    RUN_ENDS,
    TASK,
    RunEvent,
    RunState,
    TaskEvent,
    advance,
)

_DEATHS = {FailureKind.WORKER_LOST, FailureKind.OUT_OF_MEMORY, FailureKind.ATTEMPT_TIMEOUT}

MAX_RELEASES = 3
"""How often a task may come back without having begun, before it fails."""


class OutcomeError(Exception):
    """A report does not fit its step. Nothing has changed.

    The message says what is wrong.
    """


@dataclass(frozen=True, slots=True)
class _Ending:
    event: RunEvent
    failure: Failure | None = None
    task: PlannedTask | None = None
    caught: bool = False


class Plan:
    """The state of one run.

    Args:
        graph: A valid graph.
        inputs: Parameters, constants and configs.
        max_num_splits: The largest number of tasks that one foreach may make.
        chance: Draws a number from -1 to 1, for the waits before retries.
        past: Earlier runs, of which tasks may be clones. None: all tasks run.

    Attributes:
        graph: The graph.
        inputs: Parameters, constants and configs.
        state: Where the run is in its lifecycle.
        tasks: All tasks so far, by id.
    """

    def __init__(
        self,
        graph: Graph,
        inputs: Environment,
        *,
        max_num_splits: int,
        chance: Callable[[], float],
        past: Past | None = None,
    ) -> None:
        self.graph = graph
        self.inputs = inputs
        self.state = RunState.PENDING
        self.tasks: dict[int, PlannedTask] = {}
        self._max_num_splits = max_num_splits
        self._chance = chance
        self._past = past
        self._clones: deque[tuple[PlannedTask, Outcome]] = deque()
        self._ready: dict[int, PlannedTask] = {}
        self._active: dict[int, PlannedTask] = {}
        self._waiting: dict[int, PlannedTask] = {}
        self._ending: _Ending | None = None

    @property
    def is_ending(self) -> bool:
        """True when no further task will become ready."""
        return self._ending is not None

    @property
    def is_settled(self) -> bool:
        """True when all that is left is `finish`: no task is ready, active or waiting, and none will be."""
        is_busy = self._active or self._ready or self._waiting
        return self.is_ending and not is_busy and self.state not in RUN_ENDS

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
        return actions + self._end_clones()

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
            return self._fail_for_good(task, Failure(kind=FailureKind.INTERNAL, message=message))
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
        actions = self._end_task(task, TaskEvent.SUCCEED, chosen=_chosen(task, outcome))
        task.left = left
        actions += self._go_on(task, outcome)
        return actions + self._end_clones()

    def fail(self, task_id: int, failure: Failure, kept: Sequence[Artifact] = ()) -> list[Action]:
        """Takes note that the attempt of a task failed, or that a task can't be begun.

        Args:
            task_id: The task, which is active; or ready, when it can't be begun.
            failure: Why.
            kept: What the attempt had assigned, which stays when `catch` handles the failure.

        Returns:
            The task waits for another attempt; or it has failed, and with it the run, so that the others are ended;
            or it is cancelled, when the plan is ending.
        """
        task = self._active.get(task_id)
        if task is None:
            return self._fail_for_good(self._ready[task_id], failure)
        if self.is_ending:
            return self._end_task(task, TaskEvent.CANCEL)
        task.failure = failure
        retry = task.step.policy.retry
        if retry is not None and task.step.policy.retries_after(task.tries, failure):
            return self._wait(task, failure, retry.wait_ms(task.tries, self._chance()))
        if _is_to_be_handled(task, failure):
            task.only_handles, task.kept = True, tuple(kept)
            return self._wait(task, failure, 0)
        return self._fail_for_good(task, failure)

    def retry(self, task_id: int) -> list[Action]:
        """Ends the wait of a task. Does nothing when it does not wait any more, because the plan is ending.

        Args:
            task_id: The task.

        Returns:
            The task is ready.
        """
        task = self._waiting.pop(task_id, None)
        if task is None:
            return []
        task.state = advance(TASK, task.state, TaskEvent.RETRY_DUE)
        self._ready[task_id] = task
        return [TaskChanged(task, task.state)]

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
        ending = self._ending
        return [RunChanged(self.state, ending.failure, ending.task, ending.caught)]

    def _wait(self, task: PlannedTask, failure: Failure, wait_ms: int) -> list[Action]:
        task.state = advance(TASK, task.state, TaskEvent.RETRY)
        self._waiting[task.id] = self._active.pop(task.id)
        return [TaskRetried(task, failure, wait_ms)]

    def _fail_for_good(self, task: PlannedTask, failure: Failure) -> list[Action]:
        """Ends a task that is ready or active, and the run with it."""
        actions = self._end_task(task, TaskEvent.FAIL, failure)
        ending = _Ending(RunEvent.FAIL, failure, task)
        return [*actions, *self._stop(ending, f"Task {task.step.name}/{task.id} failed.")]

    def _go_on(self, task: PlannedTask, outcome: Outcome) -> list[Action]:
        """Goes on from a task that is done, and forgets what nobody needs any more."""
        actions = self._follow(task, outcome)
        for joined in task.joins:
            joined.left = {}
        task.joins, task.environment, task.failure = (), {}, None
        return actions

    def _end_clones(self) -> list[Action]:
        """Ends the clones that were made, and those that follow from them."""
        actions: list[Action] = []
        while self._clones:
            task, outcome = self._clones.popleft()
            if self.is_ending:
                del self.tasks[task.id]  # it was never told of
                continue
            task.state = advance(TASK, task.state, TaskEvent.CLONE)
            actions.append(TaskCloned(task, outcome))
            actions += self._go_on(task, outcome)
        return actions

    def _clone(self, task: PlannedTask, parents: Sequence[PlannedTask]) -> Outcome | None:
        """Finds what a new task takes over from an earlier run. None: nothing."""
        if self._past is None:
            return None
        choice = self._past.choose(task, parents)
        task.reason = choice.reason
        if choice.clone is None:
            return None
        outcome = _taken_over(task, choice.clone)
        left = overlay(task.environment, outcome.outputs, outcome.deleted)
        try:
            _check_fit(task, left, outcome)
        except OutcomeError:
            task.reason = "Its step goes on in another way than it did."
            return None
        task.clone, task.left, task.attempts = choice.clone, left, 1
        return outcome

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
            case TransitionKind.SWITCH:
                return self._enter(self.graph.step(_chosen(task, outcome)), task)
            case TransitionKind.END:
                self._ending = _Ending(RunEvent.SUCCEED, caught=outcome.caught)
                return []
            case TransitionKind.UNKNOWN:
                raise RuntimeError(f"Step {task.step.name!r} has no transition. This is a bug in Instep.")

    def _enter(self, step: GraphStep, task: PlannedTask) -> list[Action]:
        """Makes the task of a step that follows another one, unless it is a join that still waits."""
        if not step.is_join:
            return self._make(
                step,
                parents=(task,),
                environment=task.left,
                frames=task.frames,
                scope=task.scope,
                place=task.place,
            )
        scope = task.scope
        if scope is None or scope.arrived[task.place] is not None:
            raise RuntimeError(f"Task {task.id} arrives at no open place of a join. This is a bug in Instep.")
        scope.arrived[task.place] = task
        scope.missing -= 1
        if scope.missing:
            return []
        splitter = scope.splitter
        return self._make(
            step,
            parents=tuple(arrived for arrived in scope.arrived if arrived is not None),
            environment=self.inputs,
            frames=splitter.frames,
            scope=splitter.scope,
            place=splitter.place,
        )

    def _split(self, task: PlannedTask) -> Iterator[Action]:
        targets = task.step.transition.targets
        scope = Scope(task, [None] * len(targets), len(targets))
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
        scope = Scope(task, [None] * count, count)
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
        scope: Scope | None = None,
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
            scope=scope,
            place=place,
        )
        task.state = advance(TASK, task.state, TaskEvent.INPUTS_READY)
        self.tasks[task.id] = task
        if (outcome := self._clone(task, parents)) is not None:
            self._clones.append((task, outcome))
            return []
        self._ready[task.id] = task
        return [TaskMade(task)]

    def _end_task(
        self, task: PlannedTask, event: TaskEvent, failure: Failure | None = None, *, chosen: str = ""
    ) -> list[Action]:
        task.state = advance(TASK, task.state, event)
        self._active.pop(task.id, None)
        self._ready.pop(task.id, None)
        self._waiting.pop(task.id, None)
        return [TaskChanged(task, task.state, failure, chosen)]

    def _stop(self, ending: _Ending, reason: str) -> list[Action]:
        """Begins to end the run: what is ready or waits will not run, what is active is to be ended."""
        self._ending = ending
        actions: list[Action] = []
        idle = [*self._ready.values(), *self._waiting.values()]
        if self._active or idle or ending.event is RunEvent.CANCEL:
            self.state = advance(RUN, self.state, RunEvent.STOP)
            actions.append(RunChanged(self.state, ending.failure, ending.task))
        for task in idle:
            actions += self._end_task(task, TaskEvent.CANCEL)
        actions += (StopTask(task, reason) for task in self._active.values())
        return actions


def _taken_over(task: PlannedTask, clone: Clone) -> Outcome:
    """Rewrites what a task of an earlier run reported as if this one had."""
    from_inputs = {
        (name, one.hash): one for joined in reversed(task.joins) for name, one in joined.left.items()
    }

    def own(artifact: Artifact) -> Artifact:
        if artifact.producer == clone.task:
            return replace(artifact, producer=task.id)
        return from_inputs.get((artifact.name, artifact.hash)) or replace(artifact, producer=None)

    return replace(clone.outcome, outputs=[own(artifact) for artifact in clone.outcome.outputs])


def _is_to_be_handled(task: PlannedTask, failure: Failure) -> bool:
    """Tells whether a failure that is not retried needs an attempt more, in which `catch` handles it.

    The worker of the last attempt handles errors itself, so that those which it reports are none for `catch`. It
    can't when it has died; nor earlier, when `retry` says that the error is not to be retried.
    """
    if task.step.policy.catch is None or task.only_handles:
        return False
    is_last = task.tries > task.step.policy.retries
    return failure.kind in _DEATHS or (failure.kind is FailureKind.USER_ERROR and not is_last)


def _chosen(task: PlannedTask, outcome: Outcome) -> str:
    """Names the step that a task chose. Empty: its step is no switch."""
    transition = task.step.transition
    if transition.kind is not TransitionKind.SWITCH:
        return ""
    return transition.cases[outcome.switch_case or 0].target


def _check_fit(task: PlannedTask, left: Environment, outcome: Outcome) -> None:
    """Refuses a report that does not fit the transition of its step."""
    transition = task.step.transition
    if transition.kind is TransitionKind.SWITCH and outcome.switch_case not in range(len(transition.cases)):
        raise OutcomeError(
            f"Step {task.step.name!r} goes on by a switch with {len(transition.cases)} cases, so its report needs"
            f" switch_case from 0 on, not {outcome.switch_case}."
        )
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
