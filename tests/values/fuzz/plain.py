"""The plain form of a case: what both languages must read alike.

Each language reads details that the other one ignores: notes of its writers, names of its libraries' types, classes of
containers. R checks all nodes of a manifest at once, Python those that it reads. The plain form has none of these
details, and neither nodes nor parts that the root does not need.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from google.protobuf.message import DecodeError
from instep_proto.v1 import value_pb2 as pb
from values.fuzz.cases import Case
from values.fuzz.mutator import hash_of

_PARAMS = {"tz", "ordered"}
"""Details that both languages read."""


def plain(case: Case) -> Case | None:
    """Gives the plain form of a case. `None`: its manifest, or one that it embeds, can't be parsed."""
    blobs = dict(case.blobs)
    try:
        return replace(case, manifest=_plain(case.manifest, blobs), blobs=blobs)
    except DecodeError:
        return None


def _plain(data: bytes, blobs: dict[str, bytes]) -> bytes:
    manifest = pb.Manifest.FromString(data)
    for node in manifest.nodes:
        _strip(node)
    for index in {index for node in manifest.nodes for index in _name_nodes(node)}:
        if 0 <= index < len(manifest.nodes) and manifest.nodes[index].HasField("vector"):
            manifest.nodes[index].vector.ClearField("names")
    nodes, parts = _needed(manifest)
    for index, node in enumerate(manifest.nodes):
        if index not in nodes:
            node.Clear()
            node.null.SetInParent()
        elif (
            node.WhichOneof("kind") == "shared"
            and hash_of(blobs.get(node.shared.hash, b"")) == node.shared.hash
        ):
            inner = _plain(blobs[node.shared.hash], blobs)
            node.shared.hash, node.shared.size = hash_of(inner), len(inner)
            blobs[node.shared.hash] = inner
    for index, part in enumerate(manifest.parts):
        if index not in parts:
            part.Clear()
            part.inline = b""
    return manifest.SerializeToString(deterministic=True)


def _strip(node: pb.Node) -> None:
    del node.attrs[:]
    node.origin = node.registered_type = ""
    kind = node.WhichOneof("kind")
    if kind == "seq":
        node.seq.family = ""
    elif kind == "table":
        node.table.family = "data.frame"
        for column in node.table.columns:
            del column.attrs[:]
            _strip_details(column)
    elif kind in {"vector", "array"}:
        _strip_details(getattr(node, kind))


def _strip_details(described: Any) -> None:
    kept = [param for param in described.params if param.key in _PARAMS]
    del described.params[:]
    described.params.extend(kept)
    if described.logical != "factor":
        described.ClearField("levels")
    if isinstance(described, pb.Vector) and described.shape != pb.SHAPE_VECTOR:
        described.ClearField("names")


def _needed(manifest: pb.Manifest) -> tuple[set[int], set[int]]:
    """Finds the nodes and parts that the root needs, directly or not."""
    nodes: set[int] = set()
    parts: set[int] = set()
    waiting = [0]
    while waiting:
        index = waiting.pop()
        if index in nodes or not 0 <= index < len(manifest.nodes):
            continue
        nodes.add(index)
        waiting += _children(manifest.nodes[index])
        parts |= set(_parts(manifest.nodes[index]))
    return nodes, parts


def _children(node: pb.Node) -> Iterator[int]:
    kind = node.WhichOneof("kind")
    message = getattr(node, kind) if kind else None
    for name in ("values", "keys", "dimnames", "names", "levels", "indptr", "indices"):
        if message is None or kind == "shared" or name not in message.DESCRIPTOR.fields_by_name:
            continue
        found = getattr(message, name)
        if isinstance(found, int):
            yield from [found] if name.startswith("ind") or message.HasField(name) else []
        elif kind != "record" or name == "values":
            yield from found
    if kind == "table":
        yield from (column.levels for column in node.table.columns if column.HasField("levels"))


def _name_nodes(node: pb.Node) -> Iterator[int]:
    """Gives the nodes with names and levels, whose own names Python does not look at."""
    kind = node.WhichOneof("kind")
    described = [getattr(node, kind)] if kind in {"vector", "array"} else list(node.table.columns)
    for message in described:
        for name in ("names", "levels", "dimnames"):
            found = getattr(message, name, ())
            yield from [found] if isinstance(found, int) else found


def _parts(node: pb.Node) -> Iterator[int]:
    kind = node.WhichOneof("kind")
    if kind in {"vector", "array", "table"}:
        yield getattr(node, kind).part
    elif kind == "opaque":
        yield node.opaque.body
        yield from node.opaque.buffers
