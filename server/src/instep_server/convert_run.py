"""Messages about runs, tasks and artifacts from our own types and rows, and back."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from instep_proto.v1 import digest_pb2, failure_pb2, graph_pb2, run_pb2, task_pb2

from instep_server.core.environment import Artifact, ArtifactKind
from instep_server.core.failure import Failure, FailureKind
from instep_server.core.planned import Frame
from instep_server.core.project import RunProject
from instep_server.core.states import AttemptState
from instep_server.db.connection import Row


def _number(member: IntEnum) -> Any:
    """A number as an enum of a message takes it: its class exists in stubs only."""
    return int(member)


_KINDS = {int(kind) for kind in FailureKind}


def failure_bytes(failure: Failure | None) -> bytes | None:
    """Serializes a failure. None stays None."""
    if failure is None:
        return None
    if failure.encoded:
        return failure.encoded
    return failure_pb2.Failure(
        kind=_number(failure.kind),
        message=failure.message,
        classes=failure.classes,
        exit_code=failure.exit_code,
        signal=failure.signal,
    ).SerializeToString()


def failure_from_proto(message: failure_pb2.Failure) -> Failure:
    """Reads a failure that a worker reports. A kind that we do not know becomes UNSPECIFIED."""
    return Failure(
        kind=FailureKind(message.kind) if message.kind in _KINDS else FailureKind.UNSPECIFIED,
        message=message.message,
        classes=tuple(message.classes),
        encoded=message.SerializeToString(),
    )


def failure_from_bytes(encoded: bytes | None) -> Failure | None:
    """Reads a failure that is recorded. None stays None."""
    return None if encoded is None else failure_from_proto(failure_pb2.Failure.FromString(encoded))


def timings_text(timings: Iterable[run_pb2.Timing]) -> str:
    """Writes how long phases took as the database holds it."""
    return ",".join(f"{timing.phase}:{timing.duration_ms}" for timing in timings)


def artifact_from_output(
    output: task_pb2.Output, *, producer: int, producer_step: str, language: str
) -> Artifact:
    """Reads an artifact that an attempt reports."""
    return Artifact(
        name=output.name,
        hash=output.artifact.hash,
        manifest_size=output.artifact.size,
        size=output.artifact.size + sum(blob.size for blob in output.blobs),
        portable=output.portable,
        summary=output.summary[:200],
        type=output.type,
        producer=producer,
        producer_step=producer_step,
        language=language,
    )


def artifact_from_row(row: Row) -> Artifact:
    """Reads an artifact that is recorded."""
    return Artifact(
        name=row["name"],
        hash=row["hash"],
        manifest_size=row["manifest_size"],
        kind=ArtifactKind(row["kind"]),
        size=row["size"],
        portable=bool(row["portable"]),
        summary=row["summary"],
        type=row["type"],
        producer=row["producer"] or None,
        producer_step=row["producer_step"],
        language=row["language"],
    )


def input_to_proto(artifact: Artifact, manifest: bytes) -> task_pb2.Input:
    """Writes an artifact as an input of a task.

    Args:
        artifact: The artifact.
        manifest: Its manifest. Empty: the worker resolves it.
    """
    return task_pb2.Input(
        name=artifact.name,
        artifact=digest_pb2.Digest(hash=artifact.hash, size=artifact.manifest_size),
        manifest=manifest,
        kind=_number(artifact.kind),
    )


def frame_to_proto(frame: Frame, manifest: bytes) -> task_pb2.ForeachFrame:
    """Writes an open level of foreach.

    Args:
        frame: The level.
        manifest: Manifest of its items. Empty: the worker resolves it.
    """
    return task_pb2.ForeachFrame(
        variable=frame.variable,
        items=input_to_proto(frame.items, manifest),
        index=frame.index,
        count=frame.count,
        step=frame.step,
    )


def project_to_proto(project: RunProject | None) -> task_pb2.Project | None:
    """Writes the project of a run. None stays None."""
    if project is None:
        return None
    return task_pb2.Project(name=project.name, branch=project.branch, is_production=project.is_production)


def run_to_proto(row: Row, tags: Iterable[Row], inputs: Iterable[Row], cursor: int) -> run_pb2.Run:
    """Writes a run.

    Args:
        row: A row of one of the statements about runs.
        tags: Its tags.
        inputs: Its parameters and constants.
        cursor: Its newest event.
    """
    tags = list(tags)
    return run_pb2.Run(
        flow=row["flow_name"],
        run_id=str(row["number"]),
        state=row["state"],
        created_unix_ms=row["created_unix_ms"],
        started_unix_ms=row["started_unix_ms"],
        finished_unix_ms=row["finished_unix_ms"],
        user=row["user_name"],
        user_tags=sorted(tag["name"] for tag in tags if not tag["is_system"]),
        system_tags=sorted(tag["name"] for tag in tags if tag["is_system"]),
        failure=_failure(row["failure"]),
        failed_task_id=str(row["failed_task"] or ""),
        failed_step=row["failed_step"] or "",
        origin_run_id=str(row["origin_number"] or ""),
        inputs=[artifact_to_proto(entry) for entry in inputs],
        cursor=cursor,
        file=row["file"],
        working_directory=row["working_directory"],
        namespace=row["namespace"],
        caught=bool(row["caught"]),
    )


def artifact_to_proto(row: Row) -> run_pb2.Artifact:
    """Writes an artifact from its row."""
    return run_pb2.Artifact(
        name=row["name"],
        digest=digest_pb2.Digest(hash=row["hash"], size=row["manifest_size"]),
        size=row["size"],
        portable=bool(row["portable"]),
        summary=row["summary"],
        type=row["type"],
        producer_task_id=str(row["producer"] or ""),
        producer_step=row["producer_step"],
        language=row["language"],
    )


def step_to_proto(row: Row, spec: graph_pb2.StepSpec | None) -> run_pb2.Step:
    """Writes a step that has tasks.

    Args:
        row: What its tasks come to.
        spec: The step as the graph declares it.
    """
    return run_pb2.Step(
        name=row["step"],
        language=row["language"],
        tasks=row["tasks"],
        succeeded=row["succeeded"],
        failed=row["failed"],
        created_unix_ms=row["created_unix_ms"],
        finished_unix_ms=row["finished_unix_ms"] if row["finished"] == row["tasks"] else None,
        spec=spec,
    )


def task_to_proto(
    row: Row, *, parents: Iterable[int], children: Iterable[int], attempts: Iterable[Row]
) -> run_pb2.TaskRecord:
    """Writes a task.

    Args:
        row: Its row.
        parents: The tasks that it took input from, in order.
        children: The tasks that took input from it, in order.
        attempts: Rows of its attempts, oldest first.
    """
    path = path_from_text(row["foreach_path"])
    return run_pb2.TaskRecord(
        task_id=str(row["number"]),
        step=row["step"],
        state=row["state"],
        created_unix_ms=row["created_unix_ms"],
        finished_unix_ms=row["finished_unix_ms"],
        index=path[-1] if path else None,
        foreach_path=path,
        parent_task_ids=map(str, parents),
        child_task_ids=map(str, children),
        attempts=map(attempt_to_proto, attempts),
        language=row["language"],
        cloned_from=_cloned_from(row),
        reason=row["reason"],
    )


def attempt_to_proto(row: Row) -> run_pb2.Attempt:
    """Writes an attempt."""
    return run_pb2.Attempt(
        number=row["number"],
        state=row["state"],
        leased_unix_ms=row["leased_unix_ms"],
        finished_unix_ms=row["finished_unix_ms"],
        failure=_failure(row["failure"]),
        pid=row["pid"],
        host=row["host"],
        timings=_timings(row["timings"]),
        max_rss_bytes=row["max_rss_bytes"],
        caught=row["state"] == AttemptState.SUCCEEDED and row["failure"] is not None,
    )


_STATE_FIELDS = {1: "run_state", 2: "task_state", 3: "attempt_state"}


def event_to_proto(row: Row, flow: str, run_id: str) -> run_pb2.Event:
    """Writes an event."""
    event = run_pb2.Event(
        cursor=row["cursor"],
        at_unix_ms=row["at_unix_ms"],
        flow=flow,
        run_id=run_id,
        kind=row["kind"],
        step=row["step"],
        task_id=str(row["task"] or ""),
        attempt=row["attempt"],
        failure=_failure(row["failure"]),
        count=row["count"],
        artifacts=row["artifacts"],
        artifact_bytes=row["artifact_bytes"],
        text=row["text"],
        language=row["language"],
        pid=row["pid"],
        foreach_path=path_from_text(row["foreach_path"]),
        cloned_from=_cloned_from(row),
    )
    if row["state"] is not None:
        setattr(event, _STATE_FIELDS[row["kind"]], row["state"])
    return event


def _cloned_from(row: Row) -> run_pb2.ClonedFrom | None:
    if row["origin_task"] is None:
        return None
    return run_pb2.ClonedFrom(run_id=str(row["origin_number"]), task_id=str(row["origin_task"]))


def _failure(encoded: bytes | None) -> failure_pb2.Failure | None:
    return None if encoded is None else failure_pb2.Failure.FromString(encoded)


def path_from_text(text: str) -> list[int]:
    """Reads positions of foreach, outermost first, as the database holds them."""
    return [int(part) for part in text.split(",")] if text else []


def _timings(text: str) -> list[run_pb2.Timing]:
    pairs = (entry.rpartition(":") for entry in text.split(",") if entry)
    return [run_pb2.Timing(phase=phase, duration_ms=int(duration)) for phase, _, duration in pairs]
