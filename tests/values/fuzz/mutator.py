"""Makes cases of seeds. The same two numbers make the same case, on any machine."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from blake3 import blake3
from instep_proto.v1 import value_pb2 as pb
from values.fuzz import messages, streams
from values.fuzz.cases import Case
from values.fuzz.seeds import Seed


def hash_of(data: bytes) -> str:
    """Gives the address of a blob."""
    return "b3:" + blake3(data).hexdigest()


class Mutator:
    """Makes the cases of a campaign.

    Args:
        seeds: What they are made of.
        campaign: The campaign's number.
    """

    def __init__(self, seeds: Sequence[Seed], campaign: int) -> None:
        self._seeds = seeds
        self._campaign = campaign

    def case(self, number: int) -> Case:
        """Makes one case."""
        rng = random.Random(self._campaign << 40 | number)
        seed = rng.choice(self._seeds)
        if rng.random() < 0.06 and seed.manifest.parts and not seed.is_opaque:
            return self._tampered(rng, seed)
        manifest = pb.Manifest()
        manifest.CopyFrom(seed.manifest)
        names = rng.choices(_CHANGES, k=rng.choice([1, 1, 1, 1, 2, 3]))
        changes = [self._change(rng, manifest, name) for name in sorted(names, key="deepen".__eq__)]
        blobs: dict[str, bytes] = {}
        if rng.random() < 0.2:
            changes.append(_in_blobs(rng, manifest, blobs))
        data = manifest.SerializeToString(deterministic=True)
        if rng.random() < 0.08:
            changes.append("bytes")
            data = streams.any_bytes(rng, data)
        if rng.random() < 0.05:
            changes.append("shared")
            data = _by_reference(rng, data, blobs)
        return Case(seed.name, tuple(changes), data, blobs)

    def _change(self, rng: random.Random, manifest: pb.Manifest, name: str) -> str:
        if name == "stream" and manifest.parts:
            part = rng.choice(manifest.parts)
            name, part.inline = streams.change(rng, part.inline)
            if rng.random() < 0.95:
                part.offset, part.length = 0, len(part.inline)
        elif name == "splice" and manifest.parts:
            other = rng.choice(rng.choice(self._seeds).manifest.parts or manifest.parts)
            part = rng.choice(manifest.parts)
            cut = rng.randrange(len(part.inline) + 1)
            part.inline = other.inline if rng.random() < 0.5 else part.inline[:cut] + other.inline[cut:]
            part.length = len(part.inline)
        elif name == "graft":
            messages.graft(rng, manifest, rng.choice(self._seeds).manifest)
        else:
            name = name if name in _MESSAGE_CHANGES else "field"
            _MESSAGE_CHANGES[name](rng, manifest)
        return name

    def _tampered(self, rng: random.Random, seed: Seed) -> Case:
        """Leaves the manifest as it is, and damages a blob, or takes it away."""
        manifest = pb.Manifest()
        manifest.CopyFrom(seed.manifest)
        blobs: dict[str, bytes] = {}
        _in_blobs(rng, manifest, blobs)
        data = manifest.SerializeToString(deterministic=True)
        if rng.random() < 0.2:
            data = _by_reference(rng, data, blobs)
        digest = next(iter(blobs))  # of the first part, which the root or its first leaf needs
        if rng.random() < 0.1:
            del blobs[digest]
            return Case(seed.name, ("missing",), data, blobs, "BLOB_MISSING")
        damaged = blobs[digest]
        while damaged == blobs[digest]:
            damaged = streams.any_bytes(rng, blobs[digest])
        blobs[digest] = damaged
        return Case(seed.name, ("tampered",), data, blobs, "BLOB_CORRUPT")


_CHANGES = ["field"] * 6 + ["link"] * 2 + ["stream"] * 9 + ["splice", "graft", "deepen"]

_MESSAGE_CHANGES: dict[str, Callable[[random.Random, pb.Manifest], None]] = {
    "field": messages.change_field,
    "link": messages.relink,
    "deepen": messages.deepen,
}


def _in_blobs(rng: random.Random, manifest: pb.Manifest, blobs: dict[str, bytes]) -> str:
    """Moves all parts to one blob, or to one each."""
    parts = [part for part in manifest.parts if part.HasField("inline")]
    for group in [parts] if rng.random() < 0.5 else [[part] for part in parts]:
        blob = bytearray()
        places = []
        for part in group:
            blob += bytes(-len(blob) % 64)
            places.append((len(blob), part.offset))
            blob += part.inline
        digest = hash_of(bytes(blob))
        for part, (start, offset) in zip(group, places, strict=True):
            part.blob.hash, part.blob.size = digest, len(blob)
            part.offset = max(-(2**63), min(start + offset, 2**63 - 1))
        if blob:
            blobs[digest] = bytes(blob)
    return "blobs"


def _by_reference(rng: random.Random, data: bytes, blobs: dict[str, bytes]) -> bytes:
    """Makes a value that refers to another one, up to a few levels."""
    for _ in range(rng.choice([1, 1, 1, 2, 20, 70])):
        blobs[hash_of(data)] = data
        outer = pb.Manifest(format=1, portable=True)
        outer.nodes.add().seq.values.extend([1])
        outer.nodes.add().shared.MergeFrom(_digest(data))
        data = outer.SerializeToString(deterministic=True)
    return data


def _digest(data: bytes) -> pb.digest__pb2.Digest:  # type: ignore[name-defined]
    node = pb.Node()
    node.shared.hash, node.shared.size = hash_of(data), len(data)
    return node.shared
