"""The calls of a worker: each is made again, as `instep._retry` says, until its budget is used up."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from instep_proto.v1 import log_service_pb2, store_service_pb2
from instep_proto.v1 import worker_service_pb2 as worker_pb2

from instep._process import python_version
from instep._retry import Pause, persistently, skip_bytes
from instep._rpc import PROTOCOL_VERSION, SLOW_CALLS, Connection
from instep._task import Bootstrap, Report, Task
from instep._task_messages import digest_to, joins_from, report_to, task_from
from instep._version import version

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from instep._inputs import Page
    from instep.values import Digest

REGISTER_SECONDS = 30.0
CHUNK_BYTES = 1024 * 1024
WAITS_FOR_CALLS = 2
"""How long the orchestrator may wait for a task, in units of how long a call may take."""

_CAPABILITIES = (
    "instep.cap.attempt_timeout.v1",
    "instep.cap.catch.v1",
    "instep.cap.local_objects.v1",
    "instep.cap.piggyback_next.v1",
)

Answer = TypeVar("Answer", bound="Message")


@dataclass(frozen=True, slots=True)
class Beat:
    """What the orchestrator said to a heartbeat."""

    interval: float
    """Seconds until the next one."""
    cancel_reason: str | None
    """Why the task is to stop. None: it is to go on."""


@dataclass(frozen=True, slots=True)
class LogPosition:
    """What the orchestrator said to a piece of a log."""

    next_offset: int
    """Where the log goes on."""
    interval: float
    """Seconds to wait before the next piece."""
    closed: bool
    """True when the log takes no more."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A blob that is being written to the store."""

    id: str
    """Its id."""
    offset: int
    """How many bytes are there already."""


