"""A task of a recorded run, as its worker got it: for looking at it again, or running it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from instep._config import VALUES
from instep.errors import AttemptUnknownError, UsageError
from instep.values import ObjectStore

if TYPE_CHECKING:
    from instep_proto.v1 import graph_pb2, run_pb2, task_pb2

    from instep._archive import Archive


@dataclass(frozen=True, slots=True)
class PastTask:
    """A task that ran."""

    message: task_pb2.Task
    """The task as its worker got it, without a lease, and with all manifests."""
    attempt: run_pb2.Attempt
    """How the attempt went that is looked at."""
    step: graph_pb2.StepSpec
    """The step, as the run had it."""
    config_texts: dict[str, str]
    """Texts of the flow's configs in that run, by name."""
    object_root: str
    """Directory of the object store."""
    working_directory: str
    """Working directory of the run's tasks."""

    @property
    def path(self) -> str:
        """The task's path, such as ``Churn/3/fit/7``."""
        task = self.message
        return f"{task.flow}/{task.run_id}/{task.step}/{task.task_id}"

    def load_environment(self) -> dict[str, str]:
        """Gives the variables that make the flow's file load as it did in the run: with the texts of its configs."""
        return {VALUES: json.dumps(self.config_texts)} if self.config_texts else {}

    def inputs(self) -> Iterator[task_pb2.Input]:
        """Yields all that the task can read, of all inputs of a join as well."""
        return _inputs(self.message)


def past_task(
    archive: Archive, flow: str, run_id: str, step: str, task_id: str, attempt: int | None = None
) -> PastTask:
    """Reads a task of a recorded run.

    Args:
        archive: The runs.
        flow: Name of the flow.
        run_id: Id of the run.
        step: Name of the step.
        task_id: Id of the task.
        attempt: Number of the attempt. None: the latest.

    Raises:
        NotFoundError: There is no such task.
        AttemptUnknownError: It has no such attempt.
    """
    record = archive.task(flow, run_id, step, task_id)
    attempts = {one.number: one for one in record.attempts}
    if not attempts:
        raise UsageError(
            f"Task {flow}/{run_id}/{step}/{task_id} has not started, so there is nothing to look at."
        )
    number = max(attempts) if attempt is None else attempt
    if number not in attempts:
        known = ", ".join(map(str, sorted(attempts)))
        raise AttemptUnknownError(
            f"Task {flow}/{run_id}/{step}/{task_id} has no attempt {number}. Its attempts are {known}.",
            attempt=number,
        )
    graph = archive.run(flow, run_id).graph
    found = archive.task_message(flow, run_id, task_id, number)
    objects = ObjectStore(found.object_root)
    for one in _inputs(found.task):
        if not one.manifest:
            digest = one.artifact
            stored = objects.has(digest.hash)
            one.manifest = (
                bytes(objects.open(digest.hash, digest.size)) if stored else archive.reader.manifest(digest)
            )
    return PastTask(
        message=found.task,
        attempt=attempts[number],
        step=next(one for one in graph.steps if one.name == step),
        config_texts={spec.name: spec.text for spec in graph.configs if spec.HasField("text")},
        object_root=found.object_root,
        working_directory=found.working_directory,
    )


def _inputs(task: task_pb2.Task) -> Iterator[task_pb2.Input]:
    yield from task.inputs
    for joined in task.joins:
        yield from joined.artifacts
    yield from (level.items for level in task.foreach if level.HasField("items"))
