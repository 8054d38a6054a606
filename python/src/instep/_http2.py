"""One HTTP/2 connection that carries one gRPC call at a time, on the caller's thread.

The library h2 speaks HTTP/2 (RFC 9113); here are the socket, the deadlines, and when to send how much. A call that is
given up, by its caller or by a deadline, takes the connection with it: the next one dials again.

Every task is a process of its own, forked off a host, and grpcio costs such a process 3 ms of processor time before its
second answer: it starts eight threads, and touches pages that a forked process has to copy. This costs half of that, and
no thread is left in the process of a step, which may fork processes of its own. `python -m benchmarks floor` measures both.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

RECEIVE_BYTES = 256 * 1024
LARGEST_WINDOW = 2**31 - 1
FIRST_WINDOW = 65_535
"""What both sides may send before they hear of other settings."""

Headers = Sequence[tuple[bytes, bytes]]

# What a call answers is what its caller wants to have: the server may send any amount of it.
_SETTINGS = {
    SettingCodes.ENABLE_PUSH: 0,
    SettingCodes.INITIAL_WINDOW_SIZE: LARGEST_WINDOW,
}
# Headers are ours, and what the server's say is looked at where they are used.
_CONFIG = H2Configuration(
    client_side=True,
    header_encoding=None,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
    validate_inbound_headers=False,
    normalize_inbound_headers=False,
)


class ConnectionLostError(Exception):
    """The connection is of no use any more. The message says why."""


class StreamResetError(Exception):
    """The server ended the call without an answer.

    Attributes:
        code: The RFC's number of the reason.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"the server reset the stream (HTTP/2 error {code})")
        self.code = code


class Http2Connection:
    """A connection to a server.

    Args:
        dialed: The socket, which this object owns from now on.

    Attributes:
        process: Id of the process that dialed. A process that was forked off it must not use the connection.
        takes_calls: False after a call that did not end well, and when the server goes away.
    """

    def __init__(self, dialed: socket.socket) -> None:
        self.process = os.getpid()
        self.takes_calls = True
        self._deadline: float | None = None
        self._socket = dialed
        self._http = _opened()
        self._stream = 0
        self._events: deque[Event] = deque()

    @classmethod
    def dial(cls, target: str, deadline: float) -> Self:
        """Connects to a server.

        Args:
            target: Where it listens, as a gRPC target: ``unix:/...`` or ``dns:///host:port``.
            deadline: When to give up, on the monotonic clock.

        Raises:
            OSError: Nobody listens there.
            TimeoutError: The deadline has passed.
        """
        return cls(_dial(target, _seconds_until(deadline)))

    def close(self) -> None:
        """Ends the connection, and a call that another thread waits for."""
        self.takes_calls = False
        with contextlib.suppress(OSError):  # the other end was faster
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def request(self, headers: Headers, body: bytes, deadline: float | None) -> None:
        """Sends the request of a call. Its answer must be read by `answer` before there is another one.

        Args:
            headers: The headers.
            body: The body.
            deadline: When to give up the call, on the monotonic clock. None: never.

        Raises:
            OSError: The connection is broken.
            ConnectionLostError: The server has closed it.
            TimeoutError: The deadline has passed.
        """
        self.takes_calls = False
        self._deadline = deadline
        try:
            self._stream = self._http.get_next_available_stream_id()
            self._http.send_headers(self._stream, headers)
            self._send_body(memoryview(body))
        except ProtocolError as err:
            raise ConnectionLostError(f"the server has closed it: {err}") from err

    def answer(self) -> Iterator[dict[bytes, bytes] | bytes]:
        """Yields the answer to the call as it comes: headers, pieces of the body, and trailers.

        Raises:
            OSError: The connection is broken.
            ConnectionLostError: The server has closed it.
            StreamResetError: The server has ended the call.
            TimeoutError: The deadline has passed.
        """
        while True:
            while not self._events:
                self._receive()
            match self._events.popleft():
                case ResponseReceived() | TrailersReceived() as event:
                    yield dict(event.headers)
                case DataReceived() as event:
                    self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    yield event.data
                case StreamReset() as event:
                    raise StreamResetError(event.error_code)
                case ConnectionTerminated():
                    raise ConnectionLostError("the server is going away")
                case StreamEnded():
                    break
        self._flush()
        # What is left belongs to no call: the end of the connection, if anything.
        self.takes_calls = not any(isinstance(event, ConnectionTerminated) for event in self._events)

    def _send_body(self, rest: memoryview) -> None:
        """Sends a body, as fast as the server takes it."""
        while (room := self._room()) < len(rest):
            if room > 0:
                self._http.send_data(self._stream, rest[:room].tobytes())
                rest = rest[room:]
                self._flush()
                continue
            self._receive()
            if any(isinstance(event, ResponseReceived | StreamReset) for event in self._events):
                return  # it answers without having read everything
        self._http.send_data(self._stream, rest.tobytes(), end_stream=True)
        self._flush()

    def _room(self) -> int:
        return min(self._http.local_flow_control_window(self._stream), self._http.max_outbound_frame_size)

    def _receive(self) -> None:
        """Waits for bytes, and reads what happened in them. Settings and pings are answered."""
        self._flush()
        self._socket.settimeout(self._seconds_left())
        data = self._socket.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionLostError("the server closed the connection")
        try:
            self._events += self._http.receive_data(data)
        except ProtocolError as err:
            raise ConnectionLostError(f"the server's bytes can't be read: {err}") from err

    def _flush(self) -> None:
        if data := self._http.data_to_send():
            self._socket.settimeout(self._seconds_left())
            self._socket.sendall(data)

    def _seconds_left(self) -> float | None:
        return None if self._deadline is None else _seconds_until(self._deadline)


