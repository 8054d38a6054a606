from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from instep_server.frames import FrameBuffer, frame


@given(st.lists(st.binary(max_size=50), max_size=8), st.lists(st.integers(1, 30), max_size=20))
def test_messages_survive_any_cutting(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(frame, messages))
    buffer, start = FrameBuffer(), 0
    found: list[bytes] = []
    for cut in [*cuts, len(stream)]:
        found += buffer.feed(stream[start : start + cut])
        start += cut
    found += buffer.feed(stream[start:])
    assert found == messages
