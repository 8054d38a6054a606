"""`Run`: one run of a flow, and the only object that can be changed: by its tags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from instep._archive import instant
from instep._client import _html
from instep._client._node import Node
from instep._client._scope import Scope, is_text
from instep._client._step import Step
from instep._format import duration
from instep.errors import StepUnknownError, TagInvalidError, UsageError

if TYPE_CHECKING:
    from instep_proto.v1 import run_pb2

    from instep._client._data import TaskData
    from instep._client._flow import Flow
    from instep._client._task import Task
    from instep._diff import RunDiff

# By number of RunState.
RUN_STATUSES = ("unknown", "pending", "running", "cancelling", "succeeded", "failed", "cancelled")
RUN_SUCCEEDED = 4
RUN_OVER = frozenset({4, 5, 6})


class Run(Node[Step]):
    """One run of a flow.

    Args:
        pathspec: Such as ``Pricing/3``.

    Raises:
        RunUnknownError: There is no such run.
        NamespaceMismatchError: It is outside of the namespace.

    Example:
        >>> run = Run("Pricing/3")  # doctest: +SKIP
        >>> run.successful, run.data.report  # doctest: +SKIP
    """

    _PARTS = ("FLOW", "RUN")
    _last: run_pb2.Run

    @classmethod
    def _of(cls, scope: Scope, record: run_pb2.Run) -> Run:
        run = cls._unchecked(scope, (record.flow, record.run_id))
        run._last = record
        return run

    def _find(self) -> None:
        self._last = self._archive.run(*self._parts).run

    def is_in_namespace(self) -> bool:
        """Tells whether the run has the tag that is the namespace in which the object was made."""
        namespace = self._scope.namespace
        return namespace is None or namespace in self._last.user_tags or namespace in self._last.system_tags

    def _children(self) -> Iterator[Step]:
        for record in self._archive.steps(*self._parts):
            yield Step._of(self, record)

    def _child(self, id: str) -> Step:
        steps = {step.id: step for step in self}
        if id not in steps:
            raise StepUnknownError(
                f"Run {self.pathspec!r} has no tasks of a step {id!r}. "
                f"Its steps with tasks are {', '.join(steps) or 'none'}.",
                step=id,
            )
        return steps[id]

    @property
    def _record(self) -> run_pb2.Run:
        if self._last.state not in RUN_OVER:
            self._last = self._archive.run(*self._parts).run
        return self._last

    def _facts(self) -> str:
        record = self._record
        took = _took(record)
        by = f", by {record.user}" if record.user else ""
        tags = f", tags {', '.join(record.user_tags)}" if record.user_tags else ""
        return f"{self.status}{f' in {took}' if took else ''}, started {_local(record)}{by}{tags}"

    def _html_row(self) -> list[str]:
        record = self._record
        return [self.id, self.status, _local(record), _took(record), record.user, ", ".join(record.user_tags)]

    def _html_table(self) -> _html.Table:
        return _html.Table(
            ["step", "language", "tasks", "status", "took"], [step._html_row() for step in self][::-1]
        )

    @property
    def parent(self) -> Flow:
        """The flow."""
        from instep._client._flow import Flow

        return Flow._unchecked(self._scope, self._parts[:1])

    @property
    def created_at(self) -> datetime:
        """When it was recorded, in UTC."""
        return instant(self._last.created_unix_ms)

    @property
    def origin_pathspec(self) -> str | None:
        """Path of the run that it resumes. None: it resumes none."""
        origin = self._last.origin_run_id
        return f"{self._parts[0]}/{origin}" if origin else None

    @property
    def status(self) -> str:
        """One of `pending`, `running`, `cancelling`, `succeeded`, `failed`, `cancelled`."""
        state = self._record.state
        return RUN_STATUSES[state] if state < len(RUN_STATUSES) else RUN_STATUSES[0]

    @property
    def finished(self) -> bool:
        """True when the last step has ended its work."""
        return self._record.state == RUN_SUCCEEDED

    @property
    def successful(self) -> bool:
        """True when the last step has ended its work, and without an error, also none that `catch` handled."""
        return self.finished and not self._record.caught

    @property
    def finished_at(self) -> datetime | None:
        """When the last step ended its work, in UTC. None: it has not."""
        return instant(self._record.finished_unix_ms) if self.finished else None

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
        return iter(self) if not tags or set(tags) <= self.tags else iter(())

    def diff(self, other: Run) -> RunDiff:
        """Finds how another run differs from this one: parameters, code, steps, artifacts.

        Args:
            other: The other run.

        Returns:
            The differences. To print them says them all.

        Example:
            >>> print(Run("Pricing/3").diff(Run("Pricing/4")))  # doctest: +SKIP
        """
        from instep._diff import diff

        return diff(self, other)

    def add_tag(self, tag: str | Iterable[str]) -> None:
        """Adds a tag, or several. Tags that the run has, also as a system tag, are left as they are.

        Args:
            tag: The tag, a text of at most 500 characters; or several.

        Raises:
            TagInvalidError: It is no tag, or the run would have more than 50. Nothing has changed.

        Example:
            >>> Run("Pricing/3").add_tag("reviewed")  # doctest: +SKIP
        """
        self._change_tags(add=tag)

    def add_tags(self, tags: str | Iterable[str]) -> None:
        """Adds several tags; else as `add_tag`.

        Args:
            tags: The tags.
        """
        self._change_tags(add=tags)

    def remove_tag(self, tag: str | Iterable[str]) -> None:
        """Removes a tag, or several. Tags that the run does not have are ignored.

        Args:
            tag: The tag, or several.

        Raises:
            TagInvalidError: It is a system tag, or no tag. Nothing has changed.
        """
        self._change_tags(remove=tag)

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Removes several tags; else as `remove_tag`.

        Args:
            tags: The tags.
        """
        self._change_tags(remove=tags)

    def replace_tag(self, tag_to_remove: str | Iterable[str], tag_to_add: str | Iterable[str]) -> None:
        """Removes tags, then adds others, in one change. A tag that is in both stays.

        Args:
            tag_to_remove: The tag to remove, or several.
            tag_to_add: The tag to add, or several.

        Raises:
            TagInvalidError: As `add_tag` and `remove_tag`; or there is nothing to do.
        """
        self._change_tags(remove=tag_to_remove, add=tag_to_add)

    def replace_tags(self, tags_to_remove: str | Iterable[str], tags_to_add: str | Iterable[str]) -> None:
        """Removes several tags, then adds others; else as `replace_tag`.

        Args:
            tags_to_remove: The tags to remove.
            tags_to_add: The tags to add.
        """
        self._change_tags(remove=tags_to_remove, add=tags_to_add)

    def _change_tags(self, *, remove: str | Iterable[str] = (), add: str | Iterable[str] = ()) -> None:
        self._last = self._archive.change_tags(*self._parts, remove=_tags(remove), add=_tags(add))


