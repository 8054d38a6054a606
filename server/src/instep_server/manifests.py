"""Manifests: small ones in the database, large ones among the objects, recent ones in memory."""

from __future__ import annotations

from collections import OrderedDict

from instep_server.db import _sqlite
from instep_server.db.change import Change
from instep_server.db.database import Database
from instep_server.errors import Reason, RequestError
from instep_server.limits import INLINE_BYTES
from instep_server.store import BlobId, ObjectStore, digest_of

CACHE_BYTES = 32 * 1024 * 1024


class Manifests:
    """The manifests of one store.

    Args:
        db: Has the small ones.
        store: Has the large ones.
    """

    def __init__(self, db: Database, store: ObjectStore) -> None:
        self._db = db
        self._store = store
        self._recent: OrderedDict[str, bytes] = OrderedDict()
        self._recent_bytes = 0

    def add(self, change: Change, manifest: bytes) -> BlobId:
        """Stores a manifest.

        Args:
            change: Takes it when it is small.
            manifest: Its bytes.

        Returns:
            Its digest.
        """
        if len(manifest) > INLINE_BYTES:
            return self._store.put(manifest)
        blob = BlobId(digest_of(manifest), len(manifest))
        self._keep(change, blob.hash, manifest)
        return blob

    def add_checked(self, change: Change, blob: BlobId, manifest: bytes) -> None:
        """Stores a small manifest that a worker sent.

        Args:
            change: Takes it.
            blob: The digest that the worker gave.
            manifest: Its bytes.

        Raises:
            RequestError: DIGEST_MISMATCH, or LIMIT_EXCEEDED when it is not small.
        """
        if len(manifest) > INLINE_BYTES:
            raise RequestError(
                Reason.LIMIT_EXCEEDED,
                f"A manifest of {len(manifest):,} bytes must be written as a blob; inline ones have at most"
                f" {INLINE_BYTES:,}.",
            )
        if len(manifest) != blob.size or digest_of(manifest) != blob.hash:
            raise RequestError(
                Reason.DIGEST_MISMATCH,
                f"The manifest does not have the digest {blob.hash}.",
                digest=blob.hash,
            )
        self._keep(change, blob.hash, manifest)

    def small(self, blob: BlobId) -> bytes | None:
        """Finds a manifest that is small enough for a message.

        Returns:
            Its bytes. None: it is large, or not there.
        """
        if blob.size > INLINE_BYTES:
            return None
        if (known := self._recent.get(blob.hash)) is not None:
            self._recent.move_to_end(blob.hash)
            return known
        row = self._db.one(_sqlite.MANIFEST, {"hash": blob.hash})
        if row is None:
            return None
        manifest = bytes(row["bytes"])
        self._remember(blob.hash, manifest)
        return manifest

    def get(self, blob: BlobId) -> bytes:
        """Finds a manifest of any size.

        Raises:
            RequestError: ARTIFACT_UNKNOWN or BLOB_CORRUPT.
        """
        manifest = self.small(blob)
        return self._store.get(blob) if manifest is None else manifest

    def _keep(self, change: Change, hash: str, manifest: bytes) -> None:
        # Also when it is known here: garbage collection may have removed it from the database.
        change.manifests.append({"hash": hash, "bytes": manifest})
        if hash not in self._recent:
            self._remember(hash, manifest)

    def _remember(self, hash: str, manifest: bytes) -> None:
        self._recent[hash] = manifest
        self._recent_bytes += len(manifest)
        while self._recent_bytes > CACHE_BYTES:
            _, dropped = self._recent.popitem(last=False)
            self._recent_bytes -= len(dropped)
