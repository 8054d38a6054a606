"""Looks at runs and their results: `Instep`, `Flow`, `Run`, `Step`, `Task`, `DataArtifact`.

Objects are light: each holds its path and what was recorded of it when it was last asked for. What can still
change is asked again, so an object of a run that goes on is always current. Values are read when they are
touched. Looking changes nothing.

The classes stay in one module although it is long: each makes objects of the ones above and below it.
"""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from instep._archive import Archive, archive, instant, lines_of
from instep._format import counted, duration, size
from instep._task_exception import TaskException, exception_of
from instep.errors import ArtifactUnknownError, AttemptUnknownError, NotFoundError, PathspecInvalidError

if TYPE_CHECKING:
    from typing import Any

    from instep_proto.v1 import control_service_pb2, run_pb2

# Numbers of the protocol's enums.
RUN_SUCCEEDED = 4
RUN_STATES = ("unknown", "pending", "running", "cancelling", "succeeded", "failed", "cancelled")
RUN_OVER = frozenset({4, 5, 6})
TASK_SUCCEEDED = 5
TASK_OVER = frozenset({5, 6, 7, 8})
ATTEMPT_SUCCEEDED = 3

_Child = TypeVar("_Child", bound="_Node[Any]")


class _Node(ABC, Generic[_Child]):
    """What all objects of the client have in common.

    Args:
        pathspec: Ids from the flow down to the object, joined by ``/``.
    """

    _PARTS: ClassVar[tuple[str, ...]]

    def __init__(self, pathspec: str) -> None:
        parts = tuple(pathspec.split("/")) if isinstance(pathspec, str) else ()
        if len(parts) != len(self._PARTS) or not all(parts):
            raise PathspecInvalidError(
                f"{type(self).__name__} takes a path of the form {'/'.join(self._PARTS)!r}, not {pathspec!r}.",
                pathspec=pathspec,
            )
        self._bind(parts, archive())
        self._check()

    def _bind(self, parts: tuple[str, ...], archive: Archive) -> None:
        self._parts = parts
        self._archive = archive

    @abstractmethod
    def _check(self) -> None:
        """Raises an error when there is no such object."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.pathspec!r})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, _Node) and self._parts == other._parts

    def __hash__(self) -> int:
        return hash((type(self), self._parts))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.pathspec,)

    def __iter__(self) -> Iterator[_Child]:
        return self._children()

    def __getitem__(self, id: str) -> _Child:
        try:
            return self._child(str(id))
        except NotFoundError as err:
            raise KeyError(id) from err

    def __contains__(self, id: object) -> bool:
        try:
            self._child(str(id))
        except NotFoundError:
            return False
        return True

    @abstractmethod
    def _children(self) -> Iterator[_Child]:
        """Yields the children, newest created first."""

    @abstractmethod
    def _child(self, id: str) -> _Child:
        """Gives one child, or raises a `NotFoundError`."""

    @property
    def id(self) -> str:
        """The object's own id: the last part of its path."""
        return self._parts[-1]

    @property
    def pathspec(self) -> str:
        """Ids from the flow down to the object, joined by ``/``."""
        return "/".join(self._parts)

    @property
    def path_components(self) -> list[str]:
        """Ids from the flow down to the object."""
        return list(self._parts)

    @property
    @abstractmethod
    def created_at(self) -> datetime:
        """When it was made, in UTC."""

    @property
    def tags(self) -> frozenset[str]:
        """All tags of the run that it belongs to. A flow has none."""
        return self.user_tags | self.system_tags

    @property
    def user_tags(self) -> frozenset[str]:
        """Tags that people gave to the run."""
        return frozenset(self._run_record().user_tags)

    @property
    def system_tags(self) -> frozenset[str]:
        """Tags that Instep gave to the run."""
        return frozenset(self._run_record().system_tags)

    def _run_record(self) -> run_pb2.Run:
        return self._archive.run(self._parts[0], self._parts[1]).run

    def _repr_html_(self) -> str:
        return f"<b>{type(self).__name__}</b> <code>{html.escape(self.pathspec)}</code> {self._html_facts()}"

    def _html_facts(self) -> str:
        return ""


