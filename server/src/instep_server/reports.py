"""Judges what workers report at the end of an attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from blake3 import blake3
from instep_proto.v1 import task_pb2, worker_service_pb2

from instep_server.convert_run import artifact_from_output, failure_from_proto, timings_text
from instep_server.core import loss
from instep_server.core.environment import Artifact
from instep_server.core.failure import Failure, FailureKind
from instep_server.core.planned import Action, Outcome, PlannedTask
from instep_server.core.reuse import read_digests, reuse_key
from instep_server.core.scheduler import OutcomeError, Plan
from instep_server.core.states import AttemptEvent
from instep_server.db.change import Change
from instep_server.errors import Reason, RequestError
from instep_server.limits import MAX_NAMED_DIGESTS
from instep_server.manifests import Manifests
from instep_server.recorder import Recorder
from instep_server.store import BlobId, ObjectStore
from instep_server.workers import Attempt

Report = worker_service_pb2.CompleteTaskRequest


class _Usage(TypedDict):
    timings: str
    max_rss_bytes: int


def report_hash(report: Report) -> bytes:
    """Computes what tells two reports apart: all of one but the wish for another task."""
    bare = Report()
    bare.CopyFrom(report)
    bare.ClearField("want_next")
    return blake3(bare.SerializeToString(deterministic=True)).digest()


class Judge:
    """Judges the reports of one run.

    Args:
        flow: Name of the flow.
        plan: The run's plan.
        recorder: Makes the run's rows.
        manifests: Takes manifests.
        store: Tells which blobs are there.
    """

    def __init__(
        self, flow: str, plan: Plan, recorder: Recorder, manifests: Manifests, store: ObjectStore
    ) -> None:
        self._flow = flow
        self._plan = plan
        self._recorder = recorder
        self._manifests = manifests
        self._store = store

    def judge(self, change: Change, attempt: Attempt, report: Report) -> list[Action]:
        """Ends an attempt as its worker reports.

        Args:
            change: Takes the rows.
            attempt: The attempt, open.
            report: The report.

        Returns:
            What follows.

        Raises:
            RequestError: The report is refused. Nothing has changed but manifests that `change` holds.
        """
        match report.WhichOneof("outcome"):
            case "success":
                return self._success(change, attempt, report)
            case "failure":
                return self._failure(change, attempt, report)
            case "cancelled":
                return self._cancelled(change, attempt, report)
            case "declined":
                return self._declined(change, attempt, report)
            case _:
                raise RequestError(Reason.MALFORMED, "The report has no outcome that this server knows.")

    def _success(self, change: Change, attempt: Attempt, report: Report) -> list[Action]:
        success, task = report.success, attempt.task
        outputs = self._outputs(change, attempt, success.outputs)
        outcome = Outcome(
            outputs=[*_kept(task, outputs), *_forwarded(task, success.forwarded), *outputs],
            deleted=success.deleted,
            foreach_count=success.foreach_count if success.HasField("foreach_count") else None,
            switch_case=success.switch_case if success.HasField("switch_case") else None,
            caught=success.HasField("caught"),
        )
        _check_names(outcome)
        # What user code read is not known of an attempt that only handles how another one ended.
        key = None if task.only_handles else reuse_key(self._flow, task)
        reads = read_digests(task, success.reads)
        try:
            actions = self._plan.succeed(task.id, outcome)
        except OutcomeError as err:
            raise RequestError(Reason.MALFORMED, str(err)) from err
        attempt.advance(AttemptEvent.SUCCEED)
        self._recorder.artifacts(change, attempt, outcome.outputs, success.deleted)
        self._recorder.attempt_ended(
            change,
            attempt,
            failure=failure_from_proto(success.caught) if outcome.caught else None,
            artifacts=outputs,
            **_usage(report),
        )
        self._recorder.outcome(change, attempt, outcome, key, reads)
        return actions

    def _failure(self, change: Change, attempt: Attempt, report: Report) -> list[Action]:
        failure = _own_failure(attempt) or failure_from_proto(report.failure)
        artifacts = self._outputs(change, attempt, report.partial_outputs)
        attempt.advance(AttemptEvent.FAIL)
        self._recorder.artifacts(change, attempt, artifacts)
        self._recorder.attempt_ended(change, attempt, failure=failure, **_usage(report))
        return self._plan.fail(attempt.task.id, failure, artifacts)

    def _cancelled(self, change: Change, attempt: Attempt, report: Report) -> list[Action]:
        task = attempt.task
        if (overran := _own_failure(attempt)) is not None:
            attempt.advance(AttemptEvent.FAIL)
            self._recorder.attempt_ended(change, attempt, failure=overran, **_usage(report))
            return self._plan.fail(task.id, overran)
        reason = report.cancelled.reason or (attempt.stop.reason if attempt.stop else "it stopped by itself.")
        failure = loss.stopped(task.step.name, task.id, reason, None)
        attempt.advance(AttemptEvent.CANCEL)
        self._recorder.attempt_ended(change, attempt, failure=failure, **_usage(report))
        if self._plan.is_ending:
            return self._plan.cancelled(task.id)
        return self._plan.fail(task.id, failure)

    def _declined(self, change: Change, attempt: Attempt, report: Report) -> list[Action]:
        why = f"Its worker declined it: {report.declined.reason}"
        failure = Failure(kind=FailureKind.ENVIRONMENT, message=why)
        attempt.advance(AttemptEvent.DECLINE)
        self._recorder.attempt_ended(change, attempt, failure=failure, **_usage(report))
        return self._plan.release(attempt.task.id, why)

    def _outputs(
        self, change: Change, attempt: Attempt, outputs: Sequence[task_pb2.Output]
    ) -> list[Artifact]:
        """Checks what an attempt stored: names, digests, and that all blobs are there."""
        missing: dict[str, None] = {}
        for output in outputs:
            if output.name in self._plan.inputs:
                raise RequestError(
                    Reason.MALFORMED, f"{output.name!r} is a parameter or a constant and can't be assigned."
                )
            blob = BlobId(output.artifact.hash, output.artifact.size)
            if output.manifest:
                self._manifests.add_checked(change, blob, output.manifest)
            missing |= dict.fromkeys(self._missing(output, blob))
        if missing:
            raise RequestError(
                Reason.BLOB_MISSING,
                f"The store lacks {len(missing)} of the report's blobs. Upload them and report again.",
                digests=",".join(list(missing)[:MAX_NAMED_DIGESTS]),
            )
        task = attempt.task
        language = task.step.spec.entry_point.language
        return [
            artifact_from_output(output, producer=task.id, producer_step=task.step.name, language=language)
            for output in outputs
        ]

    def _missing(self, output: task_pb2.Output, blob: BlobId) -> list[str]:
        needed = [BlobId(one.hash, one.size) for one in output.blobs]
        if not output.manifest:
            needed.append(blob)
        return [one.hash for one in needed if not self._store.has(one)]


def _own_failure(attempt: Attempt) -> Failure | None:
    """Tells why an attempt was told to stop for its own sake: whatever it reports then follows from that."""
    return attempt.stop.failure if attempt.stop is not None else None


def _usage(report: Report) -> _Usage:
    return {"timings": timings_text(report.timings), "max_rss_bytes": report.max_rss_bytes}


def _check_names(outcome: Outcome) -> None:
    seen: set[str] = set()
    for name in (*(artifact.name for artifact in outcome.outputs), *outcome.deleted):
        if name in seen:
            raise RequestError(Reason.MALFORMED, f"The report names the artifact {name!r} twice.")
        seen.add(name)


def _kept(task: PlannedTask, outputs: Sequence[Artifact]) -> list[Artifact]:
    """Finds what the attempt whose failure this one handles had assigned, but for what this one assigns itself."""
    assigned = {artifact.name for artifact in outputs}
    return [artifact for artifact in task.kept if artifact.name not in assigned]


def _forwarded(task: PlannedTask, inputs: Sequence[task_pb2.Input]) -> list[Artifact]:
    """Finds what a join took over from its inputs."""
    wanted = {entry.name: entry.artifact.hash for entry in inputs}
    found: dict[str, Artifact] = {}
    for joined in task.joins:
        for name in wanted.keys() - found.keys():
            artifact = joined.left.get(name)
            if artifact is not None and artifact.hash == wanted[name]:
                found[name] = artifact
        if len(found) == len(wanted):
            break
    if lacking := wanted.keys() - found.keys():
        raise RequestError(
            Reason.MALFORMED,
            f"Step {task.step.name!r} forwards {min(lacking)!r}, which none of its inputs has with that digest.",
        )
    return [found[name] for name in wanted]
