"""One attempt of a task: runs the user's code and finds out how it ended."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
import traceback
from types import FrameType

from instep import _process
from instep._artifacts import Artifacts
from instep._blobs import Blobs, LocalBlobs, ServerBlobs
from instep._deadline import Deadline
from instep._failure import class_names, describe
from instep._format import counted
from instep._heartbeat import Heartbeat
from instep._inputs import JoinInputs
from instep._logs import LogSender
from instep._next import Choice
from instep._next import describe as describe_transition
from instep._session import Session
from instep._task import (
    Cancelled,
    Failed,
    Failure,
    FailureKind,
    InputKind,
    Outcome,
    Output,
    Report,
    Success,
    Task,
    TransitionKind,
)
from instep._task_exception import exception_of
from instep._task_self import StepRun, bind
from instep._user_file import UserFile, load
from instep.errors import (
    BlobCorruptError,
    BlobMissingError,
    FailureHandledByCatch,
    InstepError,
    InstepInternalError,
    LeaseError,
    SourceLoadError,
    StoreError,
    TimeoutException,
    TransitionError,
    ValueDecodeError,
    ValueEncodeError,
)

EXIT_LOST = 74
"""Exit code of a worker that lost its lease, or its orchestrator."""

_KINDS: tuple[tuple[type[BaseException], FailureKind], ...] = (
    (TimeoutException, FailureKind.ATTEMPT_TIMEOUT),
    (MemoryError, FailureKind.OUT_OF_MEMORY),
    (SourceLoadError, FailureKind.CODE_LOAD),
    (ValueDecodeError, FailureKind.INPUT_DECODE),
    (ValueEncodeError, FailureKind.OUTPUT_ENCODE),
    (BlobMissingError, FailureKind.INPUT_MISSING),
    (BlobCorruptError, FailureKind.INPUT_MISSING),
    (StoreError, FailureKind.INTERNAL),
    (InstepInternalError, FailureKind.INTERNAL),
)

_DETAILS = ("artifact", "digest")
"""Facts about an error that its failure has as details."""


class Interrupt:
    """Turns SIGINT into KeyboardInterrupt: once, and only while user code runs."""

    def __init__(self) -> None:
        self.happened = False
        self._armed = False
        signal.signal(signal.SIGINT, self._handle)

    def arm(self) -> None:
        """Lets the interrupt through from now on, also when it came before.

        Raises:
            KeyboardInterrupt: It came before.
        """
        self._armed = True
        if self.happened:
            raise KeyboardInterrupt

    def disarm(self) -> None:
        """Holds interrupts back."""
        self._armed = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        first, self.happened = not self.happened, True
        if first and self._armed:
            raise KeyboardInterrupt


class Attempt:
    """One attempt of a task, from its lease to its report.

    Args:
        session: The worker's session.
        task: The task.
        source: The file that this process has loaded. None: none yet.
        interrupt: The process's way to be interrupted.
    """

    def __init__(self, session: Session, task: Task, source: UserFile | None, interrupt: Interrupt) -> None:
        self._session = session
        self._task = task
        self._source = source
        self._interrupt = interrupt
        self._deadline = Deadline(task.step, task.timeout_seconds)
        self._artifacts: Artifacts | None = None
        self._pid = os.getpid()
        self._in_user_code = False
        self._run_seconds = 0.0
        self._cancel_reason: str | None = None
        self._logs = LogSender(
            session,
            task.lease_token,
            os.environ.get(_process.STDOUT_FILE, ""),
            os.environ.get(_process.STDERR_FILE, ""),
        )
        self._heartbeat = Heartbeat(
            session, task.lease_token, task.heartbeat_ms / 1000, self._logs, self._cancel, _die
        )

    def run(self) -> Report:
        """Runs the task. Whatever the user's code does becomes part of the report.

        Raises:
            LeaseError: The results are not wanted any more.
        """
        task = self._task
        self._heartbeat.start()
        outcome = self._outcome()
        match outcome:
            case Failed(failure):
                _process.write_error(failure.traceback)
            case Success(caught=Failure() as failure) if task.catch and task.catch.print_exception:
                _process.write_error(failure.traceback or f"{failure.message}\n")
            case Cancelled(reason):
                _process.write_error(f"Task {task.task_id} of step {task.step} was cancelled: {reason}\n")
        self._heartbeat.stop_heeding()
        return self.report(outcome)

    def report(self, outcome: Outcome) -> Report:
        """Adds to an outcome what else is worth knowing. All output must have been written."""
        stdout_end, stderr_end = _process.log_sizes()
        if not self._session.object_root:
            self._logs.send_rest()
        return Report(
            outcome=outcome,
            timings=self._timings(),
            stdout_end=stdout_end,
            stderr_end=stderr_end,
            max_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )

    def store_again(self) -> None:
        """Writes all outputs once more, for a store that has lost them since."""
        if self._artifacts is not None:
            self._artifacts.store_again()

    def close(self) -> None:
        """Ends what keeps the lease. The report was answered."""
        self._heartbeat.stop()

    def _outcome(self) -> Outcome:
        try:
            self._interrupt.arm()
            self._deadline.start()
            success = self._handle() if self._only_handles() else self._execute()
            self._interrupt.disarm()
        except BaseException as err:  # noqa: BLE001 - the user's code may raise anything, and it is all reported
            self._deadline.stop()
            self._interrupt.disarm()
            return self._ended_by(err)
        return success

    def _only_handles(self) -> bool:
        catch = self._task.catch
        return catch is not None and catch.only_handle

    def _execute(self) -> Success:
        source = self._loaded_source()
        source.check_step(self._task)
        bound = bind(self._task, None if self._task.function else source.flow, self._make_artifacts)
        step_run = bound.__instep_run__
        self._heartbeat.phase = "RUNNING"
        started = time.perf_counter()
        self._in_user_code = True
        self._call(source, bound, step_run)
        choice = step_run.finish()
        self._deadline.stop()
        self._in_user_code = False
        self._run_seconds = time.perf_counter() - started
        return self._stored(step_run.artifacts, choice)

    def _stored(
        self, artifacts: Artifacts, choice: Choice | None = None, caught: Failure | None = None
    ) -> Success:
        """Stores what the step has left behind."""
        self._heartbeat.phase = "STORING"
        if self._task.catch and self._task.catch.var:
            artifacts.assign(self._task.catch.var, None if caught is None else exception_of(caught))
        choice = choice or Choice()
        return Success(
            outputs=artifacts.outputs(),
            deleted=artifacts.deleted(),
            foreach_count=choice.foreach_count,
            switch_case=choice.switch_case,
            forwarded=artifacts.forwarded(),
            reads=artifacts.reads(),
            caught=caught,
        )

    def _handle(self) -> Success:
        """Completes a task by the failure of its last attempt: no code of the user's runs."""
        failure = self._task.previous_failure
        if failure is None or not failure.classes:
            failure = self._death()
        return self._stored(self._make_artifacts({}), caught=failure)

    def _death(self) -> Failure:
        """Makes the failure of a task whose last attempt has died: it raised no error."""
        task = self._task
        last = task.previous_failure.message if task.previous_failure else "It is not known why."
        return Failure(
            kind=FailureKind.WORKER_LOST,
            classes=class_names(FailureHandledByCatch),
            message=f"Step {task.step!r} failed in {counted(task.attempt, 'attempt')}, the last one without raising "
            f"an error. {last}",
            cause=task.previous_failure,
            language="",
        )

    def _call(self, source: UserFile, bound: object, step_run: StepRun) -> None:
        task = self._task
        if task.function:
            arguments, code = [bound], getattr(source.module, task.function)
        else:
            arguments, code = [], getattr(bound, task.step)
        if task.is_join:
            arguments.append(self._join_inputs(step_run.artifacts))
        try:
            code(*arguments)
        except BaseException as err:
            self._end_child(err)
            raise
        self._end_child(None)

    def _end_child(self, err: BaseException | None) -> None:
        """Ends a process that the step has forked off itself: only the worker may report on the task."""
        if os.getpid() == self._pid:
            return
        code = 0 if err is None else 1
        if isinstance(err, SystemExit):
            code = err.code if isinstance(err.code, int) else int(err.code is not None)
        elif err is not None:
            traceback.print_exception(err)
        _process.flush_streams()
        os._exit(code)

    def _loaded_source(self) -> UserFile:
        if self._source is None or self._source.file != self._task.file:
            self._source = load(self._task.file)
            self._source.register_classes()
        return self._source

    def _make_artifacts(self, values: dict[str, object]) -> Artifacts:
        kind = LocalBlobs if self._session.object_root else ServerBlobs
        blobs: Blobs = kind(self._session, self._task.lease_token)
        self._artifacts = Artifacts(
            self._task.inputs,
            blobs,
            values,
            self._task.on_loss,
            lambda line: _process.write_error(f"{line}\n"),
        )
        return self._artifacts

    def _join_inputs(self, artifacts: Artifacts) -> JoinInputs:
        task = self._task
        shared = {name: one for name, one in task.inputs.items() if one.kind is not InputKind.ARTIFACT}
        return JoinInputs(
            (task.joins, task.joins_next),
            lambda position: self._session.join_inputs(task.lease_token, position),
            shared,
            artifacts.decode,
            artifacts.note_reading,
        )

    def _ended_by(self, err: BaseException) -> Outcome:
        if isinstance(err, LeaseError):
            raise err
        if isinstance(err, KeyboardInterrupt) and self._interrupt.happened:
            reason = self._ask_for_reason()
            if reason is not None:
                return Cancelled(reason)
        if isinstance(err, SystemExit):
            err = self._ended_by_exit(err)
        details = {name: str(fact) for name in _DETAILS if (fact := getattr(err, name, None))}
        # Of an attempt whose artifacts cannot be stored, none is: what is stored would pass for all that it made.
        failure = describe(err, self._kind_of(err), details)
        if self._is_caught(err) and self._artifacts is not None:
            self._in_user_code = False
            try:
                return self._stored(self._artifacts, caught=failure)
            except BaseException as other:  # noqa: BLE001 - what was assigned before cannot be stored
                return self._ended_by(other)
        outputs = self._partial_outputs() if self._in_user_code else ()
        return Failed(failure, outputs)

    def _is_caught(self, err: BaseException) -> bool:
        """Tells whether `catch` handles an error: one that user code raised, in the last attempt."""
        ends_wrongly = isinstance(err, TransitionError) or not isinstance(err, Exception)
        return self._in_user_code and self._task.catches and not ends_wrongly

    def _kind_of(self, err: BaseException) -> FailureKind:
        if isinstance(err, ValueDecodeError) and err.code in ("BLOB_CORRUPT", "BLOB_MISSING"):
            return FailureKind.INPUT_MISSING
        named = next((kind for cls, kind in _KINDS if isinstance(err, cls)), None)
        if named is not None:
            return named
        return FailureKind.USER_ERROR if self._in_user_code else FailureKind.INTERNAL

    def _ended_by_exit(self, err: SystemExit) -> TransitionError:
        task = self._task
        if task.transition.kind is TransitionKind.END or task.function:
            expected = "A step ends by returning."
        else:
            expected = (
                f"It must call {describe_transition(task.transition)} as its last statement and return."
            )
        error = TransitionError(
            f"Step {task.step!r} ended the process by sys.exit({err.code!r}), without its transition. {expected}",
            step=task.step,
        )
        error.__cause__ = err
        return error

    def _partial_outputs(self) -> tuple[Output, ...]:
        try:
            return self._artifacts.assigned_outputs() if self._artifacts else ()
        except Exception:  # noqa: BLE001 - the attempt has failed already, for a better reason
            return ()

    def _cancel(self, reason: str) -> None:
        """Interrupts user code. Called on the heartbeat's thread."""
        self._cancel_reason = reason
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _ask_for_reason(self) -> str | None:
        """Asks why the process was interrupted. None: not by the orchestrator."""
        if self._cancel_reason is not None:
            return self._cancel_reason
        try:
            return self._heartbeat.ask()
        except LeaseError:
            raise
        except InstepError:  # nobody answers, so nobody cancels
            return None

    def _timings(self) -> dict[str, float]:
        if self._artifacts is None:
            return {}
        return {
            "decode": self._artifacts.decode_seconds,
            "run": self._run_seconds,
            "encode": self._artifacts.encode_seconds,
            "store": self._artifacts.store_seconds,
        }


def _die() -> None:
    """Ends the worker and what it has started, because its results are not wanted."""
    os._exit(EXIT_LOST)
