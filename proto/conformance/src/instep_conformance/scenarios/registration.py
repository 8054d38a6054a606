"""How a worker starts: its bootstrap, versions, tokens and the first call."""

from __future__ import annotations

import grpc

from instep_conformance.faults import late, lost_reply, lost_request, refused
from instep_conformance.kit import Kit
from instep_conformance.scenario import scenario

Code = grpc.StatusCode
EXIT_ACCESS = 75
EXIT_VERSION = 76


@scenario("bootstrap")
def bootstrap_is_absent(kit: Kit) -> None:
    """Started by hand, without INSTEP_BOOTSTRAP_FD, the program says what is missing and fails."""
    kit.start_with(None)
    _expect_refusal_to_start(kit)


@scenario("bootstrap")
def bootstrap_is_cut(kit: Kit) -> None:
    """The pipe ends in the middle of the message: the program says so and fails."""
    kit.start_with(b"\x40\x00\x00\x00\x0a\x05unix:")
    _expect_refusal_to_start(kit)


@scenario("registration")
def version_is_not_supported(kit: Kit) -> None:
    """VERSION_UNSUPPORTED ends the worker with exit code 76, and both version ranges stand in its stderr."""
    message = "The orchestrator speaks protocol versions 8-9, and this worker speaks 1-1."
    kit.orchestrator.script(
        "RegisterWorker", refused(Code.FAILED_PRECONDITION, "VERSION_UNSUPPORTED", message)
    )
    _expect_end(kit, EXIT_VERSION, message)


@scenario("registration")
def capability_is_required(kit: Kit) -> None:
    """CAPABILITY_REQUIRED ends the worker with exit code 76, and the message stands in its stderr."""
    message = "This orchestrator needs instep.cap.tomorrow.v1."
    kit.orchestrator.script(
        "RegisterWorker", refused(Code.FAILED_PRECONDITION, "CAPABILITY_REQUIRED", message)
    )
    _expect_end(kit, EXIT_VERSION, message)


@scenario("registration")
def registration_is_not_implemented(kit: Kit) -> None:
    """UNIMPLEMENTED, as a server of something else answers, ends the worker with exit code 76."""
    kit.orchestrator.script("RegisterWorker", lost_request(Code.UNIMPLEMENTED))
    _expect_end(kit, EXIT_VERSION)


@scenario("registration")
def token_is_refused(kit: Kit) -> None:
    """TOKEN_UNKNOWN at registration ends the worker with exit code 75."""
    kit.orchestrator.script("RegisterWorker", refused(Code.UNAUTHENTICATED, "TOKEN_UNKNOWN"))
    _expect_end(kit, EXIT_ACCESS)


@scenario("registration")
def registration_reply_is_lost(kit: Kit) -> None:
    """The answers to the first two registrations are lost: the third is the same call, and its redelivered task runs once."""
    kit.orchestrator.script("RegisterWorker", lost_reply(), lost_reply(Code.DEADLINE_EXCEEDED))
    kit.task("add", {"a": 1, "b": 2})
    report = kit.run()
    kit.expect(len(kit.calls("RegisterWorker")) == 3, "registration is tried three times")
    kit.expect(kit.outputs(report) == {"total": 3}, "the task is done")
    kit.expect(len(kit.calls("CompleteTask")) == 1, "the attempt is reported once")


@scenario("registration")
def registration_is_late(kit: Kit) -> None:
    """The answer to the registration takes a second: the worker waits for it."""
    kit.orchestrator.script("RegisterWorker", late(1.0))
    kit.task("nothing")
    kit.run()
    kit.expect(len(kit.calls("RegisterWorker")) == 1, "registration is tried once")


@scenario("registration")
def orchestrator_listens_late(kit: Kit) -> None:
    """Nobody listens when the worker starts: it tries again until somebody does."""
    kit.orchestrator.stop()
    kit.task("nothing")
    kit.start()
    kit.wait_in_vain(1.0)
    kit.orchestrator.start()
    kit.run()


@scenario("registration")
def token_expires(kit: Kit) -> None:
    """TOKEN_EXPIRED at the report ends the worker with exit code 75; the report is not repeated."""
    kit.orchestrator.script("CompleteTask", refused(Code.UNAUTHENTICATED, "TOKEN_EXPIRED"))
    kit.task("nothing")
    _expect_end(kit, EXIT_ACCESS)
    kit.expect(len(kit.calls("CompleteTask")) == 1, "the attempt is reported once")


def _expect_end(kit: Kit, code: int, message: str = "") -> None:
    kit.start()
    found = kit.finish()
    kit.expect(found == code, f"the worker ends with exit code {code}, and not {found}")
    assert kit.process is not None
    kit.expect(message in kit.process.text("stderr"), f"stderr has the orchestrator's words: {message}")


def _expect_refusal_to_start(kit: Kit) -> None:
    code = kit.finish()
    assert kit.process is not None
    kit.expect(code > 0, f"the program fails, and does not end with {code}")
    kit.expect(bool(kit.process.text("stderr").strip()), "stderr says why")
    kit.expect(not list(kit.orchestrator.transcript), "it calls nobody")
