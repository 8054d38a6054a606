"""How a worker gets tasks, and what it does when a lease is gone."""

from __future__ import annotations

import grpc
from instep_proto.v1 import worker_service_pb2 as pb

from instep_conformance.faults import lost_reply, none_of_it, refused
from instep_conformance.kit import Kit
from instep_conformance.scenario import scenario

Code = grpc.StatusCode
REUSE = "instep.cap.piggyback_next.v1"


@scenario("leases")
def task_comes_later(kit: Kit) -> None:
    """The registration brings no task, and says when to ask: the worker asks with LeaseTask until it gets one."""
    kit.orchestrator.plan_leases(_not_yet(50), _not_yet(50))
    kit.task("nothing")
    kit.run()
    asked = [request.request_id for request in kit.calls("LeaseTask")]
    kit.expect(len(set(asked)) == 2, f"each request for a lease has an id of its own: {asked}")


@scenario("leases")
def lease_reply_is_lost(kit: Kit) -> None:
    """The answer to LeaseTask is lost: the worker asks with the same request_id, and runs the redelivered task once."""
    kit.orchestrator.plan_leases(_not_yet(1))
    kit.orchestrator.script("LeaseTask", lost_reply())
    kit.task("add", {"a": 1, "b": 2})
    report = kit.run()
    asked = [request.request_id for request in kit.calls("LeaseTask")]
    kit.expect(len(asked) == 2, "LeaseTask is tried twice")
    kit.expect(len(set(asked)) == 1, f"both tries have the same request_id: {asked}")
    kit.expect(kit.outputs(report) == {"total": 3}, "the task is done")


@scenario("leases")
def lease_is_polled_twice(kit: Kit) -> None:
    """ABORTED (CONCURRENT_POLL) is no reason to end: the worker asks again."""
    kit.orchestrator.plan_leases(_not_yet(1))
    kit.orchestrator.script("LeaseTask", refused(Code.ABORTED, "CONCURRENT_POLL"))
    kit.task("nothing")
    kit.run()


@scenario("leases")
def drained_at_once(kit: Kit) -> None:
    """There is no task, and there will be none: the worker ends with exit code 0."""
    kit.start()
    code = kit.finish()
    kit.expect(code == 0, f"the worker ends with exit code 0, and not {code}")
    kit.expect(not kit.calls("CompleteTask"), "nothing is reported")


@scenario("leases")
def session_is_replaced(kit: Kit) -> None:
    """SESSION_REPLACED at LeaseTask ends the worker at once, not well."""
    kit.orchestrator.plan_leases(_not_yet(1))
    kit.orchestrator.script("LeaseTask", refused(Code.FAILED_PRECONDITION, "SESSION_REPLACED"))
    kit.task("nothing")
    kit.start()
    code = kit.finish()
    kit.expect(code > 0, f"the worker fails, and does not end with {code}")
    kit.expect(len(kit.calls("LeaseTask")) == 1, "it does not ask again")


@scenario("leases")
def lease_is_lost(kit: Kit) -> None:
    """LEASE_LOST at a heartbeat: user code is stopped, and nothing is reported."""
    _lose_lease(kit, "LEASE_LOST")


@scenario("leases")
def lease_is_closed(kit: Kit) -> None:
    """LEASE_CLOSED at a heartbeat: user code is stopped, and nothing is reported."""
    _lose_lease(kit, "LEASE_CLOSED")


@scenario("leases")
def lease_is_lost_at_the_report(kit: Kit) -> None:
    """LEASE_LOST at the report: it is not made again."""
    kit.orchestrator.script("CompleteTask", refused(Code.FAILED_PRECONDITION, "LEASE_LOST"))
    kit.task("nothing")
    kit.start()
    kit.finish()
    kit.expect(len(kit.calls("CompleteTask")) == 1, "the attempt is reported once")


@scenario("several tasks in one process", capability=REUSE)
def next_task_comes_with_the_answer(kit: Kit) -> None:
    """A worker that may run several tasks asks for the next one with its report, until it is drained."""
    for number in range(3):
        kit.task("add", {"a": number, "b": 10})
    kit.start(reuse=True)
    code = kit.finish()
    kit.expect(code == 0, f"the worker ends with exit code 0, and not {code}")
    totals = [kit.outputs(kit.report(index))["total"] for index in range(3)]
    kit.expect(totals == [10, 11, 12], f"the tasks give 10, 11 and 12, and not {totals}")
    kit.expect(
        all(one.HasField("want_next") for one in kit.calls("CompleteTask")), "reports ask for the next task"
    )


@scenario("several tasks in one process", capability=REUSE)
def next_task_is_lost_with_the_answer(kit: Kit) -> None:
    """The answer with the next task is lost: the repeated report brings that task again, and all three run once."""
    kit.orchestrator.script("CompleteTask", lost_reply(), none_of_it, lost_reply())
    for number in range(3):
        kit.task("add", {"a": number, "b": 10})
    kit.start(reuse=True)
    code = kit.finish()
    kit.expect(code == 0, f"the worker ends with exit code 0, and not {code}")
    totals = [kit.outputs(kit.report(index))["total"] for index in range(3)]
    kit.expect(totals == [10, 11, 12], f"the tasks give 10, 11 and 12, and not {totals}")
    reported = {request.completion_id for request in kit.calls("CompleteTask")}
    kit.expect(len(reported) == 3, f"there are three reports: {reported}")


@scenario("several tasks in one process", capability=REUSE)
def next_task_after_a_failure(kit: Kit) -> None:
    """A worker that may run several tasks goes on after one that failed."""
    kit.task("fail", {"message": "the tank is empty", "times": 1})
    kit.task("add", {"a": 1, "b": 2})
    kit.start(reuse=True)
    kit.finish()
    kit.expect(kit.report(0).HasField("failure"), "the first task fails")
    kit.expect(kit.outputs(kit.report(1)) == {"total": 3}, "the second task is done")


@scenario("several tasks in one process", capability=REUSE)
def next_task_comes_later(kit: Kit) -> None:
    """The answer to a report has no task yet: the worker asks with LeaseTask."""
    kit.orchestrator.plan_leases(None, _not_yet(20))
    kit.task("nothing")
    kit.task("add", {"a": 1, "b": 2})
    kit.start(reuse=True)
    kit.finish()
    kit.expect(kit.outputs(kit.report(1)) == {"total": 3}, "the second task is done")


@scenario("leases")
def lease_answer_is_of_tomorrow(kit: Kit) -> None:
    """The answer to a lease has an arm that the worker does not know: it closes its session with a reason."""
    answer = pb.LeaseTaskResponse()
    answer.MergeFromString(b"\xfa\x3f\x02\x08\x01")
    kit.orchestrator.plan_leases(answer)
    kit.start()
    kit.finish()
    closed = kit.calls("CloseWorker")
    kit.expect(len(closed) == 1, "the worker closes its session")
    kit.expect(bool(closed[0].reason), "and says why")


def _not_yet(milliseconds: int) -> pb.LeaseTaskResponse:
    return pb.LeaseTaskResponse(none=pb.NoTask(retry_after_ms=milliseconds))


def _lose_lease(kit: Kit, reason: str) -> None:
    kit.wait_task()
    kit.start()
    kit.wait_until_running()
    kit.orchestrator.script("Heartbeat", *[refused(Code.FAILED_PRECONDITION, reason)] * 3)
    kit.finish()
    assert kit.process is not None
    kit.expect("woke" not in kit.process.text("stdout"), "user code does not go on")
    kit.expect(not kit.calls("CompleteTask"), "nothing is reported")
