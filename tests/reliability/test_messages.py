"""What becomes of a run whose messages are harmed: a share of the campaign, and leases that end in real time."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import textwrap
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import Message
from instep_proto.v1 import (
    digest_pb2,
    key_value_pb2,
    log_service_pb2,
    run_pb2,
    store_service_pb2,
    task_pb2,
)
from instep_proto.v1 import worker_service_pb2 as pb
from project import wait_until

from reliability import messages
from reliability.message_flow import SMALL, Rig, rig, write_flow
from reliability.proxy import Harm
from reliability.report import Tally

# A step that hangs in its first attempt and says, at its end, that it got there. HOLD stands for how it hangs.
ONE_STEP = {
    "python": """
        import ctypes, os, time
        from instep import FlowSpec, current, retry, step

        class Messages(FlowSpec):
            @retry(times=1, wait_seconds=0)
            @step(ISOLATION)
            def start(self):
                here = os.path.join(os.environ["MESSAGES_EFFECTS"], f"{current.run_id}.{current.retry_count}")
                with open(here, "w") as file:
                    file.write(str(os.getpid()))
                if current.retry_count == 0:
                    HOLD
                self.attempt = current.retry_count
                open(here + ".done", "w").close()
                self.next("end")

            @step
            def end(self):
                pass
    """,
    "r": """
        library(instep)
        flow("Messages") |>
          step("start", \\(self) {
            here <- file.path(
              Sys.getenv("MESSAGES_EFFECTS"), paste(current("run_id"), current("retry_count"), sep = ".")
            )
            cat(Sys.getpid(), file = here)
            if (current("retry_count") == 0L) {
              HOLD
            }
            self$attempt <- current("retry_count")
            file.create(paste0(here, ".done"))
          }, retry(times = 1, wait_seconds = 0), next_step = "end") |>
          step("end", \\(self) NULL) |>
          run()
    """,
}
HANGS = {"python": "time.sleep(60)", "r": "Sys.sleep(60)"}
WAITS = {
    "python": "while not os.path.exists(os.path.join(os.environ['MESSAGES_EFFECTS'], 'go')): time.sleep(0.05)",
    "r": "while (!file.exists(file.path(Sys.getenv('MESSAGES_EFFECTS'), 'go'))) Sys.sleep(0.05)",
}
RETURNS = {"python": "pass", "r": "NULL"}
QUICK = {"INSTEP_LEASE_SECONDS": "1", "INSTEP_CALL_SECONDS": "10"}

languages = pytest.mark.parametrize("language", ["python", "r"])


def one_step(language: str, hold: str, isolation: str = "") -> Callable[[Path], Path]:
    """Writes a flow of one step that hangs in its first attempt, and one that ends."""

    def write(folder: Path) -> Path:
        file = folder / {"python": "messages.py", "r": "messages.R"}[language]
        text = ONE_STEP[language].replace("HOLD", hold).replace("ISOLATION", isolation)
        file.write_text(textwrap.dedent(text).lstrip("\n"))
        return file

    return write


def on_another_machine(call: str, data: bytes) -> bytes:
    """Has workers say that they are on another machine: the orchestrator then knows of them what they tell it."""
    if call != "WorkerService/RegisterWorker":
        return data
    request = pb.RegisterWorkerRequest.FromString(data)
    request.host = "elsewhere"
    return request.SerializeToString()


def attempts(one: Rig, run: run_pb2.Run) -> list[str]:
    """How the attempts of step `start` ended."""
    (task,) = (task for task in one.tasks(run) if task.step == "start")
    return [run_pb2.AttemptState.Name(each.state).removeprefix("ATTEMPT_STATE_") for each in task.attempts]


def follow(one: Rig, run: run_pb2.Run, lost: threading.Event) -> None:
    """Follows a run to its end, and sets an event when an attempt is lost."""
    for event in one.events(run):
        if event.attempt_state == run_pb2.ATTEMPT_STATE_LOST:
            lost.set()


def has_more_heartbeats(one: Rig, count: int) -> bool:
    """Tells whether more heartbeats than so many came by."""
    return one.proxy.counts.get("WorkerService/Heartbeat", 0) > count


def harmed(
    *, remote: bool = False, write: Callable[[Path], Path] = write_flow, share: float = 1.0, number: int = 2
) -> None:
    """Harms messages of runs of a flow, and expects the same outcome."""
    seed = int.from_bytes(os.urandom(4))
    tally = Tally("messages", "", "", "")
    with messages.several(remote=remote, write=write, number=number) as rigs:
        expected, counts = messages.observe(rigs[0])
        faults = messages.sample(messages.every(counts), share, random.Random(seed))
        messages.harm_each(tally, rigs, expected, faults, "")
    assert not tally.findings, (seed, tally.findings)
    injected = sum(fault[3] for fault in tally.as_json()["faults"])
    assert injected > len(faults) / 2, f"Of {len(faults)} faults {injected} came up."


@languages
def test_each_message_of_two_tasks_can_be_harmed(language: str) -> None:
    """I1, I3, I4: all that workers and the orchestrator say about two tasks, in each way."""
    harmed(write=one_step(language, RETURNS[language]))


def test_messages_of_a_large_run_can_be_harmed() -> None:
    """I1, I3, I4, I5, I16: a share of the campaign, with branches, foreach, retry, switch, joins, heartbeats, logs."""
    harmed(share=0.03)


def test_messages_with_bytes_can_be_harmed() -> None:
    """I4: a share of the campaign, with blobs and logs that pass through calls."""
    harmed(share=0.02, remote=True)


def test_calls_of_a_command_can_be_harmed() -> None:
    """I4: what people see and the exit status are the same; no line is lost or doubled when a watch breaks off."""
    tally = Tally("messages", "", "", "")
    expected, counts = messages.command_line(SMALL)
    calls = {name: count for name, count in counts.items() if name.startswith("ControlService/")}
    assert {name.rpartition("/")[2] for name in calls} == {
        "LoadFlow",
        "SubmitRun",
        "StartRun",
        "WatchRun",
        "WatchRun answer",
        "GetRun",
    }
    quick = (Harm.REQUEST_LOST, Harm.ANSWER_LOST)
    faults = [fault for fault in messages.every(calls) if fault.harm in quick]
    messages.harm_commands(tally, faults, expected)
    assert not tally.findings, tally.findings


@languages
def test_a_worker_that_is_not_heard_of_is_given_up(language: str) -> None:
    """A lease ends in real time: the attempt is lost, its code is killed and stores nothing, and the task runs again."""
    with rig(one_step(language, HANGS[language]), settings=QUICK) as one:
        lost = threading.Event()
        one.proxy.edit_request = lambda call, data: data if lost.is_set() else on_another_machine(call, data)
        one.proxy.refuses = lambda call, data: call == "WorkerService/Heartbeat" and not lost.is_set()
        run = one.start()
        follow(one, run, lost)
        assert one.outcome(run).state == "RUN_STATE_SUCCEEDED"
        assert attempts(one, run) == ["LOST", "SUCCEEDED"]
        (task,) = (task for task in one.tasks(run) if task.step == "start")
        assert "was not heard of for 1 s" in task.attempts[0].failure.message
        first = int((one.effects / f"{run.run_id}.0").read_text())
        wait_until(lambda: not Path(f"/proc/{first}").exists())
        assert not (one.effects / f"{run.run_id}.0.done").exists()


@languages
def test_a_report_after_the_lease_is_refused(language: str) -> None:
    """I1, I2: a report that was on its way while its lease ended changes nothing."""
    with rig(one_step(language, RETURNS[language]), settings=QUICK) as one:
        first, ended = threading.Lock(), threading.Event()

        def hold(call: str, data: bytes) -> bytes:
            if call == "WorkerService/CompleteTask" and first.acquire(blocking=False):
                assert ended.wait(30)
            return data if ended.is_set() else on_another_machine(call, data)

        one.proxy.edit_request = hold
        one.proxy.refuses = lambda call, data: call == "WorkerService/Heartbeat" and not ended.is_set()
        one.proxy.arm(None)
        run = one.start()
        follow(one, run, ended)
        one.proxy.wait_until_quiet()
        assert attempts(one, run) == ["LOST", "SUCCEEDED"]
        refused = one.proxy.verdicts
        # The session of a worker whose process has ended is gone, and so is its right to speak of the lease.
        assert {reason for call, reason in refused if call.endswith("CompleteTask")} <= {
            "LEASE_LOST",
            "TOKEN_UNKNOWN",
        }
        assert sum(count for (call, _), count in refused.items() if call.endswith("CompleteTask")) == 1


@pytest.mark.parametrize("isolation", ["", 'isolation="spawn"'])
def test_code_that_holds_the_interpreter_keeps_its_lease(isolation: str) -> None:
    """C code can hold Python's lock for longer than the lease: no heartbeat comes, and nothing is wrong."""
    hold = "ctypes.PyDLL(None).sleep(3)"
    with rig(one_step("python", hold, isolation), settings=QUICK) as one:
        one.proxy.arm(None)
        run = one.start()
        for _ in one.events(run):
            pass
        assert one.outcome(run).state == "RUN_STATE_SUCCEEDED"
        assert attempts(one, run) == ["SUCCEEDED"]


