"""The store's objects: blobs under their digests, in a directory that workers share.

An object is written under a temporary name, synced, made read-only, and then renamed, so that a name that exists
always has all its bytes. What is damaged is as good as not there: the next one to store the same bytes takes its place.

Who finds an object where it was to write one touches it, so that the collector of garbage sees that it is wanted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from blake3 import blake3

from instep_server.errors import Reason, RequestError, StoreFullError, store_error
from instep_server.limits import CHUNK_BYTES

_HASH = re.compile(r"b3:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class BlobId:
    """The digest of a blob."""

    hash: str
    """`b3:` and 64 hex digits."""
    size: int
    """Size in bytes."""


@dataclass(slots=True)
class _Upload:
    blob: BlobId
    file: int
    committed: int = 0
    hasher: blake3 = field(default_factory=blake3)


def digest_of(data: bytes) -> str:
    """Computes a digest.

    Args:
        data: The bytes.

    Returns:
        `b3:` and the BLAKE3 hash in hex.
    """
    return f"b3:{blake3(data).hexdigest()}"


class ObjectStore:
    """The objects of one store.

    Args:
        root: Their directory. It must exist.
        scratch: A directory on the same file system for uploads under way. It must exist.
    """

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root = root
        self._scratch = scratch
        self._uploads: dict[str, _Upload] = {}

    def path(self, hash: str) -> Path:
        """Tells where an object lies, whether it is there or not.

        Raises:
            RequestError: This is no digest.
        """
        if not _HASH.fullmatch(hash):
            raise RequestError(
                Reason.MALFORMED, f"{hash[:80]!r} is no digest: it must be b3: and 64 hex digits."
            )
        return self.root / "b3" / hash[3:5] / hash[5:]

    def has(self, blob: BlobId) -> bool:
        """Tells whether a blob is there, with its size."""
        try:
            return self.path(blob.hash).stat().st_size == blob.size
        except FileNotFoundError:
            return False
        except OSError as err:
            raise store_error(err, self.path(blob.hash)) from err

    def is_whole(self, blob: BlobId) -> bool:
        """Tells whether a blob is there with the bytes that it should have, and says that it is wanted."""
        hasher = blake3()
        try:
            for piece in self.read(blob, 0, 0):
                hasher.update(piece)
            if f"b3:{hasher.hexdigest()}" != blob.hash:
                return False
            os.utime(self.path(blob.hash))
        except (RequestError, FileNotFoundError):
            return False
        except OSError as err:
            raise store_error(err, self.path(blob.hash)) from err
        return True

    def put(self, data: bytes) -> BlobId:
        """Stores bytes.

        Args:
            data: The bytes.

        Returns:
            Their digest.

        Raises:
            StoreError: They cannot be written.
        """
        blob = BlobId(digest_of(data), len(data))
        if not self.is_whole(blob):
            file, name = self._open_scratch(blob.hash[3:])
            try:
                _write_all(file, data)
            except OSError as err:
                _discard(file, name)
                raise store_error(err, name) from err
            self._place(file, name, blob)
        return blob

    def get(self, blob: BlobId) -> bytes:
        """Reads a whole object and checks its digest. For small ones.

        Raises:
            RequestError: ARTIFACT_UNKNOWN, there is none; BLOB_CORRUPT, it is damaged.
        """
        data = b"".join(self.read(blob, 0, 0))
        if digest_of(data) != blob.hash:
            raise _corrupt(blob, "its bytes have another digest")
        return data

    def read(self, blob: BlobId, offset: int, length: int) -> Iterator[bytes]:
        """Reads a range of an object.

        Args:
            blob: The object.
            offset: First byte.
            length: Number of bytes. 0: to the end.

        Yields:
            Pieces of at most 1 MiB.

        Raises:
            RequestError: ARTIFACT_UNKNOWN, there is none; BLOB_CORRUPT, it has another size.
        """
        path = self.path(blob.hash)
        try:
            with path.open("rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                if size != blob.size:
                    raise _corrupt(blob, f"it has {size:,} bytes and not {blob.size:,}")
                end = min(size, offset + length) if length else size
                file.seek(offset)
                while offset < end and (piece := file.read(min(CHUNK_BYTES, end - offset))):
                    offset += len(piece)
                    yield piece
        except FileNotFoundError:
            raise RequestError(
                Reason.ARTIFACT_UNKNOWN,
                f"The store has no blob {blob.hash}. `instep fsck` tells what that touches and what makes it again.",
            ) from None
        except OSError as err:
            raise store_error(err, path) from err

    def prepare(self, blob: BlobId, owner: str) -> tuple[str, int]:
        """Begins an upload, or finds the one that the same owner began.

        Args:
            blob: What will come.
            owner: Id of the lease.

        Returns:
            Id of the upload, and how many bytes are there.
        """
        upload_id = f"{owner}.{self.path(blob.hash).name[:32]}"
        upload = self._uploads.get(upload_id)
        if upload is None:
            file, _ = self._open_scratch(upload_id)
            upload = self._uploads[upload_id] = _Upload(blob, file)
        return upload_id, upload.committed

    def write(self, upload_id: str, owner: str, offset: int, data: bytes) -> int:
        """Adds bytes to an upload. Bytes that are there already are skipped.

        Returns:
            How many bytes are there.

        Raises:
            RequestError: UPLOAD_UNKNOWN; UPLOAD_OFFSET, there is a gap; LIMIT_EXCEEDED, more than announced.
            StoreError: They cannot be written.
        """
        upload = self._upload(upload_id, owner)
        if offset > upload.committed or offset < 0:
            raise RequestError(
                Reason.UPLOAD_OFFSET,
                f"The upload goes on at byte {upload.committed}, not at {offset}.",
                expected=str(upload.committed),
            )
        new = data[upload.committed - offset :]
        if upload.committed + len(new) > upload.blob.size:
            raise RequestError(
                Reason.LIMIT_EXCEEDED,
                f"The blob was announced with {upload.blob.size:,} bytes, and more came.",
            )
        try:
            _write_all(upload.file, new)
        except OSError as err:
            raise store_error(err, self._scratch / upload_id) from err
        upload.hasher.update(new)
        upload.committed += len(new)
        return upload.committed

    def commit(self, upload_id: str, owner: str, blob: BlobId) -> Reason | None:
        """Makes an upload an object, when size and digest are right. May be repeated.

        Returns:
            Why not. None: the object is there.
        """
        try:
            upload = self._upload(upload_id, owner)
        except RequestError as err:
            return None if self.is_whole(blob) else err.reason
        if (
            upload.blob != blob
            or upload.committed != blob.size
            or f"b3:{upload.hasher.hexdigest()}" != blob.hash
        ):
            self._forget(upload_id)
            return Reason.DIGEST_MISMATCH
        del self._uploads[upload_id]
        try:
            self._place(upload.file, self._scratch / upload_id, blob)
        except StoreFullError:
            return Reason.STORE_FULL
        return None

    def release(self, owner: str) -> None:
        """Drops the uploads that an owner did not finish."""
        for upload_id in [one for one in self._uploads if one.startswith(f"{owner}.")]:
            self._forget(upload_id)

    def _upload(self, upload_id: str, owner: str) -> _Upload:
        upload = self._uploads.get(upload_id)
        if upload is None or not upload_id.startswith(f"{owner}."):
            raise RequestError(Reason.UPLOAD_UNKNOWN, f"There is no upload {upload_id!r}. Prepare it again.")
        return upload

    def _forget(self, upload_id: str) -> None:
        if upload := self._uploads.pop(upload_id, None):
            _discard(upload.file, self._scratch / upload_id)

    def _open_scratch(self, name: str) -> tuple[int, Path]:
        path = self._scratch / name
        try:
            path.unlink(missing_ok=True)
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), path
        except OSError as err:
            raise store_error(err, path) from err

    def _place(self, file: int, name: Path, blob: BlobId) -> None:
        target = self.path(blob.hash)
        try:
            os.fsync(file)
            os.fchmod(file, 0o444)
            target.parent.mkdir(parents=True, exist_ok=True)
            name.replace(target)  # what was there has the same bytes, or is damaged
            _sync_directory(target.parent)
        except OSError as err:
            raise store_error(err, target) from err
        finally:
            _discard(file, name)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _sync_directory(path: Path) -> None:
    """Makes the name of a new file durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _discard(file: int, name: Path) -> None:
    os.close(file)
    name.unlink(missing_ok=True)


def _corrupt(blob: BlobId, why: str) -> RequestError:
    return RequestError(
        Reason.BLOB_CORRUPT,
        f"The stored blob {blob.hash} is damaged: {why}."
        " `instep fsck` tells what that touches and what makes it again.",
        digest=blob.hash,
    )
