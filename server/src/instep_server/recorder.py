"""Turns what happened in a run into rows of the database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum

from instep_server import convert_run
from instep_server.core.environment import Artifact
from instep_server.core.failure import Failure
from instep_server.core.graph_words import quoted
from instep_server.core.planned import (
    Action,
    Clone,
    Outcome,
    PlannedTask,
    RunChanged,
    TaskChanged,
    TaskCloned,
    TaskMade,
    TaskRetried,
    TasksMade,
)
from instep_server.core.states import RUN_ENDS, TASK_ENDS, AttemptState, RunState
from instep_server.db import _sqlite
from instep_server.db.change import Change
from instep_server.db.connection import Params, Value
from instep_server.logs import LogChunk
from instep_server.workers import Attempt


class EventKind(IntEnum):
    """What happened. The numbers are those of the protocol."""

    RUN_STATE = 1
    """The run changed its state."""
    TASK_STATE = 2
    """A task changed its state."""
    ATTEMPT_STATE = 3
    """An attempt changed its state."""
    TASKS_MADE = 4
    """A step was split."""
    NOTICE = 5
    """Something that a person should know."""


def path_text(path: Iterable[int]) -> str:
    """Writes positions of foreach as the database holds them."""
    return ",".join(map(str, path))


def event_row(run: int, at: int, kind: EventKind, **facts: Value) -> Params:
    """Makes a row of the table of events.

    Args:
        run: Row id of the run.
        at: Time in unix milliseconds.
        kind: What happened.
        facts: Columns that differ from their usual value.
    """
    return {
        "run": run,
        "at_unix_ms": at,
        "kind": kind,
        "state": None,
        "step": "",
        "task": None,
        "attempt": None,
        "language": "",
        "pid": 0,
        "foreach_path": "",
        "count": 0,
        "artifacts": 0,
        "artifact_bytes": 0,
        "text": "",
        "failure": None,
        **facts,
    }


def artifact_row(run: int, task: int, attempt: int, artifact: Artifact) -> Params:
    """Makes a row of the table of artifacts.

    Args:
        run: Row id of the run.
        task: The task that left it behind. 0: an input of the run.
        attempt: Number of the attempt.
        artifact: The artifact.
    """
    return {
        "run": run,
        "task": task,
        "attempt": attempt,
        "name": artifact.name,
        "kind": artifact.kind,
        "hash": artifact.hash,
        "manifest_size": artifact.manifest_size,
        "size": artifact.size,
        "portable": int(artifact.portable),
        "summary": artifact.summary,
        "type": artifact.type,
        "producer": artifact.producer or 0,
        "producer_step": artifact.producer_step,
        "language": artifact.language,
    }


class Recorder:
    """Makes the rows of one run.

    Args:
        run: Row id of the run.
        now_ms: The clock, in unix milliseconds.
    """

    def __init__(self, run: int, now_ms: Callable[[], int]) -> None:
        self._run = run
        self._now_ms = now_ms

    def actions(self, change: Change, actions: Sequence[Action]) -> None:
        """Adds what a plan decided.

        Args:
            change: Takes the rows.
            actions: What it decided. Those that change no state are skipped.
        """
        at = self._now_ms()
        for action in actions:
            match action:
                case TaskMade(task):
                    self._task_made(change, task, at)
                case TaskCloned(task, outcome) if task.clone is not None:
                    self._task_made(change, task, at)
                    self._task_cloned(change, task, task.clone, outcome)
                case TaskChanged(task, _, failure, chosen):
                    text = f"Task chose step {quoted(chosen)}." if chosen else ""
                    self._task_changed(change, task, at, failure=failure, text=text)
                case TaskRetried(task, failure, wait_ms):
                    text = _retry_text(task, wait_ms)
                    self._task_changed(change, task, at, failure=failure, text=text)
                case TasksMade(step, count, splitter):
                    change.events.append(
                        event_row(
                            self._run,
                            at,
                            EventKind.TASKS_MADE,
                            step=step.name,
                            language=step.spec.entry_point.language,
                            task=splitter.id,
                            foreach_path=path_text(splitter.foreach_path),
                            count=count,
                        )
                    )
                case RunChanged():
                    self._run_changed(change, action, at)

    def attempt_made(self, change: Change, attempt: Attempt) -> None:
        """Adds a new attempt."""
        change.attempts.append(
            {
                "run": self._run,
                "task": attempt.task.id,
                "number": attempt.number,
                "state": attempt.state,
                "leased_unix_ms": self._now_ms(),
                "finished_unix_ms": None,
                "failure": None,
                "pid": attempt.worker.pid,
                "host": attempt.worker.machine,
                "worker": attempt.worker.id,
                "timings": "",
                "max_rss_bytes": 0,
                "logs_closed": 0,
                "foreach_count": None,
                "switch_case": None,
                "reuse_key": None,
                "reads": None,
                "ran_run": None,
                "ran_task": None,
                "ran_attempt": None,
            }
        )
        self._attempt_event(change, attempt)

    def attempt_started(self, change: Change, attempt: Attempt) -> None:
        """Adds that an attempt was acknowledged."""
        change.updates.append((_sqlite.START_ATTEMPT, {**self._key(attempt), "state": attempt.state}))
        self._attempt_event(change, attempt)

    def attempt_ended(
        self,
        change: Change,
        attempt: Attempt,
        *,
        failure: Failure | None = None,
        timings: str = "",
        max_rss_bytes: int = 0,
        artifacts: Sequence[Artifact] = (),
    ) -> None:
        """Adds that an attempt has ended.

        Args:
            change: Takes the rows.
            attempt: The attempt, in its last state.
            failure: Why it failed, or what `catch` handled when it succeeded.
            timings: How long its phases took, as the database holds it.
            max_rss_bytes: Largest resident memory of its worker.
            artifacts: What it stored.
        """
        encoded = convert_run.failure_bytes(failure)
        change.updates.append(
            (
                _sqlite.END_ATTEMPT,
                {
                    **self._key(attempt),
                    "state": attempt.state,
                    "finished_unix_ms": self._now_ms(),
                    "failure": encoded,
                    "timings": timings,
                    "max_rss_bytes": max_rss_bytes,
                },
            )
        )
        succeeded = attempt.state is AttemptState.SUCCEEDED
        self._attempt_event(
            change,
            attempt,
            failure=encoded,
            artifacts=len(artifacts) if succeeded else 0,
            artifact_bytes=sum(artifact.size for artifact in artifacts) if succeeded else 0,
        )

    def outcome(
        self,
        change: Change,
        attempt: Attempt,
        outcome: Outcome,
        reuse_key: str | None,
        reads: Mapping[str, str],
    ) -> None:
        """Adds what a later run needs to take over what an attempt did.

        Args:
            change: Takes the rows.
            attempt: The attempt, which succeeded.
            outcome: What it reported.
            reuse_key: What `reuse` knows its task by. None: nothing.
            reads: What it read, as `reuse` tells it.
        """
        row = {
            **self._key(attempt),
            "foreach_count": outcome.foreach_count,
            "switch_case": outcome.switch_case,
            "reuse_key": reuse_key,
            "reads": json.dumps(reads, ensure_ascii=False),
        }
        change.updates.append((_sqlite.RECORD_OUTCOME, row))

    def logs_closed(self, change: Change, attempt: Attempt) -> None:
        """Adds that an attempt's logs will not grow any more."""
        change.updates.append((_sqlite.CLOSE_LOGS, self._key(attempt)))

    def artifacts(
        self, change: Change, attempt: Attempt, artifacts: Iterable[Artifact], deleted: Iterable[str] = ()
    ) -> None:
        """Adds what an attempt left behind.

        Args:
            change: Takes the rows.
            attempt: The attempt.
            artifacts: What it assigned, changed, or took over from the inputs of a join.
            deleted: Names that it deleted.
        """
        self._artifact_rows(change, attempt.task, attempt.number, artifacts, deleted)

    def logs(self, change: Change, attempt: Attempt, chunks: Iterable[LogChunk]) -> None:
        """Adds what an attempt wrote."""
        at = self._now_ms()
        for chunk in chunks:
            change.log_chunks.append(
                {
                    "run": self._run,
                    "task": attempt.task.id,
                    "attempt": attempt.number,
                    "stream": chunk.stream,
                    "start": chunk.start,
                    "length": chunk.length,
                    "at_unix_ms": at,
                    "dropped": chunk.dropped,
                    "checksum": chunk.checksum,
                }
            )

    def notice(self, change: Change, text: str) -> None:
        """Adds something that a person should know."""
        change.events.append(event_row(self._run, self._now_ms(), EventKind.NOTICE, text=text))

    def _task_made(self, change: Change, task: PlannedTask, at: int) -> None:
        is_done, clone = task.state in TASK_ENDS, task.clone
        change.tasks.append(
            {
                "run": self._run,
                "number": task.id,
                "step": task.step.name,
                "language": task.step.spec.entry_point.language,
                "state": task.state,
                "created_unix_ms": at,
                "finished_unix_ms": at if is_done else None,
                "inherits": task.inherits,
                "foreach_path": path_text(task.foreach_path),
                "attempts": task.attempts,
                "reason": task.reason,
                "origin_run": clone.run if clone else None,
                "origin_task": clone.task if clone else None,
            }
        )
        change.parents += (
            {"run": self._run, "task": task.id, "position": position, "parent": parent}
            for position, parent in enumerate(task.parents)
        )
        change.events.append({**self._task_event(task, at), "text": task.reason})

    def _task_cloned(self, change: Change, task: PlannedTask, clone: Clone, outcome: Outcome) -> None:
        change.clones.append(
            {
                "run": self._run,
                "task": task.id,
                "of_run": clone.run,
                "of_task": clone.task,
                "of_attempt": clone.attempt,
            }
        )
        self._artifact_rows(change, task, 0, outcome.outputs, outcome.deleted)

    def _artifact_rows(
        self,
        change: Change,
        task: PlannedTask,
        attempt: int,
        artifacts: Iterable[Artifact],
        deleted: Iterable[str],
    ) -> None:
        change.artifacts += (artifact_row(self._run, task.id, attempt, artifact) for artifact in artifacts)
        for name in deleted:
            gone = Artifact(
                name=name, hash="", manifest_size=0, producer=task.id, producer_step=task.step.name
            )
            change.artifacts.append({**artifact_row(self._run, task.id, attempt, gone), "hash": None})

    def _task_changed(
        self, change: Change, task: PlannedTask, at: int, *, failure: Failure | None, text: str = ""
    ) -> None:
        change.updates.append(
            (
                _sqlite.UPDATE_TASK,
                {
                    "of_run": self._run,
                    "of_task": task.id,
                    "state": task.state,
                    "finished_unix_ms": at if task.state in TASK_ENDS else None,
                    "attempts": task.attempts,
                },
            )
        )
        change.events.append(self._task_event(task, at, failure, text))

    def _task_event(
        self, task: PlannedTask, at: int, failure: Failure | None = None, text: str = ""
    ) -> Params:
        return event_row(
            self._run,
            at,
            EventKind.TASK_STATE,
            state=task.state,
            step=task.step.name,
            task=task.id,
            language=task.step.spec.entry_point.language,
            foreach_path=path_text(task.foreach_path),
            failure=convert_run.failure_bytes(failure),
            text=text,
        )

    def _run_changed(self, change: Change, action: RunChanged, at: int) -> None:
        encoded = convert_run.failure_bytes(action.failure)
        task = action.failed_task
        change.updates.append(
            (
                _sqlite.UPDATE_RUN,
                {
                    "of_run": self._run,
                    "state": action.state,
                    "started_unix_ms": at if action.state is RunState.RUNNING else None,
                    "finished_unix_ms": at if action.state in RUN_ENDS else None,
                    "failure": encoded,
                    "failed_task": task.id if task else None,
                    "caught": int(action.caught),
                },
            )
        )
        change.events.append(
            event_row(
                self._run,
                at,
                EventKind.RUN_STATE,
                state=action.state,
                step=task.step.name if task else "",
                task=task.id if task else None,
                failure=encoded,
            )
        )

    def _attempt_event(self, change: Change, attempt: Attempt, **facts: Value) -> None:
        change.events.append(
            event_row(
                self._run,
                self._now_ms(),
                EventKind.ATTEMPT_STATE,
                state=attempt.state,
                step=attempt.task.step.name,
                task=attempt.task.id,
                attempt=attempt.number,
                language=attempt.task.step.spec.entry_point.language,
                pid=attempt.worker.pid,
                foreach_path=path_text(attempt.task.foreach_path),
                **facts,
            )
        )

    def _key(self, attempt: Attempt) -> dict[str, Value]:
        return {"of_run": self._run, "of_task": attempt.task.id, "of_attempt": attempt.number}


def _retry_text(task: PlannedTask, wait_ms: int) -> str:
    """Says why a task waits."""
    failed = f"Attempt {task.attempts - 1} failed"
    if task.only_handles:
        return f"{failed} for good; catch handles it."
    return f"{failed}; retry {f'in {wait_ms / 1000:g} s' if wait_ms else 'at once'}."