class Instep:
    """The store: all flows that have runs.

    Example:
        >>> [flow.id for flow in Instep()]  # doctest: +SKIP
        ['Pricing']
    """

    def __init__(self) -> None:
        self._archive = archive()

    def __repr__(self) -> str:
        return "Instep()"

    @property
    def flows(self) -> list[Flow]:
        """The flows, sorted by name."""
        return list(self)

    def __iter__(self) -> Iterator[Flow]:
        return (flow_of(name, self._archive) for name in self._archive.flows())

    def __contains__(self, name: object) -> bool:
        return name in self._archive.flows()

    def __getitem__(self, name: str) -> Flow:
        if name not in self:
            raise KeyError(name)
        return flow_of(name, self._archive)


class Flow(_Node["Run"]):
    """A flow that has runs.

    Args:
        pathspec: Name of the flow.

    Raises:
        FlowUnknownError: The store has no run of a flow of this name.

    Example:
        >>> Flow("Pricing").latest_run.data.report  # doctest: +SKIP
    """

    _PARTS = ("FLOW",)

    def _check(self) -> None:
        self._archive.run(self.id)

    def _children(self) -> Iterator[Run]:
        return self.runs()

    def _child(self, id: str) -> Run:
        return _run(self._archive.run(self.id, id), self._archive)

    def _run_record(self) -> run_pb2.Run:
        from instep_proto.v1 import run_pb2

        return run_pb2.Run()  # no tags

    def _html_facts(self) -> str:
        return f"latest run {html.escape(run.id)}" if (run := self.latest_run) else "no runs"

    @property
    def parent(self) -> Instep:
        """The store."""
        return Instep()

    @property
    def created_at(self) -> datetime:
        """When its first run was made, in UTC."""
        *_, first = self._archive.runs(self.id)
        return instant(first.created_unix_ms)

    @property
    def latest_run(self) -> Run | None:
        """The newest run, whatever its state. None: there is none."""
        return next(self._some_runs(limit=1), None)

    @property
    def latest_successful_run(self) -> Run | None:
        """The newest run that succeeded. None: there is none."""
        return next(self._some_runs(states=["RUN_STATE_SUCCEEDED"], limit=1), None)

    def runs(self, *tags: str) -> Iterator[Run]:
        """Yields runs, newest first.

        Args:
            *tags: Only runs that have all of these tags.
        """
        return self._some_runs(tags=tags)

    def _some_runs(
        self, *, tags: tuple[str, ...] = (), states: list[str] | None = None, limit: int = 0
    ) -> Iterator[Run]:
        records = self._archive.runs(self.id, tags=tags, states=states or [], limit=limit)
        return (_run_of(record, self._archive) for record in records)


class Run(_Node["Step"]):
    """One run of a flow.

    Args:
        pathspec: Such as ``Pricing/3``.

    Raises:
        RunUnknownError: There is no such run.
    """

    _PARTS = ("FLOW", "RUN")
    _last: run_pb2.Run

    def _check(self) -> None:
        self._last = self._archive.run(*self._parts).run

    def _children(self) -> Iterator[Step]:
        for record in self._archive.steps(*self._parts):
            yield _step(self._parts, record, self._archive)

    def _child(self, id: str) -> Step:
        step = next((step for step in self if step.id == id), None)
        if step is None:
            raise _unknown_step(self, id)
        return step

    def _run_record(self) -> run_pb2.Run:
        if self._last.state not in RUN_OVER:
            self._last = self._archive.run(*self._parts).run
        return self._last

    def _html_facts(self) -> str:
        run = self._run_record()
        took = (
            f", {duration((run.finished_unix_ms - run.created_unix_ms) / 1000)}"
            if run.finished_unix_ms
            else ""
        )
        return f"{self.state}{took}"

    @property
    def parent(self) -> Flow:
        """The flow."""
        return flow_of(self._parts[0], self._archive)

    @property
    def created_at(self) -> datetime:
        """When it was recorded, in UTC."""
        return instant(self._last.created_unix_ms)

    @property
    def state(self) -> str:
        """One of `pending`, `running`, `cancelling`, `succeeded`, `failed`, `cancelled`."""
        state = self._run_record().state
        return RUN_STATES[state] if state < len(RUN_STATES) else RUN_STATES[0]

    @property
    def finished(self) -> bool:
        """True when the last step has ended its work."""
        return self._run_record().state == RUN_SUCCEEDED

    @property
    def successful(self) -> bool:
        """True when the last step has ended its work, and well."""
        return self.finished

    @property
    def finished_at(self) -> datetime | None:
        """When the last step ended its work, in UTC. None: it has not."""
        return instant(self._run_record().finished_unix_ms) if self.finished else None

    @property
    def end_task(self) -> Task | None:
        """The task of the last step. None: there is none yet."""
        end = self._archive.run(*self._parts).graph.end
        step = next((step for step in self if step.id == end), None)
        return step.task if step is not None else None

    @property
    def data(self) -> TaskData | None:
        """What the last step left behind, as attributes. None: it has not run."""
        task = self.end_task
        return task.data if task is not None else None

    def steps(self, *tags: str) -> Iterator[Step]:
        """Yields the steps that have tasks, newest first.

        Args:
            *tags: None are yielded unless the run has all of these tags.
        """
        return iter(self) if set(tags) <= self.tags else iter(())


