"""The lifecycles of runs, tasks, attempts and workers: one table each, and the only way to move in them.

A table maps a state and an event to the next state. A pair that is not in its table is a mistake of the
caller: `advance` raises and nothing changes. The numbers of the states are those of the protocol, and are what
the database holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum
from typing import TypeVar


class RunState(IntEnum):
    """States of a run."""

    PENDING = 1
    """Recorded, nothing started."""
    RUNNING = 2
    """Tasks run or wait."""
    CANCELLING = 3
    """No new task starts; those that run are being ended."""
    SUCCEEDED = 4
    """The last step succeeded."""
    FAILED = 5
    """A task failed for good."""
    CANCELLED = 6
    """Somebody cancelled it."""


class RunEvent(Enum):
    """What moves a run."""

    START = "start"
    """Its first task is ready."""
    STOP = "stop"
    """Tasks that run are to be ended: it was cancelled, or a task failed."""
    SUCCEED = "succeed"
    """All its work is done."""
    FAIL = "fail"
    """A task failed for good, and none runs any more."""
    CANCEL = "cancel"
    """It was cancelled, and no task runs any more."""


class TaskState(IntEnum):
    """States of a task."""

    WAITING = 1
    """Waits for tasks before it."""
    READY = 2
    """Can be leased."""
    ACTIVE = 3
    """An attempt is leased or runs."""
    RETRY_WAIT = 4
    """Waits for the time of its next attempt."""
    SUCCEEDED = 5
    """Done."""
    FAILED = 6
    """Failed for good."""
    SKIPPED = 7
    """Will not run."""
    CANCELLED = 8
    """Cancelled."""


class TaskEvent(Enum):
    """What moves a task."""

    INPUTS_READY = "inputs ready"
    """All tasks before it succeeded."""
    CLONE = "clone"
    """It took over what a task of an earlier run did."""
    LEASE = "lease"
    """A worker took it."""
    RELEASE = "release"
    """Its attempt ended without having begun."""
    RETRY = "retry"
    """Its attempt failed and there will be another."""
    RETRY_DUE = "retry due"
    """The time of its next attempt has come."""
    SUCCEED = "succeed"
    """Its attempt succeeded."""
    FAIL = "fail"
    """It failed for good."""
    SKIP = "skip"
    """It will not be needed."""
    CANCEL = "cancel"
    """The run is being ended."""


class AttemptState(IntEnum):
    """States of an attempt."""

    LEASED = 1
    """Handed to a worker, not yet acknowledged."""
    STARTED = 2
    """The worker has acknowledged it."""
    SUCCEEDED = 3
    """Ended well."""
    FAILED = 4
    """Ended with a failure."""
    CANCELLED = 5
    """Ended because it was told to."""
    DECLINED = 6
    """The worker would not run it."""
    LOST = 7
    """The worker is gone."""
    RECLAIMED = 8
    """Never started."""


class AttemptEvent(Enum):
    """What moves an attempt."""

    ACKNOWLEDGE = "acknowledge"
    """The worker's first heartbeat."""
    SUCCEED = "succeed"
    """The worker reported a success."""
    FAIL = "fail"
    """The worker reported a failure."""
    CANCEL = "cancel"
    """The worker reported that it stopped as told."""
    DECLINE = "decline"
    """The worker reported that it cannot run the task."""
    LOSE = "lose"
    """The worker's process ended without a report, or its lease expired."""
    RECLAIM = "reclaim"
    """The lease was never acknowledged, and its worker is known not to have begun."""


class WorkerState(IntEnum):
    """States of a worker."""

    STARTING = 1
    """Its process was asked for."""
    IDLE = 2
    """It has registered and holds no lease."""
    BUSY = 3
    """It holds a lease."""
    DRAINING = 4
    """It gets no further task and is expected to end."""
    EXITED = 5
    """Its process has ended."""


class WorkerEvent(Enum):
    """What moves a worker."""

    REGISTER = "register"
    """Its first call."""
    LEASE = "lease"
    """It got a task."""
    COMPLETE = "complete"
    """Its attempt has ended, whoever ended it."""
    DRAIN = "drain"
    """It is told to end."""
    EXIT = "exit"
    """Its process has ended."""


S = TypeVar("S", bound=IntEnum)
E = TypeVar("E", bound=Enum)

RUN: Mapping[tuple[RunState, RunEvent], RunState] = {
    (RunState.PENDING, RunEvent.START): RunState.RUNNING,
    (RunState.PENDING, RunEvent.STOP): RunState.CANCELLING,
    (RunState.PENDING, RunEvent.FAIL): RunState.FAILED,
    (RunState.RUNNING, RunEvent.STOP): RunState.CANCELLING,
    (RunState.RUNNING, RunEvent.SUCCEED): RunState.SUCCEEDED,
    (RunState.RUNNING, RunEvent.FAIL): RunState.FAILED,
    (RunState.CANCELLING, RunEvent.FAIL): RunState.FAILED,
    (RunState.CANCELLING, RunEvent.CANCEL): RunState.CANCELLED,
}
"""Lifecycle of a run."""

