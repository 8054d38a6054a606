from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from instep_server.errors import Reason, RequestError, StoreError, StoreFullError
from instep_server.store import BlobId, ObjectStore, digest_of

DATA = b"some bytes" * 1000
BLOB = BlobId(digest_of(DATA), len(DATA))


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    (tmp_path / "objects").mkdir()
    (tmp_path / "tmp").mkdir()
    return ObjectStore(tmp_path / "objects", tmp_path / "tmp")


def scratch(store: ObjectStore) -> list[Path]:
    return list(store._scratch.iterdir())


def reason(caught: pytest.ExceptionInfo[RequestError]) -> Reason:
    return caught.value.reason


def test_put_stores_read_only_under_the_digest(store: ObjectStore) -> None:
    assert store.put(DATA) == BLOB
    path = store.path(BLOB.hash)
    assert path.relative_to(store.root) == Path("b3", BLOB.hash[3:5], BLOB.hash[5:])
    assert path.stat().st_mode & 0o777 == 0o444
    assert store.put(DATA) == BLOB
    assert store.get(BLOB) == DATA
    assert scratch(store) == []


def test_has_compares_the_size(store: ObjectStore) -> None:
    assert not store.has(BLOB)
    store.put(DATA)
    assert store.has(BLOB)
    assert not store.has(BlobId(BLOB.hash, 1))


@pytest.mark.parametrize(
    "text", ["", "b3:", "b3:" + "g" * 64, "b3:" + "A" * 64, "../../etc/passwd", "sha:" + "0" * 64]
)
def test_what_is_no_digest_never_becomes_a_path(store: ObjectStore, text: str) -> None:
    with pytest.raises(RequestError) as caught:
        store.path(text)
    assert reason(caught) is Reason.MALFORMED


def test_read_gives_ranges(store: ObjectStore) -> None:
    store.put(DATA)
    assert b"".join(store.read(BLOB, 10, 5)) == DATA[10:15]
    assert b"".join(store.read(BLOB, 9_990, 0)) == DATA[9_990:]
    assert b"".join(store.read(BLOB, 20_000, 0)) == b""


def test_read_of_a_missing_or_damaged_blob_tells(store: ObjectStore) -> None:
    with pytest.raises(RequestError) as caught:
        store.get(BLOB)
    assert reason(caught) is Reason.ARTIFACT_UNKNOWN
    store.put(DATA)
    path = store.path(BLOB.hash)
    path.chmod(0o600)
    path.write_bytes(DATA[:-1] + b"?")
    with pytest.raises(RequestError) as caught:
        store.get(BLOB)
    assert reason(caught) is Reason.BLOB_CORRUPT
    path.write_bytes(b"")
    with pytest.raises(RequestError) as caught:
        store.get(BLOB)
    assert reason(caught) is Reason.BLOB_CORRUPT


def test_upload_in_pieces_becomes_an_object(store: ObjectStore) -> None:
    upload, committed = store.prepare(BLOB, "lease")
    assert committed == 0
    assert store.write(upload, "lease", 0, DATA[:4000]) == 4000
    assert store.prepare(BLOB, "lease") == (upload, 4000)
    assert store.write(upload, "lease", 3000, DATA[3000:]) == len(DATA)
    assert not store.has(BLOB)
    assert store.commit(upload, "lease", BLOB) is None
    assert store.get(BLOB) == DATA
    assert store.commit(upload, "lease", BLOB) is None
    assert scratch(store) == []


def test_upload_with_a_gap_is_told_where_to_go_on(store: ObjectStore) -> None:
    upload, _ = store.prepare(BLOB, "lease")
    with pytest.raises(RequestError) as caught:
        store.write(upload, "lease", 1, b"x")
    assert (reason(caught), caught.value.facts) == (Reason.UPLOAD_OFFSET, {"expected": "0"})


def test_upload_of_other_bytes_is_refused(store: ObjectStore) -> None:
    upload, _ = store.prepare(BLOB, "lease")
    with pytest.raises(RequestError) as caught:
        store.write(upload, "lease", 0, DATA + b"x")
    assert reason(caught) is Reason.LIMIT_EXCEEDED
    store.write(upload, "lease", 0, bytes(len(DATA)))
    assert store.commit(upload, "lease", BLOB) is Reason.DIGEST_MISMATCH
    assert store.commit(upload, "lease", BLOB) is Reason.UPLOAD_UNKNOWN
    assert not store.has(BLOB)


def test_upload_belongs_to_its_owner(store: ObjectStore) -> None:
    upload, _ = store.prepare(BLOB, "lease")
    with pytest.raises(RequestError) as caught:
        store.write(upload, "other", 0, b"x")
    assert reason(caught) is Reason.UPLOAD_UNKNOWN
    store.release("other")
    store.write(upload, "lease", 0, b"s")
    store.release("lease")
    assert scratch(store) == []


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        (errno.ENOSPC, StoreFullError, "The disk of .* is full"),
        (errno.EROFS, StoreError, "can't be used: Read-only file system"),
    ],
)
def test_disk_trouble_is_told(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[StoreError], text: str
) -> None:
    def fails(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "write", fails)
    with pytest.raises(kind, match=text):
        store.put(DATA)
    assert scratch(store) == []