def status_names(prefix: str, status: str | Sequence[str] | None) -> list[str]:
    """Names statuses as the protocol does.

    Args:
        prefix: `RUN_STATE` or `TASK_STATE`.
        status: One or several. None: all.

    Raises:
        UsageError: There is no such status.
    """
    from instep_proto.v1 import run_pb2

    states = run_pb2.RunState if prefix == "RUN_STATE" else run_pb2.TaskState
    known = [name.removeprefix(f"{prefix}_").lower() for name in states.keys()][1:]  # noqa: SIM118 - no mapping
    chosen = [status] if isinstance(status, str) else list(status or ())
    for name in chosen:
        if name not in known:
            raise UsageError(f"There is no status {name!r}. The statuses are {', '.join(known)}.")
    return [f"{prefix}_{name.upper()}" for name in chosen]


def _tags(given: str | Iterable[str]) -> list[str]:
    """Makes a list of one tag or several, and refuses what cannot be sent.

    Raises:
        TagInvalidError: Something is no text.
    """
    try:
        tags = [given] if isinstance(given, str | bytes) else list(given)
    except TypeError as err:
        raise TagInvalidError(f"A tag is a text, unlike {given!r}. Nothing was changed.") from err
    for tag in tags:
        if not is_text(tag):
            raise TagInvalidError(
                f"A tag is a text that is not empty, in valid UTF-8, unlike {tag!a}. Nothing was changed."
            )
    return tags


def _took(record: run_pb2.Run) -> str:
    if not record.finished_unix_ms:
        return ""
    return duration((record.finished_unix_ms - record.created_unix_ms) / 1000)


def _local(record: run_pb2.Run) -> str:
    return f"{instant(record.created_unix_ms).astimezone():%Y-%m-%d %H:%M:%S}"
