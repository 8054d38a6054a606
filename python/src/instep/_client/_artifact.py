"""`DataArtifact`: a stored value of a task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from instep._client._node import Node
from instep._client._scope import Scope
from instep._format import size
from instep.errors import ArtifactUnknownError

if TYPE_CHECKING:
    from typing import Any, Self

    from instep_proto.v1 import control_service_pb2, run_pb2

    from instep._client._task import Task


class DataArtifact(Node["DataArtifact"]):
    """A stored value of a task.

    Args:
        pathspec: Such as ``Pricing/3/fit/7/model``.
        attempt: Number of the attempt to look at, counted from 0. None: the latest.

    Raises:
        ArtifactUnknownError: The task has no such artifact.
        AttemptUnknownError: The task has no such attempt.
        NamespaceMismatchError: It is outside of the namespace.

    Example:
        >>> artifact = DataArtifact("Pricing/3/fit/7/model")  # doctest: +SKIP
        >>> artifact.sha, artifact.size, artifact.summary  # doctest: +SKIP
    """

    _PARTS = ("FLOW", "RUN", "STEP", "TASK", "ARTIFACT")
    _last: run_pb2.Artifact
    _attempt: int | None = None

    def __init__(self, pathspec: str, attempt: int | None = None) -> None:
        self._attempt = attempt
        super().__init__(pathspec)

    @classmethod
    def _of(
        cls, scope: Scope, task: tuple[str, ...], attempt: int | None, record: run_pb2.Artifact
    ) -> DataArtifact:
        artifact = cls._unchecked(scope, (*task, record.name))
        artifact._attempt = attempt
        artifact._last = record
        return artifact

    @classmethod
    def _checked(cls, scope: Scope, parts: tuple[str, ...], attempt: int | None = None) -> Self:
        artifact = cls._unchecked(scope, parts)
        artifact._attempt = attempt
        artifact._check()
        return artifact

    def _find(self) -> None:
        self._task()._find()  # the step in the path must be the task's own
        self._last = self._get().artifact

    def _task(self) -> Task:
        from instep._client._task import Task

        task = Task._unchecked(self._scope, self._parts[:4])
        task._attempt = self._attempt
        return task

    def __reduce__(self) -> tuple[object, ...]:
        make, arguments = super().__reduce__()
        assert isinstance(arguments, tuple)
        return make, (*arguments, self._attempt)

    def _children(self) -> Iterator[DataArtifact]:
        return iter(())

    def _child(self, id: str) -> DataArtifact:
        raise ArtifactUnknownError(f"Artifact {self.pathspec!r} has no parts of its own.", artifact=id)

    def _facts(self) -> str:
        return f"{self.summary}, {size(self.size)}"

    def _html_row(self) -> list[str]:
        return [self.id, self.summary, size(self.size)]

    @property
    def _description(self) -> tuple[str, str]:
        """Class and summary."""
        if self._last.type and self._last.summary:
            return self._last.type, self._last.summary
        from instep.values import describe  # parameters and constants: nobody wrote them in a task

        return describe(self._get().manifest)

    def _get(self) -> control_service_pb2.GetArtifactResponse:
        flow, run_id, _, task_id, name = self._parts
        return self._archive.reader.get(flow, run_id, task_id, name, self._attempt)

    @property
    def parent(self) -> Task:
        """The task."""
        task = self._task()
        task._find()
        return task

    @property
    def created_at(self) -> datetime:
        """When its task's attempt ended, in UTC."""
        task = self.parent
        return task.finished_at or task.created_at

    @property
    def finished_at(self) -> datetime | None:
        """When its task's attempt ended, in UTC. None: it has not."""
        return self.parent.finished_at

    @property
    def origin_pathspec(self) -> str | None:
        """Path of the same artifact of the task whose results its task took over. None: the task ran by itself."""
        origin = self.parent.origin_pathspec
        return f"{origin}/{self.id}" if origin else None

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
        return self._description[0]

    @property
    def summary(self) -> str:
        """What it is in a few words."""
        return self._description[1]

    @property
    def portable(self) -> bool:
        """True when every language can read it."""
        return self._last.portable

    @property
    def language(self) -> str:
        """Language that produced it. Empty for parameters and constants."""
        return self._last.language


def unknown_artifact(task: str, name: str, known: Iterable[str]) -> ArtifactUnknownError:
    """Makes the error for an artifact that is not there.

    Args:
        task: Path of the task.
        name: Name of the artifact.
        known: Names of those that are there.
    """
    return ArtifactUnknownError(
        f"Task {task!r} has no artifact {name!r}. Its artifacts are {', '.join(known) or 'none'}.",
        artifact=name,
    )
