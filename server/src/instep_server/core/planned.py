"""The tasks of a plan, what attempts report of them, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from instep_server.core.environment import Artifact, Environment
from instep_server.core.failure import Failure
from instep_server.core.graph_types import GraphStep
from instep_server.core.policy import NOTHING, Resources
from instep_server.core.states import RunState, TaskState


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a successful attempt reported."""

    outputs: Sequence[Artifact] = ()
    """Artifacts that it assigned or changed."""
    deleted: Sequence[str] = ()
    """Names of artifacts that it deleted."""
    foreach_count: int | None = None
    """Number of items, when the step goes on by foreach."""
    switch_case: int | None = None
    """Position of the chosen case, when the step goes on by a switch."""
    caught: bool = False
    """True when the attempt ended by an error that `catch` handled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """What a task takes over from one of an earlier run."""

    run: int
    """Row id of that run."""
    task: int
    """Id of the task."""
    attempt: int
    """Number of its successful attempt."""
    outcome: Outcome
    """What this reported. Producers are tasks of that run."""


@dataclass(slots=True, eq=False)
class Scope:
    """A split that waits for its join."""

    splitter: PlannedTask
    """The task that split."""
    arrived: list[PlannedTask | None]
    """The last task of each branch or item. None: it has not arrived."""
    missing: int
    """How many have not arrived."""


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
    failure: Failure | None = None
    """Why its newest attempt failed. None: none has."""
    only_handles: bool = False
    """True when its next attempt runs no user code: it only handles `failure`, as `catch` asks."""
    kept: tuple[Artifact, ...] = ()
    """What the failed attempt had assigned, for the attempt that only handles its failure."""
    left: Environment = field(default_factory=dict)
    """What it left behind. Empty before it succeeds and once it is not needed any more."""
    clone: Clone | None = None
    """What it is a clone of. None: it runs by itself."""
    reason: str = ""
    """Why it runs, or is a clone, in a run that could reuse tasks."""
    scope: Scope | None = None
    """The innermost split that is open at it. None: none is."""
    place: int = 0
    """Its place among the branches or items of that split."""

    @property
    def tries(self) -> int:
        """How many attempts have begun so far. Those that were handed back cost no retry."""
        return self.attempts - self.releases

    @property
    def max_attempts(self) -> int:
        """How many attempts there may be in all."""
        return self.releases + self.step.policy.retries + 1 + self.only_handles

    @property
    def timeout_ms(self) -> int:
        """How long its next attempt may take. 0: any time."""
        return 0 if self.only_handles else self.step.policy.timeout_ms

    @property
    def needs(self) -> Resources:
        """What its next attempt needs."""
        return NOTHING if self.only_handles else self.step.policy.needs(self.tries)

    @property
    def foreach_path(self) -> tuple[int, ...]:
        """Positions in all open levels of foreach, outermost first."""
        return tuple(frame.index for frame in self.frames)


@dataclass(frozen=True, slots=True)
class TaskMade:
    """A task exists and is ready."""

    task: PlannedTask
    """The task."""


@dataclass(frozen=True, slots=True)
class TaskCloned:
    """A task exists and is done: it is a clone."""

    task: PlannedTask
    """The task."""
    outcome: Outcome
    """What it took over, with producers in this run."""


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
    chosen: str = ""
    """Name of the step that its switch chose, when it succeeded. Empty: it is no switch."""


@dataclass(frozen=True, slots=True)
class TaskRetried:
    """An attempt failed, and there will be another one: the task waits for it."""

    task: PlannedTask
    """The task."""
    failure: Failure
    """Why the attempt failed."""
    wait_ms: int
    """How long it waits."""


@dataclass(frozen=True, slots=True)
class RunChanged:
    """The run changed its state."""

    state: RunState
    """The state that it entered."""
    failure: Failure | None = None
    """Why, when it fails."""
    failed_task: PlannedTask | None = None
    """The task to which the failure belongs."""
    caught: bool = False
    """True when its last step ended by an error that `catch` handled."""


@dataclass(frozen=True, slots=True)
class StopTask:
    """An attempt is under way and is to be ended."""

    task: PlannedTask
    """Its task."""
    reason: str
    """Why, for people."""


Action = TaskMade | TaskCloned | TasksMade | TaskChanged | TaskRetried | RunChanged | StopTask
"""What follows from an event."""
