"""One HTTP/2 connection that carries one gRPC call at a time, on the caller's thread.

Every task is a process of its own, and grpcio costs such a process 4 ms of processor time before its first call: it
starts eight threads and touches 700 pages that a forked process has to copy. This costs 0.3 ms. What a client with one
call at a time needs of HTTP/2 (RFC 9113) is little:

* A call is one stream: HEADERS and DATA go out, HEADERS, DATA and trailers come in, in that order.
* We may send as much as the server's flow control allows, so that what is too much waits for WINDOW_UPDATE.
* The server may send any amount: what a call answers is what its caller wants to have. So our windows are as large as
  can be, and are filled up again when half of them is used.
* SETTINGS and PING are answered. After GOAWAY the connection takes no further call.

Headers are compressed by the library hpack. We let the server keep no table of them, so that nothing has to be learnt
from what we skip. A call that is given up, by its caller or by a deadline, takes the connection with it: the next one
dials again.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence

import hpack

HEADER_BYTES = 9
RECEIVE_BYTES = 256 * 1024
FRAME_BYTES = 1024 * 1024
"""The largest frame that we take."""
LARGEST_WINDOW = 2**31 - 1
FIRST_WINDOW = 65_535
FIRST_FRAME_BYTES = 16_384
"""What both sides have before they hear of other settings."""

Headers = Sequence[tuple[bytes, bytes]]
_Frame = tuple[int, int, int, bytes]
"""Type, flags, stream and payload."""


# Types of frames, their flags, and settings, as the RFC numbers them.
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 1, 1, 4, 8, 32
_HEADER_TABLE_SIZE, _ENABLE_PUSH, _INITIAL_WINDOW_SIZE, _MAX_FRAME_SIZE = 1, 2, 4, 5


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
        target: Where it listens, as a gRPC target: ``unix:/...`` or ``dns:///host:port``.
        deadline: When to give up, on the monotonic clock. None: never.

    Attributes:
        process: Id of the process that dialed. A process that was forked off it must not use the connection.
        takes_calls: False after a call that did not end well, and when the server goes away.

    Raises:
        OSError: Nobody listens there.
    """

    def __init__(self, target: str, deadline: float | None) -> None:
        self.process = os.getpid()
        self.takes_calls = True
        self._deadline = deadline
        self._socket = _dial(target, self._seconds_left())
        self._headers_out = hpack.Encoder()
        self._headers_in = hpack.Decoder()
        self._received = bytearray()
        self._last_stream = -1
        self._stream_window = self._first_stream_window = self._window = FIRST_WINDOW
        self._largest_frame = FIRST_FRAME_BYTES
        self._taken = 0
        self._goes_away = False
        self._early: _Frame | None = None
        self._preface = _PREFACE

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
            StreamResetError: The server does not want the call.
            TimeoutError: The deadline has passed.
        """
        self.takes_calls = False
        self._deadline = deadline
        self._last_stream += 2
        self._stream_window = self._first_stream_window
        block = self._headers_out.encode(headers, huffman=False)
        opening = self._preface + _frame(_HEADERS, _END_HEADERS, self._last_stream, block)
        self._preface = b""
        if len(body) <= min(self._window, self._stream_window, self._largest_frame):
            self._spend(len(body))
            self._send(opening + _frame(_DATA, _END_STREAM, self._last_stream, body))
            return
        self._send(opening)
        rest = memoryview(body)
        while rest:
            room = min(self._window, self._stream_window, self._largest_frame)
            if room <= 0:
                kind, flags, stream, payload = self._read_frame()
                if kind == _HEADERS:  # the server answers without having read everything
                    self._early = (kind, flags, stream, payload)
                    return
                self._heed(kind, flags, stream, payload)
                continue
            piece, rest = rest[:room], rest[room:]
            self._spend(len(piece))
            self._send(_frame(_DATA, 0 if rest else _END_STREAM, self._last_stream, piece))

    def answer(self) -> Iterator[dict[bytes, bytes] | bytes]:
        """Yields the answer to the call as it comes: headers, pieces of the body, and trailers.

        Raises:
            OSError: The connection is broken.
            ConnectionLostError: The server has closed it.
            StreamResetError: The server has ended the call.
            TimeoutError: The deadline has passed.
        """
        ended = False
        while not ended:
            kind, flags, stream, payload = self._read_frame()
            ours = stream == self._last_stream
            if kind == _HEADERS:
                headers = self._read_headers(flags, payload)
                if ours:
                    yield headers
            elif kind == _DATA and ours:
                self._take(len(payload))
                yield _without_padding(flags, payload)
            else:
                self._heed(kind, flags, stream, payload)
                continue
            ended = ours and bool(flags & _END_STREAM)
        self.takes_calls = not self._goes_away

    def _read_headers(self, flags: int, payload: bytes) -> dict[bytes, bytes]:
        block = _without_padding(flags, payload)
        if flags & _PRIORITY:
            block = block[5:]
        while not flags & _END_HEADERS:
            _, flags, _, more = self._read_frame()
            block += more
        try:
            return dict(self._headers_in.decode(block, raw=True))
        except hpack.HPACKError as err:
            raise ConnectionLostError(f"the server's headers can't be read: {err}") from err

    def _heed(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """Does what a frame asks for that belongs to no answer."""
        if kind == _SETTINGS and not flags & _ACK:
            self._set(payload)
            self._send(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self._send(_frame(_PING, _ACK, 0, payload))
        elif kind == _WINDOW_UPDATE:
            (more,) = struct.unpack(">I", payload)
            if stream == 0:
                self._window += more
            elif stream == self._last_stream:
                self._stream_window += more
        elif kind == _GOAWAY:
            self._goes_away = True
            (last_stream,) = struct.unpack_from(">I", payload)
            if last_stream < self._last_stream:
                raise ConnectionLostError("the server is going away")
        elif kind == _RST_STREAM and stream == self._last_stream:
            raise StreamResetError(*struct.unpack(">I", payload))

    def _set(self, payload: bytes) -> None:
        for name, value in struct.iter_unpack(">HI", payload):
            if name == _INITIAL_WINDOW_SIZE:
                self._stream_window += value - self._first_stream_window
                self._first_stream_window = value
            elif name == _MAX_FRAME_SIZE:
                self._largest_frame = value
            elif name == _HEADER_TABLE_SIZE:
                self._headers_out.header_table_size = min(value, self._headers_out.header_table_size)

    def _spend(self, count: int) -> None:
        self._window -= count
        self._stream_window -= count

    def _take(self, count: int) -> None:
        """Fills up the windows when half of them is used."""
        self._taken += count
        if self._taken > LARGEST_WINDOW // 2:
            more = struct.pack(">I", self._taken)
            self._taken = 0
            self._send(
                _frame(_WINDOW_UPDATE, 0, 0, more) + _frame(_WINDOW_UPDATE, 0, self._last_stream, more)
            )

    def _read_frame(self) -> _Frame:
        if self._early is not None:
            frame, self._early, self._goes_away = self._early, None, True  # our half of the stream stays open
            return frame
        self._fill(HEADER_BYTES)
        high, low, kind, flags, stream = _HEADER.unpack_from(self._received)
        end = HEADER_BYTES + (high << 16 | low)
        if end > HEADER_BYTES + FRAME_BYTES:
            raise ConnectionLostError("the server sent a frame that is too large")
        self._fill(end)
        payload = bytes(self._received[HEADER_BYTES:end])
        del self._received[:end]
        return kind, flags, stream & LARGEST_WINDOW, payload

    def _fill(self, size: int) -> None:
        while len(self._received) < size:
            self._socket.settimeout(self._seconds_left())
            data = self._socket.recv(RECEIVE_BYTES)
            if not data:
                raise ConnectionLostError("the server closed the connection")
            self._received += data

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(self._seconds_left())
        self._socket.sendall(data)

    def _seconds_left(self) -> float | None:
        if self._deadline is None:
            return None
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


_HEADER = struct.Struct(">BHBBI")


def _frame(kind: int, flags: int, stream: int, payload: bytes | memoryview) -> bytes:
    size = len(payload)
    return b"".join((_HEADER.pack(size >> 16, size & 0xFFFF, kind, flags, stream), payload))


def _without_padding(flags: int, payload: bytes) -> bytes:
    return payload[1 : len(payload) - payload[0]] if flags & _PADDED else payload


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


_PREFACE = b"".join(
    (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        _frame(
            _SETTINGS,
            0,
            0,
            b"".join(
                struct.pack(">HI", name, value)
                for name, value in (
                    (_HEADER_TABLE_SIZE, 0),
                    (_ENABLE_PUSH, 0),
                    (_INITIAL_WINDOW_SIZE, LARGEST_WINDOW),
                    (_MAX_FRAME_SIZE, FRAME_BYTES),
                )
            ),
        ),
        _frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", LARGEST_WINDOW - FIRST_WINDOW)),
    )
)
"""What a client sends first, with our settings."""
