"""Where a worker reads and writes the bytes of artifacts: the store's own directory, or the orchestrator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from instep._session import CHUNK_BYTES, Session
from instep.errors import ArtifactUnknownError, BlobCorruptError, BlobMissingError, StoreError
from instep.values import Blob, Digest, ObjectStore

_BATCH = 1000


class Blobs(Protocol):
    """Reads and writes blobs."""

    def fetch(self, hash: str, size: int) -> memoryview | bytes:
        """Gives the bytes of a blob.

        Raises:
            BlobMissingError: The store does not have it.
            BlobCorruptError: The stored bytes are damaged.
        """

    def fetch_manifest(self, digest: Digest) -> bytes:
        """Gives the bytes of a manifest. Small ones are not blobs: the orchestrator keeps them itself.

        Raises:
            BlobMissingError: The store does not have it.
        """

    def put(self, blobs: Iterable[Blob]) -> None:
        """Stores blobs. Those that the store has are not written again.

        Raises:
            StoreError: They cannot be stored.
        """


class LocalBlobs:
    """Blobs in the store's own directory, which the worker shares.

    Args:
        session: The worker's session.
        lease_token: The lease.
    """

    def __init__(self, session: Session, lease_token: bytes) -> None:
        self._session = session
        self._lease_token = lease_token
        self._objects = ObjectStore(session.object_root)

    def fetch(self, hash: str, size: int) -> memoryview | bytes:
        """Maps a blob into memory, without reading it. What is written to the memory stays in this process."""
        return self._objects.open(hash, size)

    def fetch_manifest(self, digest: Digest) -> bytes:
        """Reads a manifest from the directory, or asks the orchestrator for it."""
        try:
            return bytes(self._objects.open(digest.hash, digest.size))
        except BlobMissingError:
            data = self._session.resolve_inline(self._lease_token, digest)
            if data is None:
                raise
            return data

    def put(self, blobs: Iterable[Blob]) -> None:
        """Writes blobs to the directory."""
        for blob in blobs:
            try:
                self._objects.put(blob)
            except OSError as err:
                raise StoreError(
                    f"Can't store a blob of {blob.size} bytes: {err}.", digest=blob.hash
                ) from err


class ServerBlobs:
    """Blobs that travel through the orchestrator.

    Args:
        session: The worker's session.
        lease_token: The lease.
    """

    def __init__(self, session: Session, lease_token: bytes) -> None:
        self._session = session
        self._lease_token = lease_token

    def fetch(self, hash: str, size: int) -> memoryview | bytes:
        """Reads a blob into memory and checks that it is the right one."""
        data = bytearray()
        try:
            for piece in self._session.read_blob(self._lease_token, Digest(hash, size)):
                data += piece
        except ArtifactUnknownError as err:
            raise BlobMissingError(f"Blob {hash} of {size} bytes is not in the store.", digest=hash) from err
        if Blob.of(data).digest != Digest(hash, size):
            raise BlobCorruptError(f"Blob {hash} of {size} bytes arrived with other bytes.", digest=hash)
        return memoryview(data)

    def fetch_manifest(self, digest: Digest) -> bytes:
        """Asks the orchestrator for a manifest."""
        data = self._session.resolve_inline(self._lease_token, digest)
        return bytes(self.fetch(digest.hash, digest.size)) if data is None else data

    def put(self, blobs: Iterable[Blob]) -> None:
        """Sends the blobs that the store does not have."""
        unique = list({blob.hash: blob for blob in blobs if not blob.is_stored}.values())
        for start in range(0, len(unique), _BATCH):
            self._put_batch(unique[start : start + _BATCH])

    def _put_batch(self, blobs: Sequence[Blob]) -> None:
        digests = [blob.digest for blob in blobs]
        uploads = self._session.prepare_uploads(self._lease_token, digests)
        sent: list[tuple[str, Digest]] = []
        for blob, digest, upload_id in zip(blobs, digests, uploads, strict=True):
            if upload_id is not None:
                self._send(blob, upload_id)
                sent.append((upload_id, digest))
        reasons = self._session.commit_uploads(self._lease_token, sent) if sent else []
        for (_, digest), reason in zip(sent, reasons, strict=True):
            if reason:
                raise StoreError(
                    f"The store refuses a blob of {digest.size} bytes: {reason}.", digest=digest.hash
                )

    def _send(self, blob: Blob, upload_id: str) -> None:
        offset = 0
        for piece in _pieces(blob):
            end = offset + len(piece)
            self._session.write_blob(self._lease_token, upload_id, offset, piece, last=end == blob.size)
            offset = end


def _pieces(blob: Blob) -> Iterator[bytes]:
    """Cuts a blob into pieces of the size that a call may carry. The empty blob is one empty piece."""
    if not blob.size:
        yield b""
    for buffer in blob.buffers:
        view = memoryview(buffer).cast("B")
        for start in range(0, len(view), CHUNK_BYTES):
            yield bytes(view[start : start + CHUNK_BYTES])