@languages
def test_a_worker_that_is_stopped_is_given_up(language: str) -> None:
    """I6: a stopped process is no process at work, so that its lease ends."""
    with rig(one_step(language, HANGS[language]), settings=QUICK) as one:
        run = one.start()
        pid = one.effects / f"{run.run_id}.0"
        wait_until(lambda: pid.exists() and pid.read_text())
        os.kill(int(pid.read_text()), signal.SIGSTOP)
        for _ in one.events(run):
            pass
        assert attempts(one, run) == ["LOST", "SUCCEEDED"]
        assert not (one.effects / f"{run.run_id}.0.done").exists()


@languages
def test_a_cancel_is_seen_within_one_heartbeat(language: str) -> None:
    """I7: after the cancel was recorded, the attempt sends one more heartbeat at most before it reports."""
    with rig(one_step(language, HANGS[language]), settings={"INSTEP_HEARTBEAT_SECONDS": "0.3"}) as one:
        run = one.start()
        wait_until(lambda: one.proxy.counts.get("WorkerService/Heartbeat", 0) > 0)
        one.call("CancelRun", flow=run.flow, run_id=run.run_id, reason="Enough.")
        before = one.proxy.counts["WorkerService/Heartbeat"]
        for _ in one.events(run):
            pass
        assert attempts(one, run) == ["CANCELLED"]
        assert one.proxy.counts["WorkerService/Heartbeat"] <= before + 2  # one may have been under way


