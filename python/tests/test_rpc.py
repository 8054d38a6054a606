"""Calls and the errors that they become, against a real gRPC server."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from instep._http2 import rehearse
from instep._rpc import TRAILER, Connection
from instep.errors import RunUnknownError, SystemFailedError, TransportError
from instep_proto.v1 import control_service_pb2 as pb
from instep_proto.v1 import control_service_pb2_grpc, error_pb2, run_pb2
from instep_proto.v1.key_value_pb2 import KeyValue


class Control(control_service_pb2_grpc.ControlServiceServicer):
    """Answers by the flow's name."""

    released = threading.Event()

    def GetRun(self, request: pb.GetRunRequest, context: grpc.ServicerContext) -> pb.GetRunResponse:  # noqa: N802 - named by the protocol
        if request.flow == "token":
            token = dict(context.invocation_metadata()).get("authorization", "")
            return pb.GetRunResponse(run=run_pb2.Run(user=token))
        if request.flow.startswith("long"):
            return pb.GetRunResponse(run=run_pb2.Run(user=request.flow))
        if request.flow == "slow":
            self.released.wait(60)
        if request.flow == "bare":
            context.abort(grpc.StatusCode.UNAVAILABLE, "somewhere in between")
        detail = error_pb2.ErrorDetail(
            reason="ERROR_REASON_RUN_UNKNOWN", retry_after_ms=20, metadata=[KeyValue(key="run", value="7")]
        )
        if request.flow == "new":
            detail.MergeFromString(b"\x08\x8f\x4e")  # reason 9999
        context.set_trailing_metadata(((TRAILER, detail.SerializeToString()),))
        context.abort(grpc.StatusCode.NOT_FOUND, "Flow 'F' has no run '7'.")
        raise AssertionError

    def WatchRun(  # noqa: N802 - named by the protocol
        self, request: pb.WatchRunRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchRunResponse]:
        yield pb.WatchRunResponse(events=[run_pb2.Event(cursor=request.cursor + 1)])
        yield pb.WatchRunResponse(events=[run_pb2.Event(cursor=request.cursor + 2)])
        if request.flow == "broken" and request.cursor < 6:
            context.abort(grpc.StatusCode.UNAVAILABLE, "gone")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    Control.released.clear()
    server = grpc.server(ThreadPoolExecutor(4))
    control_service_pb2_grpc.add_ControlServiceServicer_to_server(Control(), server)
    target = f"unix:{tmp_path}/s"
    server.add_insecure_port(target)
    server.start()
    yield target
    Control.released.set()
    server.stop(None).wait()


@pytest.fixture
def connection(served: str) -> Iterator[Connection]:
    with Connection(served, "abc") as connection:
        yield connection


def _skip(request: pb.WatchRunRequest, response: pb.WatchRunResponse) -> None:
    request.cursor = response.events[-1].cursor


def _get(connection: Connection, flow: str) -> pb.GetRunResponse:
    return connection.call("ControlService/GetRun", pb.GetRunRequest(flow=flow), pb.GetRunResponse)


def test_a_verdict_becomes_the_class_of_its_reason(connection: Connection) -> None:
    with pytest.raises(RunUnknownError) as caught:
        _get(connection, "F")
    assert caught.value.message == "Flow 'F' has no run '7'."
    assert caught.value.reason == "RUN_UNKNOWN"
    assert caught.value.metadata == {"run": "7"}
    assert caught.value.retry_after_ms == 20


def test_a_reason_of_a_newer_server_becomes_a_system_error(connection: Connection) -> None:
    with pytest.raises(SystemFailedError, match="has no run"):
        _get(connection, "new")


def test_a_status_without_verdict_is_trouble_of_the_transport(connection: Connection) -> None:
    with pytest.raises(TransportError, match="somewhere in between") as caught:
        _get(connection, "bare")
    assert caught.value.code == "UNAVAILABLE"


def test_calls_show_the_token_that_is_set_when_they_are_made(connection: Connection) -> None:
    assert _get(connection, "token").run.user == "Bearer abc"
    connection.token = "def"
    assert _get(connection, "token").run.user == "Bearer def"


