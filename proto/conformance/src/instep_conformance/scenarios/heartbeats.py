"""Heartbeats, and what they are answered: go on, cancel, or nothing at all."""

from __future__ import annotations

import grpc
from instep_proto.v1 import worker_service_pb2 as pb

from instep_conformance.faults import changed, late, lost_reply, lost_request
from instep_conformance.kit import Kit
from instep_conformance.orchestrator import verdict
from instep_conformance.scenario import scenario

Code = grpc.StatusCode
NO_VERDICTS = (
    Code.FAILED_PRECONDITION,
    Code.PERMISSION_DENIED,
    Code.NOT_FOUND,
    Code.UNAUTHENTICATED,
    Code.ABORTED,
)
"""Codes that the orchestrator uses for verdicts, and that a proxy may use, too."""
COUNT = 10


@scenario("heartbeats")
def heartbeats_come_as_told(kit: Kit) -> None:
    """A heartbeat is wanted every 100 ms: ten come while user code runs, each with a greater `seq`, from 1 on."""
    kit.orchestrator.limits["heartbeat_ms"] = 100
    kit.wait_task()
    kit.start()
    kit.wait_for(f"{COUNT} heartbeats came", lambda: len(kit.calls("Heartbeat")) >= COUNT)
    kit.let_go()
    kit.expect(kit.outputs(kit.run()) == {"done": True}, "the task is done")
    kit.expect(kit.calls("Heartbeat")[0].seq == 1, "the first heartbeat has seq 1")


@scenario("heartbeats")
def heartbeats_slow_down(kit: Kit) -> None:
    """The answer to the first heartbeat asks for one a minute: at most one more comes in the next two seconds."""
    kit.orchestrator.script("Heartbeat", changed(_once_a_minute), changed(_once_a_minute))
    kit.wait_task()
    kit.start()
    kit.wait_until_running()
    kit.wait_in_vain(2.0)
    count = len(kit.calls("Heartbeat"))
    kit.let_go()
    kit.run()
    kit.expect(count <= 2, f"heartbeats slow down: {count} came")


@scenario("heartbeats")
def heartbeats_are_lost(kit: Kit) -> None:
    """Requests and answers of heartbeats are lost, or late: the task goes on."""
    kit.orchestrator.script("Heartbeat", lost_request(), lost_reply(), late(0.5), lost_request(Code.INTERNAL))
    kit.wait_task()
    kit.start()
    kit.wait_for("six heartbeats came", lambda: len(kit.calls("Heartbeat")) >= 6)
    kit.let_go()
    kit.expect(kit.outputs(kit.run()) == {"done": True}, "the task is done")


@scenario("heartbeats")
def heartbeat_status_without_trailer(kit: Kit) -> None:
    """Codes of verdicts without the trailer `instep-error-bin` come from a proxy: they are no verdicts, and the task goes on."""
    kit.orchestrator.script("Heartbeat", *map(lost_request, NO_VERDICTS))
    kit.wait_task()
    kit.start()
    kit.wait_for("user code runs", lambda: len(kit.calls("Heartbeat")) > len(NO_VERDICTS))
    kit.let_go()
    kit.expect(kit.outputs(kit.run()) == {"done": True}, "the task is done")


@scenario("heartbeats")
def heartbeats_go_on_at_the_report(kit: Kit) -> None:
    """The report is refused by an overload for some seconds: heartbeats keep the lease until it is taken."""

    def count() -> int:
        return len(kit.calls("Heartbeat"))

    before = []

    def overload(request: object, usual: object) -> object:
        before.append(count())
        raise verdict(Code.RESOURCE_EXHAUSTED, "OVERLOADED", "Wait.", retry_after_ms=700)

    kit.orchestrator.script("CompleteTask", overload, overload, overload)
    kit.wait_task()
    kit.start()
    kit.wait_until_running()
    kit.let_go()
    kit.run()
    kit.expect(count() > before[0] + 1, f"heartbeats come between the reports: {before} and {count()}")


