"""How parts are laid out: inline, packed, or as blobs of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from instep.values import decode, encode
from instep_proto.v1 import value_pb2 as pb

SIZES = {"inline": 100, "packed": 5_000, "also packed": 20_000, "own": 200_000}


def parts_of(value: object, **options: Any) -> list[pb.Part]:
    return list(pb.Manifest.FromString(encode(value, **options).manifest).parts)


def value() -> dict[str, Any]:
    return {name: np.arange(float(size)) for name, size in SIZES.items()}


def test_parts_go_where_their_size_says() -> None:
    inline, packed, also_packed, own = parts_of(value())
    assert inline.HasField("inline")
    assert packed.blob == also_packed.blob != own.blob
    assert packed.offset == own.offset == 0
    assert also_packed.offset % 64 == 0
    assert also_packed.offset >= packed.length
    assert own.blob.size == own.length


def test_blobs_are_named_once_each() -> None:
    array = np.arange(200_000.0)
    encoded = encode([array, array.copy(), np.arange(5000), np.arange(5000)])
    assert len(encoded.blobs) == len({blob.hash for blob in encoded.blobs}) == 2


def test_packs_do_not_grow_without_end() -> None:
    encoded = encode([np.full(100_000, float(number)) for number in range(15)])
    assert [blob.size < (9 << 20) for blob in encoded.blobs] == [True, True]


def test_everything_is_inline_when_asked_for() -> None:
    encoded = encode(value(), inline=True)
    assert encoded.blobs == ()
    found: Any = decode(encoded.manifest, lambda digest, size: b"")
    assert found["own"][-1] == 199_999


def test_unchanged_part_keeps_its_blob_in_another_value() -> None:
    array = np.arange(200_000.0)
    assert encode([array]).blobs[0].hash == encode({"a": array, "b": 1}).blobs[0].hash


def test_manifest_follows_the_canonical_form() -> None:
    manifest = pb.Manifest.FromString(encode({"b": [1, "x"], "a": (2.5,)}).manifest)
    assert manifest.format == 1
    assert manifest.portable
    assert manifest.producer.startswith("instep ")
    assert "(python 3." in manifest.producer
    kinds = [node.WhichOneof("kind") for node in manifest.nodes]
    assert kinds == ["record", "seq", "vector", "vector", "vector"]
    assert [node.vector.part for node in manifest.nodes[2:]] == [0, 1, 2]
    assert encode(1).manifest == pb.Manifest.FromString(encode(1).manifest).SerializeToString(
        deterministic=True
    )


@pytest.mark.parametrize("on_loss", ["warn", "ignore"])
def test_loss_is_told_once_for_each_rule(on_loss: Any, recwarn: pytest.WarningsRecorder) -> None:
    encoded = encode({"a": bytearray(b"a"), "b": [bytearray(b"b"), 1]}, name="x", on_loss=on_loss)
    (loss,) = encoded.losses
    assert (loss.rule, loss.path) == ("BYTES", 'self.x["a"]')
    assert len(recwarn) == (on_loss == "warn")
