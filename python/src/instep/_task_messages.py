"""Translates between the protocol's messages about tasks and the types of `instep._task`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from instep_proto.v1 import digest_pb2, failure_pb2, graph_pb2, host_pb2, key_value_pb2, run_pb2, task_pb2
from instep_proto.v1 import worker_service_pb2 as worker_pb2

from instep._retry import CALL_SECONDS
from instep._task import (
    Bootstrap,
    Cancelled,
    Catch,
    Failed,
    Failure,
    FailureKind,
    ForeachLevel,
    Frame,
    Input,
    InputKind,
    JoinInput,
    Outcome,
    Output,
    Project,
    Report,
    Success,
    Task,
    Transition,
    TransitionKind,
)
from instep.values import Digest, OnLoss

_INPUT_KINDS = {
    task_pb2.INPUT_KIND_UNSPECIFIED: InputKind.ARTIFACT,
    task_pb2.INPUT_KIND_ARTIFACT: InputKind.ARTIFACT,
    task_pb2.INPUT_KIND_PARAMETER: InputKind.PARAMETER,
    task_pb2.INPUT_KIND_CONSTANT: InputKind.CONSTANT,
    task_pb2.INPUT_KIND_CONFIG: InputKind.CONFIG,
}
_TRANSITION_KINDS = {
    graph_pb2.TRANSITION_KIND_LINEAR: TransitionKind.LINEAR,
    graph_pb2.TRANSITION_KIND_SPLIT: TransitionKind.SPLIT,
    graph_pb2.TRANSITION_KIND_FOREACH: TransitionKind.FOREACH,
    graph_pb2.TRANSITION_KIND_SWITCH: TransitionKind.SWITCH,
}
_LOSS_POLICIES: dict[int, OnLoss] = {
    graph_pb2.LOSS_POLICY_WARN: "warn",
    graph_pb2.LOSS_POLICY_ERROR: "error",
    graph_pb2.LOSS_POLICY_IGNORE: "ignore",
}
_FAILURE_KINDS = {
    FailureKind.USER_ERROR: failure_pb2.FAILURE_KIND_USER_ERROR,
    FailureKind.CANCELLED: failure_pb2.FAILURE_KIND_CANCELLED,
    FailureKind.ATTEMPT_TIMEOUT: failure_pb2.FAILURE_KIND_ATTEMPT_TIMEOUT,
    FailureKind.OUT_OF_MEMORY: failure_pb2.FAILURE_KIND_OUT_OF_MEMORY,
    FailureKind.WORKER_LOST: failure_pb2.FAILURE_KIND_WORKER_LOST,
    FailureKind.INPUT_MISSING: failure_pb2.FAILURE_KIND_INPUT_MISSING,
    FailureKind.INPUT_DECODE: failure_pb2.FAILURE_KIND_INPUT_DECODE,
    FailureKind.OUTPUT_ENCODE: failure_pb2.FAILURE_KIND_OUTPUT_ENCODE,
    FailureKind.CODE_LOAD: failure_pb2.FAILURE_KIND_CODE_LOAD,
    FailureKind.INTERNAL: failure_pb2.FAILURE_KIND_INTERNAL,
}
_KINDS_OF_FAILURES = {number: kind for kind, number in _FAILURE_KINDS.items()}
# What fails in the same way each time.
_NEVER_RETRY = {FailureKind.INPUT_DECODE, FailureKind.OUTPUT_ENCODE, FailureKind.CODE_LOAD}


def bootstrap_from(message: host_pb2.WorkerBootstrap) -> Bootstrap:
    """Translates what a worker must know before its first call."""
    return Bootstrap(
        endpoint=message.endpoint,
        token=message.token,
        worker_id=message.worker_id,
        store_probe_file=message.store_probe_file,
        env={entry.key: entry.value for entry in message.env},
        file=message.file,
        reuse=message.reuse,
        call_seconds=message.call_ms / 1000 or CALL_SECONDS,
    )


def task_from(message: task_pb2.Task) -> Task:
    """Translates a leased task."""
    return Task(
        lease_token=message.lease.lease_token,
        heartbeat_ms=message.lease.heartbeat_ms,
        flow=message.flow,
        run_id=message.run_id,
        task_id=message.task_id,
        step=message.step,
        attempt=message.attempt,
        file=message.entry_point.file,
        function=message.entry_point.function,
        transition=_transition_from(message.transition),
        is_join=message.is_join,
        inputs=_inputs_from(message.inputs),
        joins=joins_from(message.joins),
        joins_next=message.joins_next if message.HasField("joins_next") else None,
        foreach=tuple(
            ForeachLevel(level.variable, _input_from(level.items), level.index, level.count)
            for level in message.foreach
        ),
        env={entry.key: entry.value for entry in message.env},
        origin_run_id=message.origin_run_id,
        user=message.user,
        tags=tuple(message.tags),
        parameter_names=tuple(message.parameter_names),
        namespace=message.namespace,
        on_loss=_LOSS_POLICIES.get(message.on_loss, "warn"),
        max_attempts=message.max_attempts,
        timeout_seconds=message.attempt_timeout_ms / 1000,
        catch=_catch_from(message.catch) if message.HasField("catch") else None,
        previous_failure=(
            failure_from(message.previous_failure) if message.HasField("previous_failure") else None
        ),
        project=project_from(message.project, message.flow) if message.HasField("project") else None,
    )


def project_from(message: task_pb2.Project, flow: str) -> Project:
    """Translates what a flow's project is."""
    return Project(message.name, message.branch, message.is_production, flow)