@languages
def test_a_cancel_that_comes_as_many_signals_is_one_cancel(language: str) -> None:
    """I7: launcher and heartbeat both interrupt the code; what reports the cancel is not interrupted by that."""
    with rig(one_step(language, HANGS[language]), settings={"INSTEP_HEARTBEAT_SECONDS": "0.1"}) as one:
        run = one.start()
        pid = one.effects / f"{run.run_id}.0"
        wait_until(lambda: pid.exists() and pid.read_text())
        one.call("CancelRun", flow=run.flow, run_id=run.run_id, reason="Enough.")
        with contextlib.suppress(ProcessLookupError):
            while attempts(one, run) != ["CANCELLED"]:
                os.kill(int(pid.read_text()), signal.SIGINT)
        for _ in one.events(run):
            pass
        assert attempts(one, run) == ["CANCELLED"]


TWO_TASKS = """
    import os, time
    from instep import FlowSpec, current, step

    class Messages(FlowSpec):
        @step
        def start(self):
            self.items = [0, 1]
            self.next("each", foreach="items")

        @step(isolation="reuse")
        def each(self):
            here = os.path.join(os.environ["MESSAGES_EFFECTS"], current.run_id)
            if self.input == 1:
                open(here, "w").close()
                while not os.path.exists(here + ".go"):
                    time.sleep(0.02)
            self.next("join")

        @step
        def join(self, inputs):
            self.next("end")

        @step
        def end(self):
            pass
"""
"""Two tasks that one process runs in one session."""


