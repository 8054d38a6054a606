"""Messages on a pipe: each is preceded by its length as four bytes, little-endian."""

from __future__ import annotations

import struct
from collections.abc import Iterator

MAX_BYTES = 256 * 1024 * 1024
"""Largest message. What is no message, but text, has a length far above it."""

_LENGTH = struct.Struct("<I")


class FrameError(Exception):
    """What came through a pipe are no messages."""


def frame(message: bytes) -> bytes:
    """Puts the length before a message."""
    return _LENGTH.pack(len(message)) + message


class FrameBuffer:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Takes bytes as they come.

        Args:
            data: The next bytes of the stream.

        Yields:
            The messages that are complete now.

        Raises:
            FrameError: A message is larger than any is.
        """
        self._bytes += data
        while len(self._bytes) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._bytes)
            if length > MAX_BYTES:
                raise FrameError
            end = _LENGTH.size + length
            if len(self._bytes) < end:
                return
            message = bytes(self._bytes[_LENGTH.size : end])
            del self._bytes[:end]
            yield message
