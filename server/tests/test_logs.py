from __future__ import annotations

from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from instep_server.errors import Reason, RequestError, StoreDamagedError, StoreError
from instep_server.logs import LogFiles, LogStream, Spool, StreamLog


def log(folder: Path, limit: int = 1000) -> StreamLog:
    return StreamLog(LogStream.STDOUT, folder / "log", limit)


def text(one: StreamLog) -> bytes:
    return one.file.read_bytes()


def test_append_writes_in_order(tmp_path: Path) -> None:
    one = log(tmp_path)
    (first,) = one.append(0, b"abc")
    (second,) = one.append(3, b"def")
    assert (first.start, first.length, second.start, second.length) == (0, 3, 3, 3)
    assert text(one) == b"abcdef"


def test_append_again_changes_nothing(tmp_path: Path) -> None:
    one = log(tmp_path)
    one.append(0, b"abc")
    assert one.append(0, b"abc") == []
    assert one.append(1, b"bcd")[0].start == 3
    assert text(one) == b"abcd"


def test_append_with_a_gap_is_told_where_to_go_on(tmp_path: Path) -> None:
    one = log(tmp_path)
    one.append(0, b"abc")
    with pytest.raises(RequestError) as caught:
        one.append(5, b"x")
    assert (caught.value.reason, caught.value.facts) == (Reason.LOG_OFFSET, {"expected": "3"})


def test_append_after_dropped_bytes_counts_them(tmp_path: Path) -> None:
    one = log(tmp_path)
    one.append(0, b"abc")
    (chunk,) = one.append(10, b"xyz", dropped=7)
    assert (chunk.start, chunk.dropped) == (3, 7)
    assert text(one) == b"abcxyz"
    assert one.received == 13


def test_append_over_the_limit_cuts_with_a_line_that_says_so(tmp_path: Path) -> None:
    one = log(tmp_path, limit=5)
    one.append(0, b"abcdefgh")
    assert text(one) == b"abcde\n[instep] This log is cut here: it has reached its limit of 5 bytes.\n"
    assert one.closed
    assert one.append(8, b"more") == []
    assert one.received == 12
    one.note("[instep] Killed.\n")
    assert text(one).endswith(b"[instep] Killed.\n")


def test_append_without_a_directory_tells(tmp_path: Path) -> None:
    one = StreamLog(LogStream.STDOUT, tmp_path / "no" / "log", 10)
    with pytest.raises(StoreError, match="can't be used"):
        one.append(0, b"x")


@given(
    whole=st.binary(min_size=1, max_size=60),
    spans=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20))),
)
def test_repeats_and_overlaps_never_matter(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, spans: list[tuple[int, int]]
) -> None:
    one = log(tmp_path_factory.mktemp("log"))
    for start, length in spans:
        one.append(min(start, one.received), whole[min(start, one.received) :][:length])
    one.append(one.received, whole[one.received :])
    assert text(one) == whole


def test_spool_is_drained_piece_by_piece(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w1")
    one = log(tmp_path)
    assert spool.drain(one) == []
    Path(spool.path(LogStream.STDOUT)).write_bytes(b"hello world")
    assert [chunk.length for chunk in spool.drain(one, 5)] == [5]
    assert spool.drain(one, 5) == []
    assert [chunk.length for chunk in spool.drain(one)] == [6]
    assert text(one) == b"hello world"
    assert spool.tail(LogStream.STDOUT, 5) == "world"
    assert spool.tail(LogStream.STDERR, 5) == ""
    spool.remove()
    assert list(tmp_path.iterdir()) == [one.file]


def test_read_tells_when_the_file_is_not_as_recorded(tmp_path: Path) -> None:
    files = LogFiles(tmp_path)
    path = files.path("F", 1, 2, 0, LogStream.STDERR)
    assert path == tmp_path / "F" / "1" / "2.0.stderr"
    with pytest.raises(StoreDamagedError, match="is gone"):
        files.read(path, 0, 1, None)
    files.make_folder("F", 1)
    path.write_bytes(b"abc")
    assert files.read(path, 1, 2, None) == files.read(path, 1, 2, crc32(b"bc")) == b"bc"
    with pytest.raises(StoreDamagedError, match="shorter"):
        files.read(path, 1, 3, None)
    path.write_bytes(b"abd")
    with pytest.raises(StoreDamagedError, match=r"2.0.stderr is damaged between its bytes 1 and 3"):
        files.read(path, 1, 2, crc32(b"bc"))
