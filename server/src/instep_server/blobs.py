"""Finds the blobs that a stored value consists of."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from instep_proto.v1 import value_pb2

from instep_server.errors import Reason, RequestError
from instep_server.manifests import Manifests
from instep_server.store import BlobId


def named_in(manifest: bytes) -> tuple[list[BlobId], list[BlobId]]:
    """Finds what a manifest names.

    Args:
        manifest: Serialized manifest.

    Returns:
        The blobs of its parts, and the manifests that it embeds.

    Raises:
        RequestError: BLOB_CORRUPT, it is damaged.
    """
    try:
        message = value_pb2.Manifest.FromString(manifest)
    except DecodeError:
        raise RequestError(Reason.BLOB_CORRUPT, "The artifact's manifest is damaged.") from None
    blobs = [BlobId(part.blob.hash, part.blob.size) for part in message.parts if part.HasField("blob")]
    inner = [BlobId(node.shared.hash, node.shared.size) for node in message.nodes if node.HasField("shared")]
    return blobs, inner


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
        blobs, embedded = named_in(todo.pop())
        for blob in blobs:
            found.setdefault(blob.hash, blob)
        for inner in embedded:
            if inner.hash not in seen:
                seen.add(inner.hash)
                todo.append(manifests.get(inner))
    return list(found.values())
