"""Calls to the orchestrator, and its verdicts as our own errors.

This is gRPC as its specification says (PROTOCOL-HTTP2), over the HTTP/2 of `instep._http2`. There are no threads of its
own, so that a step may fork processes as it likes. Each thread, and each process that is forked off one, dials for itself.

A status that carries the trailer ``instep-error-bin`` is a verdict of the server and becomes the error class
of its reason. Any other status is trouble of the transport and becomes a `TransportError`.
"""

from __future__ import annotations

import os
import struct
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Self, TypeVar

from google.protobuf.message import DecodeError
from instep_proto.v1 import error_pb2

from instep._http2 import ConnectionLostError, Http2Connection, StreamResetError
from instep._retry import CALL_SECONDS, Pause, is_passing, pauses, persistently
from instep.errors import REASONS, InstepError, SystemFailedError, TransportError

if TYPE_CHECKING:
    from google.protobuf.message import Message

PROTOCOL_VERSION = 1
"""The protocol minor version that this SDK speaks."""

SLOW_CALLS = 3
"""How long one try of a call that waits or works for long may take, in units of how long a call may take."""
STREAM_CALLS = 2
"""How long a stream may last before it is opened again, in units of how long a slow call may take: that of which the
server never heard would last forever."""

TRAILER = "instep-error-bin"

_PREFIX = struct.Struct(">BI")
_CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
# What gRPC makes of answers that say nothing about gRPC.
_OF_HTTP = {b"401": "UNAUTHENTICATED", b"403": "PERMISSION_DENIED", b"404": "UNIMPLEMENTED"} | dict.fromkeys(
    (b"429", b"502", b"503", b"504"), "UNAVAILABLE"
)
_OF_RESETS = {7: "UNAVAILABLE", 8: "CANCELLED", 11: "RESOURCE_EXHAUSTED", 12: "PERMISSION_DENIED"}

Answer = TypeVar("Answer", bound="Message")
Request = TypeVar("Request", bound="Message")


