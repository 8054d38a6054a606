from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from instep.values import ValueDecodeError, decode, encode
from instep.values._digest import Blob
from instep_proto.v1 import value_pb2 as pb


def no_blobs(digest: str, size: int) -> bytes:
    raise AssertionError("no blob is needed")


def refused(data: bytes, fetch: Any = no_blobs) -> ValueDecodeError:
    with pytest.raises(ValueDecodeError) as caught:
        decode(data, fetch)
    return caught.value


@pytest.mark.parametrize("data", [b"\xff\xff", b"", b"\x08\x01", pb.Manifest(format=1).SerializeToString()])
def test_bytes_that_are_no_manifest_are_refused(data: bytes) -> None:
    refused(data)


def test_newer_format_is_refused_with_advice() -> None:
    error = refused(pb.Manifest(format=2, nodes=[pb.Node(null=pb.Null())]).SerializeToString())
    assert error.code == "FORMAT_UNKNOWN"
    assert "a newer one" in str(error)


def test_node_without_kind_is_refused() -> None:
    assert "no kind" in str(refused(pb.Manifest(format=1, nodes=[pb.Node()]).SerializeToString()))


def stored(value: object) -> tuple[pb.Manifest, dict[str, bytes]]:
    encoded = encode(value)
    blobs = {blob.hash: b"".join(bytes(piece) for piece in blob.buffers) for blob in encoded.blobs}
    return pb.Manifest.FromString(encoded.manifest), blobs


def test_small_blob_with_other_bytes_is_refused() -> None:
    manifest, blobs = stored(np.arange(5000.0))
    (digest,) = blobs
    blobs[digest] = bytes(len(blobs[digest]))
    error = refused(manifest.SerializeToString(), lambda key, size: blobs[key])
    assert error.code == "BLOB_CORRUPT"


def test_blob_of_another_size_is_refused() -> None:
    manifest, blobs = stored(np.arange(200_000.0))
    error = refused(manifest.SerializeToString(), lambda key, size: blobs[key][:-1])
    assert "instead of" in str(error)


@pytest.mark.parametrize(("offset", "length"), [(-1, 10), (0, -1), (0, 10**9), (2**62, 2**62), (10, 1000)])
def test_part_outside_of_its_blob_is_refused(offset: int, length: int) -> None:
    manifest, blobs = stored(1)
    manifest.parts[0].offset = offset
    manifest.parts[0].length = length
    refused(manifest.SerializeToString(), lambda key, size: blobs[key])


def test_part_without_bytes_is_refused() -> None:
    manifest, _ = stored(1)
    manifest.parts[0].ClearField("source")
    assert "no bytes" in str(refused(manifest.SerializeToString()))


def test_shared_manifest_is_read_in_its_place() -> None:
    inner = Blob.of(encode({"a": 1}, inline=True).manifest)
    manifest = pb.Manifest(format=1)
    manifest.nodes.add(seq=pb.Seq(values=[1, 2]))
    for _ in range(2):
        shared = manifest.nodes.add().shared
        shared.hash, shared.size = inner.hash, inner.size
    found = decode(manifest.SerializeToString(), lambda key, size: inner.buffers[0])
    assert found == [{"a": 1}, {"a": 1}]


def test_types_that_are_not_registered_are_told_by_a_manifest_inside() -> None:
    """A set of values whose type is not known here is a list, also when they are in a manifest of their own."""
    inner = pb.Manifest.FromString(encode({"x": 1}, inline=True).manifest)
    inner.nodes[0].registered_type = "not.registered"
    data = inner.SerializeToString(deterministic=True)
    blob = Blob.of(data)
    outer = pb.Manifest(format=1, nodes=[pb.Node(seq=pb.Seq(values=[1], family="set"))])
    shared = outer.nodes.add().shared
    shared.hash, shared.size = blob.hash, blob.size
    assert decode(outer.SerializeToString(), lambda digest, size: data) == [{"x": 1}]


def test_shared_manifest_with_other_bytes_is_refused() -> None:
    inner = Blob.of(encode({"a": 1}, inline=True).manifest)
    manifest = pb.Manifest(format=1)
    shared = manifest.nodes.add().shared
    shared.hash, shared.size = inner.hash, inner.size
    assert refused(manifest.SerializeToString(), lambda key, size: bytes(size)).code == "BLOB_CORRUPT"


def test_error_of_the_store_is_passed_on() -> None:
    def gone(digest: str, size: int) -> bytes:
        raise ConnectionError("the store is gone")

    manifest, _ = stored(np.arange(5000.0))
    with pytest.raises(ConnectionError):
        decode(manifest.SerializeToString(), gone)
