"""Where a worker reads and writes the bytes of artifacts: the store's own directory, or the orchestrator."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from typing import Protocol

from instep._session import CHUNK_BYTES, Session, Upload
from instep.errors import (
    ArtifactUnknownError,
    BlobCorruptError,
    BlobMissingError,
    StoreError,
    UploadOffsetError,
    UploadUnknownError,
)
from instep.values import Blob, Digest, ObjectStore

_BATCH = 1000
_UPLOAD_ROUNDS = 5
"""How often an upload that was forgotten begins, at most."""


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
            return self._objects.read(digest.hash, digest.size)
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
                advice = "Free some space" if err.errno in (errno.ENOSPC, errno.EDQUOT) else "Mend that"
                raise StoreError(
                    f"Can't store {blob.size:,} bytes in {self._objects.root}: {err.strerror}. {advice}, then resume the "
                    "run.",
                    digest=blob.hash,
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
        except BlobCorruptError as err:
            raise BlobCorruptError(
                f"Blob {hash} of {size} bytes is damaged in the store.", digest=hash
            ) from err
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
        """Sends blobs. An orchestrator that was started anew has forgotten uploads: they begin again."""
        for _ in range(_UPLOAD_ROUNDS):
            blobs = self._upload(blobs)
            if not blobs:
                return
        raise StoreError(f"The store forgets uploads: {len(blobs)} blobs can't be stored.")

    def _upload(self, blobs: Sequence[Blob]) -> list[Blob]:
        """Sends blobs, and gives those whose uploads were forgotten meanwhile."""
        uploads = self._session.prepare_uploads(self._lease_token, [blob.digest for blob in blobs])
        sent: list[tuple[Blob, Upload]] = []
        forgotten: list[Blob] = []
        for blob, upload in zip(blobs, uploads, strict=True):
            if upload is None:
                continue
            try:
                self._send(blob, upload)
                sent.append((blob, upload))
            except UploadUnknownError:
                forgotten.append(blob)
        finished = [(upload.id, blob.digest) for blob, upload in sent]
        reasons = self._session.commit_uploads(self._lease_token, finished) if finished else []
        for (blob, _), reason in zip(sent, reasons, strict=True):
            if reason == "UPLOAD_UNKNOWN":
                forgotten.append(blob)
            elif reason:
                raise StoreError(
                    f"The store refuses a blob of {blob.size} bytes: {reason}.", digest=blob.hash
                )
        return forgotten

    def _send(self, blob: Blob, upload: Upload) -> None:
        offset, is_sent = upload.offset, False
        while not is_sent:
            piece = _piece(blob, offset)
            end = offset + len(piece)
            try:
                self._session.write_blob(self._lease_token, upload.id, offset, piece, last=end == blob.size)
                offset, is_sent = end, end == blob.size
            except UploadOffsetError as err:
                offset = int(err.metadata["expected"])


def _piece(blob: Blob, offset: int) -> bytes:
    """Gives bytes of a blob from a position on, as many as a call may carry. Empty at its end."""
    for buffer in blob.buffers:
        view = memoryview(buffer).cast("B")
        if offset < len(view):
            return bytes(view[offset : offset + CHUNK_BYTES])
        offset -= len(view)
    return b""
