"""The flows whose messages are harmed, and a rig that runs them again and again behind a proxy."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from instep_proto.v1 import (
    control_service_pb2,
    control_service_pb2_grpc,
    log_service_pb2,
    log_service_pb2_grpc,
    run_pb2,
)
from project import MARK

from reliability.proxy import OPTIONS, STREAMS, Proxy

SERVER = (sys.executable, "-P", "-m", "instep_server")
PAUSE = "0.15"
"""Seconds between what two steps write, so that there are heartbeats and pieces of logs."""
PYTHON = '''
    """A run with branches, a foreach, a retry, a switch and joins, in two languages. What each step does is counted."""
    import os, sys, time
    from instep import FlowSpec, current, retry, step

    def count(name):
        with open(os.path.join(os.environ["MESSAGES_EFFECTS"], current.run_id), "a") as file:
            file.write(name + "\\n")

    class Messages(FlowSpec):
        include = ["messages.R"]

        @step
        def start(self):
            count("start")
            self.items = [3, 1, 2]
            self.big = list(range(3000))
            self.salt = [float(current.run_id)] * 3000  # new in each run, so that it is stored anew
            self.next("spread", "model")

        @step
        def spread(self):
            count("spread")
            self.next("each", foreach="items")

        @step
        def each(self):
            count(f"each {self.input}")
            print(f"each {self.input}")
            self.square = self.input ** 2
            self.next("gather")

        @step
        def gather(self, inputs):
            count("gather")
            self.squares = [one.square for one in inputs]
            self.merge_artifacts(inputs, include=["items", "big", "salt"])
            self.next("slow")

        @step
        def slow(self):
            count("slow")
            for line in range(3):
                print("slow", line, flush=True)
                time.sleep(PAUSE)
            self.next("meet")

        @retry(times=1, wait_seconds=0)
        @step
        def flaky(self):
            count(f"flaky {current.retry_count}")
            print("trouble", file=sys.stderr)
            if current.retry_count == 0:
                raise ValueError("Not the first time.")
            self.flaked = True
            self.next("end")

        @step
        def end(self):
            count("end")
            self.done = (self.squares, self.total)
'''
R = """
    library(instep)
    count <- function(name) {
      run <- current("run_id")
      cat(paste0(name, "\\n"), file = file.path(Sys.getenv("MESSAGES_EFFECTS"), run), append = TRUE)
    }

    flow("Messages") |>
      step("model", \\(self) {
        count("model")
        self$big_r <- as.numeric(seq_len(3000))
        self$salt_r <- rep(as.numeric(current("run_id")) + 0.5, 3000)
        for (line in 1:3) {
          cat("model", line, "\\n")
          Sys.sleep(PAUSE)
        }
      }, next_step = "meet") |>
      step("meet", \\(self, inputs) {
        count("meet")
        self$total <- sum(inputs$model$big_r)
        self$squares <- inputs$slow$squares
      }, next_step = "judge") |>
      step("judge", \\(self) {
        count("judge")
        self$way <- "long"
      }, next_step = c(long = "flaky", short = "end"), condition = "way") |>
      run()
"""
SMALL = """
    from instep import FlowSpec, step

    class Messages(FlowSpec):
        @step
        def start(self):
            print("begin", flush=True)
            self.x = 1
            self.next("end")

        @step
        def end(self):
            print("done", flush=True)
            self.y = self.x + 1

    if __name__ == "__main__":
        Messages()
