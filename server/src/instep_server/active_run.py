"""A run that this server owns, while it is under way.

The plan decides; this object carries its decisions out: it records them, has workers started, hands tasks to
those that arrive, takes their reports, and ends what must be ended. What is in memory is the authority, the
database its record; writes are queued in the order of events. If the record fails, because the disk is full or
the store is gone, the run is given up: its workers are ended and watchers hear why.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from blake3 import blake3
from instep_proto.v1 import task_pb2, worker_service_pb2

from instep_server.convert_run import artifact_from_output, failure_from_proto, timings_text
from instep_server.core import loss
from instep_server.core.dispatch import Dispatch, PoolKey, pool_of
from instep_server.core.environment import Artifact
from instep_server.core.failure import Failure, FailureKind
from instep_server.core.scheduler import (
    Action,
    Outcome,
    OutcomeError,
    Plan,
    PlannedTask,
    StopTask,
    TaskChanged,
    TaskMade,
)
from instep_server.core.states import AttemptEvent, AttemptState, TaskState, WorkerEvent, WorkerState
from instep_server.db.change import Change
from instep_server.db.database import Database
from instep_server.errors import HostError, Reason, RequestError, StoreError
from instep_server.launcher import Launcher
from instep_server.limits import (
    CANCEL_GRACE_MS,
    KILL_GRACE_MS,
    LEASE_TTL_MS,
    LINGER_MS,
    MAX_START_FAILURES,
    REGISTER_FRESH_WITHIN_MS,
    REGISTER_WITHIN_MS,
    START_WITHIN_MS,
)
from instep_server.logs import LogFiles, LogStream, Spool, StreamLog
from instep_server.manifests import Manifests
from instep_server.recorder import Recorder
from instep_server.store import BlobId, ObjectStore
from instep_server.task_message import RunFacts, TaskMessages
from instep_server.tokens import TokenKind, Tokens
from instep_server.workers import Attempt, Exit, Stop, Worker

MAX_REDELIVERIES = 3
"""How often a lease that nobody acknowledges is handed out again."""


class _Usage(TypedDict):
    timings: str
    max_rss_bytes: int


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
    workers: dict[str, Worker] = field(default_factory=dict)
    """All workers of the server whose processes live or are to, by id."""
    attempts: dict[str, Attempt] = field(default_factory=dict)
    """All attempts of this server's runs, by lease id."""


