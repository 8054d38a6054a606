"""A proxy between the orchestrator and those who call it, which does harm to one message on purpose.

It passes bytes on and knows no message, so that it stays true to whatever the services say. Each message of a run has a
name: the call and its number among the calls of its kind, such as `WorkerService/CompleteTask` 3; answers of a stream
are counted as `ControlService/WatchRun answer`.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import Any, NoReturn

import grpc
from instep_proto.v1 import error_pb2

THREADS = 100
OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
)
STREAMS = frozenset({"ControlService/WatchRun", "LogService/TailLogs", "StoreService/ReadBlob"})
HELD_SECONDS = 1.0
"""How long a message is held back at most, when no later one comes by."""
ANSWER = " answer"


class Harm(Enum):
    """What happens to a message."""

    REQUEST_LOST = "request lost, connection reset"
    REQUEST_SWALLOWED = "request lost in silence"
    ANSWER_LOST = "answer lost, connection reset"
    ANSWER_SWALLOWED = "answer lost in silence"
    LATE = "connection reset, request arrives after its repetition"
    TWICE = "request arrives twice"
    HELD = "request arrives after a later message"
    DELAYED = "answer arrives after a later message"


OF_CALLS = tuple(Harm)
"""What can happen to a call."""
OF_ANSWERS = (Harm.ANSWER_LOST, Harm.ANSWER_SWALLOWED, Harm.DELAYED)
"""What can happen to an answer of a stream."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One message and what happens to it."""

    call: str
    """Service and method, such as `WorkerService/Heartbeat`; with ` answer` for an answer of a stream."""
    number: int
    """Its number among those of its kind in the run, from 1."""
    harm: Harm
    """What happens."""

    def __str__(self) -> str:
        return f"{self.call} {self.number}: {self.harm.value}"


Edit = Callable[[str, bytes], bytes]
"""Changes a message, given service and method."""


