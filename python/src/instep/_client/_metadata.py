"""`Metadatum`: what is known of a task beside its artifacts, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from instep._archive import instant

if TYPE_CHECKING:
    from instep_proto.v1 import run_pb2

    from instep._client._task import Task

ATTEMPT_SUCCEEDED = 3


@dataclass(frozen=True, slots=True)
class Metadatum:
    """One thing that is known of a task."""

    name: str
    """What it is, such as `attempt`, `origin-run-id`, `pid`, `host`."""
    value: str
    """The value, as text."""
    type: str
    """What kind of thing it is: `attempt`, `attempt-status`, `worker`, `timing`, `origin-run-id`, `origin-task-id`."""
    created_at: datetime
    """When it was recorded, in UTC."""
    task: Task = field(repr=False, compare=False)
    """The task."""


def metadata_of(
    task: Task, record: run_pb2.TaskRecord, attempts: list[run_pb2.Attempt], origin_run_id: str
) -> list[Metadatum]:
    """Lists what is known of a task, oldest first.

    Args:
        task: The task.
        record: What is recorded of it.
        attempts: The attempts to tell of.
        origin_run_id: The run that its run resumes. Empty: none.
    """
    made = instant(record.created_unix_ms)
    entries = []
    if record.HasField("cloned_from"):
        origin = record.cloned_from
        entries.append(Metadatum("origin-run-id", origin.run_id, "origin-run-id", made, task))
        entries.append(Metadatum("origin-task-id", origin.task_id, "origin-task-id", made, task))
    elif origin_run_id:
        entries.append(Metadatum("origin-run-id", origin_run_id, "origin-run-id", made, task))
    for attempt in attempts:
        entries += _of_attempt(task, attempt)
    return entries


def _of_attempt(task: Task, attempt: run_pb2.Attempt) -> Iterator[Metadatum]:
    began = instant(attempt.leased_unix_ms)
    yield Metadatum("attempt", str(attempt.number), "attempt", began, task)
    if attempt.pid:
        yield Metadatum("pid", str(attempt.pid), "worker", began, task)
    if attempt.host:
        yield Metadatum("host", attempt.host, "worker", began, task)
    if not attempt.HasField("finished_unix_ms"):
        return
    ended = instant(attempt.finished_unix_ms)
    succeeded = attempt.state == ATTEMPT_SUCCEEDED and not attempt.caught
    yield Metadatum("attempt-ok", str(succeeded), "attempt-status", ended, task)
    if attempt.max_rss_bytes:
        yield Metadatum("max-rss-bytes", str(attempt.max_rss_bytes), "worker", ended, task)
    for timing in attempt.timings:
        yield Metadatum(f"{timing.phase}-ms", str(timing.duration_ms), "timing", ended, task)
