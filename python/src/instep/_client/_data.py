"""What a task left behind, by name: its artifacts, and their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING

from instep._client import _html
from instep._client._artifact import DataArtifact, unknown_artifact

if TYPE_CHECKING:
    from typing import Any

    from instep._client._task import Task


class Artifacts(Mapping[str, DataArtifact]):
    """The artifacts of a task by name; also as attributes.

    Args:
        pathspec: Path of the task.
        by_name: The artifacts.
    """

    def __init__(self, pathspec: str, by_name: Mapping[str, DataArtifact]) -> None:
        self._pathspec = pathspec
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

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def __repr__(self) -> str:
        return f"<Artifacts of {self._pathspec}: {', '.join(self) or 'none'}>"

    def _repr_html_(self) -> str:
        rows = [artifact._html_row() for artifact in self.values()]
        return _html.block("Artifacts", self._pathspec, "", _html.Table(["artifact", "value", "size"], rows))


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
            artifacts = self._task.artifacts
            if name not in artifacts:
                raise AttributeError(unknown_artifact(self._task.pathspec, name, artifacts).message)
            value = self.__dict__[name] = artifacts[name].data
            return value

    def __contains__(self, name: object) -> bool:
        return name in self._task.artifacts

    def __dir__(self) -> list[str]:
        return sorted(chain(super().__dir__(), self._task.artifacts))

    def __repr__(self) -> str:
        shown = [name for name in self._task.artifacts if not name.startswith("_")]
        return f"<TaskData of {self._task.pathspec}: {', '.join(shown) or 'nothing'}>"

    def _repr_html_(self) -> str:
        return _html.block("TaskData", self._task.pathspec, "", self._task._html_table())
