"""`Task`: one execution of a step, with what it left behind and what it wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from instep._archive import instant, lines_of
from instep._client import _html
from instep._client._artifact import DataArtifact, unknown_artifact
from instep._client._data import Artifacts, TaskData
from instep._client._metadata import ATTEMPT_SUCCEEDED, Metadatum, metadata_of
from instep._client._node import Node
from instep._client._scope import Scope
from instep._format import counted, duration
from instep._task_exception import TaskException, exception_of
from instep.errors import AttemptUnknownError

if TYPE_CHECKING:
    from typing import Self

    from instep_proto.v1 import run_pb2

    from instep._client._step import Step

# By number of TaskState.
TASK_STATUSES = (
    "unknown", "waiting", "ready", "active", "retry_wait", "succeeded", "failed", "skipped", "cancelled"
)  # fmt: skip
TASK_OVER = frozenset({5, 6, 7, 8})


class Task(Node[DataArtifact]):
    """One execution of a step.

    Args:
        pathspec: Such as ``Pricing/3/fit/7``.
        attempt: Number of the attempt to look at, counted from 0. None: the latest.

    Raises:
        TaskUnknownError: There is no such task.
        AttemptUnknownError: It has no such attempt.
        NamespaceMismatchError: It is outside of the namespace.

    Example:
        >>> task = Task("Pricing/3/fit/7")  # doctest: +SKIP
        >>> task.data.error, task.stdout  # doctest: +SKIP
    """

    _PARTS = ("FLOW", "RUN", "STEP", "TASK")
    _last: run_pb2.TaskRecord
    _attempt: int | None = None

    def __init__(self, pathspec: str, attempt: int | None = None) -> None:
        self._attempt = attempt
        super().__init__(pathspec)

    @classmethod
    def _of(cls, scope: Scope, run: tuple[str, ...], record: run_pb2.TaskRecord) -> Task:
        task = cls._unchecked(scope, (*run, record.step, record.task_id))
        task._last = record
        return task

    @classmethod
    def _checked(cls, scope: Scope, parts: tuple[str, ...], attempt: int | None = None) -> Self:
        task = cls._unchecked(scope, parts)
        task._attempt = attempt
        task._check()
        return task

    def _find(self) -> None:
        self._last = self._archive.task(*self._parts)
        self._check_attempt()

    def _check_attempt(self) -> None:
        numbers = [attempt.number for attempt in self._last.attempts]
        # True is not 1 here, nor is 1.0.
        if self._attempt is not None and (type(self._attempt) is not int or self._attempt not in numbers):
            raise AttemptUnknownError(
                f"Task {self.pathspec!r} has no attempt {self._attempt!r}. Its attempts are {numbers}.",
                attempt=self._attempt,
            )

    def __reduce__(self) -> tuple[object, ...]:
        make, arguments = super().__reduce__()
        assert isinstance(arguments, tuple)
        return make, (*arguments, self._attempt)

    def at_attempt(self, attempt: int) -> Task:
        """Gives the same task, seen at one attempt.

        Args:
            attempt: Number of the attempt, counted from 0.

        Raises:
            AttemptUnknownError: It has no such attempt.
        """
        task = Task._of(self._scope, self._parts[:2], self._last)
        task._attempt = attempt
        task._check_attempt()
        return task

    def _children(self) -> Iterator[DataArtifact]:
        return (artifact for name, artifact in self.artifacts.items() if not name.startswith("_"))

    def _child(self, id: str) -> DataArtifact:
        artifacts = self.artifacts
        if id not in artifacts:
            raise unknown_artifact(self.pathspec, id, artifacts)
        return artifacts[id]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.artifacts)

    def _facts(self) -> str:
        _, index, status, attempts, took = self._html_row()
        facts = [
            f"{status}{f' in {took}' if took else ''}",
            f"index {index}" if index else "",
            attempts if attempts != "1 attempt" else "",
        ]
        if (error := self.exception) is not None:
            first = (error.exception.strip().splitlines() or [""])[0]
            facts.append(f"{error.type.rpartition('.')[2]}: {first}" if error.type else first)
        return ", ".join(filter(None, facts))

    def _html_row(self) -> list[str]:
        attempt = self._current
        took = ""
        if attempt is not None and attempt.HasField("finished_unix_ms"):
            took = duration((attempt.finished_unix_ms - attempt.leased_unix_ms) / 1000)
        status = (
            f"{self.status} (error was caught)" if attempt is not None and attempt.caught else self.status
        )
        if self._last.HasField("cloned_from"):
            status += f" (cloned from {self.origin_pathspec})"
        index = "" if self.index is None else str(self.index)
        return [self.id, index, status, counted(len(self._last.attempts), "attempt"), took]

    def _html_table(self) -> _html.Table:
        return _html.Table(["artifact", "value", "size"], [artifact._html_row() for artifact in self])

    @property
    def _record(self) -> run_pb2.TaskRecord:
        if self._last.state not in TASK_OVER:
            self._last = self._archive.task(*self._parts)
        return self._last

    @property
    def _current(self) -> run_pb2.Attempt | None:
        attempts = self._record.attempts
        if self._attempt is None:
            return attempts[-1] if attempts else None
        return next(attempt for attempt in attempts if attempt.number == self._attempt)

    @property
    def parent(self) -> Step:
        """The step."""
        from instep._client._step import Step

        step = Step._unchecked(self._scope, self._parts[:3])
        step._find()
        return step

    @property
    def created_at(self) -> datetime:
        """When it was made, in UTC."""
        return instant(self._last.created_unix_ms)

    @property
    def status(self) -> str:
        """One of `waiting`, `ready`, `active`, `retry_wait`, `succeeded`, `failed`, `skipped`, `cancelled`."""
        state = self._record.state
        return TASK_STATUSES[state] if state < len(TASK_STATUSES) else TASK_STATUSES[0]

    @property
    def finished_at(self) -> datetime | None:
        """When its attempt ended, in UTC. None: it has not."""
        attempt = self._current
        if attempt is None or not attempt.HasField("finished_unix_ms"):
            return None
        return instant(attempt.finished_unix_ms)

    @property
    def finished(self) -> bool:
        """True when its attempt has ended its work: well, or by an error that `catch` handled."""
        attempt = self._current
        return attempt is not None and attempt.state == ATTEMPT_SUCCEEDED

    @property
    def successful(self) -> bool:
        """True when its attempt has ended without an error, also none that `catch` handled."""
        attempt = self._current
        return attempt is not None and attempt.state == ATTEMPT_SUCCEEDED and not attempt.caught

    @property
    def exception(self) -> TaskException | None:
        """The error with which its attempt ended. None: there was none, or `catch` handled it."""
        attempt = self._current
        if attempt is None or attempt.caught or not attempt.HasField("failure"):
            return None
        from instep._task_messages import failure_from  # imports the protocol

        return exception_of(failure_from(attempt.failure))

    @property
    def index(self) -> int | None:
        """Position in the innermost open foreach, counted from 0. None: none is open."""
        return self._last.index if self._last.HasField("index") else None

    @property
    def current_attempt(self) -> int:
        """Number of the attempt that it speaks of, counted from 0."""
        attempt = self._current
        return attempt.number if attempt is not None else 0

    @property
    def has_started(self) -> bool:
        """True when there is an attempt, and so a log."""
        return self._current is not None

    @property
    def runtime_name(self) -> str | None:
        """What ran it: `dev` on a person's own machine."""
        prefix = "runtime:"
        return next((tag[len(prefix) :] for tag in self.system_tags if tag.startswith(prefix)), None)

    @property
    def origin_pathspec(self) -> str | None:
        """Path of the task whose results it took over. None: it ran by itself."""
        if not self._last.HasField("cloned_from"):
            return None
        origin = self._last.cloned_from
        return f"{self._parts[0]}/{origin.run_id}/{self._parts[2]}/{origin.task_id}"

    @property
    def reason(self) -> str:
        """Why it ran or was cloned, in a run that could take over tasks. Empty: nothing to say."""
        return self._last.reason

    @property
    def metadata(self) -> list[Metadatum]:
        """What is known of it beside its artifacts, oldest first: of all attempts, or of the one asked for."""
        record = self._record
        attempts = [one for one in record.attempts if self._attempt in (None, one.number)]
        return metadata_of(self, record, attempts, self._run_record().origin_run_id)

    @property
    def metadata_dict(self) -> dict[str, str]:
        """The newest value of each entry of `metadata`, by name."""
        return {entry.name: entry.value for entry in self.metadata}

    @property
    def parent_tasks(self) -> Iterator[Task]:
        """Yields the tasks that it took its input from, in order."""
        return self._tasks(self._last.parent_task_ids)

    @property
    def child_tasks(self) -> Iterator[Task]:
        """Yields the tasks that took input from it, in the order in which they were made."""
        return self._tasks(self._archive.task(*self._parts).child_task_ids)

    def _tasks(self, ids: Iterable[str]) -> Iterator[Task]:
        flow, run_id, *_ = self._parts
        records = self._archive.tasks_by_id(flow, run_id, list(ids))
        return (Task._of(self._scope, self._parts[:2], record) for record in records)

    @property
    def artifacts(self) -> Artifacts:
        """All that it left behind or passed on, by name."""
        if self._record.state in TASK_OVER:
            return self._final_artifacts
        return self._fetch_artifacts()

    @cached_property
    def _final_artifacts(self) -> Artifacts:
        return self._fetch_artifacts()

    def _fetch_artifacts(self) -> Artifacts:
        flow, run_id, _, task_id = self._parts
        records = self._archive.artifacts(flow, run_id, task_id, self._attempt)
        return Artifacts(
            self.pathspec,
            {
                record.name: DataArtifact._of(self._scope, self._parts, self._attempt, record)
                for record in records
            },
        )

    @cached_property
    def data(self) -> TaskData:
        """The values of its artifacts, as attributes. Each is read when it is first touched."""
        return TaskData(self)

    @property
    def stdout(self) -> str:
        """What it wrote to standard output."""
        return self._log("stdout")

    @property
    def stderr(self) -> str:
        """What it wrote to standard error."""
        return self._log("stderr")

    def loglines(self, stream: str) -> Iterator[tuple[datetime, str]]:
        """Yields the lines that it wrote.

        Args:
            stream: `stdout` or `stderr`.

        Yields:
            When the line arrived, in UTC, and the line without its end.
        """
        yield from lines_of(self._pieces(stream))

    def _log(self, stream: str) -> str:
        return b"".join(data for _, data in self._pieces(stream)).decode(errors="replace")

    def _pieces(self, stream: str) -> Iterator[tuple[int, bytes]]:
        flow, run_id, _, task_id = self._parts
        return self._archive.log(flow, run_id, task_id, self._attempt, stream)