class ActiveRun:
    """A run under way.

    Args:
        key: Its row id.
        facts: What its tasks are told.
        plan: Its plan, not started.
        max_workers: How many tasks may run at once.
        tools: What it needs of the server.

    Attributes:
        key: Its row id.
        facts: What its tasks are told.
        ended: Set when it has ended and that is on disk; fails with StoreError when it was given up.
    """

    def __init__(self, *, key: int, facts: RunFacts, plan: Plan, max_workers: int, tools: Tools) -> None:
        self.key = key
        self.facts = facts
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._plan = plan
        self._dispatch = Dispatch(max_workers)
        self._tools = tools
        self._recorder = Recorder(key, tools.now_ms)
        self._messages = TaskMessages(facts, plan.graph, tools.manifests)
        self._workers: dict[str, Worker] = {}
        self._queued: dict[int, int] = {}
        self._start_failures: dict[PoolKey, int] = {}
        self._launches: set[asyncio.Task[None]] = set()
        self._is_started = False

    # What clients ask for.

    def start(self) -> asyncio.Future[None]:
        """Starts the run, unless it was started or cancelled before.

        Returns:
            What completes when that is recorded.
        """
        change = Change()
        if not self._is_started and not self._plan.is_ending:
            self._is_started = True
            self._tools.logs.make_folder(self.facts.flow, self.facts.number)
            self._carry_out(change, self._plan.start())
        return self._save(change, durable=True)

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
        attempt = worker.open_attempt
        if attempt is not None:
            attempt.redelivery += 1
            attempt.leased = self._tools.monotonic()
            return self._message(attempt)
        task_id = self._next_task(worker)
        if task_id is None:
            if worker.state is not WorkerState.DRAINING:
                worker.advance(WorkerEvent.DRAIN)
                worker.idle_since = self._tools.monotonic()
            return "The run is ending." if self._plan.is_ending else "There is no task for this worker."
        change = Change()
        attempt = self._grant(change, worker, task_id)
        self._save(change)
        return self._message(attempt)

    def join_inputs(self, attempt: Attempt, position: int) -> worker_service_pb2.ListJoinInputsResponse:
        """Lists inputs of a join from a position on."""
        return self._messages.join_inputs(attempt.task, position)

    def acknowledge(self, attempt: Attempt) -> None:
        """Keeps a lease; the first time, records that its attempt has started."""
        attempt.expires = self._tools.monotonic() + LEASE_TTL_MS / 1000
        if attempt.state is AttemptState.LEASED:
            change = Change()
            attempt.advance(AttemptEvent.ACKNOWLEDGE)
            self._recorder.attempt_started(change, attempt)
            self._save(change)

    async def complete(self, attempt: Attempt, report: worker_service_pb2.CompleteTaskRequest) -> None:
        """Takes the report that ends an attempt. Returns when it is on disk.

        Args:
            attempt: The attempt, open.
            report: The report.

        Raises:
            RequestError: The report is refused; nothing has changed.
            StoreError: It could not be recorded; the run is given up.
        """
        change = Change()
        try:
            actions = self._judge(change, attempt, report)
        except RequestError:
            self._save(Change(manifests=change.manifests))
            raise
        worker = attempt.worker
        attempt.completion_id = report.completion_id
        attempt.completion_hash = report_hash(report)
        attempt.cancel_won = (
            attempt.state is AttemptState.SUCCEEDED and attempt.task.state is TaskState.CANCELLED
        )
        if worker.shares_store:
            self._drain(change, attempt, {LogStream.STDOUT: report.stdout_end, LogStream.STDERR: report.stderr_end})
        self._release_worker(worker, attempt)
        self._carry_out(change, actions)
        await self._save(change, durable=True)

    def append_logs(self, attempt: Attempt, stream: LogStream, offset: int, data: bytes, dropped: int) -> StreamLog:
        """Adds what an attempt wrote.

        Returns:
            The log, with its new length.
        """
        log = attempt.logs[stream]
        change = Change()
        self._recorder.logs(change, attempt, log.append(offset, data, dropped))
        self._save(change)
        return log

    def close_worker(self, worker: Worker) -> None:
        """Takes back the task of a worker that leaves without having begun it."""
        change = Change()
        attempt = worker.open_attempt
        if attempt is not None and attempt.state is AttemptState.LEASED:
            self._reclaim(change, attempt, "Its worker closed its session.")
        elif worker.state is WorkerState.IDLE:
            worker.advance(WorkerEvent.DRAIN)
        self._uncount(worker)
        worker.idle_since = self._tools.monotonic()
        self._save(change)

    # What the launcher reports.

    def worker_forked(self, worker: Worker, pid: int, error: str) -> None:
        """Hears that a worker has a process, or why it has none."""
        if not error:
            worker.pid = pid
            return
        self._forget(worker)
        change = Change()
        self._start_failed(change, worker, f"It could not be forked: {error}.")
        self._finish_change(change)

    def worker_exited(self, worker: Worker, end: Exit) -> None:
        """Hears that a worker's process has ended."""
        change = Change()
        attempt = worker.open_attempt
        if attempt is not None:
            self._lose(change, attempt, end)
        if worker.attempt is not None:
            self._drain(change, worker.attempt, {})
            self._recorder.logs_closed(change, worker.attempt)
        never_came = worker.registered is None and worker.expected
        worker.advance(WorkerEvent.EXIT)
        if never_came:
            self._start_failed(change, worker, _how_it_ended(worker, end))
        self._forget(worker)
        worker.spool.remove()
        self._finish_change(change)

    def tick(self) -> None:
        """Looks for what took too long. Called about twice a second."""
        now = self._tools.monotonic()
        for worker in list(self._workers.values()):
            attempt = worker.open_attempt
            if attempt is not None:
                self._check_attempt(attempt, now)
            else:
                self._check_idle(worker, now)

    # Parts of the above.

    def _next_task(self, worker: Worker) -> int | None:
        if worker.state is WorkerState.DRAINING:
            self._uncount(worker)
            return None
        if worker.expected:
            worker.expected = False
            return self._dispatch.arrived(worker.pool)
        return self._dispatch.next_for(worker.pool)

    def _grant(self, change: Change, worker: Worker, task_id: int) -> Attempt:
        tools = self._tools
        self._carry_out(change, self._plan.lease(task_id))
        task = self._plan.tasks[task_id]
        number = task.attempts - 1
        now = tools.monotonic()
        attempt = Attempt(
            lease_id=tools.new_id(),
            task=task,
            number=number,
            worker=worker,
            logs={stream: self._log(task_id, number, stream) for stream in LogStream},
            leased=now,
            expires=now + LEASE_TTL_MS / 1000,
        )
        worker.attempt = tools.attempts[attempt.lease_id] = attempt
        worker.advance(WorkerEvent.LEASE)
        self._start_failures.pop(worker.pool, None)
        self._recorder.attempt_made(change, attempt)
        return attempt

    def _log(self, task_id: int, number: int, stream: LogStream) -> StreamLog:
        file = self._tools.logs.path(self.facts.flow, self.facts.number, task_id, number, stream)
        return StreamLog(stream, file, self.facts.max_log_bytes)

    def _message(self, attempt: Attempt) -> task_pb2.Task:
        token = self._tools.tokens.issue(TokenKind.LEASE, attempt.lease_id)
        return self._messages.task(attempt, token, queued_unix_ms=self._queued.get(attempt.task.id, 0))

    def _judge(
        self, change: Change, attempt: Attempt, report: worker_service_pb2.CompleteTaskRequest
    ) -> list[Action]:
        """Ends an attempt as its worker reports, and tells what follows."""
        task = attempt.task
        usage = _Usage(timings=timings_text(report.timings), max_rss_bytes=report.max_rss_bytes)
        match report.WhichOneof("outcome"):
            case "success":
                return self._judge_success(change, attempt, report)
            case "failure":
                failure = failure_from_proto(report.failure)
                artifacts = self._outputs(change, attempt, report.partial_outputs)
                attempt.advance(AttemptEvent.FAIL)
                self._recorder.artifacts(change, attempt, artifacts)
                self._recorder.attempt_ended(change, attempt, failure=failure, artifacts=artifacts, **usage)
                return self._plan.fail(task.id, failure)
            case "cancelled":
                attempt.advance(AttemptEvent.CANCEL)
                reason = report.cancelled.reason or (attempt.stop.reason if attempt.stop else "")
                failure = loss.stopped(task.step.name, task.id, reason, None)
                self._recorder.attempt_ended(change, attempt, failure=failure, **usage)
                return self._plan.cancelled(task.id) if self._plan.is_ending else self._plan.fail(task.id, failure)
            case "declined":
                attempt.advance(AttemptEvent.DECLINE)
                why = report.declined.reason
                failure = Failure(kind=FailureKind.ENVIRONMENT, message=f"The worker declined the task: {why}")
                self._recorder.attempt_ended(change, attempt, failure=failure, **usage)
                return self._plan.release(task.id, why)
            case _:
                raise RequestError(Reason.MALFORMED, "The report has no outcome that this server knows.")

    def _judge_success(
        self, change: Change, attempt: Attempt, report: worker_service_pb2.CompleteTaskRequest
    ) -> list[Action]:
        success, task = report.success, attempt.task
        outputs = self._outputs(change, attempt, success.outputs)
        forwarded = _forwarded(task, success.forwarded)
        outcome = Outcome(
            outputs=[*forwarded, *outputs],
            deleted=success.deleted,
            foreach_count=success.foreach_count if success.HasField("foreach_count") else None,
        )
        try:
            actions = self._plan.succeed(task.id, outcome)
        except OutcomeError as err:
            raise RequestError(Reason.MALFORMED, str(err)) from err
        attempt.advance(AttemptEvent.SUCCEED)
        self._recorder.artifacts(change, attempt, outcome.outputs, success.deleted)
        self._recorder.attempt_ended(
            change,
            attempt,
            artifacts=outputs,
            timings=timings_text(report.timings),
            max_rss_bytes=report.max_rss_bytes,
        )
        return actions

    def _outputs(self, change: Change, attempt: Attempt, outputs: Sequence[task_pb2.Output]) -> list[Artifact]:
        """Checks what an attempt stored: each name once, right digests, all blobs there."""
        store = self._tools.store
        missing: list[str] = []
        for output in outputs:
            blob = BlobId(output.artifact.hash, output.artifact.size)
            if output.manifest:
                self._tools.manifests.add_checked(change, blob, output.manifest)
            elif not store.has(blob):
                missing.append(blob.hash)
            missing += (one.hash for one in output.blobs if not store.has(BlobId(one.hash, one.size)))
        if missing:
            raise RequestError(
                Reason.BLOB_MISSING,
                f"The store lacks {len(missing)} of the blobs of the report. Upload them and report again.",
                digests=",".join(missing[:50]),
            )
        names = {output.name for output in outputs}
        if len(names) != len(outputs):
            raise RequestError(Reason.MALFORMED, "The report has an artifact twice.")
        task = attempt.task
        if fixed := names & self._plan.inputs.keys():
            raise RequestError(
                Reason.MALFORMED, f"{sorted(fixed)[0]!r} is a parameter or a constant and can't be assigned."
            )
        return [
            artifact_from_output(
                output,
                producer=task.id,
                producer_step=task.step.name,
                language=task.step.spec.entry_point.language,
            )
            for output in outputs
        ]

    def _release_worker(self, worker: Worker, attempt: Attempt) -> None:
        """Frees what an attempt that has ended held."""
        worker.advance(WorkerEvent.COMPLETE)
        worker.idle_since = self._tools.monotonic()
        self._dispatch.done()
        self._tools.store.release(attempt.lease_id)

    def _lose(self, change: Change, attempt: Attempt, end: Exit) -> None:
        """Ends an attempt whose process has ended without a report."""
        task, stop = attempt.task, attempt.stop
        language = task.step.spec.entry_point.language
        if stop is not None:
            failure = loss.stopped(task.step.name, task.id, stop.reason, end.signal)
        else:
            failure = loss.lost(task.step.name, task.id, language, exit_code=end.code, signal=end.signal)
        self._drain(change, attempt, {})
        self._end_lost(change, attempt, failure, end.max_rss_bytes)

    def _end_lost(self, change: Change, attempt: Attempt, failure: Failure, max_rss_bytes: int = 0) -> None:
        note = f"[instep] {failure.message}\n"
        self._recorder.logs(change, attempt, attempt.logs[LogStream.STDERR].note(note))
        attempt.advance(AttemptEvent.LOSE)
        self._recorder.attempt_ended(change, attempt, failure=failure, max_rss_bytes=max_rss_bytes)
        self._release_worker(attempt.worker, attempt)
        if self._plan.is_ending:
            self._carry_out(change, self._plan.cancelled(attempt.task.id))
        else:
            self._carry_out(change, self._plan.fail(attempt.task.id, failure))

    def _reclaim(self, change: Change, attempt: Attempt, why: str) -> None:
        """Takes back a task that was handed out and not begun."""
        attempt.advance(AttemptEvent.RECLAIM)
        self._recorder.attempt_ended(change, attempt)
        self._release_worker(attempt.worker, attempt)
        attempt.worker.advance(WorkerEvent.DRAIN)
        self._carry_out(change, self._plan.release(attempt.task.id, why))

    def _drain(self, change: Change, attempt: Attempt, ends: dict[LogStream, int]) -> None:
        """Moves what a worker wrote to the log of its attempt."""
        for stream, log in attempt.logs.items():
            chunks = attempt.worker.spool.drain(log, ends.get(stream))
            if chunks:
                self._recorder.logs(change, attempt, chunks)

    def _carry_out(self, change: Change, actions: list[Action]) -> None:
        """Records what the plan decided and does what follows from it."""
        if not actions:
            return
        self._recorder.actions(change, actions)
        now = self._tools.now_ms()
        for action in actions:
            match action:
                case TaskMade(task):
                    self._queue(task, now)
                case TaskChanged(task, TaskState.READY):
                    self._queue(task, now)
                case StopTask(task, reason):
                    self._stop_attempt(task, reason)
        if self._plan.is_ending:
            self._dispatch.clear()
        self._launch()

    def _queue(self, task: PlannedTask, now: int) -> None:
        self._queued[task.id] = now
        self._dispatch.put(pool_of(task.step), task.id)

    def _stop_attempt(self, task: PlannedTask, reason: str) -> None:
        for worker in self._workers.values():
            attempt = worker.open_attempt
            if attempt is not None and attempt.task is task and attempt.stop is None:
                attempt.stop = Stop(reason, self._tools.monotonic(), signal.SIGINT)
                self._tools.launcher.signal(worker, signal.SIGINT)

    def _launch(self) -> None:
        """Asks for the workers that are wanted now."""
        tools = self._tools
        for pool in self._dispatch.wanted():
            worker_id = tools.new_id()
            worker = Worker(
                id=worker_id,
                run=self,
                pool=pool,
                spool=Spool(tools.spool, worker_id),
                asked=tools.monotonic(),
            )
            self._workers[worker_id] = tools.workers[worker_id] = worker
            launch = asyncio.create_task(self._launch_one(worker))
            self._launches.add(launch)
            launch.add_done_callback(self._launches.discard)

    async def _launch_one(self, worker: Worker) -> None:
        try:
            await self._tools.launcher.launch(worker, working_directory=self.facts.working_directory)
        except HostError as err:
            self._forget(worker)
            change = Change()
            self._start_failed(change, worker, str(err), is_final=True)
            self._finish_change(change)

    def _start_failed(self, change: Change, worker: Worker, why: str, *, is_final: bool = False) -> None:
        """Goes on after a worker did not come up: by fresh processes, and in the end by failing a task."""
        self._uncount(worker)
        pool = worker.pool
        if not is_final and worker.forked and self._tools.launcher.stop_forking(pool):
            self._recorder.notice(
                change, f"A forked process of {pool.file} did not come up. Its tasks get fresh processes now. {why}"
            )
            is_final = False
        else:
            self._start_failures[pool] = self._start_failures.get(pool, 0) + 1
        if is_final or self._start_failures.get(pool, 0) >= MAX_START_FAILURES:
            task_id = self._dispatch.oldest(pool)
            if task_id is not None and not self._plan.is_ending:
                step = self._plan.tasks[task_id].step.name
                message = f"Task {step}/{task_id} can't be started. {why}"
                self._carry_out(
                    change,
                    self._plan.fail(task_id, Failure(kind=FailureKind.ENVIRONMENT, message=message)),
                )

    def _check_attempt(self, attempt: Attempt, now: float) -> None:
        worker, stop = attempt.worker, attempt.stop
        if stop is not None:
            self._climb(worker, stop, now)
        if now > attempt.expires:
            change = Change()
            self._drain(change, attempt, {})
            failure = loss.lease_expired(attempt.task.step.name, attempt.task.id, LEASE_TTL_MS / 1000)
            self._end_lost(change, attempt, failure)
            self._tools.launcher.signal(worker, signal.SIGKILL)
            self._finish_change(change)
        elif (
            attempt.state is AttemptState.LEASED
            and now > attempt.leased + START_WITHIN_MS / 1000
            and attempt.redelivery >= MAX_REDELIVERIES
        ):
            change = Change()
            self._reclaim(change, attempt, "Its worker never acknowledged it.")
            self._tools.launcher.signal(worker, signal.SIGKILL)
            self._finish_change(change)

    def _climb(self, worker: Worker, stop: Stop, now: float) -> None:
        """Takes the next step of the ladder that ends a process: interrupt, SIGTERM, SIGKILL."""
        since = (now - stop.at) * 1000
        if since > CANCEL_GRACE_MS + KILL_GRACE_MS:
            wanted = signal.SIGKILL
        elif since > CANCEL_GRACE_MS:
            wanted = signal.SIGTERM
        else:
            return
        if stop.signal != wanted:
            stop.signal = wanted
            self._tools.launcher.signal(worker, wanted)

    def _check_idle(self, worker: Worker, now: float) -> None:
        """Ends a process that did not come up, or that stays although it has nothing to do."""
        if worker.registered is None:
            within = REGISTER_WITHIN_MS if worker.forked else REGISTER_FRESH_WITHIN_MS
            overdue = now > worker.asked + (LINGER_MS if self._plan.is_ending else within) / 1000
        else:
            overdue = now > max(worker.idle_since, worker.registered) + LINGER_MS / 1000
        if overdue and worker.signalled != signal.SIGKILL:
            worker.signalled = signal.SIGKILL
            self._tools.launcher.signal(worker, signal.SIGKILL)

    def _uncount(self, worker: Worker) -> None:
        if worker.expected:
            worker.expected = False
            self._dispatch.gave_up(worker.pool)

    def _forget(self, worker: Worker) -> None:
        self._uncount(worker)
        self._workers.pop(worker.id, None)
        self._tools.workers.pop(worker.id, None)

    def _finish_change(self, change: Change) -> None:
        self._launch()
        self._save(change)
        self._settle()

    def _settle(self) -> None:
        """Ends the run when nothing is left of it."""
        if self._plan.is_settled and not self._workers:
            change = Change()
            self._carry_out(change, self._plan.finish())
            self._save(change, durable=True).add_done_callback(self._set_ended)

    def _set_ended(self, saved: asyncio.Future[None]) -> None:
        if self.ended.done():
            return
        if (err := saved.exception()) is not None:
            self.ended.set_exception(err)
        else:
            self.ended.set_result(None)

    def _save(self, change: Change, *, durable: bool = False) -> asyncio.Future[None]:
        saved = self._tools.db.write(change.apply, durable=durable, run=self.key)
        saved.add_done_callback(self._check_saved)
        return saved

    def _check_saved(self, saved: asyncio.Future[None]) -> None:
        """Gives the run up when its record cannot be written."""
        err = saved.exception()
        if isinstance(err, StoreError) and not self.ended.done():
            self.ended.set_exception(err)
            for worker in self._workers.values():
                self._tools.launcher.signal(worker, signal.SIGKILL)


