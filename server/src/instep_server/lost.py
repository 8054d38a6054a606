"""Which stored values are lost: objects of theirs were damaged or gone, and nobody has stored them again since.

`instep fsck --repair` moves what is damaged into a directory of its own. What is there and not among the objects is lost,
so that a task that stored it runs again when its run is resumed. Without damage the directory is empty, and nothing is
looked at.
"""

from __future__ import annotations

from functools import cached_property

from instep_server.blobs import blobs_of
from instep_server.db.connection import Row
from instep_server.errors import RequestError
from instep_server.home import Home
from instep_server.manifests import Manifests
from instep_server.store import BlobId, ObjectStore


class LostObjects:
    """Tells which artifacts are lost.

    Args:
        home: The store.
        store: Its objects.
        manifests: Its manifests.
    """

    def __init__(self, home: Home, store: ObjectStore, manifests: Manifests) -> None:
        self._home = home
        self._store = store
        self._manifests = manifests

    def __bool__(self) -> bool:
        """True when any object is lost."""
        return bool(self._hashes)

    def include(self, artifact: Row) -> bool:
        """Tells whether an artifact is lost.

        Args:
            artifact: Its row.
        """
        if not self._hashes or artifact["hash"] is None:
            return False
        try:
            manifest = self._manifests.get(BlobId(artifact["hash"], artifact["manifest_size"]))
            return any(blob.hash in self._hashes for blob in blobs_of(manifest, self._manifests))
        except RequestError:
            return True

    @cached_property
    def _hashes(self) -> frozenset[str]:
        found = {f"b3:{path.name.partition('.')[0]}" for path in self._home.damaged_objects.glob("*")}
        return frozenset(hash for hash in found if not self._store.path(hash).exists())
