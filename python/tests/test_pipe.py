from __future__ import annotations

import os

import pytest
from instep._pipe import Frames, read_message, write_message


def test_frames_cut_messages_however_the_bytes_arrive() -> None:
    read, write = os.pipe()
    for message in (b"one", b"", b"three"):
        write_message(write, message)
    os.close(write)
    data = os.read(read, 100)
    os.close(read)

    for size in range(1, len(data)):
        frames = Frames()
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        assert [message for piece in pieces for message in frames.feed(piece)] == [b"one", b"", b"three"]


def test_read_message_of_a_closed_pipe_fails() -> None:
    read, write = os.pipe()
    os.write(write, b"\x05\x00\x00\x00ab")
    os.close(write)
    with pytest.raises(EOFError):
        read_message(read)
    os.close(read)