def test_a_stream_yields_answers_and_then_raises(connection: Connection) -> None:
    request = pb.WatchRunRequest(flow="broken")
    answers = connection.stream("ControlService/WatchRun", request, pb.WatchRunResponse, _skip)
    assert [next(answers).events[0].cursor, next(answers).events[0].cursor] == [1, 2]
    with pytest.raises(TransportError, match="gone"):
        next(answers)


def test_a_stream_that_breaks_off_goes_on_where_it_was(served: str) -> None:
    paused: list[float] = []

    def pause(seconds: float) -> bool:
        paused.append(seconds)
        return True

    request = pb.WatchRunRequest(flow="broken")
    with Connection(served, "abc", pause=pause) as connection:
        answers = connection.stream("ControlService/WatchRun", request, pb.WatchRunResponse, _skip)
        assert [answer.events[0].cursor for answer in answers] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len(paused) == 3


def test_a_call_is_made_again_until_patience_ends(tmp_path: Path) -> None:
    paused: list[float] = []

    def pause(seconds: float) -> bool:
        paused.append(seconds)
        return len(paused) < 3

    with (
        Connection(f"unix:{tmp_path}/none", pause=pause) as connection,
        pytest.raises(TransportError) as caught,
    ):
        _get(connection, "F")
    assert caught.value.code == "UNAVAILABLE"
    assert 0.16 <= paused[0] <= 0.24
    assert 0.32 <= paused[1] <= 0.48


def test_a_verdict_is_final(served: str) -> None:
    def pause(seconds: float) -> bool:
        raise AssertionError("The server has spoken.")

    with Connection(served, "abc", pause=pause) as connection, pytest.raises(RunUnknownError):
        _get(connection, "F")


def test_a_stream_can_be_closed_early(connection: Connection) -> None:
    answers = connection.stream("ControlService/WatchRun", pb.WatchRunRequest(), pb.WatchRunResponse, _skip)
    next(answers)
    answers.close()


def test_what_is_larger_than_a_window_goes_there_and_back(connection: Connection) -> None:
    text = "long" + "0123456789" * 200_000
    for _ in range(3):
        assert _get(connection, text).run.user == text


def test_a_call_is_given_up_at_its_deadline_and_the_next_one_is_made(connection: Connection) -> None:
    with pytest.raises(TransportError) as caught:
        connection.call(
            "ControlService/GetRun", pb.GetRunRequest(flow="slow"), pb.GetRunResponse, timeout=0.2
        )
    assert caught.value.code == "DEADLINE_EXCEEDED"
    assert _get(connection, "token").run.user == "Bearer abc"


def test_threads_and_forked_processes_call_beside_each_other(connection: Connection) -> None:
    texts = [f"long{number}" for number in range(20)]
    assert _get(connection, "token").run.user == "Bearer abc"
    child = os.fork()
    if child == 0:
        try:
            os._exit(int([_get(connection, text).run.user for text in texts] != texts))
        finally:
            os._exit(2)
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda text: _get(connection, text).run.user, texts)) == texts
    assert os.waitpid(child, 0)[1] == 0


def test_closing_ends_calls_in_flight(connection: Connection) -> None:
    with ThreadPoolExecutor(1) as thread:
        call = thread.submit(_get, connection, "slow")
        while not connection._dialed:
            pass
        connection.close()
        assert isinstance(call.exception(30), TransportError)


def test_a_method_that_the_server_does_not_know_is_trouble_of_the_transport(connection: Connection) -> None:
    with pytest.raises(TransportError) as caught:
        connection.call("ControlService/GetNothing", pb.GetRunRequest(), pb.GetRunResponse)
    assert caught.value.code == "UNIMPLEMENTED"


def test_a_server_that_is_not_there_is_trouble_of_the_transport(tmp_path: Path) -> None:
    with Connection(f"unix:{tmp_path}/none") as connection, pytest.raises(TransportError):
        _get(connection, "F")


def test_a_rehearsal_leaves_nothing_open(served: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    rehearse()
    assert len(os.listdir("/proc/self/fd")) == before
    with Connection(served, "abc") as connection:
        assert _get(connection, "token").run.user == "Bearer abc"
