"""`Step`: a step of a run that has tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from instep._archive import instant
from instep._client import _html
from instep._client._node import Node
from instep._client._task import Task
from instep._format import counted, duration

if TYPE_CHECKING:
    from instep_proto.v1 import run_pb2

    from instep._client._run import Run

TASKS_SHOWN = 20


class Step(Node[Task]):
    """A step of a run that has tasks.

    Args:
        pathspec: Such as ``Pricing/3/fit``.

    Raises:
        StepUnknownError: The run has no tasks of such a step.
        NamespaceMismatchError: It is outside of the namespace.

    Example:
        >>> [task.index for task in Step("Pricing/3/fit").tasks(status="failed")]  # doctest: +SKIP
    """

    _PARTS = ("FLOW", "RUN", "STEP")
    _last: run_pb2.Step

    @classmethod
    def _of(cls, run: Run, record: run_pb2.Step) -> Step:
        step = cls._unchecked(run._scope, (*run._parts, record.name))
        step._last = record
        return step

    def _find(self) -> None:
        self._last = self._run()._child(self.id)._last

    def _run(self) -> Run:
        from instep._client._run import Run

        return Run._unchecked(self._scope, self._parts[:2])

    @property
    def _record(self) -> run_pb2.Step:
        """What is recorded now: there may be more tasks, and more of them over."""
        return self._run()._child(self.id)._last

    def _children(self) -> Iterator[Task]:
        return self.tasks()

    def _child(self, id: str) -> Task:
        flow, run_id, step = self._parts
        return Task._of(self._scope, (flow, run_id), self._archive.task(flow, run_id, step, id))

    def _ipython_key_completions_(self) -> list[str]:
        return [task.id for task in islice(self, 100)]

    def _facts(self) -> str:
        return ", ".join(filter(None, self._html_row()[1:]))

    def _html_row(self) -> list[str]:
        step = self._record
        counts = {"succeeded": step.succeeded, "failed": step.failed}
        status = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        took = (
            duration((step.finished_unix_ms - step.created_unix_ms) / 1000)
            if step.HasField("finished_unix_ms")
            else ""
        )
        return [self.id, step.language, counted(step.tasks, "task"), status, took]

    def _html_table(self) -> _html.Table:
        tasks = list(islice(self, TASKS_SHOWN + 1))
        return _html.Table(
            ["task", "index", "status", "attempts", "took"],
            [task._html_row() for task in tasks[:TASKS_SHOWN]],
            "There are older tasks." if len(tasks) > TASKS_SHOWN else "",
        )

    @property
    def parent(self) -> Run:
        """The run."""
        run = self._run()
        run._find()
        return run

    @property
    def created_at(self) -> datetime:
        """When its first task was made, in UTC."""
        return instant(self._last.created_unix_ms)

    @property
    def finished_at(self) -> datetime | None:
        """When its last task ended, in UTC. None: some have not."""
        step = self._record
        return instant(step.finished_unix_ms) if step.HasField("finished_unix_ms") else None

    @property
    def origin_pathspec(self) -> str | None:
        """Path of the same step in the run that its run resumes. None: the run resumes none."""
        origin = self.parent.origin_pathspec
        return f"{origin}/{self.id}" if origin else None

    @property
    def language(self) -> str:
        """Language that runs it: `python` or `r`."""
        return self._last.language

    @property
    def task(self) -> Task:
        """The newest of its tasks: for a step with one task, that one."""
        return next(iter(self))

    def tasks(self, *tags: str, status: str | Sequence[str] | None = None) -> Iterator[Task]:
        """Yields the tasks, newest first. They are read page by page.

        Args:
            *tags: None are yielded unless the run has all of these tags.
            status: Only tasks with this status, or one of these: `waiting`, `ready`, `active`, `retry_wait`,
                `succeeded`, `failed`, `skipped`, `cancelled`.

        Raises:
            UsageError: There is no such status.
        """
        from instep._client._run import status_names

        states = status_names("TASK_STATE", status)
        if tags and not set(tags) <= self.tags:
            return iter(())
        records = self._archive.tasks(*self._parts, states=states)
        return (Task._of(self._scope, self._parts[:2], record) for record in records)

    @property
    def parent_steps(self) -> Iterator[Step]:
        """Yields the steps of the graph that lead to it, those that have tasks in this run."""
        steps = self._archive.run(*self._parts[:2]).graph.steps
        return self._with_tasks({step.name for step in steps if self.id in step.transition.targets})

    @property
    def child_steps(self) -> Iterator[Step]:
        """Yields the steps of the graph that it leads to, those that have tasks in this run."""
        steps = self._archive.run(*self._parts[:2]).graph.steps
        return self._with_tasks(
            {target for step in steps if step.name == self.id for target in step.transition.targets}
        )

    def _with_tasks(self, names: set[str]) -> Iterator[Step]:
        return (step for step in self._run() if step.id in names)
