"""An orchestrator that does what a test tells it, for tests of hosts and workers in real processes.

It speaks the real protocol over a real socket. Each call is recorded; a test can put a handler of its own before
the usual one, to lose answers, refuse calls or cancel.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import grpc
from instep._pipe import Frames, write_message
from instep.values import ObjectStore, decode, encode
from instep_proto.v1 import (
    digest_pb2,
    error_pb2,
    graph_pb2,
    host_pb2,
    key_value_pb2,
    log_service_pb2,
    log_service_pb2_grpc,
    store_service_pb2,
    store_service_pb2_grpc,
    task_pb2,
    worker_service_pb2_grpc,
)
from instep_proto.v1 import worker_service_pb2 as worker_pb2

BOOTSTRAP_TOKEN = b"bootstrap-token"
SESSION_TOKEN = b"session-token"
LEASE_TOKEN = b"lease-token"
Handler = Callable[[Any, grpc.ServicerContext], Any]


def refuse(context: grpc.ServicerContext, code: grpc.StatusCode, reason: str, **metadata: str) -> NoReturn:
    """Ends a call with a verdict."""
    detail = error_pb2.ErrorDetail(
        reason=f"ERROR_REASON_{reason}",
        metadata=[key_value_pb2.KeyValue(key=key, value=value) for key, value in sorted(metadata.items())],
    )
    context.set_trailing_metadata((("instep-error-bin", detail.SerializeToString()),))
    context.abort(code, reason)
    raise AssertionError


@dataclass
class Orchestrator:
    """A server with one worker at a time."""

    folder: Path
    shares_store: bool = True
    tasks: list[task_pb2.Task] = field(default_factory=list)
    joins: list[task_pb2.JoinInput] = field(default_factory=list)
    before: dict[str, Handler] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    logs: dict[str, bytes] = field(default_factory=lambda: {"STDOUT": b"", "STDERR": b""})
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    completed: list[worker_pb2.CompleteTaskRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.target = f"unix:{self.folder}/s.sock"
        self.root = self.folder / "objects"
        self.root.mkdir()
        self.probe = self.folder / "probe"
        self.probe.write_bytes(b"probe")
        self.spool = {name: self.folder / f"spool.{name.lower()}" for name in self.logs}
        self._server = grpc.server(ThreadPoolExecutor(8))
        services = _Services(self)
        worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(services, self._server)
        log_service_pb2_grpc.add_LogServiceServicer_to_server(services, self._server)
        store_service_pb2_grpc.add_StoreServiceServicer_to_server(services, self._server)
        self._server.add_insecure_port(self.target)
        self._server.start()

    def close(self) -> None:
        self._server.stop(None).wait()

    def bootstrap(self, **options: Any) -> host_pb2.WorkerBootstrap:
        return host_pb2.WorkerBootstrap(
            endpoint=self.target,
            token=BOOTSTRAP_TOKEN,
            worker_id="w1",
            store_probe_file=str(self.probe) if self.shares_store else "",
            env=[
                key_value_pb2.KeyValue(key=f"INSTEP_{name}_FILE", value=str(file))
                for name, file in self.spool.items()
            ],
            **options,
        )

    def put(self, name: str, value: object, kind: Any = task_pb2.INPUT_KIND_ARTIFACT) -> task_pb2.Input:
        """Stores a value and refers to it."""
        encoded = encode(value, name=name)
        self.manifests[encoded.digest.hash] = encoded.manifest
        for blob in encoded.blobs:
            ObjectStore(str(self.root)).put(blob)
            self.blobs[blob.hash] = b"".join(bytes(buffer) for buffer in blob.buffers)
        return task_pb2.Input(
            name=name,
            artifact=digest_pb2.Digest(hash=encoded.digest.hash, size=encoded.digest.size),
            manifest=encoded.manifest,
            kind=kind,
        )

    def value(self, output: Any) -> object:
        """Reads an output."""

        def fetch(hash: str, size: int) -> memoryview | bytes:
            return ObjectStore(str(self.root)).open(hash, size) if self.shares_store else self.blobs[hash]

        return decode(output.manifest, fetch)

    def names(self) -> list[str]:
        """Lists the calls that came, without those that keep the lease and send logs."""
        return [name for name, _ in self.calls if name not in ("Heartbeat", "AppendLogs")]

    def handle(self, name: str, usual: Handler, request: Any, context: grpc.ServicerContext) -> Any:
        self.calls.append((name, request))
        before = self.before.get(name)
        answer = before(request, context) if before else None
        return usual(request, context) if answer is None else answer


class _Services(
    worker_service_pb2_grpc.WorkerServiceServicer,
    log_service_pb2_grpc.LogServiceServicer,
    store_service_pb2_grpc.StoreServiceServicer,
):
    def __init__(self, owner: Orchestrator) -> None:
        for name in dir(owner_handlers := _Usual(owner)):
            if name[0].isupper():
                usual = getattr(owner_handlers, name)
                setattr(self, name, lambda r, c, n=name, u=usual: owner.handle(n, u, r, c))


class _Usual:
    """What the orchestrator does when a test says nothing else."""

    def __init__(self, owner: Orchestrator) -> None:
        self._owner = owner

    def RegisterWorker(self, request: worker_pb2.RegisterWorkerRequest, context: Any) -> Any:  # noqa: N802
        _check_token(context, BOOTSTRAP_TOKEN)
        assert request.version_min <= 1 <= request.version_max
        root = str(self._owner.root) if request.store_probe == b"probe" else ""
        return worker_pb2.RegisterWorkerResponse(
            session_token=SESSION_TOKEN, version=1, object_root=root, lease=self._next()
        )

    def LeaseTask(self, request: worker_pb2.LeaseTaskRequest, context: Any) -> Any:  # noqa: N802
        _check_token(context, SESSION_TOKEN)
        return self._next()

    def ListJoinInputs(self, request: worker_pb2.ListJoinInputsRequest, context: Any) -> Any:  # noqa: N802
        following = request.position + 1
        return worker_pb2.ListJoinInputsResponse(
            joins=self._owner.joins[request.position : following],
            joins_next=following if following < len(self._owner.joins) else None,
        )

    def Heartbeat(self, request: Any, context: Any) -> Any:  # noqa: N802
        _check_token(context, SESSION_TOKEN)
        return worker_pb2.HeartbeatResponse(
            ttl_ms=30_000, heartbeat_ms=100, directive=worker_pb2.DIRECTIVE_CONTINUE
        )

    def CompleteTask(self, request: worker_pb2.CompleteTaskRequest, context: Any) -> Any:  # noqa: N802
        _check_token(context, SESSION_TOKEN)
        owner = self._owner
        owner.completed.append(request)
        if owner.shares_store:
            for name, file in owner.spool.items():
                owner.logs[name] = file.read_bytes() if file.exists() else b""
        following = self._next() if request.HasField("want_next") else None
        return worker_pb2.CompleteTaskResponse(disposition=worker_pb2.DISPOSITION_RECORDED, next=following)

    def AppendLogs(self, request: log_service_pb2.AppendLogsRequest, context: Any) -> Any:  # noqa: N802
        name = log_service_pb2.LogStream.Name(request.stream).removeprefix("LOG_STREAM_")
        stored = self._owner.logs[name]
        if request.offset > len(stored):
            refuse(context, grpc.StatusCode.OUT_OF_RANGE, "LOG_OFFSET", expected=str(len(stored)))
        self._owner.logs[name] = stored[: request.offset] + request.data
        return log_service_pb2.AppendLogsResponse(next_offset=request.offset + len(request.data))

    def ResolveBlobs(self, request: Any, context: Any) -> Any:  # noqa: N802
        found = [self._owner.manifests.get(one.hash) for one in request.digests]
        return store_service_pb2.ResolveBlobsResponse(
            blobs=[store_service_pb2.ResolvedBlob(inline=one, missing=one is None) for one in found]
        )

    def ReadBlob(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        data = self._owner.blobs.get(request.digest.hash)
        if data is None:
            refuse(context, grpc.StatusCode.NOT_FOUND, "ARTIFACT_UNKNOWN")
        for start in range(0, len(data), 1 << 20):
            yield store_service_pb2.ReadBlobResponse(data=data[start : start + (1 << 20)])

    def PrepareUploads(self, request: Any, context: Any) -> Any:  # noqa: N802
        blobs = self._owner.blobs
        return store_service_pb2.PrepareUploadsResponse(
            uploads=[
                store_service_pb2.PreparedUpload(present=one.hash in blobs, upload_id=f"up-{one.hash}")
                for one in request.digests
            ]
        )

    def WriteBlob(self, request: Any, context: Any) -> Any:  # noqa: N802
        blobs = self._owner.blobs
        blobs[request.upload_id] = blobs.get(request.upload_id, b"")[: request.offset] + request.data
        return store_service_pb2.WriteBlobResponse(committed_bytes=len(blobs[request.upload_id]))

    def CommitUploads(self, request: Any, context: Any) -> Any:  # noqa: N802
        for upload in request.uploads:
            self._owner.blobs[upload.digest.hash] = self._owner.blobs.pop(upload.upload_id)
        return store_service_pb2.CommitUploadsResponse(
            uploads=[store_service_pb2.CommittedUpload(ok=True) for _ in request.uploads]
        )

    def _next(self) -> worker_pb2.LeaseTaskResponse:
        if self._owner.tasks:
            return worker_pb2.LeaseTaskResponse(task=self._owner.tasks.pop(0))
        return worker_pb2.LeaseTaskResponse(drain=worker_pb2.Drain(reason="no more tasks"))


def _check_token(context: grpc.ServicerContext, token: bytes) -> None:
    shown = dict(context.invocation_metadata()).get("authorization")
    assert shown == f"Bearer {token.hex()}", shown


class Launcher:
    """A host process and the orchestrator's end of its pipe."""

    def __init__(self, file: Path) -> None:
        self._pipe, theirs = socket.socketpair()
        self._pipe.settimeout(60)
        self._frames = Frames()
        self._events: list[host_pb2.HostEvent] = []
        command = [
            sys.executable,
            "-P",
            "-m",
            "instep._host",
            "--file",
            str(file),
            "--fd",
            str(theirs.fileno()),
        ]
        self.process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], start_new_session=True, stdin=subprocess.DEVNULL
        )
        theirs.close()

    def event(self, kind: str) -> Any:
        """Waits for the next event, which must be of a kind."""
        while not self._events:
            data = self._pipe.recv(65536)
            assert data, "the host closed the pipe"
            self._events += map(host_pb2.HostEvent.FromString, self._frames.feed(data))
        event = self._events.pop(0)
        assert event.WhichOneof("event") == kind, event
        return getattr(event, kind)

    def fork(self, orchestrator: Orchestrator, **options: Any) -> int:
        """Has a worker forked, and gives its process id."""
        command = host_pb2.ForkWorker(
            worker_id="w1",
            bootstrap=orchestrator.bootstrap(**options),
            stdout_file=str(orchestrator.spool["STDOUT"]),
            stderr_file=str(orchestrator.spool["STDERR"]),
            working_directory=str(orchestrator.folder),
        )
        self.send(host_pb2.HostCommand(fork=command))
        forked = self.event("forked")
        assert not forked.error
        return int(forked.pid)

    def signal(self, number: int) -> None:
        """Has a signal sent to the worker."""
        self.send(host_pb2.HostCommand(signal=host_pb2.SignalWorker(worker_id="w1", signal=number)))

    def send(self, command: host_pb2.HostCommand) -> None:
        write_message(self._pipe.fileno(), command.SerializeToString())

    def close(self) -> int:
        """Closes the pipe, and waits for the end of the host."""
        self._pipe.close()
        return self.process.wait(30)


