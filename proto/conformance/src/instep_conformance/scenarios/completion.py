"""The report of an attempt, which must arrive once, whatever happens on its way."""

from __future__ import annotations

import grpc

from instep_conformance.faults import changed, late, lost_reply, lost_request, refused
from instep_conformance.kit import Kit
from instep_conformance.orchestrator import Fault
from instep_conformance.scenario import scenario
from instep_conformance.scenarios.heartbeats import NO_VERDICTS

Code = grpc.StatusCode
TRANSPORT = (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.INTERNAL, Code.UNKNOWN)


@scenario("reports")
def report_reply_is_lost(kit: Kit) -> None:
    """The report is taken, and the answer lost, twice: it is made again under the same id, and DUPLICATE is fine."""
    _run_through(kit, lost_reply(), lost_reply(Code.INTERNAL))


@scenario("reports")
def report_is_lost(kit: Kit) -> None:
    """The report is lost by each code of the transport: it is made again under the same id."""
    _run_through(kit, *map(lost_request, TRANSPORT))


@scenario("reports")
def report_status_without_trailer(kit: Kit) -> None:
    """Codes of verdicts without the trailer `instep-error-bin` are no verdicts: the report is made again."""
    _run_through(kit, *map(lost_request, NO_VERDICTS[:3]))


@scenario("reports")
def report_meets_a_conflict(kit: Kit) -> None:
    """ABORTED (WRITE_CONFLICT): the report is made again under the same id."""
    _run_through(kit, refused(Code.ABORTED, "WRITE_CONFLICT"))


@scenario("reports")
def report_meets_an_overload(kit: Kit) -> None:
    """RESOURCE_EXHAUSTED (OVERLOADED) with retry_after_ms: the report is made again, and not before that time."""
    _run_through(kit, refused(Code.RESOURCE_EXHAUSTED, "OVERLOADED", retry_after_ms=700))
    first, second = (call.at for call in kit.orchestrator.transcript if call.rpc == "CompleteTask")
    kit.expect(second - first >= 0.7, f"700 ms pass, and not {1000 * (second - first):.0f}")


@scenario("reports")
def report_is_taken_slowly(kit: Kit) -> None:
    """The answer takes a second: the worker waits for it."""
    _run_through(kit, late(1.0))


@scenario("reports")
def report_is_malformed(kit: Kit) -> None:
    """INVALID_ARGUMENT (MALFORMED) is final: the same report is not made again."""
    kit.orchestrator.script("CompleteTask", refused(Code.INVALID_ARGUMENT, "MALFORMED"))
    kit.task("add", {"a": 1, "b": 2})
    kit.start()
    kit.finish()
    ids = [request.completion_id for request in kit.calls("CompleteTask")]
    kit.expect(len(ids) == len(set(ids)), f"no report is repeated: {ids}")


@scenario("reports")
def report_lacks_a_blob(kit: Kit) -> None:
    """A blob is lost before the report arrives, which BLOB_MISSING refuses: it is stored again, then reported again."""

    def lose(request: object, usual: object) -> object:
        for digest in request.success.outputs[0].blobs:  # type: ignore[attr-defined]
            kit.orchestrator.objects.remove(digest.hash)
        return usual()  # type: ignore[operator]

    kit.task("big", {"count": 2000})
    kit.orchestrator.script("CompleteTask", lose)
    report = kit.run()
    kit.expect(len(report.success.outputs[0].blobs) > 0, "16 kB are a blob")
    numbers = kit.outputs(report)["numbers"]
    kit.expect(numbers == list(range(2000)), "the numbers are stored")


@scenario("reports", shares_store=False)
def report_lacks_an_uploaded_blob(kit: Kit) -> None:
    """The same for a worker that uploads: it asks for an upload again."""
    report_lacks_a_blob(kit)


@scenario("reports")
def report_answer_is_of_tomorrow(kit: Kit) -> None:
    """The answer has a disposition that the worker does not know: the report was taken."""
    _run_through(kit, changed(lambda answer: answer.MergeFromString(b"\x08\x63")), calls=1)


def _run_through(kit: Kit, *faults: Fault, calls: int | None = None) -> None:
    kit.orchestrator.script("CompleteTask", *faults)
    kit.task("add", {"a": 1, "b": 2})
    report = kit.run()
    kit.expect(kit.outputs(report) == {"total": 3}, "the report is taken")
    ids = {request.completion_id for request in kit.calls("CompleteTask")}
    kit.expect(len(ids) == 1, f"all tries are one report: {ids}")
    expected = calls or len(kit.calls("CompleteTask"))
    kit.expect(len(kit.calls("CompleteTask")) == expected, f"it is made {expected} times")
