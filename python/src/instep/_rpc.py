"""Calls to the orchestrator, and its verdicts as our own errors. The only module that imports gRPC.

A status that carries the trailer ``instep-error-bin`` is a verdict of the server and becomes the error class
of its reason. Any other status is trouble of the transport and becomes a `TransportError`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

# gRPC reads this when it is imported. What it would tell of, such as the end of a server, users hear of from us.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

import grpc
from instep_proto.v1 import error_pb2

from instep._retry import CALL_SECONDS, Pause, is_passing, pauses, persistently
from instep.errors import REASONS, InstepError, SystemFailedError, TransportError

if TYPE_CHECKING:
    from google.protobuf.message import Message

PROTOCOL_VERSION = 1
"""The protocol minor version that this SDK speaks."""

SERVER_THREADS = 4

SLOW_CALLS = 3
"""How long one try of a call that waits or works for long may take, in units of how long a call may take."""
STREAM_CALLS = 2
"""How long a stream may last before it is opened again, in units of how long a slow call may take: that of which the
server never heard would last forever."""

TRAILER = "instep-error-bin"

# Proxies of the environment must not see local calls. Retries are ours: only we know which calls may be repeated.
# A watch answers with as many events as there are, and a manifest can be large.
OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
)

Answer = TypeVar("Answer", bound="Message")
Request = TypeVar("Request", bound="Message")


class _Status(Protocol):
    """What gRPC tells of a call that failed."""

    def code(self) -> Any: ...
    def details(self) -> str | None: ...
    def trailing_metadata(self) -> Any: ...


class Connection:
    """One channel to an orchestrator.

    Args:
        target: gRPC target of the server: ``unix:/...`` or ``dns:///host:port``.
        token: Token to show with each call, in hex. Empty: none. It may be set anew at any time.
        call_seconds: How long the server takes for a call at most. Calls may wait or work for three times as long,
            unless they say so.
        pause: Called when a call failed on its way: waits, or gives up. All calls must be such that the server takes
            a repetition for one. None: each call is tried once.
    """

    def __init__(
        self, target: str, token: str = "", *, call_seconds: float = CALL_SECONDS, pause: Pause | None = None
    ) -> None:
        self.token = token
        self._patience = call_seconds * SLOW_CALLS
        self._pause = pause or (lambda seconds: False)
        self._channel = grpc.insecure_channel(target, options=OPTIONS)
        self._calls: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection and all calls in flight."""
        self._channel.close()

    def call(
        self, method: str, request: Message, answer: type[Answer], *, timeout: float | None = None
    ) -> Answer:
        """Makes one call and waits for its answer.

        Args:
            method: Service and method, such as ``ControlService/GetRun``.
            request: What to ask.
            answer: Class of the answer.
            timeout: Seconds that one try may take. None: as long as the connection says.

        Returns:
            The answer.

        Raises:
            InstepError: The server's verdict.
            TransportError: The call failed on its way.
        """
        invoke = self._calls.get(method)
        if invoke is None:
            invoke = self._calls[method] = self._channel.unary_unary(
                _path(method), type(request).SerializeToString, answer.FromString
            )
        seconds = timeout or self._patience

        def try_it() -> Answer:
            try:
                response: Answer = invoke(request, timeout=seconds, metadata=self._metadata())
            except grpc.RpcError as err:
                raise _translate(method, err) from _cause(err)
            except ValueError as err:  # another thread has closed the connection
                raise _closed(method) from err
            return response

        return persistently(try_it, self._pause)

    def stream(
        self,
        method: str,
        request: Request,
        answer: type[Answer],
        go_on: Callable[[Request, Answer], None],
        pause: Pause | None = None,
    ) -> Generator[Answer]:
        """Makes one call and yields its answers as they come. Closing the iterator cancels the call.

        A stream that breaks off, or has lasted for some time, is opened again where it was.

        Args:
            method: Service and method, such as ``ControlService/WatchRun``.
            request: What to ask.
            answer: Class of the answers.
            go_on: Makes the request, after an answer has come, one for what follows it.
            pause: As that of the connection. None: that of the connection.

        Yields:
            The answers, in order.

        Raises:
            InstepError: The server's verdict.
            TransportError: The call failed on its way.
        """
        invoke = self._channel.unary_stream(_path(method), type(request).SerializeToString, answer.FromString)
        waits = pauses()
        while True:
            try:
                call = invoke(request, timeout=self._patience * STREAM_CALLS, metadata=self._metadata())
            except ValueError as err:  # another thread has closed the connection
                raise _closed(method) from err
            try:
                for response in call:
                    go_on(request, response)
                    waits = pauses()
                    yield response
                return
            except grpc.RpcError as err:
                error = _translate(method, err)
                if not is_passing(error) or not (pause or self._pause)(next(waits)):
                    raise error from _cause(err)
            finally:
                call.cancel()

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()


@contextmanager
def serve(
    target: str, methods: Mapping[str, tuple[type[Message], Callable[[Any], Message]]], token: str
) -> Generator[None]:
    """Serves calls, each in a thread of its own, while the context lasts.

    Args:
        target: Where to listen, as a gRPC target.
        methods: For each service and method, such as ``WorkerService/Heartbeat``, the class of its requests and what
            answers them.
        token: The token that callers must show, in hex.
    """
    server = grpc.server(ThreadPoolExecutor(SERVER_THREADS), options=OPTIONS)
    server.add_generic_rpc_handlers((_Methods(methods, token),))
    server.add_insecure_port(target)
    server.start()
    try:
        yield
    finally:
        server.stop(None).wait()


class _Methods(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Finds what answers a call."""

    def __init__(
        self, methods: Mapping[str, tuple[type[Message], Callable[[Any], Message]]], token: str
    ) -> None:
        self._methods = {_path(name): method for name, method in methods.items()}
        self._secret = ("authorization", f"Bearer {token}")

    def service(self, handler_call_details: Any) -> Any:
        """Called by gRPC."""
        method = self._methods.get(handler_call_details.method)
        if method is None or self._secret not in map(tuple, handler_call_details.invocation_metadata):
            return None
        request_type, answer = method
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: answer(request),
            request_deserializer=request_type.FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )


def _path(method: str) -> str:
    return f"/instep.v1.{method}"


def _cause(status: grpc.RpcError) -> grpc.RpcError | None:
    """Gives what an error comes from. A verdict of the server says everything itself."""
    return None if TRAILER in dict(status.trailing_metadata() or ()) else status


def _closed(method: str) -> TransportError:
    return TransportError(f"Call {method} of the orchestrator was given up.", code="CANCELLED")


def _translate(method: str, status: _Status) -> InstepError:
    text = status.details() or ""
    trailers = dict(status.trailing_metadata() or ())
    if TRAILER not in trailers:
        code = status.code().name
        return TransportError(f"Call {method} of the orchestrator failed with {code}: {text}.", code=code)
    detail = error_pb2.ErrorDetail.FromString(trailers[TRAILER])
    try:
        reason = error_pb2.ErrorReason.Name(detail.reason).removeprefix("ERROR_REASON_")
    except ValueError:  # a reason of a newer server
        reason = "UNSPECIFIED"
    return REASONS.get(reason, SystemFailedError)(
        text,
        reason=reason,
        metadata={entry.key: entry.value for entry in detail.metadata},
        retry_after_ms=detail.retry_after_ms if detail.HasField("retry_after_ms") else None,
    )
