"""Finds the blobs that a stored value consists of."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from instep_proto.v1 import value_pb2

from instep_server.errors import Reason, RequestError
from instep_server.manifests import Manifests
from instep_server.store import BlobId


def blobs_of(manifest: bytes, manifests: Manifests) -> list[BlobId]:
    """Finds the blobs that a manifest's parts name, and those of the manifests that it embeds.

    Args:
        manifest: Serialized manifest.
        manifests: Where embedded ones come from.

    Returns:
        The blobs, each once, in the order of first use.

    Raises:
        RequestError: BLOB_CORRUPT, a manifest is damaged.
    """
    found: dict[str, BlobId] = {}
    todo, seen = [manifest], set[str]()
    while todo:
        try:
            message = value_pb2.Manifest.FromString(todo.pop())
        except DecodeError:
            raise RequestError(Reason.BLOB_CORRUPT, "The artifact's manifest is damaged.") from None
        for part in message.parts:
            if part.HasField("blob"):
                found.setdefault(part.blob.hash, BlobId(part.blob.hash, part.blob.size))
        for node in message.nodes:
            if node.HasField("shared") and node.shared.hash not in seen:
                seen.add(node.shared.hash)
                todo.append(manifests.get(BlobId(node.shared.hash, node.shared.size)))
    return list(found.values())
