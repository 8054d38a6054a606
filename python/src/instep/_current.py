"""`current`: what a step can know about its own place in a run."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from instep._client import Run
    from instep._client import Task as ClientTask
    from instep._task import Project, Task


class Current:
    """The running task, as user code sees it. There is one of them in a process: `instep.current`.

    Outside a task `is_running_flow` is False and all other attributes are None.
    """

    def __init__(self) -> None:
        self._task: Task | None = None
        self._project: Project | None = None

    @property
    def is_running_flow(self) -> bool:
        """True in a task."""
        return self._task is not None

    @property
    def flow_name(self) -> str | None:
        """Name of the flow."""
        return self._task.flow if self._task else None

    @property
    def run_id(self) -> str | None:
        """Id of the run."""
        return self._task.run_id if self._task else None

    @property
    def step_name(self) -> str | None:
        """Name of the step."""
        return self._task.step if self._task else None

    @property
    def task_id(self) -> str | None:
        """Id of the task."""
        return self._task.task_id if self._task else None

    @property
    def retry_count(self) -> int | None:
        """Number of this attempt, counted from 0."""
        return self._task.attempt if self._task else None

    @property
    def origin_run_id(self) -> str | None:
        """Id of the run that this run resumes. None when it resumes none."""
        return (self._task.origin_run_id or None) if self._task else None

    @property
    def pathspec(self) -> str | None:
        """Names the task for the client: ``flow/run/step/task``."""
        task = self._task
        return f"{task.flow}/{task.run_id}/{task.step}/{task.task_id}" if task else None

    @property
    def namespace(self) -> str | None:
        """The namespace in which the run was started. None also when everything can be seen."""
        return (self._task.namespace or None) if self._task else None

    @property
    def username(self) -> str | None:
        """Login name of the person who started the run."""
        return self._task.user if self._task else None

    @property
    def tags(self) -> frozenset[str] | None:
        """User tags that the run had when the task started."""
        return frozenset(self._task.tags) if self._task else None

    @property
    def parameter_names(self) -> list[str] | None:
        """Variables of the flow's parameters, sorted."""
        return list(self._task.parameter_names) if self._task else None

    @property
    def tempdir(self) -> str | None:
        """Directory for temporary files."""
        return tempfile.gettempdir() if self._task else None

    @property
    def graph(self) -> dict[str, Any] | None:
        """The flow's graph as plain dictionaries: `name`, `start`, `end`, and `steps` by name, each with `type` and `next`."""
        task = self._task
        if task is None:
            return None
        from instep._archive import archive
        from instep._graph_view import graph_info

        return graph_info(archive().run(task.flow, task.run_id).graph)

    @property
    def run(self) -> Run | None:
        """The run, as the client sees it. What is reached from it is seen in any namespace."""
        task = self._task
        if task is None:
            return None
        from instep._client import Run, Scope

        return Run._checked(Scope.everything(), (task.flow, task.run_id))

    @property
    def task(self) -> ClientTask | None:
        """The task, as the client sees it. What is reached from it is seen in any namespace."""
        task = self._task
        if task is None:
            return None
        from instep._client import Scope
        from instep._client import Task as ClientTask

        return ClientTask._checked(Scope.everything(), (task.flow, task.run_id, task.step, task.task_id))

    @property
    def project_name(self) -> str:
        """Name of the project. Only flows with `@project` have this, and the other attributes of projects."""
        return self._of_project("project_name").name

    @property
    def branch_name(self) -> str:
        """Branch of the project: `user.<name>`, `test.<branch>`, `prod` or `prod.<branch>`."""
        return self._of_project("branch_name").branch

    @property
    def is_production(self) -> bool:
        """True on the production branches of the project."""
        return self._of_project("is_production").is_production

    @property
    def is_user_branch(self) -> bool:
        """True on the branch of a person."""
        return self._of_project("is_user_branch").branch.startswith("user.")

    @property
    def project_flow_name(self) -> str:
        """Names the flow on this branch: ``<project>.<branch>.<Flow>``."""
        project = self._of_project("project_flow_name")
        return f"{project.name}.{project.branch}.{project.flow}"

    def _of_project(self, name: str) -> Project:
        if self._project is None:
            raise AttributeError(f"There is no current.{name}: the flow has no @project.")
        return self._project

    def get(self, name: str, default: object = None) -> object:
        """Reads an attribute that may not be there.

        Args:
            name: Name of the attribute.
            default: What to return when there is no such attribute.
        """
        return default if name.startswith("_") else getattr(self, name, default)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __repr__(self) -> str:
        return f"<current: {self.pathspec or 'no task'}>"


current = Current()
"""The only instance."""


def set_current(task: Task | None) -> None:
    """Says which task this process runs. None: no task."""
    current._task = task
    set_project(task.project if task else None)


def set_project(project: Project | None) -> None:
    """Says which project the flow belongs to. None: to none."""
    current._project = project


def running_task() -> Task | None:
    """Gives the task that this process runs. None: no task."""
    return current._task
