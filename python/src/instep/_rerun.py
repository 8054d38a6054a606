"""Runs the step of a past task again: an orchestrator of one task, which keeps nothing.

Theory of operation. A worker is started as the orchestrator would start one, in a process of its own, and dials the
server of this module, which hands it the old task under a new lease, answers its heartbeats and takes its report. So
all that a worker does (time limits, `catch`, the check of the transition) happens as in a run, in any language. The
server's object store is a scratch directory with links to the blobs of the task's inputs; what the worker stores is
written there, and goes with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instep_proto.v1 import host_pb2, log_service_pb2, task_pb2, value_pb2
from instep_proto.v1 import worker_service_pb2 as pb

from instep import _interpreters
from instep._pipe import write_message
from instep._rpc import PROTOCOL_VERSION
from instep._serving import serve
from instep.errors import InterpreterFailedError
from instep.values import ObjectStore

if TYPE_CHECKING:
    from instep._past_task import PastTask

HEARTBEAT_MS = 1000
TTL_MS = 60_000
END_SECONDS = 10.0
TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True)
class Rerun:
    """How a step went that ran again."""

    report: pb.CompleteTaskRequest
    """What its worker reported. Without an outcome: its process died before."""
    exit_text: str
    """How the process ended."""
    seconds: float
    """How long it took, with the start of the interpreter."""
    objects: ObjectStore
    """What it stored, and what it read. It is gone when the context ends."""


@contextlib.contextmanager
def running_again(past: PastTask, home: Path) -> Iterator[Rerun]:
    """Runs a step again, and waits for its end. What it prints goes to this process's own streams.

    Args:
        past: The task.
        home: The store's directory, for user code that looks at runs.

    Yields:
        How it went.

    Raises:
        InterpreterFailedError: The step's interpreter can't be started.
    """
    with tempfile.TemporaryDirectory(prefix="instep-") as folder:
        objects = _linked_objects(past, Path(folder, "objects"))
        one = _OneTask(past.message, Path(folder), str(objects.root))
        with serve(f"unix:{folder}/s.sock", one.methods(), one.token.hex()):
            started = time.monotonic()
            code = _run_worker(past, one.bootstrap(f"unix:{folder}/s.sock"), home)
            seconds = time.monotonic() - started
        yield Rerun(one.report, _exit_text(code), seconds, objects)


class _OneTask:
    """The calls of a worker that gets one task.

    Args:
        task: The task.
        folder: Directory for a file that proves that the worker shares the file system.
        object_root: Where the worker reads and writes objects.
    """

    def __init__(self, task: task_pb2.Task, folder: Path, object_root: str) -> None:
        self.token = os.urandom(TOKEN_BYTES)
        self.report = pb.CompleteTaskRequest()
        self._object_root = object_root
        self._probe = folder / "probe"
        self._probe.write_bytes(os.urandom(TOKEN_BYTES))
        self._task = task_pb2.Task()
        self._task.CopyFrom(task)
        self._task.lease.CopyFrom(
            task_pb2.Lease(
                lease_id="1",
                lease_token=os.urandom(TOKEN_BYTES),
                ttl_ms=TTL_MS,
                heartbeat_ms=HEARTBEAT_MS,
                start_within_ms=TTL_MS,
            )
        )

    def bootstrap(self, endpoint: str) -> host_pb2.WorkerBootstrap:
        """Says what the worker must know before its first call."""
        return host_pb2.WorkerBootstrap(
            endpoint=endpoint,
            token=self.token,
            worker_id="1",
            store_probe_file=str(self._probe),
            file=self._task.entry_point.file,
        )

    def methods(self) -> dict[str, tuple[type[Any], Callable[[Any], Any]]]:
        """Gives the calls, each with the class of its request."""
        return {
            "WorkerService/RegisterWorker": (pb.RegisterWorkerRequest, self._register),
            "WorkerService/LeaseTask": (pb.LeaseTaskRequest, lambda request: _drain()),
            "WorkerService/Heartbeat": (pb.HeartbeatRequest, lambda request: _go_on()),
            "WorkerService/CompleteTask": (pb.CompleteTaskRequest, self._complete),
            "WorkerService/CloseWorker": (pb.CloseWorkerRequest, lambda request: pb.CloseWorkerResponse()),
            "LogService/AppendLogs": (log_service_pb2.AppendLogsRequest, _take_log),
        }

    def _register(self, request: pb.RegisterWorkerRequest) -> pb.RegisterWorkerResponse:
        shares = request.store_probe == self._probe.read_bytes()
        return pb.RegisterWorkerResponse(
            session_token=self.token,
            version=PROTOCOL_VERSION,
            capabilities=request.capabilities,
            object_root=self._object_root if shares else "",
            lease=pb.LeaseTaskResponse(task=self._task),
        )

    def _complete(self, request: pb.CompleteTaskRequest) -> pb.CompleteTaskResponse:
        self.report = request
        return pb.CompleteTaskResponse(disposition=pb.DISPOSITION_RECORDED)


def _drain() -> pb.LeaseTaskResponse:
    return pb.LeaseTaskResponse(drain=pb.Drain(reason="There is one task only."))


def _go_on() -> pb.HeartbeatResponse:
    return pb.HeartbeatResponse(ttl_ms=TTL_MS, heartbeat_ms=HEARTBEAT_MS, directive=pb.DIRECTIVE_CONTINUE)


def _take_log(request: log_service_pb2.AppendLogsRequest) -> log_service_pb2.AppendLogsResponse:
    return log_service_pb2.AppendLogsResponse(next_offset=request.offset + len(request.data))


def _linked_objects(past: PastTask, root: Path) -> ObjectStore:
    """Makes a store that has the blobs of a task's inputs, without copying them."""
    stored, scratch = ObjectStore(past.object_root), ObjectStore(root, durable=False)
    root.mkdir()
    for one in past.inputs():
        for part in value_pb2.Manifest.FromString(one.manifest).parts:
            if part.HasField("blob") and not scratch.has(part.blob.hash):
                link = scratch.path(part.blob.hash)
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(stored.path(part.blob.hash))
    return scratch


def _run_worker(past: PastTask, bootstrap: host_pb2.WorkerBootstrap, home: Path) -> int:
    """Runs the worker's process to its end, and gives its return code as `Popen` has it."""
    entry = past.step.entry_point
    read, write = os.pipe()
    program, env = _worker_command(entry.language, entry.file, read)
    env |= {"INSTEP_HOME": str(home), **past.load_environment()}
    try:
        process = subprocess.Popen(
            program,
            stdin=subprocess.DEVNULL,
            pass_fds=[read],
            cwd=past.working_directory,
            env={**os.environ, **env},
            start_new_session=True,
        )
    except OSError as err:
        os.close(write)
        raise InterpreterFailedError(
            f"Can't start {program[0]!r}: {err.strerror}. {_interpreters.advice(entry.language)}"
        ) from err
    finally:
        os.close(read)
    try:
        with contextlib.suppress(BrokenPipeError):  # it has ended: its return code says so
            write_message(write, bootstrap.SerializeToString())
        os.close(write)
        return process.wait()
    finally:
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends what is left of a worker and the processes that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(END_SECONDS)


def _worker_command(language: str, file: str, fd: int) -> tuple[list[str], dict[str, str]]:
    env = {"INSTEP_BOOTSTRAP_FD": str(fd)}
    if language == "python":
        return [_interpreters.python(), "-P", "-m", "instep._worker"], env
    if language == "r":
        return [_interpreters.rscript(), *_interpreters.R_OPTIONS, "instep:::worker_main()"], env
    return [file], env


def _exit_text(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
