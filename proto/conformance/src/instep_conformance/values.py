"""Just enough of the value encoding to make the inputs of tasks, and to read their outputs.

Parts are written and read by pyarrow, and not by the code of an SDK, which may be what is under test.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from blake3 import blake3
from instep_proto.v1 import digest_pb2
from instep_proto.v1 import value_pb2 as pb

INLINE_PART_BYTES = 4096
"""Largest part that lies in the manifest."""

_TYPES: dict[type, tuple[str, pa.DataType]] = {
    bool: ("bool", pa.bool_()),
    int: ("int64", pa.int64()),
    float: ("float64", pa.float64()),
    str: ("string", pa.utf8()),
}

Value = Any
"""What tasks are given: scalars, lists of scalars of one type, and dicts of all of these."""
Fetch = Callable[[str, int], bytes]
"""Gives the bytes of a blob by its hash and size."""


@dataclass(slots=True)
class Encoded:
    """A value as it is stored."""

    manifest: bytes
    """The serialized manifest."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    """Blobs of its parts by hash."""

    @property
    def digest(self) -> digest_pb2.Digest:
        """The content address of the manifest."""
        return digest_of(self.manifest)


def digest_of(data: bytes) -> digest_pb2.Digest:
    """Gives the content address of bytes."""
    return digest_pb2.Digest(hash=f"b3:{blake3(data).hexdigest()}", size=len(data))


def encode(value: Value) -> Encoded:
    """Stores a value.

    Args:
        value: None, a scalar, a list of scalars of one type that is not empty, or a dict of values by name.
    """
    manifest = pb.Manifest(format=1, portable=True, producer="instep-conformance")
    blobs: dict[str, bytes] = {}
    _add_node(manifest, blobs, value)
    return Encoded(manifest.SerializeToString(deterministic=True), blobs)


def decode(manifest: bytes, fetch: Fetch) -> Value:
    """Reads a value: a vector that is a scalar as a scalar, other vectors and arrays as a list, records as a dict.

    Args:
        manifest: The serialized manifest.
        fetch: Gives blobs.

    Raises:
        ValueError: It holds what a conformance flow has no use for.
    """
    return _Reader(pb.Manifest.FromString(manifest), fetch).read(0)


def _add_node(manifest: pb.Manifest, blobs: dict[str, bytes], value: Value) -> int:
    index = len(manifest.nodes)
    node = manifest.nodes.add(origin="python")
    match value:
        case None:
            node.null.SetInParent()
        case dict():
            node.record.names.extend(pb.Name(text=name) for name in value)
            node.record.values.extend(_add_node(manifest, blobs, one) for one in value.values())
        case list():
            _fill_vector(manifest, blobs, node.vector, value, pb.SHAPE_VECTOR)
        case _:
            _fill_vector(manifest, blobs, node.vector, [value], pb.SHAPE_SCALAR)
    return index


def _fill_vector(
    manifest: pb.Manifest, blobs: dict[str, bytes], vector: pb.Vector, values: list[Any], shape: pb.Shape
) -> None:
    logical, arrow = _TYPES[type(values[0])]
    data = _stream(pa.array(values, arrow))
    vector.logical, vector.shape, vector.part = logical, shape, len(manifest.parts)
    vector.count = len(values)
    part = manifest.parts.add(length=len(data))
    if len(data) <= INLINE_PART_BYTES:
        part.inline = data
    else:
        part.blob.CopyFrom(digest_of(data))
        blobs[part.blob.hash] = data


def _stream(cells: pa.Array) -> bytes:
    batch = pa.record_batch([cells], names=["v"])
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


class _Reader:
    def __init__(self, manifest: pb.Manifest, fetch: Fetch) -> None:
        self._manifest = manifest
        self._fetch = fetch

    def read(self, index: int) -> Value:
        node = self._manifest.nodes[index]
        match node.WhichOneof("kind"):
            case "null":
                return None
            case "vector":
                vector = node.vector
                rows = self._column(vector.part).slice(vector.start, vector.count).to_pylist()
                return rows if vector.shape == pb.SHAPE_VECTOR else rows[0]
            case "array":
                return self._column(node.array.part).to_pylist()
            case "seq":
                return [self.read(child) for child in node.seq.values]
            case "record":
                names = [name.text for name in node.record.names]
                return dict(zip(names, map(self.read, node.record.values), strict=True))
            case kind:
                raise ValueError(f"No step of the conformance flow stores a value of kind {kind}.")

    def _column(self, index: int) -> pa.ChunkedArray:
        return pa.ipc.open_stream(part_bytes(self._manifest.parts[index], self._fetch)).read_all().column(0)


def part_bytes(part: pb.Part, fetch: Fetch) -> bytes:
    """Gives the bytes of a part."""
    if not part.HasField("blob"):
        return part.inline
    return fetch(part.blob.hash, part.blob.size)[part.offset : part.offset + part.length]