"""
"""Its messages are those of the command line."""


def write_flow(folder: Path) -> Path:
    """Writes the flow with all that runs have, and gives its file."""
    for name, text in (("messages.py", PYTHON), ("messages.R", R)):
        (folder / name).write_text(textwrap.dedent(text).lstrip("\n").replace("PAUSE", PAUSE))
    return folder / "messages.py"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run: all that must be the same whatever happened to its messages."""

    state: str
    """Of the run."""
    tasks: tuple[str, ...]
    """Of each task, by step and items: its state, the outcomes of its attempts, its artifacts, its logs."""
    effects: tuple[str, ...]
    """What user code did, sorted: each once."""

    def differs(self, other: Outcome) -> str:
        """Says what is different, on one line."""
        mine, theirs = (Counter(one.facts()) for one in (self, other))
        return f"missing: {sorted((mine - theirs).elements())}; instead: {sorted((theirs - mine).elements())}"

    def facts(self) -> Iterator[str]:
        """Yields all that it says, piece by piece."""
        yield f"run: {self.state}"
        for effect in self.effects:
            yield f"done: {effect}"
        for task in map(json.loads, self.tasks):
            for name in ("state", "attempts", "artifacts", "logs"):
                yield f"{task['step']}{task['items'] or ''} {name}: {json.dumps(task[name])}"