def report_hash(report: worker_service_pb2.CompleteTaskRequest) -> bytes:
    """Computes what tells two reports apart: all of one but the wish for another task."""
    bare = worker_service_pb2.CompleteTaskRequest()
    bare.CopyFrom(report)
    bare.ClearField("want_next")
    return blake3(bare.SerializeToString(deterministic=True)).digest()


def _forwarded(task: PlannedTask, inputs: Sequence[task_pb2.Input]) -> list[Artifact]:
    """Finds what a join took over from its inputs."""
    found: list[Artifact] = []
    for entry in inputs:
        candidates = (joined.left.get(entry.name) for joined in task.joins)
        match = next((one for one in candidates if one is not None and one.hash == entry.artifact.hash), None)
        if match is None:
            raise RequestError(
                Reason.MALFORMED,
                f"Step {task.step.name!r} forwards {entry.name!r}, which none of its inputs has with that digest.",
            )
        found.append(match)
    return found


def _how_it_ended(worker: Worker, end: Exit) -> str:
    how = loss.signal_name(end.signal) if end.signal is not None else f"exit code {end.code}"
    tail = worker.spool.tail(LogStream.STDERR, 2000).strip()
    return f"It ended ({how}) before it registered." + (f" It wrote: {tail}" if tail else "")