TASK: Mapping[tuple[TaskState, TaskEvent], TaskState] = {
    (TaskState.WAITING, TaskEvent.INPUTS_READY): TaskState.READY,
    (TaskState.WAITING, TaskEvent.SKIP): TaskState.SKIPPED,
    (TaskState.WAITING, TaskEvent.CANCEL): TaskState.CANCELLED,
    (TaskState.READY, TaskEvent.LEASE): TaskState.ACTIVE,
    (TaskState.READY, TaskEvent.CLONE): TaskState.SUCCEEDED,
    (TaskState.READY, TaskEvent.FAIL): TaskState.FAILED,
    (TaskState.READY, TaskEvent.CANCEL): TaskState.CANCELLED,
    (TaskState.ACTIVE, TaskEvent.RELEASE): TaskState.READY,
    (TaskState.ACTIVE, TaskEvent.RETRY): TaskState.RETRY_WAIT,
    (TaskState.ACTIVE, TaskEvent.SUCCEED): TaskState.SUCCEEDED,
    (TaskState.ACTIVE, TaskEvent.FAIL): TaskState.FAILED,
    (TaskState.ACTIVE, TaskEvent.CANCEL): TaskState.CANCELLED,
    (TaskState.RETRY_WAIT, TaskEvent.RETRY_DUE): TaskState.READY,
    (TaskState.RETRY_WAIT, TaskEvent.CANCEL): TaskState.CANCELLED,
}
"""Lifecycle of a task."""

ATTEMPT: Mapping[tuple[AttemptState, AttemptEvent], AttemptState] = {
    (AttemptState.LEASED, AttemptEvent.ACKNOWLEDGE): AttemptState.STARTED,
    (AttemptState.LEASED, AttemptEvent.RECLAIM): AttemptState.RECLAIMED,
    **{
        (state, event): end
        for state in (AttemptState.LEASED, AttemptState.STARTED)
        for event, end in (
            (AttemptEvent.SUCCEED, AttemptState.SUCCEEDED),
            (AttemptEvent.FAIL, AttemptState.FAILED),
            (AttemptEvent.CANCEL, AttemptState.CANCELLED),
            (AttemptEvent.DECLINE, AttemptState.DECLINED),
            (AttemptEvent.LOSE, AttemptState.LOST),
        )
    },
}
"""Lifecycle of an attempt. A report acknowledges the lease by itself, so LEASED can end without STARTED."""

WORKER: Mapping[tuple[WorkerState, WorkerEvent], WorkerState] = {
    (WorkerState.STARTING, WorkerEvent.REGISTER): WorkerState.IDLE,
    (WorkerState.STARTING, WorkerEvent.DRAIN): WorkerState.DRAINING,
    (WorkerState.IDLE, WorkerEvent.LEASE): WorkerState.BUSY,
    (WorkerState.IDLE, WorkerEvent.DRAIN): WorkerState.DRAINING,
    (WorkerState.BUSY, WorkerEvent.COMPLETE): WorkerState.IDLE,
    (WorkerState.DRAINING, WorkerEvent.REGISTER): WorkerState.DRAINING,
    **{
        (state, WorkerEvent.EXIT): WorkerState.EXITED
        for state in (WorkerState.STARTING, WorkerState.IDLE, WorkerState.BUSY, WorkerState.DRAINING)
    },
}
"""Lifecycle of a worker. A worker that exits while BUSY first loses its attempt."""

RUN_ENDS = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})
"""States that a run never leaves."""

TASK_ENDS = frozenset({TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED, TaskState.CANCELLED})
"""States that a task never leaves."""

ATTEMPT_ENDS = frozenset(set(AttemptState) - {AttemptState.LEASED, AttemptState.STARTED})
"""States that an attempt never leaves."""


class IllegalTransitionError(Exception):
    """A lifecycle has no such move. This is a bug in Instep.

    Attributes:
        state: The state.
        event: The event that it cannot take.
    """

    def __init__(self, state: IntEnum, event: Enum) -> None:
        super().__init__(
            f"{type(state).__name__} {state.name} can't take the event {event.name}. This is a bug in Instep."
        )
        self.state = state
        self.event = event


def advance(table: Mapping[tuple[S, E], S], state: S, event: E) -> S:
    """Tells the state that follows.

    Args:
        table: The lifecycle.
        state: The state now.
        event: What happens.

    Returns:
        The next state.

    Raises:
        IllegalTransitionError: The lifecycle has no such move.
    """
    try:
        return table[state, event]
    except KeyError:
        raise IllegalTransitionError(state, event) from None