class Session:
    """A worker's session with the orchestrator.

    Args:
        bootstrap: Where the orchestrator is, and the token for the first call.
        sleep: Waits for some seconds.
    """

    object_root: str = ""
    """Directory of the object store, when the worker shares it. Empty: bytes go through the orchestrator."""
    orphan_seconds: float = 120.0
    """How long the worker goes on without an answer of the orchestrator."""

    def __init__(self, bootstrap: Bootstrap, sleep: Callable[[float], None] = time.sleep) -> None:
        self._bootstrap = bootstrap
        self._connection = Connection(bootstrap.endpoint, bootstrap.token.hex())
        self._sleep = sleep

    def register(self) -> Task | None:
        """Opens the session and leases the first task. Waits for it.

        Returns:
            The task. None: there is none for this worker.

        Raises:
            AccessError: The token is not good.
            VersionUnsupportedError: There is no common protocol version.
            CapabilityRequiredError: The worker lacks a capability.
            TransportError: The orchestrator did not answer in time.
        """
        answer = self._call(
            "WorkerService/RegisterWorker",
            worker_pb2.RegisterWorkerRequest(
                worker_id=self._bootstrap.worker_id,
                version_min=PROTOCOL_VERSION,
                version_max=PROTOCOL_VERSION,
                capabilities=_CAPABILITIES,
                language="python",
                runtime_version=python_version(),
                sdk=f"instep-python {version()}",
                host=os.uname().nodename,
                pid=os.getpid(),
                store_probe=_read_probe(self._bootstrap.store_probe_file),
                lease=_lease_request(wait_ms=0),
            ),
            worker_pb2.RegisterWorkerResponse,
            budget=REGISTER_SECONDS,
        )
        self._connection.token = answer.session_token.hex()
        self.object_root = answer.object_root
        limits = {limit.key: limit.value for limit in answer.limits}
        self.orphan_seconds = int(limits.get("orphan_ms", 0)) / 1000 or Session.orphan_seconds
        return self._task_of(answer.lease)

    def heartbeat(self, lease_token: bytes, seq: int, phase: str) -> Beat:
        """Keeps a lease. Tries once: the next heartbeat is the repetition.

        Args:
            lease_token: The lease.
            seq: Number of the heartbeat, from 1.
            phase: ``STARTED``, ``RUNNING`` or ``STORING``.

        Raises:
            LeaseError: The attempt is over.
            TransportError: The orchestrator did not answer.
        """
        answer = self._call(
            "WorkerService/Heartbeat",
            worker_pb2.HeartbeatRequest(
                lease_token=lease_token,
                seq=seq,
                phase=f"ATTEMPT_PHASE_{phase}",
                rss_bytes=_resident_bytes(),
                cpu_ms=round(time.process_time() * 1000),
            ),
            worker_pb2.HeartbeatResponse,
            budget=0.0,
        )
        cancelled = answer.directive == worker_pb2.DIRECTIVE_CANCEL
        return Beat(answer.heartbeat_ms / 1000, answer.cancel_reason if cancelled else None)

    def complete(self, lease_token: bytes, completion_id: str, report: Report) -> Task | None:
        """Reports how an attempt ended.

        Args:
            lease_token: The lease.
            completion_id: Id of the report: the same when it is made again.
            report: How the attempt ended.

        Returns:
            The next task. None: there is none for this worker.

        Raises:
            LeaseError: The results are not wanted.
            BlobMissingError: Blobs must be stored again; metadata `digests` names them.
            TransportError: The orchestrator did not answer in time.
        """
        request = report_to(report, lease_token, completion_id)
        if self._bootstrap.reuse:
            request.want_next.CopyFrom(self._lease_request())
        answer = self._call(
            "WorkerService/CompleteTask", request, worker_pb2.CompleteTaskResponse, slow=self._bootstrap.reuse
        )
        return self._task_of(answer.next) if answer.HasField("next") else None

    def join_inputs(self, lease_token: bytes, position: int) -> Page:
        """Gets inputs of a join from a position on."""
        answer = self._call(
            "WorkerService/ListJoinInputs",
            worker_pb2.ListJoinInputsRequest(lease_token=lease_token, position=position),
            worker_pb2.ListJoinInputsResponse,
            slow=True,
        )
        return joins_from(answer.joins), answer.joins_next if answer.HasField("joins_next") else None

    def append_log(
        self,
        lease_token: bytes,
        stream: str,
        offset: int,
        data: bytes,
        *,
        end: bool = False,
        budget: float | None = None,
    ) -> LogPosition:
        """Sends a piece of a log.

        Args:
            lease_token: The lease.
            stream: ``STDOUT`` or ``STDERR``.
            offset: Position of the first byte.
            data: At most 256 KiB.
            end: True when nothing follows.
            budget: Seconds for which it is tried. 0: it is tried once. None: until the worker counts as an orphan.

        Raises:
            LogOffsetError: The log goes on elsewhere; metadata `expected` tells where.
            LeaseError: The attempt is over.
            TransportError: The orchestrator did not answer.
        """
        answer = self._call(
            "LogService/AppendLogs",
            log_service_pb2.AppendLogsRequest(
                lease_token=lease_token,
                stream=f"LOG_STREAM_{stream}",
                offset=offset,
                data=data,
                end=end,
            ),
            log_service_pb2.AppendLogsResponse,
            budget=budget,
        )
        return LogPosition(answer.next_offset, answer.min_interval_ms / 1000, answer.closed)

    def resolve_inline(self, lease_token: bytes, digest: Digest) -> bytes | None:
        """Asks for the bytes of a small blob.

        Returns:
            The bytes. None: they must be read from elsewhere.
        """
        answer = self._call(
            "StoreService/ResolveBlobs",
            store_service_pb2.ResolveBlobsRequest(lease_token=lease_token, digests=[digest_to(digest)]),
            store_service_pb2.ResolveBlobsResponse,
            slow=True,
        )
        found = answer.blobs[0]
        return found.inline if found.HasField("inline") else None

    def read_blob(self, lease_token: bytes, digest: Digest) -> Iterator[bytes]:
        """Reads a blob through the orchestrator, in pieces."""
        pieces = self._connection.stream(
            "StoreService/ReadBlob",
            store_service_pb2.ReadBlobRequest(lease_token=lease_token, digest=digest_to(digest)),
            store_service_pb2.ReadBlobResponse,
            skip_bytes,
            self._pause_for(self.orphan_seconds),
        )
        for piece in pieces:
            yield piece.data

    def prepare_uploads(self, lease_token: bytes, digests: Sequence[Digest]) -> list[Upload | None]:
        """Announces blobs, at most 1,000.

        Returns:
            For each its upload. None: the store has it.
        """
        answer = self._call(
            "StoreService/PrepareUploads",
            store_service_pb2.PrepareUploadsRequest(
                lease_token=lease_token, digests=[digest_to(digest) for digest in digests]
            ),
            store_service_pb2.PrepareUploadsResponse,
            slow=True,
        )
        return [
            None if upload.present else Upload(upload.upload_id, upload.committed_bytes)
            for upload in answer.uploads
        ]

    def write_blob(self, lease_token: bytes, upload_id: str, offset: int, data: bytes, *, last: bool) -> None:
        """Writes a piece of an upload, at most 1 MiB.

        Raises:
            UploadUnknownError: The upload must be prepared again.
            UploadOffsetError: It goes on elsewhere; metadata `expected` tells where.
        """
        self._call(
            "StoreService/WriteBlob",
            store_service_pb2.WriteBlobRequest(
                lease_token=lease_token, upload_id=upload_id, offset=offset, data=data, last=last
            ),
            store_service_pb2.WriteBlobResponse,
            slow=True,
        )

    def commit_uploads(self, lease_token: bytes, uploads: Sequence[tuple[str, Digest]]) -> list[str]:
        """Makes uploads visible.

        Returns:
            For each why it could not be. Empty: it is.
        """
        answer = self._call(
            "StoreService/CommitUploads",
            store_service_pb2.CommitUploadsRequest(
                lease_token=lease_token,
                uploads=[
                    store_service_pb2.FinishedUpload(upload_id=upload_id, digest=digest_to(digest))
                    for upload_id, digest in uploads
                ],
            ),
            store_service_pb2.CommitUploadsResponse,
            slow=True,
        )
        return ["" if upload.ok else upload.reason for upload in answer.uploads]

    def _task_of(self, answer: worker_pb2.LeaseTaskResponse) -> Task | None:
        """Takes the answer to a lease, and asks again until there is a task or none will come."""
        while True:
            match answer.WhichOneof("answer"):
                case "task":
                    return task_from(answer.task)
                case "none":
                    self._sleep(answer.none.retry_after_ms / 1000)
                case "drain":
                    return None
                case _:  # an answer of a newer orchestrator
                    self._close("The worker does not know this answer to LeaseTask.")
                    return None
            answer = self._call(
                "WorkerService/LeaseTask", self._lease_request(), worker_pb2.LeaseTaskResponse, slow=True
            )

    def _lease_request(self) -> worker_pb2.LeaseTaskRequest:
        return _lease_request(wait_ms=round(self._bootstrap.call_seconds * WAITS_FOR_CALLS * 1000))

    def _close(self, reason: str) -> None:
        self._call(
            "WorkerService/CloseWorker",
            worker_pb2.CloseWorkerRequest(reason=reason),
            worker_pb2.CloseWorkerResponse,
        )

    def _call(
        self,
        method: str,
        request: Message,
        answer: type[Answer],
        *,
        slow: bool = False,
        budget: float | None = None,
    ) -> Answer:
        timeout = self._bootstrap.call_seconds * (SLOW_CALLS if slow else 1)
        pause = self._pause_for(self.orphan_seconds if budget is None else budget)
        return persistently(lambda: self._connection.call(method, request, answer, timeout=timeout), pause)

    def _pause_for(self, budget: float) -> Pause:
        """Makes what waits until a budget, in seconds from now, is used up."""
        give_up = time.monotonic() + budget

        def pause(seconds: float) -> bool:
            if time.monotonic() + seconds > give_up:
                return False
            self._sleep(seconds)
            return True

        return pause


def _lease_request(*, wait_ms: int) -> worker_pb2.LeaseTaskRequest:
    return worker_pb2.LeaseTaskRequest(request_id=os.urandom(16).hex(), wait_ms=wait_ms)


def _read_probe(file: str) -> bytes:
    if not file:
        return b""
    try:
        with open(file, "rb") as probe:
            return probe.read(4096)
    except OSError:  # the worker does not share the store's file system
        return b""


def _resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
