"""A rig for tests of the whole server: it runs the real program, with hosts and workers scripted in this file.

The host is this file run as a program with the pipe's descriptor. It sends the fragment that the test wrote to a
file, and forks a worker per FORK, as a real host does. What the worker does is decided by the step's name.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from blake3 import blake3
from instep_proto.v1 import (
    control_service_pb2,
    control_service_pb2_grpc,
    digest_pb2,
    failure_pb2,
    graph_pb2,
    host_pb2,
    log_service_pb2,
    log_service_pb2_grpc,
    meta_service_pb2_grpc,
    run_pb2,
    source_pb2,
    store_service_pb2_grpc,
    task_pb2,
    value_pb2,
    worker_service_pb2,
    worker_service_pb2_grpc,
)

DEFAULTS = "defaults of parameters"
"""Where the script of a flow has what functions give as defaults."""

OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0))


def value(text: str) -> bytes:
    """A manifest; what it says is in its producer, which is all that these tests need."""
    return value_pb2.Manifest(
        format=1, nodes=[value_pb2.Node(null=value_pb2.Null())], portable=True, producer=text
    ).SerializeToString(deterministic=True)


def text_of(manifest: bytes) -> str:
    """What `value` put in."""
    return value_pb2.Manifest.FromString(manifest).producer


def hash_of(data: bytes) -> str:
    return f"b3:{blake3(data).hexdigest()}"


@dataclass
class StepDef:
    """A step in short."""

    name: str
    targets: Sequence[str] = ()
    foreach: str = ""
    switch: str = ""
    join: bool = False
    script: dict[str, object] = field(default_factory=dict)
    isolation: graph_pb2.Isolation = graph_pb2.ISOLATION_FORK
    decorators: dict[str, dict[str, object]] = field(default_factory=dict)
    code: str = ""


def decorator(name: str, **arguments: object) -> graph_pb2.Decorator:
    """A decorator as the command line sends it."""
    return graph_pb2.Decorator(name=name, arguments=json.dumps(arguments))


def fragment(file: Path, steps: Sequence[StepDef], **more: Any) -> graph_pb2.FlowFragment:
    """The fragment of a flow `Demo` with these steps."""

    def transition(step: StepDef) -> graph_pb2.Transition:
        if step.switch:
            kind = graph_pb2.TRANSITION_KIND_SWITCH
        elif step.foreach:
            kind = graph_pb2.TRANSITION_KIND_FOREACH
        elif len(step.targets) > 1:
            kind = graph_pb2.TRANSITION_KIND_SPLIT
        elif step.targets:
            kind = graph_pb2.TRANSITION_KIND_LINEAR
        else:
            kind = graph_pb2.TRANSITION_KIND_END
        cases = [
            graph_pb2.SwitchCase(key=value(target), target=target) for target in step.targets if step.switch
        ]
        return graph_pb2.Transition(
            kind=kind, targets=step.targets, foreach=step.foreach, condition=step.switch, cases=cases
        )

    return graph_pb2.FlowFragment(
        flow="Demo",
        language="python",
        location=source_pb2.SourceLocation(file=str(file), line=1),
        steps=[
            graph_pb2.StepSpec(
                name=step.name,
                location=source_pb2.SourceLocation(file=str(file), line=1),
                entry_point=graph_pb2.EntryPoint(language="python", file=str(file)),
                transition=transition(step),
                takes_inputs=step.join,
                isolation=step.isolation,
                code=step.code,
                decorators=[decorator(name, **arguments) for name, arguments in step.decorators.items()],
            )
            for step in steps
        ],
        **more,
    )


class Rig:
    """A running server, with clients.

    Args:
        home: The store.
        flow: File of the flow. None: the server has no host.
        by_hand: The test is the host itself, through `hand`. Otherwise a process of its own is.
    """

    def __init__(self, home: Path, flow: Path | None = None, *, by_hand: bool = False) -> None:
        self.home = home
        self.flow = flow
        self.run = run_pb2.Run()
        """The run that a test is about."""
        self.host: subprocess.Popen[bytes] | None = None
        self.control, theirs = socket.socketpair()
        command = [sys.executable, "-m", "instep_server", "--home", str(home)]
        command += ["--control-fd", str(theirs.fileno())]
        fds = [theirs]
        if flow is not None:
            mine, its = socket.socketpair()
            if by_hand:
                self.hand = Hand(self, its, flow)
            else:
                script = [sys.executable, __file__, str(its.fileno()), str(flow)]
                self.host = subprocess.Popen(script, pass_fds=(its.fileno(),))
                its.close()
            command += ["--host-fd", str(mine.fileno())]
            fds.append(mine)
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command, pass_fds=[one.fileno() for one in fds], start_new_session=True, stderr=subprocess.PIPE
        )
        for one in fds:
            one.close()
        self.target, token = self._read_block().split("\n")[:2]
        self.listening = time.perf_counter()
        self.metadata = (("authorization", f"Bearer {token}"),)
        self.channel = grpc.insecure_channel(self.target, options=OPTIONS)
        self.stub = control_service_pb2_grpc.ControlServiceStub(self.channel)
        self.log_stub = log_service_pb2_grpc.LogServiceStub(self.channel)
        self.store_stub = store_service_pb2_grpc.StoreServiceStub(self.channel)
        self.meta_stub = meta_service_pb2_grpc.MetaServiceStub(self.channel)

    def _read_block(self) -> str:
        block = b""
        while not block.endswith(b"\n\n"):
            piece = self.control.recv(4096)
            if not piece:
                self.control.close()
                self.process.communicate(timeout=10)
                raise ServerRefusedError(block.decode())
            block += piece
        return block.decode()

    def call(self, rpc: str, /, **fields: Any) -> Any:
        request = getattr(control_service_pb2, f"{rpc}Request")(**fields)
        return getattr(self.stub, rpc)(request, metadata=self.metadata, timeout=30)

    def load(self) -> Any:
        return self.call("LoadFlow", file=str(self.flow), language="python")

    def submit(self, request_id: str = "r1", **fields: Any) -> Any:
        load_id = fields.pop("load_id", None) or self.load().load_id
        fields = {"working_directory": str(self.home.parent), "user": "ada", **fields}
        return self.call("SubmitRun", client_request_id=request_id, load_id=load_id, **fields).run

    def watch(self, run: run_pb2.Run, cursor: int = 0, *, logs: bool = False):
        request = control_service_pb2.WatchRunRequest(
            flow=run.flow, run_id=run.run_id, cursor=cursor, logs=logs
        )
        return list(self.stub.WatchRun(request, metadata=self.metadata, timeout=60))

    def until(self, run: run_pb2.Run, **fields: Any) -> Any:
        """Waits for an event with these values."""
        request = control_service_pb2.WatchRunRequest(flow=run.flow, run_id=run.run_id)
        stream = self.stub.WatchRun(request, metadata=self.metadata, timeout=20)
        for message in stream:
            for event in message.events:
                if all(getattr(event, name) == wanted for name, wanted in fields.items()):
                    stream.cancel()
                    return event
        raise AssertionError(f"There was no event with {fields}.")

    def finish(self, run: run_pb2.Run) -> Any:
        """Waits for the end of a run."""
        self.watch(run)
        return self.call("GetRun", flow=run.flow, run_id=run.run_id).run

    def tasks(self, run: run_pb2.Run, step: str = "") -> list[run_pb2.TaskRecord]:
        return list(self.call("ListTasks", flow=run.flow, run_id=run.run_id, step=step).tasks)

    def artifacts(self, run: run_pb2.Run, task_id: str) -> dict[str, str]:
        """Texts of all artifacts that a task left behind."""
        listed = self.call("ListArtifacts", flow=run.flow, run_id=run.run_id, task_id=task_id).artifacts
        return {
            one.name: text_of(
                self.call(
                    "GetArtifact", flow=run.flow, run_id=run.run_id, task_id=task_id, name=one.name
                ).manifest
            )
            for one in listed
        }

    def log(
        self, run: run_pb2.Run, task_id: str, stream: log_service_pb2.LogStream, *, follow: bool = False
    ) -> str:
        request = log_service_pb2.TailLogsRequest(
            flow=run.flow, run_id=run.run_id, task_id=task_id, stream=stream, follow=follow
        )
        pieces = self.log_stub.TailLogs(request, metadata=self.metadata, timeout=30)
        return b"".join(piece.data for piece in pieces).decode()

    def stop(self) -> str:
        """Closes the control pipe, as a parent that ends does, and waits for the server.

        Returns what it wrote to stderr.
        """
        self.channel.close()
        self.control.close()
        _, stderr = self.process.communicate(timeout=30)
        if self.host is not None:
            self.host.wait(10)
        return stderr.decode()


class ServerRefusedError(Exception):
    """The server ended before it listened. The message is what it told its parent."""


class Hand:
    """A host played by the test itself."""

    def __init__(self, rig: Rig, pipe: socket.socket, flow: Path) -> None:
        self._rig = rig
        self._pipe = pipe
        self._buffer = b""
        pipe.settimeout(20)
        _write(pipe, host_pb2.HostEvent(loaded=_loaded(flow)))

    def command(self) -> host_pb2.HostCommand:
        """Waits for the next command."""
        while len(self._buffer) < 4 or len(self._buffer) < 4 + struct.unpack("<I", self._buffer[:4])[0]:
            data = self._pipe.recv(65536)
            assert data, "the server has closed the pipe"
            self._buffer += data
        end = 4 + struct.unpack("<I", self._buffer[:4])[0]
        message, self._buffer = self._buffer[4:end], self._buffer[end:]
        return host_pb2.HostCommand.FromString(message)

    def worker(self) -> HandWorker:
        """Waits for a FORK and plays the worker."""
        command = self.command()
        assert command.WhichOneof("command") == "fork", command
        worker = HandWorker(self._rig, command.fork)
        self.tell(forked=host_pb2.WorkerForked(worker_id=command.fork.worker_id, pid=os.getpid()))
        return worker

    def signal(self) -> tuple[str, int]:
        """Waits for a SIGNAL."""
        command = self.command()
        assert command.WhichOneof("command") == "signal", command
        return command.signal.worker_id, command.signal.signal

    def tell(self, **event: Any) -> None:
        """Reports something."""
        _write(self._pipe, host_pb2.HostEvent(**event))

    def close(self) -> None:
        """Ends, as a host that crashes does."""
        self._pipe.close()


class Hands:
    """All workers of a run, played by the test: tasks are taken and ended in the order in which the test says.

    Each task that succeeds leaves `trace` behind, which names it and its run.
    """

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._idle: dict[tuple[str, tuple[int, ...]], HandWorker] = {}

    def take(self, step: str, *path: int) -> HandWorker:
        """Waits until a task of a step has its worker."""
        while (step, path) not in self._idle:
            worker = self._rig.hand.worker()
            worker.register()
            task = worker.task
            self._idle[task.step, tuple(frame.index for frame in task.foreach)] = worker
        return self._idle.pop((step, path))

    def succeed(self, step: str, *path: int, **success: Any) -> task_pb2.Task:
        """Has the task of a step succeed."""
        worker = self.take(step, *path)
        task = worker.task
        outputs = {"trace": f"{step}{list(path)} of run {task.run_id}", **success.pop("outputs", {})}
        worker.succeed(worker.id, outputs=outputs, **success)
        worker.exit()
        return task

    def fail(self, step: str, *path: int) -> None:
        """Has the task of a step fail."""
        worker = self.take(step, *path)
        failure = failure_pb2.Failure(message=f"{step} failed")
        worker.call("CompleteTask", completion_id=worker.id, failure=failure)
        worker.exit()


class HandWorker:
    """A worker played by the test itself."""

    def __init__(self, rig: Rig, fork: host_pb2.ForkWorker) -> None:
        self.fork = fork
        self.id = fork.worker_id
        self._rig = rig
        self.stub = worker_service_pb2_grpc.WorkerServiceStub(rig.channel)
        self.bootstrap = (("authorization", f"Bearer {fork.bootstrap.token.hex()}"),)
        self.session: tuple[tuple[str, str], ...] = ()
        self.task = task_pb2.Task()

    def register(self, **fields: Any) -> Any:
        """Registers, with a lease."""
        given = {
            "worker_id": self.id,
            "version_min": 1,
            "version_max": 1,
            "language": "python",
            "sdk": "hand 0",
            "host": "here",
            "pid": os.getpid(),
            "store_probe": Path(self.fork.bootstrap.store_probe_file).read_bytes(),
            "lease": worker_service_pb2.LeaseTaskRequest(request_id="1"),
            **fields,
        }
        request = worker_service_pb2.RegisterWorkerRequest(**given)
        response = self.stub.RegisterWorker(request, metadata=self.bootstrap, timeout=20)
        self.session = (("authorization", f"Bearer {response.session_token.hex()}"),)
        if response.lease.HasField("task"):
            self.task = response.lease.task
        return response

    def call(self, rpc: str, /, **fields: Any):
        """Calls with the lease of the task."""
        message = getattr(worker_service_pb2, f"{rpc}Request")
        if "lease_token" in message.DESCRIPTOR.fields_by_name:
            fields.setdefault("lease_token", self.task.lease.lease_token)
        return getattr(self.stub, rpc)(message(**fields), metadata=self.session, timeout=20)

    def succeed(self, completion_id: str = "c", *, outputs: dict[str, str] | None = None, **success: Any):
        """Reports a success."""
        stored = [
            task_pb2.Output(
                name=name,
                artifact=digest_pb2.Digest(hash=hash_of(value(text)), size=len(value(text))),
                manifest=value(text),
            )
            for name, text in (outputs or {}).items()
        ]
        report = worker_service_pb2.Success(outputs=stored, **success)
        return self.call("CompleteTask", completion_id=completion_id, success=report)

    def exit(self, code: int | None = 0, *, signal: int | None = None) -> None:
        """Ends, as the host sees it."""
        exited = host_pb2.WorkerExited(worker_id=self.id, exit_code=code, signal=signal)
        self._rig.hand.tell(exited=exited)

    def write(self, text: str, *, stderr: bool = False) -> None:
        """Writes output."""
        with open(self.fork.stderr_file if stderr else self.fork.stdout_file, "ab") as file:
            file.write(text.encode())


@contextmanager
def running(
    home: Path,
    steps: Sequence[StepDef] | None = None,
    *,
    by_hand: bool = False,
    defaults: dict[str, str] | None = None,
    **more: Any,
) -> Iterator[Rig]:
    """Runs a server, with a host of a flow with these steps. What the server says is part of the test."""
    flow = None
    if steps is not None:
        flow = Path(os.path.realpath(home.parent)) / "demo.py"
        flow.write_text("# The flow of a test.\n")
        flow.with_suffix(".fragment").write_bytes(fragment(flow, steps, **more).SerializeToString())
        scripts = {step.name: step.script for step in steps}
        flow.with_suffix(".json").write_text(json.dumps({**scripts, DEFAULTS: defaults or {}}))
    rig = Rig(home, flow, by_hand=by_hand)
    try:
        yield rig
    finally:
        if by_hand:
            rig.hand.close()
        stderr = rig.stop()
    assert stderr == "", stderr
    assert rig.process.returncode in (0, -signal.SIGKILL)


def _loaded(flow: Path) -> host_pb2.HostLoaded:
    loaded = host_pb2.HostLoaded(
        language="python", file=str(flow), pid=os.getpid(), runtime="3.11", can_fork=True
    )
    loaded.fragment.ParseFromString(flow.with_suffix(".fragment").read_bytes())
    return loaded


# What follows runs in the process of the host, and in its forks.


def _host(pipe: socket.socket, flow: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    scripts = json.loads(flow.with_suffix(".json").read_text())
    _write(pipe, host_pb2.HostEvent(loaded=_loaded(flow)))
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.signal(signal.SIGCHLD, lambda *_: os.write(write_end, b"x"))
    workers: dict[int, str] = {}
    buffer = b""
    while True:
        watched: list[Any] = [pipe, read_end]
        ready, _, _ = select.select(watched, [], [])
        if read_end in ready:
            os.read(read_end, 4096)
            while workers:
                try:
                    pid, status, usage = os.wait4(-1, os.WNOHANG)
                except ChildProcessError:
                    break
                if pid == 0:
                    break
                exited = host_pb2.WorkerExited(
                    worker_id=workers.pop(pid), max_rss_bytes=usage.ru_maxrss * 1024
                )
                if os.WIFSIGNALED(status):
                    exited.signal = os.WTERMSIG(status)
                else:
                    exited.exit_code = os.WEXITSTATUS(status)
                _write(pipe, host_pb2.HostEvent(exited=exited))
        if pipe in ready:
            data = pipe.recv(65536)
            if not data:
                for pid in workers:
                    os.killpg(pid, signal.SIGKILL)
                os._exit(0)
            buffer += data
            while len(buffer) >= 4 and len(buffer) >= 4 + struct.unpack("<I", buffer[:4])[0]:
                length = struct.unpack("<I", buffer[:4])[0]
                command = host_pb2.HostCommand.FromString(buffer[4 : 4 + length])
                buffer = buffer[4 + length :]
                if command.HasField("fork"):
                    pid = os.fork()
                    if pid == 0:
                        os.setpgid(0, 0)
                        pipe.close()
                        _worker(command.fork, scripts)
                    workers[pid] = command.fork.worker_id
                    forked = host_pb2.WorkerForked(worker_id=command.fork.worker_id, pid=pid)
                    _write(pipe, host_pb2.HostEvent(forked=forked))
                elif command.HasField("evaluate"):
                    _write(pipe, host_pb2.HostEvent(evaluated=_evaluate(command.evaluate, scripts)))
                else:
                    for pid, worker_id in workers.items():
                        if worker_id == command.signal.worker_id:
                            try:
                                os.killpg(pid, command.signal.signal)
                            except ProcessLookupError:
                                os.kill(pid, command.signal.signal)


def _evaluate(
    question: host_pb2.EvaluateDefaults, scripts: dict[str, dict[str, object]]
) -> host_pb2.DefaultsEvaluated:
    """Answers with what the script says is the default, or fails with it when it begins with `!`."""
    answer = host_pb2.DefaultsEvaluated(id=question.id)
    for name in question.parameters:
        text = str(scripts[DEFAULTS][name])
        if text.startswith("!"):
            answer.failure.message = text[1:]
            break
        answer.values.add(parameter=name, manifest=value(f"{text} {question.project.branch}".strip()))
    return answer


def _write(pipe: socket.socket, message: host_pb2.HostEvent) -> None:
    data = message.SerializeToString()
    pipe.sendall(struct.pack("<I", len(data)) + data)


def _worker(fork: host_pb2.ForkWorker, scripts: dict[str, dict[str, object]]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, file in ((1, fork.stdout_file), (2, fork.stderr_file)):
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(fd, number)
    os.chdir(fork.working_directory)
    bootstrap = fork.bootstrap
    channel = grpc.insecure_channel(bootstrap.endpoint, options=OPTIONS)
    stub = worker_service_pb2_grpc.WorkerServiceStub(channel)
    registered = stub.RegisterWorker(
        worker_service_pb2.RegisterWorkerRequest(
            worker_id=bootstrap.worker_id,
            version_min=1,
            version_max=1,
            language="python",
            sdk="rig 0",
            host="here",
            pid=os.getpid(),
            store_probe=Path(bootstrap.store_probe_file).read_bytes(),
            lease=worker_service_pb2.LeaseTaskRequest(request_id="1", wait_ms=1000),
        ),
        metadata=(("authorization", f"Bearer {bootstrap.token.hex()}"),),
        timeout=20,
    )
    metadata = (("authorization", f"Bearer {registered.session_token.hex()}"),)
    answer = registered.lease
    count = 0
    while answer.WhichOneof("answer") == "task":
        count += 1
        request = worker_service_pb2.CompleteTaskRequest(
            lease_token=answer.task.lease.lease_token, completion_id=f"c{count}"
        )
        _run(answer.task, scripts[answer.task.step], request, stub, metadata)
        request.stdout_end = os.stat(fork.stdout_file).st_size
        request.stderr_end = os.stat(fork.stderr_file).st_size
        if bootstrap.reuse:
            request.want_next.request_id = str(count)
        done = stub.CompleteTask(request, metadata=metadata, timeout=20)
        if not bootstrap.reuse:
            break
        os.truncate(fork.stdout_file, 0)
        os.truncate(fork.stderr_file, 0)
        answer = done.next
    os._exit(0)


def _run(task, script, request, stub, metadata) -> None:
    """Does what the script of a step says, and fills in the report."""
    if task.catch.only_handle:
        _set(request.success.outputs, task.catch.var, f"handled: {task.previous_failure.message}")
        request.success.caught.CopyFrom(task.previous_failure)
        return
    if "print" in script:
        os.write(1, f"{script['print']}\n".encode())
    if "warn" in script:
        os.write(2, f"{script['warn']}\n".encode())
    if "heartbeat" in script:
        stub.Heartbeat(
            worker_service_pb2.HeartbeatRequest(lease_token=task.lease.lease_token, seq=1), metadata=metadata
        )
    if "sleep" in script:
        time.sleep(float(script["sleep"]))
    is_bad = task.attempt < int(script.get("bad_attempts", 100))
    if "grow" in script and is_bad:
        memory = bytearray(int(script["grow"]))
        memory[::4096] = b"x" * len(memory[::4096])
        time.sleep(60)
    if "exit" in script and is_bad:
        os._exit(int(script["exit"]))
    if "kill" in script and is_bad:
        os.kill(os.getpid(), int(script["kill"]))
        time.sleep(10)
    if "fail" in script and is_bad:
        failure = request.failure
        if task.HasField("catch") and task.attempt == task.max_attempts - 1:
            failure = request.success.caught
            _set(request.success.outputs, task.catch.var, f"caught: {script['fail']}")
        else:
            _set(request.partial_outputs, "half", "done")
        failure.kind = 1
        failure.classes.append("builtins.ValueError")
        failure.message = str(script["fail"])
        return
    joins = list(task.joins)
    while task.HasField("joins_next") and len(joins) <= task.joins_next:
        page = stub.ListJoinInputs(
            worker_service_pb2.ListJoinInputsRequest(lease_token=task.lease.lease_token, position=len(joins)),
            metadata=metadata,
        )
        joins += page.joins
        if not page.HasField("joins_next"):
            break
    outputs = dict(script.get("set", {}))
    if "trace" in script:
        # What the task sees: the items of its foreach levels, or in a join those of its inputs.
        items = [f"{frame.index}/{frame.count}" for frame in task.foreach]
        seen = {entry.name: text_of(entry.manifest) for entry in task.inputs if entry.kind == 1}
        if joins:
            parts = [
                next((text_of(entry.manifest) for entry in join.artifacts if entry.name == "trace"), "?")
                for join in joins
            ]
            outputs["trace"] = f"{task.step}[{' '.join(parts)}]"
        else:
            outputs["trace"] = f"{seen.get('trace', '')}>{task.step}({' '.join(items)})"
    for name, text in outputs.items():
        _set(request.success.outputs, name, str(text))
    request.success.reads.extend(script.get("reads", ()))
    if "rounds" in script:
        before = next((text_of(entry.manifest) for entry in task.inputs if entry.name == "rounds"), "0")
        _set(request.success.outputs, "rounds", str(int(before) + 1))
        request.success.switch_case = int(int(before) + 1 >= int(script["rounds"]))
    if "case" in script:
        request.success.switch_case = int(script["case"])
    if "count" in script:
        request.success.foreach_count = int(script["count"])
    request.success.SetInParent()
    for name in script.get("forward", ()):
        entry = next(entry for join in joins for entry in join.artifacts if entry.name == name)
        request.success.forwarded.add(name=name, artifact=entry.artifact)


def _set(outputs, name: str, text: str) -> None:
    manifest = value(text)
    output = outputs.add(name=name, manifest=manifest, portable=True, summary=text[:20])
    output.artifact.hash = hash_of(manifest)
    output.artifact.size = len(manifest)


if __name__ == "__main__":
    _host(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))
