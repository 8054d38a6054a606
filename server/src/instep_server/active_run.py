"""A run that this server owns, while it is under way.

The plan decides; this object carries its decisions out: it records them, has workers started, hands tasks to
those that arrive, takes their reports, and ends what must be ended. What is in memory is the authority, the
database its record; writes are queued in the order of events. If the record fails, because the disk is full or
the store is gone, the run is given up: its workers are ended and watchers hear why.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from instep_proto.v1 import task_pb2, worker_service_pb2

from instep_server.core import loss, patience
from instep_server.core.dispatch import Dispatch, PoolKey, pool_of
from instep_server.core.failure import Failure, FailureKind
from instep_server.core.graph_types import variables
from instep_server.core.patience import Verdict
from instep_server.core.planned import Action, PlannedTask, StopTask, TaskChanged, TaskMade, TaskRetried
from instep_server.core.policy import BYTES_PER_MB, Resources
from instep_server.core.scheduler import Plan
from instep_server.core.states import AttemptEvent, AttemptState, TaskState, WorkerEvent, WorkerState
from instep_server.db.change import Change
from instep_server.db.database import Database
from instep_server.errors import HostError, RequestError, StoreError
from instep_server.launcher import Launcher
from instep_server.limits import MAX_START_FAILURES, MAX_START_KILLS
from instep_server.logs import LogFiles, LogStream, Spool, StreamLog
from instep_server.machine import MemoryWatch
from instep_server.manifests import Manifests
from instep_server.recorder import Recorder
from instep_server.reports import Judge, Report, report_hash
from instep_server.settings import Settings
from instep_server.store import ObjectStore
from instep_server.tags import user_tags
from instep_server.task_message import RunFacts, TaskMessages
from instep_server.tokens import TokenKind, Tokens
from instep_server.workers import Attempt, Exit, Stop, Worker

MAX_REDELIVERIES = 3
"""How often a lease that nobody acknowledges is handed out again."""

MAX_PAST_LEASES = 16
"""How many of its leases a worker can still name. A call that comes later than that is one nobody waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What runs need of the server."""

    db: Database
    """The database."""
    store: ObjectStore
    """The objects."""
    manifests: Manifests
    """The manifests."""
    logs: LogFiles
    """The log files."""
    launcher: Launcher
    """Has workers made."""
    tokens: Tokens
    """Makes tokens."""
    spool: Path
    """Directory of this server's spool files."""
    now_ms: Callable[[], int]
    """The clock, in unix milliseconds."""
    monotonic: Callable[[], float]
    """The clock for durations, in seconds."""
    new_id: Callable[[], str]
    """Makes ids that nobody guesses."""
    machine: Resources
    """What this machine has."""
    memory: MemoryWatch
    """Watches the memory of workers."""
    settings: Settings
    """What the operator has set."""
    workers: dict[str, Worker] = field(default_factory=dict)
    """All workers of the server whose processes live or are to, by id."""
    attempts: dict[str, Attempt] = field(default_factory=dict)
    """The attempts of this server's workers that their calls can name, by lease id."""


