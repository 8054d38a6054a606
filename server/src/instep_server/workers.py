"""Workers and the attempts that they hold, as this server knows them while they live."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from instep_server.core.dispatch import PoolKey
from instep_server.core.failure import Failure
from instep_server.core.planned import PlannedTask
from instep_server.core.states import (
    ATTEMPT,
    ATTEMPT_ENDS,
    WORKER,
    AttemptEvent,
    AttemptState,
    WorkerEvent,
    WorkerState,
    advance,
)
from instep_server.logs import LogStream, Spool, StreamLog

if TYPE_CHECKING:
    from instep_server.active_run import ActiveRun


@dataclass(frozen=True, slots=True)
class Exit:
    """How a worker's process ended."""

    code: int | None = None
    """Exit code. None: a signal ended it."""
    signal: int | None = None
    """Signal that ended it. None: it exited."""
    max_rss_bytes: int = 0
    """Largest resident memory. 0: unknown."""


@dataclass(slots=True)
class Stop:
    """An attempt was told to stop."""

    reason: str
    """Why, for people."""
    at: float
    """When, on the monotonic clock."""
    failure: Failure | None = None
    """What it fails by. None: the run is being ended, so that it does not matter."""


@dataclass(slots=True, eq=False, kw_only=True)
class Worker:
    """A process that runs tasks, or is to."""

    id: str
    """Its id."""
    run: ActiveRun
    """The run that it works for."""
    pool: PoolKey
    """What it can run."""
    spool: Spool
    """The files that take what it writes."""
    asked: float
    """When its process was asked for, on the monotonic clock."""
    state: WorkerState = WorkerState.STARTING
    """Where it is in its lifecycle."""
    expected: bool = True
    """True while the dispatch counts it as starting."""
    forked: bool = True
    """True when a host forked it; false when it is a fresh process."""
    pid: int = 0
    """Its process id. 0: not known yet."""
    machine: str = ""
    """Name of its machine."""
    registered: float | None = None
    """When it first registered, on the monotonic clock. None: it has not."""
    shares_store: bool = False
    """True when it has proved that it shares the store's file system."""
    attempt: Attempt | None = None
    """Its newest attempt, which may have ended."""
    leases: deque[str] = field(default_factory=deque)
    """Ids of its newest leases, the newest last: those that its calls can name."""
    idle_since: float = 0.0
    """When it last had nothing to do any more, on the monotonic clock."""
    was_terminated: bool = False
    """True when it was sent SIGTERM."""
    killed: float | None = None
    """When it was sent SIGKILL, on the monotonic clock. None: it was not."""

    def advance(self, event: WorkerEvent) -> None:
        """Moves on in its lifecycle."""
        self.state = advance(WORKER, self.state, event)

    @property
    def open_attempt(self) -> Attempt | None:
        """The attempt that it holds. None: it holds none."""
        return self.attempt if self.attempt is not None and self.attempt.is_open else None


@dataclass(slots=True, eq=False, kw_only=True)
class Attempt:
    """One try of a task."""

    lease_id: str
    """Id of its lease."""
    task: PlannedTask
    """The task."""
    number: int
    """Its number, counted from 0."""
    worker: Worker
    """Who tries."""
    logs: dict[LogStream, StreamLog]
    """Its logs."""
    expires: float
    """When its lease ends, on the monotonic clock."""
    begun: float
    """When its worker got it, or acknowledged it, on the monotonic clock."""
    state: AttemptState = AttemptState.LEASED
    """Where it is in its lifecycle."""
    redelivery: int = 0
    """How often it was handed out again."""
    heartbeat_seq: int = 0
    """Number of the newest heartbeat."""
    stop: Stop | None = None
    """Set when it was told to stop."""
    completion_id: str = ""
    """Id of the report that ended it. Empty: none did."""
    completion_hash: bytes = b""
    """Hash of that report."""
    cancel_won: bool = False
    """True when it ended while the run was being ended."""

    def advance(self, event: AttemptEvent) -> None:
        """Moves on in its lifecycle."""
        self.state = advance(ATTEMPT, self.state, event)

    @property
    def is_open(self) -> bool:
        """True as long as it can be reported."""
        return self.state not in ATTEMPT_ENDS

    @property
    def timeout_ms(self) -> int:
        """How long it may take. 0: any time."""
        return self.task.timeout_ms
