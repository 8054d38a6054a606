"""Messages on a private pipe: each is preceded by its length as four bytes, little-endian."""

from __future__ import annotations

import os
import struct

_LENGTH = struct.Struct("<I")


class Frames:
    """Cuts the bytes that a pipe delivers into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Takes bytes and gives the messages that are now complete, in order."""
        self._buffer += data
        messages = []
        while len(self._buffer) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._buffer)[0]
            if len(self._buffer) < end:
                break
            messages.append(bytes(self._buffer[_LENGTH.size : end]))
            del self._buffer[:end]
        return messages


def write_message(fd: int, message: bytes) -> None:
    """Writes one message, and waits until all of it is written.

    Raises:
        OSError: The pipe is closed.
    """
    data = memoryview(_LENGTH.pack(len(message)) + message)
    while data:
        data = data[os.write(fd, data) :]


def read_message(fd: int) -> bytes:
    """Reads the only message of a pipe.

    Raises:
        EOFError: The pipe was closed before the message was complete.
    """
    frames = Frames()
    while data := os.read(fd, 65536):
        if messages := frames.feed(data):
            return messages[0]
    raise EOFError("The pipe was closed before a message was complete.")