class Step(_Node["Task"]):
    """A step of a run that has tasks.

    Args:
        pathspec: Such as ``Pricing/3/fit``.

    Raises:
        StepUnknownError: The run has no tasks of such a step.
    """

    _PARTS = ("FLOW", "RUN", "STEP")
    _last: run_pb2.Step

    def _check(self) -> None:
        self._last = self._fetch()

    def _fetch(self) -> run_pb2.Step:
        flow, run_id, name = self._parts
        step = next((step for step in self._archive.steps(flow, run_id) if step.name == name), None)
        if step is None:
            raise _unknown_step(self.parent, name)
        return step

    def _children(self) -> Iterator[Task]:
        for record in self._archive.tasks(*self._parts):
            yield _task(self._parts[:2], record, self._archive)

    def _child(self, id: str) -> Task:
        flow, run_id, step = self._parts
        return _task(self._parts[:2], self._archive.task(flow, run_id, step, id), self._archive)

    def _html_facts(self) -> str:
        return f"{self.language}, {counted(self._fetch().tasks, 'task')}"

    @property
    def parent(self) -> Run:
        """The run."""
        return _run(self._archive.run(*self._parts[:2]), self._archive)

    @property
    def created_at(self) -> datetime:
        """When its first task was made, in UTC."""
        return instant(self._last.created_unix_ms)

    @property
    def finished_at(self) -> datetime | None:
        """When its last task ended, in UTC. None: some have not."""
        step = self._fetch()
        return instant(step.finished_unix_ms) if step.HasField("finished_unix_ms") else None

    @property
    def language(self) -> str:
        """Language that runs it: `python` or `r`."""
        return self._last.language

    @property
    def task(self) -> Task:
        """The newest of its tasks."""
        return next(iter(self))

    def tasks(self, *tags: str) -> Iterator[Task]:
        """Yields the tasks, newest first.

        Args:
            *tags: None are yielded unless the run has all of these tags.
        """
        return iter(self) if set(tags) <= self.tags else iter(())


