"""An orchestrator for one worker that does as the protocol says, but for what a scenario tells it to do wrong.

Every call is noted, checked against the rules that always hold, and handed to the first fault that waits for calls of
its kind; without one it is answered as usual. A fault can lose the request or the reply, delay it, refuse it or change
the answer.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message
from instep_proto.v1 import (
    error_pb2,
    key_value_pb2,
    log_service_pb2,
    meta_service_pb2,
    store_service_pb2,
    task_pb2,
)
from instep_proto.v1 import worker_service_pb2 as pb

from instep_conformance import rules
from instep_conformance.objects import Objects
from instep_conformance.rpcs import RPCS, Rpc
from instep_conformance.transcript import Status, Transcript
from instep_conformance.values import Encoded, digest_of

TRAILER = "instep-error-bin"
VERSION = 1
CHUNK_BYTES = 1024 * 1024
_THREADS = 16
_STREAMS = {log_service_pb2.LOG_STREAM_STDOUT: "stdout", log_service_pb2.LOG_STREAM_STDERR: "stderr"}

Usual = Callable[[], Any]
Fault = Callable[[Any, Usual], Any]
"""Answers a call: is given its request and what answers it as usual. Raises `Status` to end it otherwise."""


@dataclass(slots=True)
class Attempt:
    """A task that was leased."""

    task: task_pb2.Task
    """As the worker got it."""
    seq: int = 0
    """The newest heartbeat."""
    report: pb.CompleteTaskRequest | None = None
    """The report that was accepted."""
    is_lost: bool = False
    """True when the lease was taken away."""
    cancel: str = ""
    """Why it is to stop. Empty: it is not."""
    logs: dict[str, bytearray] = field(default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()})
    """What was appended."""
    ended: set[str] = field(default_factory=set)
    """Streams that were said to have ended."""

    @property
    def is_acknowledged(self) -> bool:
        """Whether the worker has shown that it has the task."""
        return self.seq > 0 or self.report is not None


class Orchestrator:
    """A server on a Unix socket.

    Args:
        folder: Its directory.
        shares_store: Whether a worker can prove that it shares the directory of objects.
    """

    def __init__(self, folder: Path, *, shares_store: bool) -> None:
        self.shares_store = shares_store
        self.target = f"unix:{folder}/s.sock"
        self.objects = Objects(folder / "objects")
        self.transcript = Transcript()
        self.attempts: list[Attempt] = []
        self.tasks: list[task_pb2.Task] = []
        self.joins: list[task_pb2.JoinInput] = []
        self.manifests: dict[str, bytes] = {}
        self.limits = {
            "heartbeat_ms": 200,
            "inline_bytes": rules.INLINE_BYTES,
            "lease_ttl_ms": 30_000,
            "log_batch_bytes": rules.LOG_BATCH_BYTES,
            "log_interval_ms": 50,
            "max_digests": rules.MAX_DIGESTS,
            "orphan_ms": 60_000,
        }
        self.bootstrap_token = os.urandom(32)
        self.session_token = os.urandom(32)
        self.probe = folder / "probe"
        self.probe.write_bytes(os.urandom(32))
        self.registration: pb.RegisterWorkerRequest | None = None
        self.mutate: Callable[[Message], None] | None = None
        self._faults: dict[str, list[Fault]] = defaultdict(list)
        self._planned: list[pb.LeaseTaskResponse | None] = []
        self._lock = threading.RLock()
        self._server: grpc.Server | None = None

    # ---- the server

    def start(self) -> None:
        """Begins to listen."""
        self._server = grpc.server(ThreadPoolExecutor(_THREADS), options=(("grpc.so_reuseport", 0),))
        self._server.add_generic_rpc_handlers((_Calls(self),))
        self._server.add_insecure_port(self.target)
        self._server.start()

    def stop(self) -> None:
        """Ends all calls and connections at once. What is known stays."""
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    # ---- what scenarios say

    def script(self, rpc: str, *faults: Fault) -> None:
        """Has the next calls of a kind meet faults, one each, in order."""
        self._faults[rpc] += faults

    def plan_leases(self, *answers: pb.LeaseTaskResponse | None) -> None:
        """Says what the next requests for a lease are answered. None: with a task, as usual."""
        self._planned += answers

    def store(self, value: Encoded) -> None:
        """Keeps a value: its blobs in the store, its manifest too when it is too large for a message."""
        for data in value.blobs.values():
            self.objects.put(data)
        if len(value.manifest) > rules.INLINE_BYTES:
            self.objects.put(value.manifest)
        self.manifests[value.digest.hash] = value.manifest

    # ---- calls

    def answer(self, rpc: Rpc, request: Any, metadata: dict[str, Any]) -> Any:
        """Answers a call: with a message, or with an iterator of messages where the call has several.

        Raises:
            Status: It fails.
        """
        self.transcript.add(rpc.name, request)
        for problem in rules.broken_by(rpc.name, request):
            self.transcript.blame(problem)
        self._check_token(rpc, metadata)
        with self._lock:
            waiting = self._faults[rpc.name]
            fault = waiting.pop(0) if waiting else None

        def usual() -> Any:
            handler: Callable[[Any], Any] = getattr(self, f"_{rpc.name}")
            with self._lock:
                answer = handler(request)
            with self.transcript.changed:
                self.transcript.changed.notify_all()
            if self.mutate is not None and isinstance(answer, Message):
                self.mutate(answer)
            return answer

        return usual() if fault is None else fault(request, usual)

    def attempt_of(self, lease_token: bytes) -> Attempt:
        """Finds the attempt of a lease.

        Raises:
            Status: There is none, or its lease was taken away.
        """
        for attempt in self.attempts:
            if attempt.task.lease.lease_token == lease_token:
                if attempt.is_lost:
                    raise verdict(
                        grpc.StatusCode.FAILED_PRECONDITION, "LEASE_LOST", "The lease was taken away."
                    )
                return attempt
        self.transcript.blame("A call shows a lease token that was never handed out.")
        raise verdict(grpc.StatusCode.FAILED_PRECONDITION, "LEASE_LOST", "There is no such lease.")

    def _check_token(self, rpc: Rpc, metadata: dict[str, Any]) -> None:
        if rpc.name == "GetServerInfo":
            return
        token = self.bootstrap_token if rpc.name == "RegisterWorker" else self.session_token
        if metadata.get("authorization") != f"Bearer {token.hex()}":
            self.transcript.blame(f"{rpc.name} does not show its token as `authorization: Bearer <hex>`.")
            raise verdict(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_UNKNOWN", "This token is not known.")

    def _GetServerInfo(self, request: Any) -> Message:  # noqa: N802
        return meta_service_pb2.GetServerInfoResponse(
            version_min=VERSION, version_max=VERSION, limits=self._limit_entries(), server_id="conformance"
        )

    def _RegisterWorker(self, request: pb.RegisterWorkerRequest) -> Message:  # noqa: N802
        if not request.version_min <= VERSION <= request.version_max:
            raise verdict(
                grpc.StatusCode.FAILED_PRECONDITION,
                "VERSION_UNSUPPORTED",
                f"This orchestrator speaks version {VERSION}.",
            )
        if self.registration is not None and self.registration.worker_id != request.worker_id:
            self.transcript.blame("RegisterWorker is repeated with another worker_id.")
        self.registration = request
        shares = self.shares_store and request.store_probe == self.probe.read_bytes()
        return pb.RegisterWorkerResponse(
            session_token=self.session_token,
            version=VERSION,
            capabilities=request.capabilities,
            limits=self._limit_entries(),
            object_root=str(self.objects.root) if shares else "",
            lease=self._lease() if request.HasField("lease") else None,
        )

    def _LeaseTask(self, request: pb.LeaseTaskRequest) -> Message:  # noqa: N802
        return self._lease()

    def _ListJoinInputs(self, request: pb.ListJoinInputsRequest) -> Message:  # noqa: N802
        self.attempt_of(request.lease_token)
        following = request.position + 1
        return pb.ListJoinInputsResponse(
            joins=self.joins[request.position : following],
            joins_next=following if following < len(self.joins) else None,
        )

    def _Heartbeat(self, request: pb.HeartbeatRequest) -> Message:  # noqa: N802
        attempt = self.attempt_of(request.lease_token)
        attempt.seq = max(attempt.seq, request.seq)
        return pb.HeartbeatResponse(
            ttl_ms=self.limits["lease_ttl_ms"],
            heartbeat_ms=self.limits["heartbeat_ms"],
            directive=pb.DIRECTIVE_CANCEL if attempt.cancel else pb.DIRECTIVE_CONTINUE,
            cancel_reason=attempt.cancel,
            cancel_grace_ms=10_000 if attempt.cancel else 0,
        )

    def _CompleteTask(self, request: pb.CompleteTaskRequest) -> Message:  # noqa: N802
        attempt = self.attempt_of(request.lease_token)
        disposition = pb.DISPOSITION_RECORDED
        if attempt.report is not None:
            self._check_repeat(attempt.report, request)
            disposition = pb.DISPOSITION_DUPLICATE
        else:
            self._check_outputs(request)
            attempt.report = request
        return pb.CompleteTaskResponse(
            disposition=disposition,
            cancel_won=bool(attempt.cancel),
            next=self._lease() if request.HasField("want_next") else None,
        )

    def _CloseWorker(self, request: pb.CloseWorkerRequest) -> Message:  # noqa: N802
        return pb.CloseWorkerResponse()

    def _ResolveBlobs(self, request: store_service_pb2.ResolveBlobsRequest) -> Message:  # noqa: N802
        self.attempt_of(request.lease_token)
        return store_service_pb2.ResolveBlobsResponse(blobs=map(self._resolved, request.digests))

    def _PrepareUploads(self, request: store_service_pb2.PrepareUploadsRequest) -> Message:  # noqa: N802
        self.attempt_of(request.lease_token)
        response = store_service_pb2.PrepareUploadsResponse()
        for digest in request.digests:
            if self.objects.has(digest):
                response.uploads.add(present=True)
                continue
            upload_id = self.objects.open_upload(digest)
            response.uploads.add(
                upload_id=upload_id,
                locations=[store_service_pb2.Location(server=True)],
                committed_bytes=len(self.objects.uploads[upload_id][1]),
            )
        return response

    def _WriteBlob(self, request: store_service_pb2.WriteBlobRequest) -> Message:  # noqa: N802
        self.attempt_of(request.lease_token)
        if request.upload_id not in self.objects.uploads:
            raise verdict(grpc.StatusCode.NOT_FOUND, "UPLOAD_UNKNOWN", "There is no such upload.")
        _, data = self.objects.uploads[request.upload_id]
        if request.offset > len(data):
            raise verdict(
                grpc.StatusCode.OUT_OF_RANGE, "UPLOAD_OFFSET", "Bytes are missing.", expected=str(len(data))
            )
        data[request.offset : request.offset + len(request.data)] = request.data
        return store_service_pb2.WriteBlobResponse(committed_bytes=len(data))

    def _CommitUploads(self, request: store_service_pb2.CommitUploadsRequest) -> Message:  # noqa: N802
        self.attempt_of(request.lease_token)
        response = store_service_pb2.CommitUploadsResponse()
        for upload in request.uploads:
            _, data = self.objects.uploads.pop(upload.upload_id, (None, None))
            if data is None and not self.objects.has(upload.digest):
                response.uploads.add(reason="UPLOAD_UNKNOWN")
            elif data is not None and digest_of(bytes(data)) != upload.digest:
                self.transcript.blame("The bytes of an upload do not have the digest that was announced.")
                response.uploads.add(reason="DIGEST_MISMATCH")
            else:
                if data is not None:
                    self.objects.put(bytes(data))
                response.uploads.add(ok=True)
        return response

    def _ReadBlob(self, request: store_service_pb2.ReadBlobRequest) -> Iterable[Message]:  # noqa: N802
        self.attempt_of(request.lease_token)
        path = self.objects.path(request.digest.hash)
        if not path.exists():
            raise verdict(grpc.StatusCode.NOT_FOUND, "ARTIFACT_UNKNOWN", "There is no such blob.")
        data = path.read_bytes()[request.offset :]
        data = data[: request.length] if request.length else data
        return [
            store_service_pb2.ReadBlobResponse(data=data[start : start + CHUNK_BYTES])
            for start in range(0, len(data), CHUNK_BYTES)
        ]

    def _AppendLogs(self, request: log_service_pb2.AppendLogsRequest) -> Message:  # noqa: N802
        attempt = self.attempt_of(request.lease_token)
        name = _STREAMS[request.stream]
        log = attempt.logs[name]
        if request.offset > len(log):
            raise verdict(
                grpc.StatusCode.OUT_OF_RANGE, "LOG_OFFSET", "Bytes are missing.", expected=str(len(log))
            )
        known = bytes(log[request.offset : request.offset + len(request.data)])
        if not request.data.startswith(known):
            self.transcript.blame(f"AppendLogs says other bytes than before for a position of {name}.")
        log[request.offset : request.offset + len(request.data)] = request.data
        if request.end:
            attempt.ended.add(name)
        return log_service_pb2.AppendLogsResponse(
            next_offset=len(log), min_interval_ms=self.limits["log_interval_ms"]
        )

    # ---- parts of them

    def _lease(self) -> pb.LeaseTaskResponse:
        planned = self._planned.pop(0) if self._planned else None
        if planned is not None:
            return planned
        for attempt in self.attempts:
            if not attempt.is_acknowledged and not attempt.is_lost:
                attempt.task.redelivery += 1
                return pb.LeaseTaskResponse(task=attempt.task)
        if not self.tasks:
            return pb.LeaseTaskResponse(drain=pb.Drain(reason="There is no more task."))
        task = self.tasks.pop(0)
        task.lease.CopyFrom(
            task_pb2.Lease(
                lease_id=os.urandom(8).hex(),
                lease_token=os.urandom(32),
                ttl_ms=self.limits["lease_ttl_ms"],
                heartbeat_ms=self.limits["heartbeat_ms"],
                start_within_ms=30_000,
            )
        )
        if self.registration is not None:
            task.entry_point.language = self.registration.language
        self.attempts.append(Attempt(task))
        return pb.LeaseTaskResponse(task=task)

    def _check_repeat(self, first: pb.CompleteTaskRequest, repeat: pb.CompleteTaskRequest) -> None:
        if first.completion_id != repeat.completion_id:
            self.transcript.blame(
                "CompleteTask comes again under another completion_id after it was accepted."
            )
            raise verdict(grpc.StatusCode.FAILED_PRECONDITION, "LEASE_CLOSED", "The attempt has ended.")
        if first != repeat:
            self.transcript.blame("CompleteTask is repeated under the same completion_id with another body.")
            raise verdict(grpc.StatusCode.ALREADY_EXISTS, "COMPLETION_CONFLICT", "The report has changed.")

    def _check_outputs(self, request: pb.CompleteTaskRequest) -> None:
        """Refuses a report whose blobs are not all in the store."""
        outputs = [*request.success.outputs, *request.partial_outputs]
        missing = []
        for output in outputs:
            if output.manifest and digest_of(output.manifest) != output.artifact:
                self.transcript.blame(f"The manifest of output {output.name} does not have its digest.")
                raise verdict(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    "DIGEST_MISMATCH",
                    f"Output {output.name} has another digest.",
                )
            wanted = [*output.blobs, *([] if output.manifest else [output.artifact])]
            missing += [digest.hash for digest in wanted if not self.objects.has(digest)]
        if missing:
            raise verdict(
                grpc.StatusCode.FAILED_PRECONDITION,
                "BLOB_MISSING",
                "Blobs are missing.",
                digests=",".join(missing),
            )

    def _resolved(self, digest: Any) -> store_service_pb2.ResolvedBlob:
        manifest = self.manifests.get(digest.hash)
        if manifest is not None and len(manifest) <= rules.INLINE_BYTES:
            return store_service_pb2.ResolvedBlob(inline=manifest)
        path = self.objects.path(digest.hash)
        if not path.exists():
            return store_service_pb2.ResolvedBlob(missing=True)
        if not self.shares_store and digest.size <= rules.INLINE_BYTES:
            return store_service_pb2.ResolvedBlob(inline=path.read_bytes())
        locations = [store_service_pb2.Location(server=True)]
        if self.shares_store:
            locations.insert(0, store_service_pb2.Location(path=str(path)))
        return store_service_pb2.ResolvedBlob(locations=locations)

    def _limit_entries(self) -> list[key_value_pb2.KeyValue]:
        return [
            key_value_pb2.KeyValue(key=key, value=str(value)) for key, value in sorted(self.limits.items())
        ]


def verdict(
    code: grpc.StatusCode, reason: str, message: str, *, retry_after_ms: int | None = None, **metadata: str
) -> Status:
    """Makes a status that is a verdict.

    Args:
        code: The code.
        reason: Name of the reason, without `ERROR_REASON_`.
        message: Text for people.
        retry_after_ms: How long the caller should wait.
        **metadata: Facts.
    """
    detail = error_pb2.ErrorDetail(
        reason=f"ERROR_REASON_{reason}",
        retry_after_ms=retry_after_ms,
        metadata=[key_value_pb2.KeyValue(key=key, value=value) for key, value in sorted(metadata.items())],
    )
    return Status(code, message, detail)


class _Calls(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Hands the calls of all services to the orchestrator."""

    def __init__(self, orchestrator: Orchestrator) -> None:
        self._orchestrator = orchestrator

    def service(self, handler_call_details: Any) -> Any:
        """Called by gRPC."""
        rpc = RPCS.get(handler_call_details.method)
        if rpc is None:
            return None

        def one(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return self._orchestrator.answer(rpc, request, dict(context.invocation_metadata()))
            except Status as status:
                _end(context, status)

        def several(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            try:
                yield from self._orchestrator.answer(rpc, request, dict(context.invocation_metadata()))
            except Status as status:
                _end(context, status)

        make = grpc.unary_stream_rpc_method_handler if rpc.streams else grpc.unary_unary_rpc_method_handler
        return make(
            several if rpc.streams else one,
            request_deserializer=rpc.request.FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )


def _end(context: grpc.ServicerContext, status: Status) -> None:
    if status.detail is not None:
        context.set_trailing_metadata(((TRAILER, status.detail.SerializeToString()),))
    context.abort(status.code, status.message or status.code.name)
