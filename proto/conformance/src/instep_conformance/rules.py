"""Rules for single requests: sizes and forms that hold whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from instep_proto.v1 import failure_pb2

MESSAGE_BYTES = 4 * 1024 * 1024
INLINE_BYTES = 64 * 1024
"""Largest manifest in a message."""
LOG_BATCH_BYTES = 256 * 1024
CHUNK_BYTES = 1024 * 1024
"""Largest piece of a blob in a message."""
MAX_DIGESTS = 1000
FAILURE_BYTES = 256 * 1024
FAILURE_MESSAGE_BYTES = 16 * 1024
TRACEBACK_BYTES = 64 * 1024
MAX_CAUSES = 16
SUMMARY_CHARACTERS = 200
LEASE_WAIT_MS = 20_000


def broken_by(rpc: str, request: Any) -> Iterator[str]:
    """Yields the rules that a request breaks, as sentences."""
    if request.ByteSize() > MESSAGE_BYTES:
        yield f"{rpc} has {request.ByteSize()} bytes; a message has at most 4 MiB."
    check = _CHECKS.get(rpc)
    if check is not None:
        yield from check(request)


def _registration(request: Any) -> Iterator[str]:
    for name in ("worker_id", "language", "runtime_version", "sdk", "host", "pid"):
        if not getattr(request, name):
            yield f"RegisterWorker does not say `{name}`."
    if request.HasField("lease"):
        yield from _lease(request.lease)


def _lease(request: Any) -> Iterator[str]:
    if not request.request_id:
        yield "A request for a lease has no `request_id`."
    if request.wait_ms > LEASE_WAIT_MS:
        yield f"A request for a lease would wait {request.wait_ms} ms; it may wait 20,000."


def _heartbeat(request: Any) -> Iterator[str]:
    if request.seq < 1:
        yield f"A heartbeat has `seq` {request.seq}; they begin with 1."
    if not request.phase:
        yield "A heartbeat does not say its phase."


def _completion(request: Any) -> Iterator[str]:
    if not request.completion_id:
        yield "CompleteTask has no `completion_id`."
    if request.WhichOneof("outcome") is None:
        yield "CompleteTask has no outcome."
    if request.HasField("failure"):
        yield from failure_rules(request.failure)
    if request.HasField("want_next"):
        yield from _lease(request.want_next)
    names = [output.name for output in request.success.outputs]
    if len(names) != len(set(names)):
        yield f"CompleteTask has an output twice: {names}."
    for output in [*request.success.outputs, *request.partial_outputs]:
        if len(output.manifest) > INLINE_BYTES:
            yield f"Output {output.name} has a manifest of {len(output.manifest)} bytes in the message."
        if len(output.summary) > SUMMARY_CHARACTERS:
            yield f"Output {output.name} has a summary of {len(output.summary)} characters."
        if not output.type:
            yield f"Output {output.name} does not say its type."
    if list(request.success.reads) != sorted(set(request.success.reads)):
        yield f"`reads` is not sorted, or has a name twice: {list(request.success.reads)}."


def failure_rules(failure: failure_pb2.Failure, depth: int = 0) -> Iterator[str]:
    """Yields the limits that a failure breaks."""
    if depth == 0 and failure.ByteSize() > FAILURE_BYTES:
        yield f"A failure has {failure.ByteSize()} bytes; it has at most 256 KiB."
    if depth > MAX_CAUSES:
        yield f"A failure has more than {MAX_CAUSES} causes."
        return
    if len(failure.message.encode()) > FAILURE_MESSAGE_BYTES:
        yield f"A failure has a message of {len(failure.message.encode())} bytes; it has at most 16 KiB."
    if len(failure.traceback.encode()) > TRACEBACK_BYTES:
        yield f"A failure has a traceback of {len(failure.traceback.encode())} bytes; it has at most 64 KiB."
    if failure.HasField("cause"):
        yield from failure_rules(failure.cause, depth + 1)


def _logs(request: Any) -> Iterator[str]:
    if len(request.data) > LOG_BATCH_BYTES:
        yield f"AppendLogs has {len(request.data)} bytes; it may have 256 KiB."
    if request.stream not in (1, 2):
        yield f"AppendLogs is for stream {request.stream}; there are STDOUT and STDERR."


def _digests(request: Any) -> Iterator[str]:
    if len(request.digests) > MAX_DIGESTS:
        yield f"A call names {len(request.digests)} blobs; it may name 1,000."


def _write(request: Any) -> Iterator[str]:
    if len(request.data) > CHUNK_BYTES:
        yield f"WriteBlob has {len(request.data)} bytes; it may have 1 MiB."


_CHECKS = {
    "RegisterWorker": _registration,
    "LeaseTask": _lease,
    "Heartbeat": _heartbeat,
    "CompleteTask": _completion,
    "AppendLogs": _logs,
    "ResolveBlobs": _digests,
    "PrepareUploads": _digests,
    "WriteBlob": _write,
}