class Task(_Node["DataArtifact"]):
    """One execution of a step.

    Args:
        pathspec: Such as ``Pricing/3/fit/7``.
        attempt: Number of the attempt to look at, counted from 0. None: the latest.

    Raises:
        TaskUnknownError: There is no such task.
        AttemptUnknownError: It has no such attempt.
    """

    _PARTS = ("FLOW", "RUN", "STEP", "TASK")
    _last: run_pb2.TaskRecord
    _attempt: int | None = None

    def __init__(self, pathspec: str, attempt: int | None = None) -> None:
        self._attempt = attempt
        super().__init__(pathspec)

    def _check(self) -> None:
        self._last = self._archive.task(*self._parts)
        numbers = [attempt.number for attempt in self._last.attempts]
        if self._attempt is not None and self._attempt not in numbers:
            raise AttemptUnknownError(
                f"Task {self.pathspec!r} has no attempt {self._attempt!r}. Its attempts are {numbers}.",
                attempt=self._attempt,
            )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.pathspec, self._attempt)

    def at_attempt(self, attempt: int) -> Task:
        """Gives the same task, seen at one attempt.

        Args:
            attempt: Number of the attempt, counted from 0.

        Raises:
            AttemptUnknownError: It has no such attempt.
        """
        task = _task(self._parts[:2], self._last, self._archive)
        task._attempt = attempt
        task._check()
        return task

    def _children(self) -> Iterator[DataArtifact]:
        return (artifact for name, artifact in self.artifacts.items() if not name.startswith("_"))

    def _child(self, id: str) -> DataArtifact:
        if id not in self.artifacts:
            raise _unknown_artifact(self, id)
        return self.artifacts[id]

    def _html_facts(self) -> str:
        return "succeeded" if self.successful else "failed" if self.exception else "under way"

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
        return Step("/".join(self._parts[:3]))

    @property
    def created_at(self) -> datetime:
        """When it was made, in UTC."""
        return instant(self._last.created_unix_ms)

    @property
    def finished_at(self) -> datetime | None:
        """When its attempt ended, in UTC. None: it has not."""
        attempt = self._current
        if attempt is None or not attempt.HasField("finished_unix_ms"):
            return None
        return instant(attempt.finished_unix_ms)

    @property
    def finished(self) -> bool:
        """True when its attempt has ended well."""
        return self.successful

    @property
    def successful(self) -> bool:
        """True when its attempt has ended well."""
        attempt = self._current
        return attempt is not None and attempt.state == ATTEMPT_SUCCEEDED

    @property
    def exception(self) -> TaskException | None:
        """The error with which its attempt ended. None: there was none."""
        attempt = self._current
        if attempt is None or not attempt.HasField("failure"):
            return None
        from instep._task_messages import failure_from

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
    def runtime_name(self) -> str | None:
        """What ran it: `dev` on a person's own machine."""
        prefix = "runtime:"
        return next((tag[len(prefix) :] for tag in self.system_tags if tag.startswith(prefix)), None)

    @property
    def has_started(self) -> bool:
        """True when there is an attempt, and so a log."""
        return self._current is not None

    @property
    def parent_tasks(self) -> Iterator[Task]:
        """The tasks that it took its input from, in order."""
        for task_id in self._last.parent_task_ids:
            record = self._archive.task(self._parts[0], self._parts[1], "", task_id)
            yield _task(self._parts[:2], record, self._archive)

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
        return Artifacts(self, {record.name: _artifact(self, record) for record in records})

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


class Artifacts(Mapping[str, "DataArtifact"]):
    """The artifacts of a task by name; also as attributes."""

    def __init__(self, task: Task, by_name: Mapping[str, DataArtifact]) -> None:
        self._task = task
        self._by_name = by_name

    def __getitem__(self, name: str) -> DataArtifact:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __getattr__(self, name: str) -> DataArtifact:
        # Copying and unpickling ask for attributes before __init__ has set any.
        if name in self.__dict__.get("_by_name", ()):
            return self._by_name[name]
        raise AttributeError(name)

    def __dir__(self) -> list[str]:
        return sorted(chain(super().__dir__(), self._by_name))

    def __repr__(self) -> str:
        return f"<Artifacts of {self._task.pathspec}: {', '.join(self) or 'none'}>"


class TaskData:
    """The values of a task's artifacts, as attributes.

    Args:
        task: The task.
    """

    def __init__(self, task: Task) -> None:
        self._task = task

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
    else:

        def __getattr__(self, name):
            if "_task" not in self.__dict__ or name.startswith("__"):
                raise AttributeError(name)
            if name not in self._task.artifacts:
                raise AttributeError(_unknown_artifact(self._task, name).message)
            value = self.__dict__[name] = self._task.artifacts[name].data
            return value

    def __contains__(self, name: object) -> bool:
        return name in self._task.artifacts

    def __dir__(self) -> list[str]:
        return sorted(chain(super().__dir__(), self._task.artifacts))

    def __repr__(self) -> str:
        names = [name for name in self._task.artifacts if not name.startswith("_")]
        return f"<TaskData of {self._task.pathspec}: {', '.join(names) or 'nothing'}>"