class ActiveRun:
    """A run under way.

    Args:
        key: Its row id.
        facts: What its tasks are told.
        plan: Its plan, not started.
        max_workers: How many tasks may run at once.
        notice: What people should know before the run starts. Empty: nothing.
        tools: What it needs of the server.

    Attributes:
        key: Its row id.
        facts: What its tasks are told.
        ended: Done when it has ended and that is on disk; fails with StoreError when it was given up.
    """

    def __init__(
        self, *, key: int, facts: RunFacts, plan: Plan, max_workers: int, tools: Tools, notice: str = ""
    ) -> None:
        self.key = key
        self.facts = facts
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._plan = plan
        self._dispatch = Dispatch(max_workers, tools.machine)
        self._tools = tools
        self._recorder = Recorder(key, tools.now_ms)
        self._judge = Judge(facts.flow, plan, self._recorder, tools.manifests, tools.store)
        names = variables(plan.graph.parameters, (), plan.graph.configs)
        self._messages = TaskMessages(facts, names, tools.manifests, partial(user_tags, tools.db, key))
        self._workers: dict[str, Worker] = {}
        self._queued: dict[int, int] = {}
        self._start_failures: dict[PoolKey, int] = {}
        self._launches: set[asyncio.Task[None]] = set()
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._is_started = False
        self._is_narrow = False
        self._notice = notice

    # What clients ask for.

    def start(self) -> asyncio.Future[None]:
        """Starts the run, unless it was started or cancelled before.

        Returns:
            What completes when that is recorded.

        Raises:
            StoreError: There is no place for its logs.
        """
        change = Change()
        if not self._is_started and not self._plan.is_ending:
            try:
                self._tools.logs.make_folder(self.facts.flow, self.facts.number)
            except StoreError as err:
                self._abandon(err)
                raise
            self._is_started = True
            self._carry_out(change, self._plan.start())
            if self._notice:
                self._recorder.notice(change, self._notice)
        saved = self._save(change, durable=True)
        self._settle()  # a run of which all is cloned ends at once
        return saved

    def cancel(self, reason: str) -> asyncio.Future[None]:
        """Cancels the run. Does nothing when it is ending.

        Args:
            reason: Why, for people.

        Returns:
            What completes when that is recorded.
        """
        change = Change()
        self._carry_out(change, self._plan.cancel(reason))
        saved = self._save(change, durable=True)
        self._settle()
        return saved

    # What workers ask for.

    def lease(self, worker: Worker) -> task_pb2.Task | str:
        """Gives a task to a worker, or again the one that it has not acknowledged.

        Args:
            worker: The worker, registered.

        Returns:
            The task; or why there is none, and never will be one for this worker.
        """
        change = Change()
        attempt = worker.open_attempt
        if attempt is not None and attempt.redelivery < MAX_REDELIVERIES:
            attempt.redelivery += 1
            attempt.expires = self._tools.monotonic() + self._tools.settings.lease_ms / 1000
            return self._message(attempt)
        if attempt is not None and attempt.state is AttemptState.STARTED:
            self._give_up(attempt, loss.asked_too_often(attempt.task.step.name, attempt.task.id))
            return "Its task was given up."
        if attempt is not None:
            self._reclaim(change, attempt, "Its worker asked for it again and again.")
        found = self._lease(change, worker)
        self._save(change)
        return found

    def join_inputs(self, attempt: Attempt, position: int) -> worker_service_pb2.ListJoinInputsResponse:
        """Lists inputs of a join from a position on."""
        return self._messages.join_inputs(attempt.task, position)

    def acknowledge(self, attempt: Attempt) -> None:
        """Keeps a lease; the first time, records that its attempt has started."""
        now = self._tools.monotonic()
        attempt.expires = now + self._tools.settings.lease_ms / 1000
        if attempt.state is AttemptState.LEASED:
            attempt.begun = now
            change = Change()
            attempt.advance(AttemptEvent.ACKNOWLEDGE)
            self._recorder.attempt_started(change, attempt)
            self._save(change)

    async def complete(self, attempt: Attempt, report: Report) -> task_pb2.Task | str | None:
        """Takes the report that ends an attempt. Returns when it is on disk.

        Args:
            attempt: The attempt, open.
            report: The report.

        Returns:
            The next task, or why there is none, as `lease`. None: the report does not ask for one.

        Raises:
            RequestError: The report is refused; the attempt is open as before.
            StoreError: It could not be recorded; the run is given up.
        """
        change = Change()
        try:
            actions = self._judge.judge(change, attempt, report)
        except RequestError:
            self._save(Change(manifests=change.manifests))
            raise
        attempt.completion_id = report.completion_id
        attempt.completion_hash = report_hash(report)
        succeeded = attempt.state is AttemptState.SUCCEEDED
        attempt.cancel_won = succeeded and attempt.task.state is TaskState.CANCELLED
        if attempt.worker.shares_store:
            ends = {LogStream.STDOUT: report.stdout_end, LogStream.STDERR: report.stderr_end}
            self._take_output(change, attempt, ends)
        self._free(attempt)
        self._carry_out(change, actions)
        following = self._lease(change, attempt.worker) if report.HasField("want_next") else None
        await self._save(change, durable=True)
        return following

    def append_logs(
        self, attempt: Attempt, stream: LogStream, offset: int, data: bytes, dropped: int
    ) -> StreamLog:
        """Adds what an attempt wrote.

        Returns:
            The log, with its new length.

        Raises:
            RequestError: LOG_OFFSET.
            StoreError: It cannot be written.
        """
        log = attempt.logs[stream]
        change = Change()
        try:
            self._recorder.logs(change, attempt, log.append(offset, data, dropped))
        except StoreError as err:
            self._abandon(err)
            raise
        self._save(change)
        return log

    def close_worker(self, worker: Worker) -> None:
        """Lets a worker go; takes back its task when it has not begun it."""
        change = Change()
        attempt = worker.open_attempt
        if attempt is not None and attempt.state is AttemptState.LEASED:
            self._reclaim(change, attempt, "Its worker closed its session.")
        self._uncount(worker)
        self._drain_worker(worker)
        self._finish_change(change)

    # What the launcher reports.

    def worker_forked(self, worker: Worker, pid: int, error: str) -> None:
        """Hears that a worker has a process, or why it has none."""
        if not error:
            worker.pid = pid
            return
        change = Change()
        self._fork_failed(change, worker, error)
        self._forget(worker)
        self._finish_change(change)

    def worker_exited(self, worker: Worker, end: Exit) -> None:
        """Hears that a worker's process has ended."""
        change = Change()
        attempt = worker.open_attempt
        if attempt is not None:
            self._take_output(change, attempt, {})
            self._lose(change, attempt, self._why_lost(attempt, end), end.max_rss_bytes)
        if worker.attempt is not None:
            self._take_output(change, worker.attempt, {})
            self._close_logs(change, worker.attempt)
        worker.advance(WorkerEvent.EXIT)
        if worker.expected and not self._was_just_killed(worker, end):
            self._start_failed(change, worker, _how_it_ended(worker, end))
        self._forget(worker)
        worker.spool.remove()
        self._finish_change(change)

    def tick(self) -> None:
        """Looks for what takes too long. Called about twice a second."""
        self._end_too_large()
        now = self._tools.monotonic()
        for worker in list(self._workers.values()):
            match self._look_at(worker, now):
                case Verdict.TERMINATE if not worker.was_terminated:
                    worker.was_terminated = True
                    self._tools.launcher.signal(worker, signal.SIGTERM)
                case Verdict.KILL:
                    self._kill(worker)
                case Verdict.STOP if worker.attempt is not None:
                    task = worker.attempt.task
                    failure = loss.overran(task.step.name, task.id, worker.attempt.timeout_ms)
                    self._stop(worker.attempt, failure.message, failure)
                case Verdict.EXPIRE if worker.attempt is not None:
                    task = worker.attempt.task
                    self._give_up(
                        worker.attempt,
                        loss.lease_expired(task.step.name, task.id, self._tools.settings.lease_ms / 1000),
                    )
                case Verdict.MISSING:
                    self.worker_exited(worker, Exit(signal=signal.SIGKILL))

    def missed(self, seconds: float) -> None:
        """Lets time not count in which this server was stopped, so that it could not hear of its workers."""
        for worker in self._workers.values():
            worker.asked += seconds
            if worker.attempt is not None:
                worker.attempt.expires += seconds

    # Tasks and attempts.

    def _lease(self, change: Change, worker: Worker) -> task_pb2.Task | str:
        """Gives a worker that holds no task the next one."""
        task_id = self._next_task(worker)
        if task_id is None:
            self._drain_worker(worker)
            return "The run is ending." if self._plan.is_ending else "There is no task for this worker."
        return self._message(self._grant(change, worker, task_id))

    def _next_task(self, worker: Worker) -> int | None:
        if worker.expected:
            worker.expected = False
            return self._dispatch.arrived(worker.pool)
        if worker.state is not WorkerState.IDLE:
            return None
        return self._dispatch.next_for(worker.pool)

    def _grant(self, change: Change, worker: Worker, task_id: int) -> Attempt:
        tools = self._tools
        self._carry_out(change, self._plan.lease(task_id))
        task = self._plan.tasks[task_id]
        number, now = task.attempts - 1, tools.monotonic()
        attempt = Attempt(
            lease_id=tools.new_id(),
            task=task,
            number=number,
            worker=worker,
            logs={stream: self._log(task_id, number, stream) for stream in LogStream},
            expires=now + tools.settings.lease_ms / 1000,
            begun=now,
        )
        if worker.attempt is not None:
            self._close_logs(change, worker.attempt)
        worker.attempt = tools.attempts[attempt.lease_id] = attempt
        worker.leases.append(attempt.lease_id)
        if len(worker.leases) > MAX_PAST_LEASES:
            self._drop_lease(worker.leases.popleft())
        worker.advance(WorkerEvent.LEASE)
        self._start_failures.pop(worker.pool, None)
        self._recorder.attempt_made(change, attempt)
        return attempt

    def _log(self, task_id: int, number: int, stream: LogStream) -> StreamLog:
        file = self._tools.logs.path(self.facts.flow, self.facts.number, task_id, number, stream)
        return StreamLog(stream, file, self.facts.max_log_bytes)

    def _message(self, attempt: Attempt) -> task_pb2.Task:
        token = self._tools.tokens.issue(TokenKind.LEASE, attempt.lease_id)
        queued = self._queued[attempt.task.id]
        return self._messages.task(attempt, token, self._tools.settings, queued_unix_ms=queued)

    def _free(self, attempt: Attempt) -> None:
        """Frees what an attempt that has ended held."""
        attempt.worker.advance(WorkerEvent.COMPLETE)
        attempt.worker.idle_since = self._tools.monotonic()
        self._dispatch.done(attempt.worker.pool)
        self._tools.store.release(attempt.lease_id)

    def _lose(self, change: Change, attempt: Attempt, failure: Failure, max_rss_bytes: int = 0) -> None:
        """Ends an attempt without a report. Its log says why."""
        try:
            note = attempt.logs[LogStream.STDERR].note(f"[instep] {failure.message}\n")
            self._recorder.logs(change, attempt, note)
        except StoreError as err:
            self._abandon(err)
        attempt.advance(AttemptEvent.LOSE)
        self._recorder.attempt_ended(change, attempt, failure=failure, max_rss_bytes=max_rss_bytes)
        self._free(attempt)
        self._carry_out(change, self._plan.fail(attempt.task.id, failure))

    def _give_up(self, attempt: Attempt, failure: Failure) -> None:
        """Ends an attempt whose worker can't be relied on, and the worker."""
        change = Change()
        self._take_output(change, attempt, {})
        self._lose(change, attempt, failure)
        self._kill(attempt.worker)
        self._finish_change(change)

    def _reclaim(self, change: Change, attempt: Attempt, why: str) -> None:
        """Takes back a task that was handed out and not begun. Its worker gets no other one."""
        attempt.advance(AttemptEvent.RECLAIM)
        self._recorder.attempt_ended(change, attempt)
        self._free(attempt)
        self._drain_worker(attempt.worker)
        self._carry_out(change, self._plan.release(attempt.task.id, why))

    def _take_output(self, change: Change, attempt: Attempt, ends: dict[LogStream, int]) -> None:
        """Moves what a worker wrote to the log of its attempt.

        Args:
            change: Takes the rows.
            attempt: The attempt.
            ends: Where its output ends. Streams that are not named: at the end of the file.
        """
        try:
            for stream, log in attempt.logs.items():
                chunks = attempt.worker.spool.drain(log, ends.get(stream))
                self._recorder.logs(change, attempt, chunks)
        except StoreError as err:
            self._abandon(err)

    def _close_logs(self, change: Change, attempt: Attempt) -> None:
        """Lets go of the logs of an attempt that has ended: they will not grow any more."""
        self._recorder.logs_closed(change, attempt)
        attempt.logs = {}

    # Decisions of the plan.

    def _carry_out(self, change: Change, actions: list[Action]) -> None:
        """Records what the plan decided and does what follows from it."""
        if not actions:
            return
        self._recorder.actions(change, actions)
        now = self._tools.now_ms()
        for action in actions:
            match action:
                case TaskMade(task) | TaskChanged(task, TaskState.READY):
                    self._queued[task.id] = now
                    self._dispatch.put(pool_of(task.step, task.needs), task.id)
                case TaskRetried(task, _, wait_ms):
                    loop = asyncio.get_running_loop()
                    self._timers[task.id] = loop.call_later(wait_ms / 1000, self._retry, task.id)
                case StopTask(task, reason):
                    self._stop_task(task, reason)
        if self._plan.is_ending:
            self._dispatch.clear()
            for timer in self._timers.values():
                timer.cancel()
            self._timers.clear()

    def _retry(self, task_id: int) -> None:
        """Ends the wait of a task."""
        change = Change()
        del self._timers[task_id]
        self._carry_out(change, self._plan.retry(task_id))
        self._finish_change(change)

    def _stop_task(self, task: PlannedTask, reason: str) -> None:
        """Tells the attempt of a task to stop."""
        for worker in self._workers.values():
            attempt = worker.open_attempt
            if attempt is not None and attempt.task is task:
                self._stop(attempt, reason)

    def _stop(self, attempt: Attempt, reason: str, failure: Failure | None = None) -> None:
        """Tells an attempt to stop, by an interrupt now and by its next heartbeat. Once is enough."""
        if attempt.stop is None:
            attempt.stop = Stop(reason, self._tools.monotonic(), failure)
            self._tools.launcher.signal(attempt.worker, signal.SIGINT)

    def _settle(self) -> None:
        """Ends the run when nothing is left of it."""
        if self._plan.is_settled and not self._workers:
            change = Change()
            self._carry_out(change, self._plan.finish())
            self._save(change, durable=True).add_done_callback(self._set_ended)

    # Workers.

    def _launch(self) -> None:
        """Asks for the workers that are wanted now."""
        tools = self._tools
        for pool in self._dispatch.wanted():
            worker_id = tools.new_id()
            spool = Spool(tools.spool, worker_id)
            worker = Worker(id=worker_id, run=self, pool=pool, spool=spool, asked=tools.monotonic())
            self._workers[worker_id] = tools.workers[worker_id] = worker
            if tools.launcher.fork(
                worker, working_directory=self.facts.working_directory, variables=self.facts.variables
            ):
                continue
            launch = asyncio.create_task(self._launch_one(worker))
            self._launches.add(launch)
            launch.add_done_callback(self._launches.discard)

    async def _launch_one(self, worker: Worker) -> None:
        try:
            await self._tools.launcher.launch(
                worker,
                working_directory=self.facts.working_directory,
                variables=self.facts.variables,
            )
        except HostError as err:
            change = Change()
            self._start_failures[worker.pool] = MAX_START_FAILURES
            worker.forked = False
            self._start_failed(change, worker, str(err))
            self._forget(worker)
            self._finish_change(change)

    def _fork_failed(self, change: Change, worker: Worker, why: str) -> None:
        """Goes on with fewer workers after the system had no room for one more; in the end by failing a task."""
        self._uncount(worker)
        workers = self._dispatch.narrow()
        if not self._is_narrow:
            self._is_narrow = True
            self._recorder.notice(
                change, f"No further process can be started ({why}). Fewer tasks run at once now."
            )
        if not workers:
            text = f"No process can be started ({why}). End other programs, or raise the limit (ulimit -u)."
            self._count_failure(change, worker.pool, text)

    def _was_just_killed(self, worker: Worker, end: Exit) -> bool:
        """Tells whether somebody else killed a forked worker before it had a task, which says nothing about forking.

        Many in a row are not by chance.
        """
        if not worker.forked or worker.killed is not None or end.signal != signal.SIGKILL:
            return False
        failures = self._start_failures[worker.pool] = self._start_failures.get(worker.pool, 0) + 1
        return failures < MAX_START_KILLS

    def _start_failed(self, change: Change, worker: Worker, why: str) -> None:
        """Goes on after a worker did not come up: by fresh processes, and in the end by failing a task."""
        self._uncount(worker)
        pool = worker.pool
        if worker.forked:
            if self._tools.launcher.stop_forking(pool):
                self._start_failures.pop(pool, None)
                text = f"A process forked for {pool.file} did not come up. Its tasks get fresh processes now."
                self._recorder.notice(change, f"{text} {why}")
            return
        self._count_failure(change, pool, why)

    def _count_failure(self, change: Change, pool: PoolKey, why: str) -> None:
        """Fails a task when workers of its pool have failed to start again and again."""
        self._start_failures[pool] = self._start_failures.get(pool, 0) + 1
        if self._start_failures[pool] < MAX_START_FAILURES or self._plan.is_ending:
            return
        task_id = self._dispatch.oldest(pool)
        if task_id is not None:
            step = self._plan.tasks[task_id].step.name
            message = f"Task {step}/{task_id} can't be started. {why}"
            failure = Failure(kind=FailureKind.ENVIRONMENT, message=message)
            self._carry_out(change, self._plan.fail(task_id, failure))

    def _look_at(self, worker: Worker, now: float) -> Verdict:
        """Judges whether a worker takes too long with what it does."""

        def since(then: float) -> float:
            return (now - then) * 1000

        attempt = worker.open_attempt
        if worker.killed is not None:
            return patience.judge_killed(since(worker.killed))
        if attempt is not None and attempt.stop is not None:
            return patience.judge_stopping(since(attempt.stop.at))
        if attempt is not None:
            if now > attempt.expires and self._tools.launcher.is_at_work(worker):
                # It cannot speak, as while C code holds Python's lock; but it was seen.
                attempt.expires = now + self._tools.settings.lease_ms / 1000
            return patience.judge_running(since(attempt.expires), since(attempt.begun), attempt.timeout_ms)
        if worker.registered is None:
            ending = self._plan.is_ending
            return patience.judge_starting(since(worker.asked), forked=worker.forked, ending=ending)
        return patience.judge_idle(since(worker.idle_since))

    def _end_too_large(self) -> None:
        """Ends attempts that take more memory than their steps declare."""
        limited = {
            worker.pid: attempt
            for worker in self._workers.values()
            if worker.pool.needs.memory_mb and worker.pid and worker.killed is None
            if (attempt := worker.open_attempt) is not None
        }
        limits = {pid: one.worker.pool.needs.memory_mb * BYTES_PER_MB for pid, one in limited.items()}
        for pid, used in self._tools.memory.over(limits).items():
            attempt = limited[pid]
            task, declared = attempt.task, attempt.worker.pool.needs.memory_mb
            failure = loss.too_large(task.step.name, task.id, used // BYTES_PER_MB, declared)
            attempt.stop = Stop(failure.message, self._tools.monotonic(), failure)
            self._kill(attempt.worker)

    def _kill(self, worker: Worker) -> None:
        worker.killed = self._tools.monotonic()
        self._tools.launcher.signal(worker, signal.SIGKILL)

    def _drain_worker(self, worker: Worker) -> None:
        """Gives a worker no further task."""
        if worker.state in (WorkerState.STARTING, WorkerState.IDLE):
            worker.advance(WorkerEvent.DRAIN)
            worker.idle_since = self._tools.monotonic()

    def _uncount(self, worker: Worker) -> None:
        if worker.expected:
            worker.expected = False
            self._dispatch.gave_up(worker.pool)

    def _forget(self, worker: Worker) -> None:
        self._uncount(worker)
        self._workers.pop(worker.id, None)
        self._tools.workers.pop(worker.id, None)
        self._tools.tokens.revoke(TokenKind.SESSION, worker.id)
        while worker.leases:
            self._drop_lease(worker.leases.popleft())

    def _drop_lease(self, lease_id: str) -> None:
        """Forgets a lease that no call can name any more."""
        del self._tools.attempts[lease_id]
        self._tools.tokens.revoke(TokenKind.LEASE, lease_id)

    def _why_lost(self, attempt: Attempt, end: Exit) -> Failure:
        step, task_id = attempt.task.step, attempt.task.id
        if attempt.stop is not None:
            return attempt.stop.failure or loss.stopped(step.name, task_id, attempt.stop.reason, end.signal)
        return loss.lost(
            step.name,
            task_id,
            step.spec.entry_point.language,
            exit_code=end.code,
            signal=end.signal,
            out_of_memory=end.signal == signal.SIGKILL and self._tools.memory.has_killed(),
        )

    # The record.

    def _finish_change(self, change: Change) -> None:
        self._save(change)
        self._settle()

    def _save(self, change: Change, *, durable: bool = False) -> asyncio.Future[None]:
        """Ends a change: has workers started that are wanted now, and queues the rows."""
        self._launch()
        saved = self._tools.db.write(change.apply, durable=durable, run=self.key)
        saved.add_done_callback(self._check_saved)
        return saved

    def _check_saved(self, saved: asyncio.Future[None]) -> None:
        """Gives the run up when its record cannot be written."""
        err = saved.exception()
        if err is not None:
            self._abandon(err if isinstance(err, StoreError) else StoreError(str(err)))

    def _abandon(self, err: StoreError) -> None:
        """Gives the run up: ends its workers, and writes nothing more, so that what is on disk holds together."""
        if not self.ended.done():
            self.ended.set_exception(err)
            self._tools.db.give_up(self.key, err)
            self._carry_out(Change(), self._plan.cancel("Its record can't be written."))
            for worker in self._workers.values():
                self._tools.launcher.signal(worker, signal.SIGKILL)

    def _set_ended(self, saved: asyncio.Future[None]) -> None:
        if not self.ended.done() and saved.exception() is None:
            self.ended.set_result(None)


def _how_it_ended(worker: Worker, end: Exit) -> str:
    how = loss.signal_name(end.signal) if end.signal is not None else f"exit code {end.code}"
    tail = worker.spool.tail(LogStream.STDERR, 2000).strip()
    return f"Its process ended ({how}) before it took the task." + (f" It wrote:\n{tail}" if tail else "")
