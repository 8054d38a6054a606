"""What a scenario is made of: a scripted orchestrator, a worker's process, and what is expected of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instep_proto.v1 import failure_pb2, graph_pb2, host_pb2, task_pb2
from instep_proto.v1 import worker_service_pb2 as pb

from instep_conformance import sequence
from instep_conformance.flow import FLOW
from instep_conformance.orchestrator import Attempt, Orchestrator
from instep_conformance.process import WorkerProcess, framed
from instep_conformance.values import Value, decode, encode

SECONDS = 60.0
"""How long anything may take, at most."""


class Unexpected(Exception):  # noqa: N818 - what a worker does wrong is what the kit is for
    """The worker did something else than the protocol says."""


@dataclass(frozen=True, slots=True)
class Worker:
    """The worker under test."""

    command: Sequence[str]
    """Program and arguments."""
    file: Path
    """Its file with the conformance flow."""


class Kit:
    """One scenario's orchestrator and worker. Ends both when the context ends.

    Args:
        worker: The worker under test.
        shares_store: Whether it can prove that it shares the directory of objects.
    """

    def __init__(self, worker: Worker, *, shares_store: bool = True) -> None:
        self.worker = worker
        self.folder = Path(tempfile.mkdtemp(prefix="instep-c-"))
        self.orchestrator = Orchestrator(self.folder, shares_store=shares_store)
        self.process: WorkerProcess | None = None
        self.probe_file = self.orchestrator.probe if shares_store else None
        """The file that the worker is told to read for a proof."""
        self.steps_file = worker.file
        """The file of user code."""
        self.until = self.folder / "until"
        """The file for which the step `wait` waits."""

    def __enter__(self) -> Kit:
        self.orchestrator.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.end()
        self.orchestrator.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- before the worker starts

    def task(self, step: str, /, inputs: dict[str, Value] | None = None, **fields: Any) -> task_pb2.Task:
        """Queues a task.

        Args:
            step: A function of the conformance flow.
            inputs: Artifacts that it can read.
            **fields: More of the task's fields. Its transition is END unless another is given.

        Returns:
            The task as it will be leased, to be changed until then.
        """
        number = len(self.orchestrator.tasks) + len(self.orchestrator.attempts)
        task = task_pb2.Task(
            flow=FLOW,
            run_id="7",
            task_id=str(number + 3),
            step=step,
            max_attempts=1,
            entry_point=graph_pb2.EntryPoint(file=str(self.steps_file), function=step),
            transition=graph_pb2.Transition(kind=graph_pb2.TRANSITION_KIND_END),
            inputs=[self.input(name, value) for name, value in (inputs or {}).items()],
            cancel_grace_ms=10_000,
            user="ada",
            on_loss=graph_pb2.LOSS_POLICY_WARN,
        )
        task.MergeFrom(task_pb2.Task(**fields))
        self.orchestrator.tasks.append(task)
        return task

    def wait_task(self, **fields: Any) -> task_pb2.Task:
        """Queues a task of step `wait`, which `let_go` ends."""
        return self.task("wait", {"until": str(self.until)}, **fields)

    def input(self, name: str, value: Value, *, inline: bool = True) -> task_pb2.Input:
        """Stores a value and refers to it.

        Args:
            name: Name of the input.
            value: The value.
            inline: Whether the task carries the manifest.
        """
        encoded = encode(value)
        self.orchestrator.store(encoded)
        return task_pb2.Input(
            name=name,
            artifact=encoded.digest,
            manifest=encoded.manifest if inline else b"",
            kind=task_pb2.INPUT_KIND_ARTIFACT,
        )

    # ---- while it runs

    def start(self, *, reuse: bool = False, token: bytes = b"") -> None:
        """Starts the worker.

        Args:
            reuse: Whether it may run several tasks.
            token: The token that it gets. Empty: the right one.
        """
        bootstrap = host_pb2.WorkerBootstrap(
            endpoint=self.orchestrator.target,
            token=token or self.orchestrator.bootstrap_token,
            worker_id="w1",
            store_probe_file=str(self.probe_file or ""),
            file=str(self.steps_file),
            reuse=reuse,
        )
        self.start_with(framed(bootstrap.SerializeToString()))

    def start_with(self, bootstrap: bytes | None) -> None:
        """Starts the worker with these bytes on its pipe. None: without a pipe."""
        self.process = WorkerProcess(self.worker.command, bootstrap, self.folder)

    def let_go(self) -> None:
        """Lets the step `wait` go on."""
        self.until.touch()

    def wait_for(self, what: str, condition: Callable[[], bool]) -> None:
        """Waits until something has happened.

        Args:
            what: What that is, for the report.
            condition: Tells whether it has.

        Raises:
            Unexpected: It did not.
        """
        if not self.orchestrator.transcript.wait(lambda: condition() or self._has_ended(), SECONDS):
            raise Unexpected(f"It did not happen in {SECONDS:.0f} s: {what}.")
        if not condition():
            raise Unexpected(f"The worker ended before this happened: {what}.")

    def wait_until_running(self) -> None:
        """Waits until the step `wait` runs, and a heartbeat has told of it."""
        self.wait_for("user code runs and a heartbeat came", self._is_waiting)

    def wait_in_vain(self, seconds: float) -> None:
        """Gives the worker time to do what it must not do, or to try what cannot succeed.

        Raises:
            Unexpected: It ended.
        """
        assert self.process is not None
        self.expect(self.process.wait(seconds) is None, "the worker goes on")

    def finish(self) -> int:
        """Waits for the end of the worker, and checks the calls that it made.

        Returns:
            Its exit code; negative: the signal that ended it.

        Raises:
            Unexpected: It did not end.
        """
        assert self.process is not None
        code = self.process.wait(SECONDS)
        if code is None:
            raise Unexpected(f"The worker did not end in {SECONDS:.0f} s.")
        for problem in sequence.broken_by(self.orchestrator.transcript):
            self.orchestrator.transcript.blame(problem)
        return code

    def run(self) -> pb.CompleteTaskRequest:
        """Runs the worker to its end, with its one task.

        Returns:
            The report that was accepted.

        Raises:
            Unexpected: It did not end with exit code 0, or reported nothing.
        """
        if self.process is None:
            self.start()
        code = self.finish()
        self.expect(code == 0, f"the worker ends with exit code 0, and not {code}")
        return self.report()

    # ---- after it

    def attempt(self, index: int = 0) -> Attempt:
        """Gives an attempt, in the order in which they were leased."""
        self.expect(len(self.orchestrator.attempts) > index, f"{index + 1} tasks are leased")
        return self.orchestrator.attempts[index]

    def report(self, index: int = 0) -> pb.CompleteTaskRequest:
        """Gives the report of an attempt."""
        report = self.attempt(index).report
        if report is None:
            raise Unexpected("The attempt was not reported.")
        return report

    def outputs(self, report: pb.CompleteTaskRequest) -> dict[str, Value]:
        """Reads what a successful attempt left behind."""
        if not report.HasField("success"):
            outcome = report.WhichOneof("outcome")
            raise Unexpected(f"The attempt should succeed, and ended as {outcome}: {report.failure.message}")
        return self.values(report.success.outputs)

    def values(self, outputs: Any) -> dict[str, Value]:
        """Reads outputs."""
        objects = self.orchestrator.objects
        return {
            one.name: decode(one.manifest or objects.get(one.artifact.hash, one.artifact.size), objects.get)
            for one in outputs
        }

    def calls(self, rpc: str) -> list[Any]:
        """Gives the requests of one kind of call, in order."""
        return self.orchestrator.transcript.of(rpc)

    def expect(self, is_so: bool, what: str) -> None:
        """Notes an expectation, as `the worker ends`.

        Raises:
            Unexpected: It is not so.
        """
        if not is_so:
            raise Unexpected(f"Expected that {what}.")

    def expect_later(self, is_so: bool, what: str) -> None:
        """Notes an expectation within a call, which goes on as it would."""
        if not is_so:
            self.orchestrator.transcript.blame(f"Expected that {what}.")

    def expect_kind(self, failure: failure_pb2.Failure, kind: str) -> None:
        """Notes that a failure is of a kind, such as `USER_ERROR`.

        Raises:
            Unexpected: It is not.
        """
        numbers = failure_pb2.FailureKind
        found = numbers.Name(failure.kind) if failure.kind in numbers.values() else str(failure.kind)
        found = found.removeprefix("FAILURE_KIND_")
        self.expect(found == kind, f"the failure is {kind}, and not {found}: {failure.message[:500]}")

    def _has_ended(self) -> bool:
        return self.process is not None and self.process.wait(0) is not None

    def _is_waiting(self) -> bool:
        waits = self.process is not None and "waiting" in self.process.text("stdout")
        return waits and bool(self.calls("Heartbeat"))