class DataArtifact(_Node["DataArtifact"]):
    """A stored value of a task.

    Args:
        pathspec: Such as ``Pricing/3/fit/7/model``.
        attempt: Number of the attempt to look at, counted from 0. None: the latest.

    Raises:
        ArtifactUnknownError: The task has no such artifact.
    """

    _PARTS = ("FLOW", "RUN", "STEP", "TASK", "ARTIFACT")
    _last: run_pb2.Artifact
    _attempt: int | None = None

    def __init__(self, pathspec: str, attempt: int | None = None) -> None:
        self._attempt = attempt
        super().__init__(pathspec)

    def _check(self) -> None:
        flow, run_id, step, task_id, _ = self._parts
        self._archive.task(flow, run_id, step, task_id)  # the step in the path must be the task's own
        self._last = self._get().artifact

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.pathspec, self._attempt)

    def _children(self) -> Iterator[DataArtifact]:
        return iter(())

    def _child(self, id: str) -> DataArtifact:
        raise ArtifactUnknownError(f"Artifact {self.pathspec!r} has no parts of its own.")

    def _html_facts(self) -> str:
        return f"{html.escape(self.summary)}, {size(self.size)}"

    def _get(self) -> control_service_pb2.GetArtifactResponse:
        flow, run_id, _, task_id, name = self._parts
        return self._archive.reader.get(flow, run_id, task_id, name, self._attempt)

    @property
    def parent(self) -> Task:
        """The task."""
        return Task("/".join(self._parts[:4]), self._attempt)

    @property
    def created_at(self) -> datetime:
        """When its task's attempt ended, in UTC."""
        return self.finished_at or self.parent.created_at

    @property
    def finished_at(self) -> datetime | None:
        """When its task's attempt ended, in UTC. None: it has not."""
        return self.parent.finished_at

    @property
    def data(self) -> Any:
        """The value, read now. Large data is mapped into memory and not copied."""
        return self._archive.reader.value(self._get())

    @property
    def sha(self) -> str:
        """Content id: equal values have the same."""
        return self._last.digest.hash

    @property
    def size(self) -> int:
        """Size of the stored value, in bytes."""
        return self._last.size

    @property
    def type(self) -> str:
        """Class of the value in the language that wrote it."""
        if self._last.type:
            return self._last.type
        from instep.values import describe  # parameters and constants: nobody wrote them in a task

        return describe(self._get().manifest)[0]

    @property
    def summary(self) -> str:
        """What it is in a few words."""
        return self._last.summary

    @property
    def portable(self) -> bool:
        """True when every language can read it."""
        return self._last.portable


def flow_of(name: str, source: Archive) -> Flow:
    """Gives a flow of an archive, without asking whether it is there.

    Args:
        name: Name of the flow.
        source: The archive.
    """
    flow = Flow.__new__(Flow)
    flow._bind((name,), source)
    return flow


def _run(response: control_service_pb2.GetRunResponse, source: Archive) -> Run:
    return _run_of(response.run, source)


def _run_of(record: run_pb2.Run, source: Archive) -> Run:
    run = Run.__new__(Run)
    run._bind((record.flow, record.run_id), source)
    run._last = record
    return run


def _step(run: tuple[str, ...], record: run_pb2.Step, source: Archive) -> Step:
    step = Step.__new__(Step)
    step._bind((*run, record.name), source)
    step._last = record
    return step


def _task(run: tuple[str, ...], record: run_pb2.TaskRecord, source: Archive) -> Task:
    task = Task.__new__(Task)
    task._bind((*run, record.step, record.task_id), source)
    task._last = record
    return task


def _artifact(task: Task, record: run_pb2.Artifact) -> DataArtifact:
    artifact = DataArtifact.__new__(DataArtifact)
    artifact._bind((*task._parts, record.name), task._archive)
    artifact._last = record
    artifact._attempt = task._attempt
    return artifact


def _unknown_step(run: Run, name: str) -> NotFoundError:
    from instep.errors import StepUnknownError

    known = ", ".join(step.id for step in run)
    return StepUnknownError(
        f"Run {run.pathspec!r} has no tasks of a step {name!r}. Its steps with tasks are {known or 'none'}.",
        step=name,
    )


def _unknown_artifact(task: Task, name: str) -> ArtifactUnknownError:
    known = ", ".join(task.artifacts)
    return ArtifactUnknownError(
        f"Task {task.pathspec!r} has no artifact {name!r}. Its artifacts are {known or 'none'}.",
        artifact=name,
    )
