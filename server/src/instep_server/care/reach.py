"""Which objects stored values consist of."""

from __future__ import annotations

from collections.abc import Iterable

from instep_server.blobs import named_in
from instep_server.db import _sqlite
from instep_server.db.connection import Connection
from instep_server.errors import RequestError
from instep_server.store import BlobId, ObjectStore, digest_of


class ManifestError(Exception):
    """A manifest is not there, or not what it was."""


class Reach:
    """Finds what values consist of. Each manifest is read once.

    Args:
        connection: A connection to the database, which has the small manifests.
        store: Has the large ones.
    """

    def __init__(self, connection: Connection, store: ObjectStore) -> None:
        self._connection = connection
        self._store = store
        self._parts: dict[str, tuple[frozenset[BlobId], frozenset[BlobId]]] = {}

    def objects(self, manifest: BlobId) -> frozenset[BlobId]:
        """Finds the objects of a value: its blobs, those of values inside of it, and manifests that are objects.

        Raises:
            ManifestError: The manifest, or one inside of it, cannot be read.
        """
        found, todo, seen = set[BlobId](), [manifest], {manifest.hash}
        while todo:
            blobs, inner = self._read(todo.pop())
            found |= blobs
            todo += (one for one in inner if one.hash not in seen)
            seen |= {one.hash for one in inner}
        return frozenset(found)

    def hashes(self, manifests: Iterable[BlobId]) -> tuple[set[str], set[str]]:
        """Finds all that values consist of.

        Returns:
            Digests of objects, and those of manifests, which may be in the database or among the objects.

        Raises:
            ManifestError: A manifest cannot be read.
        """
        found = {blob.hash for manifest in manifests for blob in self.objects(manifest)}
        return found, set(self._parts)

    def _read(self, manifest: BlobId) -> tuple[frozenset[BlobId], frozenset[BlobId]]:
        """Gives the objects and the inner manifests that a manifest names. It names itself when it is an object."""
        known = self._parts.get(manifest.hash)
        if known is None:
            row = self._connection.row(_sqlite.MANIFEST, {"hash": manifest.hash})
            data = row["bytes"] if row is not None else self._large(manifest)
            if digest_of(data) != manifest.hash:
                raise ManifestError(f"manifest {manifest.hash} has other bytes than were stored")
            try:
                blobs, inner = named_in(data)
            except RequestError as err:
                raise ManifestError(f"manifest {manifest.hash} can't be parsed") from err
            if row is None:
                blobs.append(manifest)
            known = self._parts[manifest.hash] = frozenset(blobs), frozenset(inner)
        return known

    def _large(self, manifest: BlobId) -> bytes:
        try:
            return self._store.get(manifest)
        except RequestError as err:
            raise ManifestError(f"manifest {manifest.hash} is damaged or not in the store") from err