class Proxy:
    """A proxy while it listens.

    Args:
        target: Where it listens, as a gRPC target.
        upstream: Tells where the orchestrator listens, once it does.
        edit_request: Changes requests.
        edit_answer: Changes answers.
        refuses: Tells which calls never arrive: their connection is reset.
        hears: Is told each request, with what its caller shows.
    """

    def __init__(
        self,
        target: str,
        upstream: Callable[[], str],
        *,
        edit_request: Edit = lambda call, data: data,
        edit_answer: Edit = lambda call, data: data,
        refuses: Callable[[str, bytes], bool] = lambda call, data: False,
        hears: Callable[[str, bytes, str], None] = lambda call, data, authorization: None,
    ) -> None:
        self.edit_request = edit_request
        self.edit_answer = edit_answer
        self.refuses = refuses
        self.hears = hears
        self._upstream = upstream
        self._channel: grpc.Channel | None = None
        self._lock = threading.Condition()
        self._fault: Fault | None = None
        self._hit = False
        self._passed = 0
        self._under_way = 0
        self._counts: Counter[str] = Counter()
        self._verdicts: Counter[tuple[str, str]] = Counter()
        self._pool = ThreadPoolExecutor(THREADS)
        self._server = grpc.server(self._pool, options=OPTIONS)
        self._server.add_generic_rpc_handlers((_Everything(self),))
        self._server.add_insecure_port(target)
        self._server.start()

    def close(self) -> None:
        """Ends all calls and the proxy."""
        self._server.stop(0).wait()
        if self._channel is not None:
            self._channel.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def arm(self, fault: Fault | None) -> None:
        """Begins to count anew, for a run in which this is to happen once. None: nothing is."""
        with self._lock:
            self._fault, self._hit = fault, False
            self._counts.clear()
            self._verdicts.clear()

    @property
    def was_hit(self) -> bool:
        """Whether the message came by and was harmed."""
        return self._hit

    @property
    def counts(self) -> dict[str, int]:
        """How many messages of each kind came by since `arm`."""
        with self._lock:
            return dict(self._counts)

    @property
    def verdicts(self) -> dict[tuple[str, str], int]:
        """How often calls were refused since `arm`, by call and reason."""
        with self._lock:
            return dict(self._verdicts)

    def wait_until_quiet(self) -> None:
        """Waits until no call is under way, so that none is counted for the next run."""
        with self._lock:
            if not self._lock.wait_for(lambda: self._under_way == 0, timeout=30):
                raise TimeoutError("Calls go on after the end of the run.")

    def pass_on(self, call: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Answers a call with one answer."""
        with self._counted(call) as harm:
            self.hears(call, request, _metadata(context)[0][1])
            request = self.edit_request(call, request)
            if harm is Harm.REQUEST_LOST or self.refuses(call, request):
                _reset(context)
            if harm is Harm.REQUEST_SWALLOWED:
                _wait_for_end(context)
            if harm is Harm.LATE:
                self._later(call, request, context)
                _reset(context)
            if harm is Harm.HELD:
                self._hold()
            if harm is Harm.TWICE:
                first = self._pool.submit(self._ask, call, request, context)
                answer = self._answer(call, request, context)
                with contextlib.suppress(grpc.RpcError):
                    first.result()
            else:
                answer = self._answer(call, request, context)
            if harm is Harm.ANSWER_LOST:
                _reset(context)
            if harm is Harm.ANSWER_SWALLOWED:
                _wait_for_end(context)
            if harm is Harm.DELAYED:
                self._hold()
            return self.edit_answer(call, answer)

    def pass_stream(self, call: str, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Answers a call with a stream of answers."""
        with self._counted(call) as harm:
            if harm is Harm.REQUEST_LOST or self.refuses(call, request):
                _reset(context)
            if harm is Harm.REQUEST_SWALLOWED:
                _wait_for_end(context)
            if harm is Harm.LATE:
                self._later(call, request, context, stream=True)
                _reset(context)
            if harm in (Harm.HELD, Harm.DELAYED):
                self._hold()
            if harm is Harm.TWICE:
                self._later(call, request, context, stream=True)
            if harm is Harm.ANSWER_LOST:
                _reset(context)
            if harm is Harm.ANSWER_SWALLOWED:
                _wait_for_end(context)
            answers = self._call(call, request, context, stream=True)
            context.add_callback(answers.cancel)
            try:
                for answer in answers:
                    with self._counted(call + ANSWER) as harm:
                        if harm is Harm.ANSWER_LOST:
                            _reset(context)
                        if harm is Harm.ANSWER_SWALLOWED:
                            _wait_for_end(context)
                        if harm is Harm.DELAYED:
                            self._hold()
                    yield self.edit_answer(call, answer)
            except grpc.RpcError as err:
                self._refuse(call, err, context)
            finally:
                answers.cancel()

    @contextlib.contextmanager
    def _counted(self, name: str) -> Iterator[Harm | None]:
        """Counts a message, and tells what is to happen to it."""
        with self._lock:
            self._counts[name] += 1
            self._under_way += 1
            fault = self._fault
            is_it = fault is not None and (fault.call, fault.number) == (name, self._counts[name])
            self._hit |= is_it
        try:
            yield fault.harm if is_it and fault is not None else None
        finally:
            with self._lock:
                self._passed += 1
                self._under_way -= 1
                self._lock.notify_all()

    def _hold(self) -> None:
        """Waits until a message that came later has been answered."""
        with self._lock:
            after = self._passed
            self._lock.wait_for(lambda: self._passed > after, timeout=HELD_SECONDS)

    def _later(
        self, call: str, request: bytes, context: grpc.ServicerContext, *, stream: bool = False
    ) -> None:
        """Passes a request on after the next message has been answered, which is its repetition, or another one."""
        with self._lock:
            self._under_way += 1
        metadata = _metadata(context)

        def work() -> None:
            try:
                self._hold()
                with contextlib.suppress(grpc.RpcError):
                    if stream:
                        next(self._stub(call, stream=True)(request, metadata=metadata, timeout=1), None)
                    else:
                        self._stub(call)(request, metadata=metadata, timeout=30)
            finally:
                with self._lock:
                    self._under_way -= 1
                    self._lock.notify_all()

        threading.Thread(target=work, daemon=True).start()

    def _answer(self, call: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            return self._ask(call, request, context)
        except grpc.RpcError as err:
            self._refuse(call, err, context)

    def _ask(self, call: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        answer: bytes = self._call(call, request, context)
        return answer

    def _call(self, call: str, request: bytes, context: grpc.ServicerContext, *, stream: bool = False) -> Any:
        timeout = context.time_remaining()
        # The server carries a call out to its end, also when its caller has gone.
        return self._stub(call, stream=stream)(
            request, metadata=_metadata(context), timeout=None if timeout is None else max(timeout, 0.001)
        )

    def _stub(self, call: str, *, stream: bool = False) -> Any:
        with self._lock:
            if self._channel is None:
                self._channel = grpc.insecure_channel(self._upstream(), options=OPTIONS)
        make = self._channel.unary_stream if stream else self._channel.unary_unary
        return make(f"/instep.v1.{call}")

    def _refuse(self, call: str, err: grpc.RpcError, context: grpc.ServicerContext) -> NoReturn:
        """Passes on that a call failed, with its verdict."""
        for key, value in err.trailing_metadata() or ():
            if key == "instep-error-bin":
                reason = error_pb2.ErrorReason.Name(error_pb2.ErrorDetail.FromString(value).reason)
                with self._lock:
                    self._verdicts[call, reason.removeprefix("ERROR_REASON_")] += 1
        context.set_trailing_metadata(tuple(err.trailing_metadata() or ()))
        context.abort(err.code(), err.details() or "")
        raise AssertionError("abort raises")


class _Everything(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    def service(self, handler_call_details: Any) -> Any:
        call = handler_call_details.method.removeprefix("/instep.v1.")
        if call in STREAMS:
            return grpc.unary_stream_rpc_method_handler(
                lambda request, context: self._proxy.pass_stream(call, request, context)
            )
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._proxy.pass_on(call, request, context)
        )


def _metadata(context: grpc.ServicerContext) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in context.invocation_metadata() if key == "authorization")


def _reset(context: grpc.ServicerContext) -> Any:
    context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset, by the fault proxy.")


def _wait_for_end(context: grpc.ServicerContext) -> Any:
    """Says nothing until the caller has given the call up."""
    gone = threading.Event()
    if context.add_callback(gone.set):
        gone.wait(120)
    context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "Swallowed by the fault proxy.")
