from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from instep.errors import BlobCorruptError, BlobMissingError
from instep.values import Blob, ObjectStore


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