def rehearse() -> None:
    """Makes a call to a server of our own at the other end of a pair of sockets.

    What the interpreter does when code runs for the first time, and the pages that it changes for it, is then done for all
    processes that are forked off this one: a tenth of what a worker costs.
    """
    ours, theirs = socket.socketpair()
    server = H2Connection(H2Configuration(client_side=False, header_encoding=None))
    server.initiate_connection()
    with contextlib.closing(Http2Connection(ours)) as client, theirs:
        headers = [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", b"/"),
            (b":authority", b"localhost"),
        ]
        client.request(headers, b"request", None)
        server.receive_data(theirs.recv(RECEIVE_BYTES))
        server.send_headers(1, [(b":status", b"200"), (b"content-type", b"application/grpc")])
        server.send_data(1, b"answer")
        server.send_headers(1, [(b"grpc-status", b"0")], end_stream=True)
        theirs.sendall(server.data_to_send())
        for _ in client.answer():
            pass
    _ready.append(_opened())


def _seconds_until(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


def _opened() -> H2Connection:
    """Makes our side of a new connection, or takes the one that was made before the process was forked."""
    with contextlib.suppress(IndexError):
        return _ready.pop()
    http = H2Connection(_CONFIG)
    http.local_settings = Settings(client=True, initial_values=_SETTINGS)
    http.initiate_connection()
    http.increment_flow_control_window(LARGEST_WINDOW - FIRST_WINDOW)
    return http


_ready: list[H2Connection] = []
_ready.append(_opened())


def _dial(target: str, timeout: float | None) -> socket.socket:
    kind, _, rest = target.partition(":")
    if kind == "unix":
        dialed = socket.socket(socket.AF_UNIX)
        try:
            dialed.settimeout(timeout)
            dialed.connect(rest.removeprefix("//"))
        except BaseException:
            dialed.close()
            raise
        return dialed
    host, _, port = (rest.rpartition("/")[2] if kind == "dns" else target).rpartition(":")
    dialed = socket.create_connection((host.strip("[]"), int(port)), timeout)
    dialed.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    dialed.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return dialed