def failure_from(message: failure_pb2.Failure) -> Failure:
    """Translates why an attempt failed, without its frames."""
    return Failure(
        kind=_KINDS_OF_FAILURES.get(message.kind, FailureKind.INTERNAL),
        classes=tuple(message.classes),
        message=message.message,
        traceback=message.traceback,
        details={entry.key: entry.value for entry in message.details},
        cause=failure_from(message.cause) if message.HasField("cause") else None,
        truncated=message.truncated,
        language=message.language,
    )


def joins_from(messages: Iterable[task_pb2.JoinInput]) -> tuple[JoinInput, ...]:
    """Translates inputs of a join."""
    return tuple(
        JoinInput(message.step, message.task_id, _inputs_from(message.artifacts)) for message in messages
    )


def report_to(report: Report, lease_token: bytes, completion_id: str) -> worker_pb2.CompleteTaskRequest:
    """Translates how an attempt ended."""
    request = worker_pb2.CompleteTaskRequest(
        lease_token=lease_token,
        completion_id=completion_id,
        timings=[
            run_pb2.Timing(phase=phase, duration_ms=round(seconds * 1000))
            for phase, seconds in report.timings.items()
        ],
        max_rss_bytes=report.max_rss_bytes,
        stdout_end=report.stdout_end,
        stderr_end=report.stderr_end,
    )
    _set_outcome(request, report.outcome)
    return request


def digest_to(digest: Digest) -> digest_pb2.Digest:
    """Translates a content address."""
    return digest_pb2.Digest(hash=digest.hash, size=digest.size)


def _catch_from(message: task_pb2.Catch) -> Catch:
    return Catch(message.var, message.print_exception, message.only_handle)


def _transition_from(message: graph_pb2.Transition) -> Transition:
    return Transition(
        kind=_TRANSITION_KINDS.get(message.kind, TransitionKind.END),
        targets=tuple(message.targets),
        foreach=message.foreach,
        condition=message.condition,
        case_keys=tuple(case.key for case in message.cases),
        case_targets=tuple(case.target for case in message.cases),
    )


def _inputs_from(messages: Iterable[task_pb2.Input]) -> dict[str, Input]:
    return {message.name: _input_from(message) for message in messages}


def _input_from(message: task_pb2.Input) -> Input:
    return Input(
        name=message.name,
        digest=Digest(message.artifact.hash, message.artifact.size),
        manifest=message.manifest,
        kind=_INPUT_KINDS.get(message.kind, InputKind.ARTIFACT),
    )


def _set_outcome(request: worker_pb2.CompleteTaskRequest, outcome: Outcome) -> None:
    match outcome:
        case Success():
            request.success.CopyFrom(_success_to(outcome))
        case Failed(failure, outputs):
            request.failure.CopyFrom(failure_to(failure))
            request.partial_outputs.extend(_output_to(output) for output in outputs)
        case Cancelled(reason):
            request.cancelled.reason = reason


def _success_to(success: Success) -> worker_pb2.Success:
    return worker_pb2.Success(
        outputs=[_output_to(output) for output in success.outputs],
        deleted=success.deleted,
        foreach_count=success.foreach_count,
        switch_case=success.switch_case,
        forwarded=[
            task_pb2.Input(name=taken.name, artifact=digest_to(taken.digest)) for taken in success.forwarded
        ],
        reads=success.reads,
        caught=None if success.caught is None else failure_to(success.caught),
    )


def _output_to(output: Output) -> task_pb2.Output:
    return task_pb2.Output(
        name=output.name,
        artifact=digest_to(output.digest),
        manifest=output.manifest,
        portable=output.portable,
        summary=output.summary,
        blobs=[digest_to(blob) for blob in output.blobs],
        type=output.type_name,
    )


def failure_to(failure: Failure) -> failure_pb2.Failure:
    """Translates why an attempt failed."""
    never = failure.kind in _NEVER_RETRY
    return failure_pb2.Failure(
        kind=_FAILURE_KINDS[failure.kind],
        retry_advice=failure_pb2.RETRY_ADVICE_NEVER if never else failure_pb2.RETRY_ADVICE_UNSPECIFIED,
        language=failure.language,
        classes=failure.classes,
        message=failure.message,
        frames=[_frame_to(frame) for frame in failure.frames],
        traceback=failure.traceback,
        cause=None if failure.cause is None else failure_to(failure.cause),
        suppressed=[failure_to(member) for member in failure.suppressed],
        details=_key_values(failure.details),
        truncated=failure.truncated,
    )


def _frame_to(frame: Frame) -> failure_pb2.Frame:
    return failure_pb2.Frame(
        function=frame.function,
        file=frame.file,
        line=frame.line,
        module=frame.module,
        source_line=frame.source_line,
        user_code=frame.user_code,
    )


def _key_values(entries: Mapping[str, str]) -> list[key_value_pb2.KeyValue]:
    return [key_value_pb2.KeyValue(key=key, value=value) for key, value in sorted(entries.items())]
