"""What a task writes to stdout and stderr: the bytes that are stored are those that were written."""

from __future__ import annotations

import grpc
from instep_proto.v1 import log_service_pb2 as pb

from instep_conformance.faults import changed, lost_reply, lost_request
from instep_conformance.kit import Kit
from instep_conformance.orchestrator import Usual, verdict
from instep_conformance.scenario import scenario

Code = grpc.StatusCode
TEXT = "out: grün 0123456789\n"
ERROR = "err\n"


@scenario("logs")
def log_arrives_while_the_task_runs(kit: Kit) -> None:
    """A line that user code writes arrives before the task ends."""
    kit.wait_task()
    kit.start()
    kit.wait_for("the line has arrived", lambda: b"waiting" in _logged(kit))
    kit.let_go()
    kit.run()


@scenario("logs")
def log_is_what_was_written(kit: Kit) -> None:
    """A worker that shares the file system says where both streams end; what it has sent is how they begin."""
    kit.task("write", {"text": TEXT, "error": ERROR, "times": 1000})
    report = kit.run()
    assert kit.process is not None
    for stream, line, end in (("stdout", TEXT, report.stdout_end), ("stderr", ERROR, report.stderr_end)):
        written = kit.process.bytes(stream)
        kit.expect(line.encode() * 1000 in written, f"the lines stand in {stream}")
        kit.expect(end == len(written), f"{stream} ends at {len(written)}, and not at {end}")
        sent = bytes(kit.attempt().logs[stream])
        kit.expect(written.startswith(sent), f"what was sent of {stream} is how it begins")


@scenario("logs", shares_store=False)
def log_is_sent_to_the_end(kit: Kit) -> None:
    """A worker that does not share the file system sends all of 1 MB and the end, in pieces of at most 256 KiB."""
    _write(kit, 50_000)


@scenario("logs", shares_store=False)
def log_replies_are_lost(kit: Kit) -> None:
    """Pieces and answers are lost: nothing is missing, and nothing is there twice."""
    kit.orchestrator.script("AppendLogs", lost_reply(), lost_request(), lost_reply(Code.UNKNOWN))
    _write(kit, 20_000)


@scenario("logs", shares_store=False)
def log_goes_on_elsewhere(kit: Kit) -> None:
    """The orchestrator has lost the tail of a log: the worker sends it again from where LOG_OFFSET says."""

    def cut(request: pb.AppendLogsRequest, usual: Usual) -> object:
        usual()
        log = kit.attempt().logs[pb.LogStream.Name(request.stream).removeprefix("LOG_STREAM_").lower()]
        del log[2:]
        raise verdict(Code.OUT_OF_RANGE, "LOG_OFFSET", "Bytes are missing.", expected="2")

    kit.orchestrator.script("AppendLogs", cut, cut)
    _write(kit, 20_000)


@scenario("logs", shares_store=False)
def log_is_full(kit: Kit) -> None:
    """The orchestrator takes no more of a stream: no more is sent, and the task is done."""
    closed: set[int] = set()

    def close(answer: pb.AppendLogsResponse) -> None:
        answer.closed = True

    def fault(request: pb.AppendLogsRequest, usual: Usual) -> object:
        kit.expect_later(request.stream not in closed, "nothing is sent to a stream that is closed")
        closed.add(request.stream)
        return changed(close)(request, usual)

    kit.orchestrator.script("AppendLogs", *[fault] * 50)
    kit.task("write", {"text": TEXT, "error": ERROR, "times": 50_000})
    kit.run()
    kit.expect(len(closed) == 2, "both streams are sent")


@scenario("logs", shares_store=False, capability="instep.cap.piggyback_next.v1")
def logs_of_two_tasks(kit: Kit) -> None:
    """Two tasks in one process: each log has what its own task wrote."""
    kit.task("write", {"text": "first", "error": "", "times": 1})
    kit.task("write", {"text": "second", "error": "", "times": 2})
    kit.start(reuse=True)
    kit.finish()
    logs = [bytes(kit.attempt(index).logs["stdout"]) for index in range(2)]
    kit.expect(logs == [b"first", b"secondsecond"], f"each has its own: {logs}")


def _write(kit: Kit, times: int) -> None:
    kit.task("write", {"text": TEXT, "error": ERROR, "times": times})
    report = kit.run()
    kit.expect(report.HasField("success"), "the task is done")
    attempt = kit.attempt()
    for stream, line in (("stdout", TEXT), ("stderr", ERROR)):
        log = bytes(attempt.logs[stream])
        kit.expect(log == line.encode() * times, f"{stream} has {times} lines, in {len(log)} bytes")
        kit.expect(stream in attempt.ended, f"the end of {stream} is told")


def _logged(kit: Kit) -> bytes:
    return bytes(kit.orchestrator.attempts[0].logs["stdout"]) if kit.orchestrator.attempts else b""