def test_the_token_of_an_attempt_that_has_ended_is_refused() -> None:
    """I2: on every call, in the same session, while the next attempt runs. Only the same report is answered."""

    def write(folder: Path) -> Path:
        file = folder / "messages.py"
        file.write_text(textwrap.dedent(TWO_TASKS))
        return file

    with rig(write, settings={"INSTEP_CALL_SECONDS": "10"}) as one:
        seen: list[tuple[str, bytes, str]] = []
        one.proxy.hears = lambda call, data, authorization: seen.append((call, data, authorization))
        run = one.start(max_workers=1)
        second = one.effects / run.run_id
        wait_until(second.exists)
        reports = [(data, shown) for call, data, shown in seen if call == "WorkerService/CompleteTask"]
        report, session = reports[1]  # the first one was of `start`
        token = pb.CompleteTaskRequest.FromString(report).lease_token
        calls = every_call(token)
        try:
            answer = one.raw("WorkerService/CompleteTask", report, session)
            disposition = pb.CompleteTaskResponse.FromString(answer).disposition
            assert disposition == pb.DISPOSITION_DUPLICATE
            for call, request in calls:
                assert status_of(one, call, request, session) is grpc.StatusCode.FAILED_PRECONDITION, call
        finally:
            Path(f"{second}.go").touch()
        for _ in one.events(run):
            pass
        assert one.outcome(run).state == "RUN_STATE_SUCCEEDED"
        for call, request in calls:  # its process has ended, and its session with it
            assert status_of(one, call, request, session) is grpc.StatusCode.UNAUTHENTICATED, call


def status_of(one: Rig, call: str, request: Message, session: str) -> grpc.StatusCode:
    """Makes a call that is to be refused, and gives its status."""
    with pytest.raises(grpc.RpcError) as refused:
        one.raw(call, request.SerializeToString(), session)
    return refused.value.code()


def every_call(token: bytes) -> list[tuple[str, Message]]:
    """All calls that take a lease token."""
    digest = digest_pb2.Digest(hash="b3:" + "0" * 64, size=1)
    upload = store_service_pb2.FinishedUpload(upload_id="1", digest=digest)
    return [
        ("WorkerService/Heartbeat", pb.HeartbeatRequest(lease_token=token, seq=1_000)),
        (
            "WorkerService/CompleteTask",
            pb.CompleteTaskRequest(lease_token=token, completion_id="another", success=pb.Success()),
        ),
        ("WorkerService/ListJoinInputs", pb.ListJoinInputsRequest(lease_token=token)),
        (
            "LogService/AppendLogs",
            log_service_pb2.AppendLogsRequest(lease_token=token, stream="LOG_STREAM_STDOUT", data=b"late"),
        ),
        (
            "StoreService/ResolveBlobs",
            store_service_pb2.ResolveBlobsRequest(lease_token=token, digests=[digest]),
        ),
        (
            "StoreService/PrepareUploads",
            store_service_pb2.PrepareUploadsRequest(lease_token=token, digests=[digest]),
        ),
        ("StoreService/WriteBlob", store_service_pb2.WriteBlobRequest(lease_token=token, upload_id="1")),
        (
            "StoreService/CommitUploads",
            store_service_pb2.CommitUploadsRequest(lease_token=token, uploads=[upload]),
        ),
        ("StoreService/ReadBlob", store_service_pb2.ReadBlobRequest(lease_token=token, digest=digest)),
    ]


