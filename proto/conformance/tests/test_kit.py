"""The kit finds what is wrong with workers that do wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from instep_conformance.__main__ import main
from instep_conformance.kit import Worker
from instep_conformance.orchestrator import Attempt
from instep_conformance.rules import broken_by
from instep_conformance.runner import Outcome, run_one
from instep_conformance.scenario import SCENARIOS
from instep_conformance.sequence import broken_by as sequence_broken_by
from instep_conformance.transcript import Transcript
from instep_conformance.values import decode, encode
from instep_proto.v1 import failure_pb2, log_service_pb2, task_pb2
from instep_proto.v1 import worker_service_pb2 as pb

CARELESS = Path(__file__).parent / "careless_worker.py"


def careless(*faults: str) -> Worker:
    return Worker([sys.executable, str(CARELESS), *faults], CARELESS)


@pytest.mark.parametrize(
    ("scenario", "fault", "problem"),
    [
        ("task-without-values", "", ""),
        ("report-reply-is-lost", "new-id", "under another completion_id after it was accepted"),
        ("report-reply-is-lost", "gives-up", "ends with exit code 0, and not 1"),
        ("task-without-values", "wrong-token", "does not show its token"),
        ("task-without-values", "exit-code", "ends with exit code 0, and not 3"),
        ("lease-is-lost-at-the-report", "", ""),
        ("drained-at-once", "", ""),
        ("log-is-sent-to-the-end", "", "The attempt should succeed|stdout has 50000 lines"),
        ("secrets-are-not-in-errors", "tells", "no token stands in stderr"),
    ],
)
def test_careless_worker_is_found_out(scenario: str, fault: str, problem: str) -> None:
    result = run_one(careless(*filter(None, [fault])), SCENARIOS[scenario])
    assert result.outcome is (Outcome.FAILED if problem else Outcome.PASSED), result.problems
    told = " ".join(result.problems)
    assert not problem or any(part in told for part in problem.split("|")), told


def test_program_that_does_not_register(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", "--file", str(CARELESS), "--", "true"]) == 1
    assert "does not register" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["worker"],
        ["worker", "--", "true"],
        ["worker", "--file", "/nonexistent", "--", "true"],
        ["worker", "--file", str(CARELESS), "--scenario", "nonsense", "--", "true"],
        ["value"],
    ],
)
def test_command_line_that_is_wrong(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("instep-conformance: ")


def test_what_is_known_to_fail_must_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = tmp_path / "known.txt"
    command = ["--known-failing", str(known), "--", sys.executable, str(CARELESS), "gives-up"]
    chosen = ["--scenario", "report-reply-is-lost", "--scenario", "drained-at-once"]
    file = ["--file", str(CARELESS), "--report", str(tmp_path / "report.json")]
    known.write_text("report-reply-is-lost  # it gives up\n")
    assert main(["worker", *file, *chosen, *command]) == 0
    known.write_text("report-reply-is-lost\ndrained-at-once\n")
    assert main(["worker", *file, *chosen, *command]) == 1
    assert "drained-at-once" in capsys.readouterr().out
    report = json.loads((tmp_path / "report.json").read_text())
    assert [one["outcome"] for one in report["scenarios"]] == ["failed", "passed"]


def test_program_without_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["value", "--", "true"]) == 1
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rpc", "request_", "rule"),
    [
        (
            "AppendLogs",
            log_service_pb2.AppendLogsRequest(stream="LOG_STREAM_STDOUT", data=bytes(300_000)),
            "256 KiB",
        ),
        ("AppendLogs", log_service_pb2.AppendLogsRequest(), "stream 0"),
        ("Heartbeat", pb.HeartbeatRequest(phase="ATTEMPT_PHASE_RUNNING"), "begin with 1"),
        ("CompleteTask", pb.CompleteTaskRequest(completion_id="1"), "no outcome"),
        (
            "CompleteTask",
            pb.CompleteTaskRequest(completion_id="1", failure=failure_pb2.Failure(message="x" * 20_000)),
            "16 KiB",
        ),
        (
            "CompleteTask",
            pb.CompleteTaskRequest(
                completion_id="1",
                success=pb.Success(
                    outputs=[task_pb2.Output(name="a", type="t"), task_pb2.Output(name="a", type="t")]
                ),
            ),
            "twice",
        ),
    ],
)
def test_rules_for_single_calls(rpc: str, request_: object, rule: str) -> None:
    assert any(rule in problem for problem in broken_by(rpc, request_))


def test_rules_for_all_calls_together() -> None:
    transcript = Transcript()
    for seq, phase in ((1, "RUNNING"), (1, "RUNNING"), (3, "STARTED")):
        beat = pb.HeartbeatRequest(lease_token=b"t", seq=seq, phase=f"ATTEMPT_PHASE_{phase}")
        transcript.add("Heartbeat", beat)
    for reason in "ab":
        cancelled = pb.CancelledOutcome(reason=reason)
        transcript.add("CompleteTask", pb.CompleteTaskRequest(completion_id="1", cancelled=cancelled))
    assert list(sequence_broken_by(transcript)) == [
        "CompleteTask is repeated with the same completion_id and another content.",
        "Heartbeat 1 comes after heartbeat 1.",
        "The phase of an attempt goes back.",
    ]


@pytest.mark.parametrize(
    "value", [None, True, 7, 1.5, "grün", [1, 2], {"a": [0.5], "b": {"c": None}}, list(range(5000))]
)
def test_values_come_back(value: object) -> None:
    encoded = encode(value)
    assert decode(encoded.manifest, lambda hash, size: encoded.blobs[hash]) == value


def test_attempt_is_acknowledged_by_heartbeat_or_report() -> None:
    assert not Attempt(task_pb2.Task()).is_acknowledged
    assert Attempt(task_pb2.Task(), seq=1).is_acknowledged
    assert Attempt(task_pb2.Task(), report=pb.CompleteTaskRequest()).is_acknowledged