class Rig:
    """An orchestrator behind a proxy, which runs one flow.

    Args:
        folder: A new directory with a short path.
        settings: Environment variables of the orchestrator.
        remote: True to keep workers from sharing the store, so that all bytes pass through calls.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, str], remote: bool) -> None:
        self.folder = folder
        self.effects = folder / "effects"
        self.effects.mkdir(parents=True)
        runtime = folder / "runtime"
        runtime.mkdir()
        self.proxy = Proxy(f"unix:{folder}/proxy.sock", lambda: self.target)
        if remote:
            self.proxy.edit_request = _without_probe
        ours, theirs = socket.socketpair()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("INSTEP_")}
        self.process = subprocess.Popen(
            [*SERVER, "--home", str(folder / ".instep"), "--control-fd", str(theirs.fileno())],
            env={
                **kept,
                MARK: str(folder),
                "INSTEP_PYTHON": sys.executable,
                "INSTEP_ADVERTISED_ENDPOINT": f"unix:{folder}/proxy.sock",
                "XDG_RUNTIME_DIR": str(runtime),
                "MESSAGES_EFFECTS": str(self.effects),
                **settings,
            },
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._control = ours
        said = b""
        while not said.endswith(b"\n\n"):
            piece = ours.recv(4096)
            assert piece, f"The orchestrator does not start: {said.decode()}"
            said += piece
        self._metadata = (("authorization", f"Bearer {said.decode().splitlines()[1]}"),)
        (sock,) = (runtime / "instep").glob("*.sock")
        self.target = f"unix:{sock}"
        self._channel = grpc.insecure_channel(self.target, options=OPTIONS)
        self._stub = control_service_pb2_grpc.ControlServiceStub(self._channel)
        self._logs = log_service_pb2_grpc.LogServiceStub(self._channel)
        self._load_id = ""

    def load(self, file: Path) -> None:
        """Loads the flow of a file, which is the one that runs from now on."""
        language = {".py": "python", ".R": "r"}[file.suffix]
        loaded = self.call("LoadFlow", file=str(file), language=language)
        assert not loaded.problems, loaded.problems
        self._load_id = loaded.load_id

    def close(self) -> None:
        """Ends everything."""
        self._channel.close()
        self._control.close()
        try:
            self.process.wait(30)
        finally:
            self.proxy.close()

    def call(self, rpc: str, /, **fields: Any) -> Any:
        """Calls the orchestrator itself."""
        request = getattr(control_service_pb2, f"{rpc}Request")(**fields)
        return getattr(self._stub, rpc)(request, metadata=self._metadata, timeout=60)

    def raw(self, call: str, request: bytes, authorization: str) -> bytes:
        """Makes a call of the orchestrator itself with what another caller shows, and gives its first answer."""
        metadata = (("authorization", authorization),)
        path = f"/instep.v1.{call}"
        answer: bytes
        if call in STREAMS:
            answer = next(self._channel.unary_stream(path)(request, metadata=metadata, timeout=30))
        else:
            answer = self._channel.unary_unary(path)(request, metadata=metadata, timeout=30)
        return answer

    def start(self, **fields: Any) -> run_pb2.Run:
        """Starts a run."""
        request = {"working_directory": str(self.folder), "user": "ada", "max_workers": 2, **fields}
        run: run_pb2.Run = self.call(
            "SubmitRun", client_request_id=uuid.uuid4().hex, load_id=self._load_id, **request
        ).run
        return run

    def events(self, run: run_pb2.Run, seconds: float = 120) -> Iterator[run_pb2.Event]:
        """Yields the events of a run as they come, until it has ended."""
        request = control_service_pb2.WatchRunRequest(flow=run.flow, run_id=run.run_id)
        for message in self._stub.WatchRun(request, metadata=self._metadata, timeout=seconds):
            yield from message.events

    def run(self, **fields: Any) -> Outcome:
        """Runs the flow to its end."""
        run = self.start(**fields)
        for _ in self.events(run):
            pass
        return self.outcome(run)

    def tasks(self, run: run_pb2.Run) -> list[run_pb2.TaskRecord]:
        """Lists the tasks of a run."""
        return list(self.call("ListTasks", flow=run.flow, run_id=run.run_id).tasks)

    def outcome(self, run: run_pb2.Run) -> Outcome:
        """Reads what came of a run that has ended."""
        state = self.call("GetRun", flow=run.flow, run_id=run.run_id).run.state
        effects = self.effects / run.run_id
        return Outcome(
            run_pb2.RunState.Name(state),
            tuple(sorted(self._told(run, task) for task in self.tasks(run))),
            tuple(sorted(effects.read_text().splitlines())) if effects.exists() else (),
        )

    def _told(self, run: run_pb2.Run, task: run_pb2.TaskRecord) -> str:
        listed = self.call("ListArtifacts", flow=run.flow, run_id=run.run_id, task_id=task.task_id).artifacts
        return json.dumps(
            {
                "step": task.step,
                "items": list(task.foreach_path),
                "state": run_pb2.TaskState.Name(task.state),
                "attempts": [run_pb2.AttemptState.Name(one.state) for one in task.attempts],
                "artifacts": {
                    one.name: "" if one.name.startswith("salt") else one.digest.hash for one in listed
                },
                "logs": [self.log(run, task.task_id, one.number) for one in task.attempts],
            }
        )

    def log(self, run: run_pb2.Run, task_id: str, attempt: int) -> list[str]:
        """Reads what an attempt wrote to stdout and stderr."""
        texts = []
        for stream in ("LOG_STREAM_STDOUT", "LOG_STREAM_STDERR"):
            request = log_service_pb2.TailLogsRequest(
                flow=run.flow, run_id=run.run_id, task_id=task_id, attempt=attempt, stream=stream
            )
            pieces = self._logs.TailLogs(request, metadata=self._metadata, timeout=30)
            text = b"".join(piece.data for piece in pieces).decode()
            texts.append(text.replace(str(self.folder), "FOLDER"))
        return texts


@contextmanager
def rig(
    write: Callable[[Path], Path] = write_flow,
    *,
    remote: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Rig]:
    """An orchestrator with a flow behind a proxy. Tries of calls are short, so that silence costs little.

    Args:
        write: Writes the flow's files into a directory, and gives the one to load.
        remote: As that of `Rig`.
        settings: Further environment variables of the orchestrator.
    """
    folder = Path(tempfile.mkdtemp(prefix="instep-", dir="/tmp"))
    given = {"INSTEP_CALL_SECONDS": "1", "INSTEP_HEARTBEAT_SECONDS": "0.2", **(settings or {})}
    try:
        one = Rig(folder, settings=given, remote=remote)
        try:
            one.load(write(folder))
            yield one
        finally:
            one.close()
    finally:
        shutil.rmtree(folder)


def _without_probe(call: str, data: bytes) -> bytes:
    from instep_proto.v1 import worker_service_pb2 as pb

    if call != "WorkerService/RegisterWorker":
        return data
    request = pb.RegisterWorkerRequest.FromString(data)
    request.ClearField("store_probe")
    return request.SerializeToString()