def from_the_future(call: str, data: bytes) -> bytes:
    """Makes of an answer what a newer orchestrator might send: fields, enum values and features that nobody knows."""
    name = call.rpartition("/")[2] + "Response"
    found = next(
        (getattr(one, name) for one in (pb, log_service_pb2, store_service_pb2) if hasattr(one, name)), None
    )
    if found is None:
        return data
    answer = found.FromString(data)
    if name == "HeartbeatResponse" and answer.directive == pb.DIRECTIVE_CONTINUE:
        answer.directive = 99
    if name == "CompleteTaskResponse":
        answer.disposition = 99
    if name == "RegisterWorkerResponse":
        answer.capabilities.append("instep.cap.telepathy.v9")
        answer.limits.append(key_value_pb2.KeyValue(key="patience", value="none"))
        assert answer.lease.HasField("task")
        task = answer.lease.task
        task.on_loss = 99
        for one in task.inputs:
            if one.kind == task_pb2.INPUT_KIND_ARTIFACT:
                one.kind = 99
        if task.HasField("previous_failure"):
            task.previous_failure.kind = 99
    add_unknown_fields(answer)
    return bytes(answer.SerializeToString())


def add_unknown_fields(message: Message) -> None:
    """Adds a number and bytes under unknown field numbers to a message and all messages in it."""
    for field, value in list(message.ListFields()):
        if field.message_type is not None:
            for one in value if field.is_repeated else [value]:
                add_unknown_fields(one)
    message.MergeFromString(b"\xc0\x3e\x2a" + b"\xca\x3e\x06future")


def test_answers_of_a_newer_orchestrator_change_nothing() -> None:
    """I12: unknown fields, enum values, limits and features in every answer, in both languages."""
    with rig(remote=True) as one:
        expected = one.run()
        one.proxy.edit_answer = from_the_future
        outcome = one.run()
        assert outcome == expected, expected.differs(outcome)


@languages
def test_a_worker_that_does_not_know_an_answer_closes_its_session(language: str) -> None:
    """I12: an arm of LeaseTaskResponse that nobody knows. The task goes to another worker, and loses no attempt by it."""
    with rig(one_step(language, RETURNS[language])) as one:
        first = threading.Lock()

        def change(call: str, data: bytes) -> bytes:
            if call != "WorkerService/RegisterWorker" or not first.acquire(blocking=False):
                return data
            answer = pb.RegisterWorkerResponse.FromString(data)
            answer.lease.Clear()
            answer.lease.MergeFromString(b"\xca\x3e\x06future")
            return answer.SerializeToString()

        one.proxy.edit_answer = change
        run = one.start()
        for _ in one.events(run):
            pass
        assert one.proxy.counts["WorkerService/CloseWorker"] == 1
        assert attempts(one, run) == ["RECLAIMED", "SUCCEEDED"]


CLOCK = """
    import os, sys, time
    _set, _time, _time_ns = os.environ["MESSAGES_CLOCK"], time.time, time.time_ns

    def _hours():
        try:
            with open(_set) as file:
                return int(file.read() or 0)
        except FileNotFoundError:
            return 0

    if "instep_server" in sys.orig_argv:
        time.time = lambda: _time() + 3600 * _hours()
        time.time_ns = lambda: _time_ns() + 3600 * 10**9 * _hours()
"""
"""Sets the clock of the orchestrator as a file says."""


@languages
def test_a_clock_that_is_set_ends_no_lease(language: str, tmp_path: Path) -> None:
    """I15: an hour ahead and an hour back, while a task runs on a lease of three seconds."""
    clock = tmp_path / "hours"
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(CLOCK))
    settings = {"INSTEP_LEASE_SECONDS": "3", "PYTHONPATH": str(tmp_path), "MESSAGES_CLOCK": str(clock)}
    with rig(one_step(language, WAITS[language]), settings=settings) as one:
        one.proxy.edit_request = on_another_machine  # so that heartbeats alone keep the lease
        run = one.start()
        for hours in (1, -1, 0):
            before = one.proxy.counts.get("WorkerService/Heartbeat", 0)
            clock.write_text(str(hours))
            wait_until(partial(has_more_heartbeats, one, before + 2))
        (one.effects / "go").touch()
        for _ in one.events(run):
            pass
        assert attempts(one, run) == ["SUCCEEDED"]
        (task,) = (task for task in one.tasks(run) if task.step == "start")
        assert task.attempts[0].failure.message == ""
