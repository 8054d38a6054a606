"""The blobs of the scripted orchestrator: a directory that workers may share, and uploads that are not finished."""

from __future__ import annotations

import os
from pathlib import Path

from instep_proto.v1 import digest_pb2

from instep_conformance.values import digest_of


class Objects:
    """A directory with one file for each blob, at `b3/<2 hex digits>/<62 hex digits>`.

    Args:
        root: The directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.uploads: dict[str, tuple[digest_pb2.Digest, bytearray]] = {}
        """Uploads by id: what is to come, and what came."""
        root.mkdir(parents=True)

    def path(self, hash: str) -> Path:
        """Gives the file of a blob."""
        value = hash.removeprefix("b3:")
        return self.root / "b3" / value[:2] / value[2:]

    def has(self, digest: digest_pb2.Digest) -> bool:
        """Says whether a blob is there, whole."""
        path = self.path(digest.hash)
        return path.exists() and digest_of(path.read_bytes()) == digest

    def get(self, hash: str, size: int) -> bytes:
        """Gives the bytes of a blob.

        Raises:
            FileNotFoundError: It is not there.
        """
        return self.path(hash).read_bytes()

    def put(self, data: bytes) -> digest_pb2.Digest:
        """Stores bytes."""
        digest = digest_of(data)
        path = self.path(digest.hash)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o444)
        return digest

    def damage(self, hash: str) -> None:
        """Flips a bit in the middle of a blob."""
        path = self.path(hash)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.unlink()
        path.write_bytes(data)

    def remove(self, hash: str) -> None:
        """Loses a blob."""
        self.path(hash).unlink()

    def open_upload(self, digest: digest_pb2.Digest) -> str:
        """Begins an upload, or finds one of the same blob.

        Returns:
            Its id.
        """
        for upload_id, (wanted, _) in self.uploads.items():
            if wanted == digest:
                return upload_id
        upload_id = os.urandom(8).hex()
        self.uploads[upload_id] = (digest, bytearray())
        return upload_id