def task_of(file: Path, step: str, *, function: str = "", **fields: Any) -> task_pb2.Task:
    """Makes a task of a step. Its transition is END unless another is given."""
    return task_pb2.Task(
        lease=task_pb2.Lease(lease_id="l1", lease_token=LEASE_TOKEN, ttl_ms=30_000, heartbeat_ms=100),
        flow="Sample",
        run_id="7",
        task_id="3",
        step=step,
        entry_point=graph_pb2.EntryPoint(language="python", file=str(file), function=function),
        user="ada",
        **fields,
    )


Run = Callable[..., worker_pb2.CompleteTaskRequest]
"""Runs one task of a step in a worker, and gives its report."""


def runner(host: Launcher, orchestrator: Orchestrator, file: Path) -> Run:
    def run(step: str = "start", **fields: Any) -> worker_pb2.CompleteTaskRequest:
        orchestrator.tasks.append(task_of(file, step, **fields))
        host.fork(orchestrator)
        assert host.event("exited").exit_code == 0, orchestrator.spool["STDERR"].read_text()
        return orchestrator.completed[-1]

    return run


def outputs(orchestrator: Orchestrator, report: worker_pb2.CompleteTaskRequest) -> dict[str, object]:
    assert report.WhichOneof("outcome") == "success", report.failure.traceback
    return {one.name: orchestrator.value(one) for one in report.success.outputs}


def transition(kind: str, *targets: str, **fields: Any) -> graph_pb2.Transition:
    return graph_pb2.Transition(kind=f"TRANSITION_KIND_{kind}", targets=targets, **fields)


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Waits until something has happened in another process."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Tells whether a process exists and has not ended."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@contextlib.contextmanager
def fresh_worker(orchestrator: Orchestrator, file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a worker that is not forked."""
    read, write = os.pipe()
    with orchestrator.spool["STDOUT"].open("ab") as stdout, orchestrator.spool["STDERR"].open("ab") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "instep._worker"],
            env={**os.environ, "INSTEP_BOOTSTRAP_FD": str(read)},
            pass_fds=[read],
            start_new_session=True,
            stdout=stdout,
            stderr=stderr,
        )
    os.close(read)
    write_message(write, orchestrator.bootstrap(file=str(file)).SerializeToString())
    os.close(write)
    try:
        yield process
        process.wait(60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
