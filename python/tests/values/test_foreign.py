from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from instep.values import ForeignObject, ObjectStore, OpaqueForeignError, decode, encode
from instep.values._digest import Blob
from instep_proto.v1 import value_pb2 as pb

BODY = Blob.of(b"serialized by R" * 100)


def model(*, inside: bool = False) -> bytes:
    """What R stores for a fitted model, alone or in a list with a number."""
    opaque = pb.Opaque(
        language="r",
        codec="r-serialize3",
        runtime="4.2.2",
        classes=["lm"],
        preview="Call: lm(price ~ carat)",
        body=0,
    )
    part = pb.Part(offset=5, length=100)
    part.blob.hash, part.blob.size = BODY.hash, BODY.size
    manifest = pb.Manifest(format=1, producer="instep 0.1.0 (r 4.2.2)", parts=[part])
    node = pb.Node(opaque=opaque, origin="r")
    if inside:
        names = [pb.Name(text="fit"), pb.Name(text="none")]
        manifest.nodes.add(record=pb.Record(names=names, values=[1, 2]), origin="r")
        manifest.nodes.append(node)
        manifest.nodes.add(null=pb.Null())
    else:
        manifest.nodes.append(node)
    return manifest.SerializeToString(deterministic=True)


def no_blobs(digest: str, size: int) -> bytes:
    raise AssertionError("the bytes of a foreign value are not needed")


def handle() -> Any:
    return decode(model(), no_blobs)


def test_handle_says_what_it_is() -> None:
    found = handle()
    assert isinstance(found, ForeignObject)
    assert (found.language, found.classes, found.producer) == ("r", ("lm",), "instep 0.1.0 (r 4.2.2)")
    assert "R lm" in repr(found)
    assert "lm(price ~ carat)" in repr(found)


@pytest.mark.parametrize(
    "use",
    [
        lambda value: value.coefficients,
        lambda value: value["coefficients"],
        lambda value: value(1),
        len,
        list,
        float,
        lambda value: value + 1,
        lambda value: 1 / value,
        lambda value: value < 1,
        lambda value: -value,
    ],
)
def test_using_it_says_who_made_it_and_what_to_do(use: Any) -> None:
    with pytest.raises(
        OpaqueForeignError, match=r"'lm' of R, written by instep 0\.1\.0 \(r 4\.2\.2\).*step written in R"
    ):
        use(handle())


def test_stored_again_it_is_the_same_artifact() -> None:
    encoded = encode(handle(), name="fit")
    assert encoded.manifest == model()
    assert encoded.digest.size == len(model())
    assert not encoded.portable
    (blob,) = encoded.blobs
    assert (blob.hash, blob.size, blob.is_stored) == (BODY.hash, BODY.size, True)


def test_inside_of_another_value_it_keeps_its_parts() -> None:
    first: Any = decode(model(inside=True), no_blobs)
    assert first["none"] is None
    encoded = encode([first["fit"], handle(), {"n": 1}])
    assert [blob.digest for blob in encoded.blobs] == [BODY.digest]
    manifest = pb.Manifest.FromString(encoded.manifest)
    assert not manifest.portable
    for node in manifest.nodes[1:3]:
        part = manifest.parts[node.opaque.body]
        assert (part.blob.hash, part.offset, part.length) == (BODY.hash, 5, 100)
    assert decode(encoded.manifest, no_blobs) == [first["fit"], handle(), {"n": 1}]


def test_copies_are_equal() -> None:
    found = handle()
    assert copy.copy(found) == copy.deepcopy(found) == pickle.loads(pickle.dumps(found)) == found
    assert hash(found) == hash(handle())
    assert encode(copy.deepcopy(found)).manifest == model()
    assert found != 1


def test_part_that_does_not_exist_is_refused() -> None:
    manifest = pb.Manifest.FromString(model())
    manifest.nodes[0].opaque.body = 3
    with pytest.raises(Exception, match="part 3 does not exist"):
        decode(manifest.SerializeToString(), no_blobs)


def test_blob_that_was_said_to_be_stored_is_missed(tmp_path: Any) -> None:
    (blob,) = encode(pickle.loads(pickle.dumps(handle()))).blobs
    with pytest.raises(Exception, match="not in the store"):
        ObjectStore(tmp_path).put(blob)


def test_blob_comes_along_into_another_store(tmp_path: Any) -> None:
    ObjectStore(tmp_path / "first").put(BODY)
    found = decode(model(), ObjectStore(tmp_path / "first").open)
    (blob,) = encode([found, 1]).blobs
    ObjectStore(tmp_path / "second").put(blob)
    assert ObjectStore(tmp_path / "second").open(BODY.hash, BODY.size) == b"".join(BODY.buffers)