class Connection:
    """The calls to one orchestrator.

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
        self._target = target
        self._own = threading.local()
        self._dialed: list[Http2Connection] = []
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection and all calls in flight."""
        self._is_closed = True
        while self._dialed:
            self._dialed.pop().close()

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
        seconds = timeout or self._patience

        def try_it() -> Answer:
            deadline = time.monotonic() + seconds
            connection = self._connection(method, deadline)
            messages = list(self._exchange(connection, method, request, answer, seconds, deadline))
            if len(messages) != 1:
                raise _trouble(method, "INTERNAL", f"it has {len(messages)} answers")
            return messages[0]

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
        waits = pauses()
        seconds = self._patience * STREAM_CALLS
        while True:
            connection = None
            try:
                deadline = time.monotonic() + seconds
                # One of its own: whoever reads the stream may make other calls between two answers.
                connection = self._dial(method, deadline)
                for response in self._exchange(connection, method, request, answer, seconds, deadline):
                    go_on(request, response)
                    waits = pauses()
                    yield response
                return
            except InstepError as err:
                if not is_passing(err) or not (pause or self._pause)(next(waits)):
                    raise
            finally:
                if connection is not None:
                    self._drop(connection)

    def _exchange(
        self,
        connection: Http2Connection,
        method: str,
        request: Message,
        answer: type[Answer],
        seconds: float,
        deadline: float,
    ) -> Iterator[Answer]:
        """Sends a request, and yields the answers. A connection that did not get to the end is of no use any more."""
        data = request.SerializeToString()
        answered = _Answered()
        try:
            connection.request(self._headers(method, seconds), _PREFIX.pack(0, len(data)) + data, deadline)
            for part in connection.answer():
                for message in answered.add(part):
                    yield answer.FromString(message)
        except TimeoutError as err:
            raise _trouble(method, "DEADLINE_EXCEEDED", f"no answer within {seconds:g} s") from err
        except StreamResetError as err:
            raise _trouble(method, _OF_RESETS.get(err.code, "INTERNAL"), str(err)) from err
        except (ConnectionLostError, OSError) as err:
            raise self._broken(method, str(err)) from err
        except DecodeError as err:
            raise _trouble(method, "INTERNAL", f"the answer can't be read: {err}") from err
        finally:
            if not connection.takes_calls:
                self._drop(connection)
        answered.check(method)

    def _headers(self, method: str, seconds: float) -> list[tuple[bytes, bytes]]:
        headers = [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", f"/instep.v1.{method}".encode()),
            (b":authority", b"localhost"),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
            (b"grpc-timeout", b"%dm" % max(round(seconds * 1000), 1)),
        ]
        if self.token:
            headers.append((b"authorization", f"Bearer {self.token}".encode()))
        return headers

    def _connection(self, method: str, deadline: float) -> Http2Connection:
        """Finds the connection of this thread, or dials."""
        own: Http2Connection | None = getattr(self._own, "connection", None)
        if own is None or not own.takes_calls or own.process != os.getpid():
            own = self._own.connection = self._dial(method, deadline)
        return own

    def _dial(self, method: str, deadline: float) -> Http2Connection:
        if self._is_closed:
            raise self._broken(method, "")
        try:
            connection = Http2Connection.dial(self._target, deadline)
        except TimeoutError as err:
            raise _trouble(method, "DEADLINE_EXCEEDED", "the server does not answer") from err
        except OSError as err:
            raise self._broken(method, f"{self._target} can't be reached: {err.strerror}") from err
        self._dialed.append(connection)
        return connection

    def _broken(self, method: str, text: str) -> TransportError:
        if self._is_closed:  # by another thread
            return TransportError(f"Call {method} of the orchestrator was given up.", code="CANCELLED")
        return _trouble(method, "UNAVAILABLE", text)

    def _drop(self, connection: Http2Connection) -> None:
        connection.close()
        if connection in self._dialed:
            self._dialed.remove(connection)


class _Answered:
    """What has come of an answer."""

    def __init__(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._body = bytearray()

    def add(self, part: dict[bytes, bytes] | bytes) -> Iterator[bytes]:
        """Takes headers, trailers or a piece of the body. Yields the messages that are now complete."""
        if isinstance(part, dict):
            self._headers |= part
            return
        self._body += part
        while len(self._body) >= _PREFIX.size:
            compressed, size = _PREFIX.unpack_from(self._body)
            end = _PREFIX.size + size
            if compressed:  # which we did not ask for
                raise ConnectionLostError("the server compresses its answer")
            if len(self._body) < end:
                return
            yield bytes(self._body[_PREFIX.size : end])
            del self._body[:end]

    def check(self, method: str) -> None:
        """Raises what the status of the answer stands for, unless it is OK."""
        status = self._headers.get(b"grpc-status")
        if status == b"0":
            return
        if status is None:
            http = self._headers.get(b":status", b"")
            raise _trouble(method, _OF_HTTP.get(http, "UNKNOWN"), f"HTTP status {http.decode()}")
        text = _unquoted(self._headers.get(b"grpc-message", b""))
        if (detail := self._headers.get(TRAILER.encode())) is not None:
            raise _verdict(text, detail)
        number = int(status)
        raise _trouble(method, _CODES[number] if number < len(_CODES) else "UNKNOWN", text)


def _trouble(method: str, code: str, text: str) -> TransportError:
    return TransportError(f"Call {method} of the orchestrator failed with {code}: {text}.", code=code)


def _verdict(text: str, encoded: bytes) -> InstepError:
    import base64

    detail = error_pb2.ErrorDetail.FromString(base64.b64decode(encoded + b"=" * (-len(encoded) % 4)))
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


def _unquoted(text: bytes) -> str:
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(text).decode(errors="replace")