@scenario("heartbeats")
def heartbeat_directive_is_of_tomorrow(kit: Kit) -> None:
    """A directive that the worker does not know means: go on."""
    kit.orchestrator.script("Heartbeat", changed(_directive_of_tomorrow), changed(_directive_of_tomorrow))
    kit.wait_task()
    kit.start()
    kit.wait_for("three heartbeats came", lambda: len(kit.calls("Heartbeat")) >= 3)
    kit.let_go()
    kit.expect(kit.outputs(kit.run()) == {"done": True}, "the task is done")


@scenario("cancel")
def cancel(kit: Kit) -> None:
    """The directive CANCEL stops user code; the attempt is reported as cancelled, with the reason that was given."""
    kit.wait_task()
    kit.start()
    kit.wait_until_running()
    kit.attempt().cancel = "Ada has stopped the run."
    report = kit.run()
    kit.expect(
        report.HasField("cancelled"), f"the attempt is cancelled, and not {report.WhichOneof('outcome')}"
    )
    kit.expect(report.cancelled.reason == "Ada has stopped the run.", f"not for {report.cancelled.reason!r}")
    assert kit.process is not None
    kit.expect("woke" not in kit.process.text("stdout"), "user code does not go on")


@scenario("cancel")
def cancel_comes_too_late(kit: Kit) -> None:
    """The run is cancelled while the step succeeds: its report stands, and the worker ends well."""

    def win(request: object, usual: object) -> object:
        kit.attempt().cancel = "Ada has stopped the run."
        return usual()  # type: ignore[operator]

    kit.orchestrator.script("CompleteTask", win)
    kit.task("add", {"a": 1, "b": 2})
    report = kit.run()
    kit.expect(kit.outputs(report) == {"total": 3}, "the report stands")


@scenario("restart")
def restart_while_running(kit: Kit) -> None:
    """The orchestrator goes away while user code runs, and comes back: the task goes on, and its report is taken."""
    kit.wait_task()
    kit.start()
    kit.wait_until_running()
    kit.orchestrator.stop()
    kit.wait_in_vain(1.0)
    before = len(kit.calls("Heartbeat"))
    kit.orchestrator.start()
    kit.wait_for("heartbeats come again", lambda: len(kit.calls("Heartbeat")) > before)
    kit.let_go()
    kit.expect(kit.outputs(kit.run()) == {"done": True}, "the task is done")


@scenario("restart")
def restart_at_the_report(kit: Kit) -> None:
    """User code ends while the orchestrator is away: the worker keeps its report until somebody takes it."""
    kit.wait_task()
    kit.start()
    kit.wait_until_running()
    kit.orchestrator.stop()
    kit.let_go()
    kit.wait_in_vain(1.5)
    kit.orchestrator.start()
    kit.expect(kit.outputs(kit.run()) == {"done": True}, "the task is done")


@scenario("restart")
def orphan_ends(kit: Kit) -> None:
    """The orchestrator does not come back within the limit `orphan_ms`: the worker ends by itself, not well."""
    kit.orchestrator.limits["orphan_ms"] = 1500
    kit.wait_task()
    kit.start()
    kit.wait_until_running()
    kit.orchestrator.stop()
    code = kit.finish()
    kit.expect(code != 0, "the worker does not end well")


@scenario("time limit", capability="instep.cap.attempt_timeout.v1")
def attempt_times_out(kit: Kit) -> None:
    """User code takes longer than the attempt may: it is stopped, and the failure is ATTEMPT_TIMEOUT."""
    kit.wait_task(attempt_timeout_ms=1000)
    report = kit.run()
    kit.expect(report.HasField("failure"), f"the attempt fails, and is not {report.WhichOneof('outcome')}")
    kit.expect_kind(report.failure, "ATTEMPT_TIMEOUT")


def _once_a_minute(answer: pb.HeartbeatResponse) -> None:
    answer.heartbeat_ms = 60_000


def _directive_of_tomorrow(answer: pb.HeartbeatResponse) -> None:
    answer.MergeFromString(b"\x18\x63")  # directive = 99
