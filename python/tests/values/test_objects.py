from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from instep.errors import BlobCorruptError, BlobMissingError
from instep.values import Blob, ObjectStore
from instep.values._digest import hash_of


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "objects")


def test_blob_is_stored_once_read_only_and_whole(store: ObjectStore) -> None:
    blob = Blob.of(b"some", b" bytes")
    store.put(blob)
    store.put(blob)
    path = store.path(blob.hash)
    assert path == store.root / "b3" / blob.hash[3:5] / blob.hash[5:]
    assert path.read_bytes() == b"some bytes"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert store.has(blob.hash)


def test_opened_blob_can_be_written_to_without_changing_the_file(store: ObjectStore) -> None:
    blob = Blob.of(b"abc")
    store.put(blob)
    view = store.open(blob.hash, 3)
    view[0] = ord("z")
    assert bytes(view) == b"zbc"
    assert bytes(store.open(blob.hash, 3)) == b"abc"


def test_empty_blob_can_be_opened(store: ObjectStore) -> None:
    blob = Blob.of()
    store.put(blob)
    assert bytes(store.open(blob.hash, 0)) == b""


def test_missing_blob_is_named(store: ObjectStore) -> None:
    blob = Blob.of(b"abc")
    with pytest.raises(BlobMissingError, match=blob.hash):
        store.open(blob.hash, 3)
    assert not store.has(blob.hash)


def test_blob_of_another_size_is_refused(store: ObjectStore) -> None:
    blob = Blob.of(b"abc")
    store.put(blob)
    with pytest.raises(BlobCorruptError, match="3 bytes"):
        store.open(blob.hash, 4)


@pytest.mark.parametrize("digest", ["", "b3:", "b3:" + "0" * 63, "b3:" + "G" * 64, "b3:../../" + "0" * 58])
def test_text_that_is_no_hash_is_refused(store: ObjectStore, digest: str) -> None:
    with pytest.raises(ValueError, match="not the hash"):
        store.path(digest)


def test_nothing_is_left_behind_when_writing_fails(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(file: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    blob = Blob.of(b"abc")
    with pytest.raises(OSError, match="disk full"):
        store.put(blob)
    assert list(store.path(blob.hash).parent.iterdir()) == []


def flip(path: Path, place: int) -> None:
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)
    path.chmod(0o444)


LARGE = Blob.of(bytes(range(256)) * 8192)


def test_flipped_bit_of_a_large_blob_is_noticed_when_it_is_opened(store: ObjectStore) -> None:
    store.put(LARGE)
    assert bytes(store.open(LARGE.hash, LARGE.size)[:4]) == b"\0\1\2\3"
    flip(store.path(LARGE.hash), 1_000_000)
    with pytest.raises(BlobCorruptError, match=r"b3/.* is damaged: its bytes are not those .*instep fsck"):
        store.open(LARGE.hash, LARGE.size)


@pytest.mark.parametrize("blob", [LARGE, Blob.of(b"small")], ids=["large", "small"])
def test_damaged_blob_is_stored_again(store: ObjectStore, blob: Blob) -> None:
    store.put(blob)
    flip(store.path(blob.hash), 3)
    store.put(blob)
    assert store.read(blob.hash, blob.size) == b"".join(blob.buffers)


def test_blob_is_not_written_again_when_it_is_whole(store: ObjectStore) -> None:
    store.put(LARGE)
    before = store.path(LARGE.hash).stat().st_ino
    store.put(LARGE)
    assert store.path(LARGE.hash).stat().st_ino == before


def test_verified_blob_is_hashed_again_after_a_while(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[int] = []

    def counted(views: list[memoryview]) -> str:
        hashed.append(1)
        return hash_of(views)

    monkeypatch.setattr("instep.values._objects.hash_of", counted)
    store.put(LARGE)
    store.open(LARGE.hash, LARGE.size)
    assert not hashed
    (note,) = (store.root / "verified").iterdir()
    os.utime(note, (0, 0))
    store.open(LARGE.hash, LARGE.size)
    store.open(LARGE.hash, LARGE.size)
    assert len(hashed) == 1


def test_both_languages_share_what_they_have_verified(store: ObjectStore) -> None:
    """r/src/values_verified.cpp makes the same names: digest, inode and time of the last change."""
    store.put(LARGE)
    (note,) = (store.root / "verified").iterdir()
    found = store.path(LARGE.hash).stat()
    assert note.name == f"{LARGE.hash[3:]}.{found.st_ino}.{found.st_ctime_ns}"
