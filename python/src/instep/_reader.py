"""Reads artifacts through an orchestrator: manifests by call, bytes from the shared store or by call."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from instep_proto.v1 import control_service_pb2, digest_pb2, store_service_pb2

from instep._reading import reading
from instep._retry import skip_bytes
from instep.errors import BlobCorruptError

if TYPE_CHECKING:
    from collections.abc import Callable

    from instep._rpc import Connection
    from instep.values import ObjectStore


class ArtifactReader:
    """Reads artifacts of tasks.

    Args:
        connection: The connection to the orchestrator.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(
        self, flow: str, run_id: str, task_id: str, name: str, attempt: int | None = None
    ) -> control_service_pb2.GetArtifactResponse:
        """Asks for an artifact of a task.

        Args:
            flow: Name of the flow.
            run_id: Id of the run.
            task_id: Id of the task.
            name: Name of the artifact.
            attempt: Number of the attempt. None: the latest.

        Returns:
            What is recorded of it, with its manifest.

        Raises:
            NotFoundError: There is no such artifact.
        """
        request = control_service_pb2.GetArtifactRequest(
            flow=flow, run_id=run_id, task_id=task_id, name=name, attempt=attempt
        )
        return self._connection.call(
            "ControlService/GetArtifact", request, control_service_pb2.GetArtifactResponse
        )

    def value(
        self, artifact: control_service_pb2.GetArtifactResponse, *, allow_opaque: bool = True
    ) -> object:
        """Decodes an artifact.

        Args:
            artifact: What `get` returned.
            allow_opaque: False to leave what only one language can open unopened, also where that is Python.

        Returns:
            The value. Large data is mapped into memory and not copied.
        """
        from instep.values import decode

        name = artifact.artifact.name
        with reading(name):
            fetch = self._fetch(artifact.object_root)
            return decode(artifact.manifest, fetch, name=name, allow_opaque=allow_opaque)

    def item(self, artifact: control_service_pb2.GetArtifactResponse, index: int) -> object:
        """Decodes one item of an artifact, as a foreach gives it to a task.

        Args:
            artifact: What `get` returned.
            index: Position of the item, counted from 0.
        """
        from instep.values import decode_item

        name = artifact.artifact.name
        with reading(name):
            return decode_item(artifact.manifest, index, self._fetch(artifact.object_root), name=name)

    def manifest(self, digest: digest_pb2.Digest) -> bytes:
        """Reads a manifest that is not among the objects.

        Args:
            digest: Its content address.

        Raises:
            ArtifactUnknownError: The store does not have it.
            BlobCorruptError: It is damaged.
        """
        answer = self._connection.call(
            "StoreService/ResolveBlobs",
            store_service_pb2.ResolveBlobsRequest(digests=[digest]),
            store_service_pb2.ResolveBlobsResponse,
        )
        found = answer.blobs[0]
        return found.inline if found.HasField("inline") else self._read(digest.hash, digest.size)

    def _fetch(self, object_root: str) -> Callable[[str, int], memoryview | bytes]:
        return _objects(object_root).open if object_root else self._read

    def _read(self, digest: str, size: int) -> bytes:
        from instep.values import Blob

        request = store_service_pb2.ReadBlobRequest(digest=digest_pb2.Digest(hash=digest, size=size))
        answers = self._connection.stream(
            "StoreService/ReadBlob", request, store_service_pb2.ReadBlobResponse, skip_bytes
        )
        data = b"".join(answer.data for answer in answers)
        if Blob.of(data).hash != digest:
            raise BlobCorruptError(
                f"Blob {digest} of {size:,} bytes arrived with other bytes.", digest=digest
            )
        return data


@lru_cache(maxsize=8)
def _objects(root: str) -> ObjectStore:
    from instep.values import ObjectStore

    return ObjectStore(root)
