"""Changes to manifests as protobuf messages."""

from __future__ import annotations

import random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from instep_proto.v1 import value_pb2 as pb

SMALL = [-(2**31), -2, -1, 0, 1, 2, 3, 5, 100, 2**16, 2**31 - 1]
LARGE = [*SMALL, 2**31, 2**32, 2**52, 2**53 + 1, 2**60, 2**63 - 1, -(2**63)]
WORDS = [
    "", "r", "numpy", "pandas", "polars", "pyarrow", "python", "scipy", "scipy.matrix", "set", "frozenset", "tuple",
    "list", "tibble", "data.table", "data.frame", "bool", "int8", "int32", "int64", "uint8", "uint64", "float16",
    "float32", "float64", "string", "factor", "date", "instant", "naive", "duration", "time", "bytes", "complex128",
    "decimal", "bigint", "json", "dtype", "tz", "family", "masked", "class", "freq", "label_type", "nan_is_missing",
    "units", "weeks", "ordered", "object", "<U900000000", "Int64", "int64[pyarrow]", "datetime64[ns]",
    "timedelta64[s]", "Categorical", "Null", "decimal128(5, 2)", "Europe/Berlin", "+05:30", "../../etc/passwd",
    "Index", "Series", "true", "false", "2000000000D", '["a"]', "a\0b", "\u00fc\U0001f600", "x" * 300, "r.storage",
    "r.tzone", "r.na_level", "r.na_codes", "r.type", "integer", "raw", "integer64", "names", "dim", "dimnames",
    "levels", "row.names", ".Data", ".xData", "data.frame", "externalptr", "environment", "POSIXlt", "tzone",
    "pandas.index", "pandas.name", "pandas.column_names", "int", "b3:00", "fuzz.pair", "instep_foreign", "pickle5",
    "r-serialize3",
]  # fmt: skip
"""Names that mean something to one of the readers, and some that might do harm."""


def content(rng: random.Random, field: FieldDescriptor, old: Any = None) -> Any:
    """Makes new content for a field that is no message."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return rng.random() < 0.5
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return rng.choice([0, 1, 2, 3, 9])
    if field.cpp_type in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64):
        is_long = field.cpp_type == FieldDescriptor.CPPTYPE_INT64
        if isinstance(old, int) and rng.random() < 0.4:
            return max(-(2**31), min(old + rng.choice([-2, -1, 1, 2]), 2**31 - 1))
        return rng.choice(LARGE if is_long else SMALL)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return rng.randbytes(rng.randrange(20))
    return rng.choice(WORDS)


def change(rng: random.Random, message: Message) -> None:
    """Changes one field, of the message or of one inside of it."""
    fields = list(message.DESCRIPTOR.fields)
    if not fields:
        return
    present = [field for field, _ in message.ListFields()]
    field: Any = rng.choice(present if present and rng.random() < 0.7 else fields)
    old = getattr(message, field.name)
    if field.is_repeated:
        _change_repeated(rng, field, old)
    elif field.message_type:
        old.SetInParent()
        change(rng, old)
    elif rng.random() < 0.1:
        message.ClearField(field.name)
    else:
        setattr(message, field.name, content(rng, field, old))


def _change_repeated(rng: random.Random, field: FieldDescriptor, items: Any) -> None:
    choice = rng.random()
    if items and choice < 0.1:
        del items[rng.randrange(len(items))]
    elif len(items) > 1 and choice < 0.2:
        first, second = rng.sample(range(len(items)), 2)
        _swap(field, items, first, second)
    elif items and choice < 0.3:
        items.append(items[rng.randrange(len(items))])
    elif field.message_type:
        change(rng, rng.choice(items) if items and choice < 0.85 else items.add())
    elif items and choice < 0.8:
        at = rng.randrange(len(items))
        items[at] = content(rng, field, items[at])
    else:
        items.append(content(rng, field))


def _swap(field: FieldDescriptor, items: Any, first: int, second: int) -> None:
    if not field.message_type:
        items[first], items[second] = items[second], items[first]
        return
    kept = type(items[first])()
    kept.CopyFrom(items[first])
    items[first].CopyFrom(items[second])
    items[second].CopyFrom(kept)


def change_field(rng: random.Random, manifest: pb.Manifest) -> None:
    """Changes a field somewhere in a node, in the manifest itself, or in how a part is found."""
    choice = rng.random()
    if choice < 0.85 and manifest.nodes:
        change(rng, rng.choice(manifest.nodes))
    elif choice < 0.95 and manifest.parts:
        part = rng.choice(manifest.parts)
        name = rng.choice(["offset", "length"])
        field: Any = part.DESCRIPTOR.fields_by_name[name]
        setattr(part, name, content(rng, field, getattr(part, name)))
    else:
        change(rng, manifest)


def relink(rng: random.Random, manifest: pb.Manifest) -> None:
    """Lets a node name another child or part: any, itself, one before it, or one that is not there."""
    places = [(node, field, value) for node in manifest.nodes for field, value in _links(node)]
    if not places:
        return
    _, field, message = rng.choice(places)
    target = rng.choice([rng.randrange(len(manifest.nodes) + 1), rng.randrange(-2, 4), 2**31 - 1])
    old = getattr(message, field.name)
    if not field.is_repeated:
        setattr(message, field.name, target)
    elif old:
        old[rng.randrange(len(old))] = target
    else:
        old.append(target)


def _links(node: pb.Node) -> list[tuple[FieldDescriptor, Message]]:
    kind = node.WhichOneof("kind")
    messages = [*node.attrs, *([getattr(node, kind)] if kind else [])]
    if kind == "table":
        messages += node.table.columns
    return [
        (field, message)
        for message in messages
        for field in message.DESCRIPTOR.fields
        if field.cpp_type == FieldDescriptor.CPPTYPE_INT32
    ]


def graft(rng: random.Random, manifest: pb.Manifest, other: pb.Manifest) -> None:
    """Puts a node of another value in the place of one; some of its links lead nowhere then."""
    if not manifest.nodes or not other.nodes:
        return
    target = rng.randrange(len(manifest.nodes))
    source = rng.choice(other.nodes)
    if rng.random() < 0.3:
        manifest.nodes.add().CopyFrom(source)
    else:
        manifest.nodes[target].CopyFrom(source)
    if other.parts and rng.random() < 0.7:
        parts = manifest.parts
        (rng.choice(parts) if parts and rng.random() < 0.5 else parts.add()).CopyFrom(rng.choice(other.parts))


def deepen(rng: random.Random, manifest: pb.Manifest) -> None:
    """Puts lists around the value, around the limit of levels or far beyond; some or all name their child twice."""
    levels = rng.choice([3, 60, 250, 254, 255, 256, 300, 2000])
    doubled = rng.choice([0, 4, levels])
    nodes = [pb.Node() for _ in range(levels)]
    for level, node in enumerate(nodes, 1):
        node.seq.values.extend([level] * (2 if level > levels - doubled else 1))
    kept = pb.Manifest()
    kept.CopyFrom(manifest)
    for node in kept.nodes:
        _shift(node, levels)
    del manifest.nodes[:]
    manifest.nodes.extend(nodes)
    manifest.nodes.extend(kept.nodes)


def _shift(node: pb.Node, by: int) -> None:
    """Moves all links to nodes. Links to parts stay."""
    for field, message in _links(node):
        if field.name in {"part", "body", "buffers"}:
            continue
        old = getattr(message, field.name)
        if field.is_repeated:
            old[:] = [index if index < 0 else min(index + by, 2**31 - 1) for index in old]
        elif message.HasField(field.name) if field.has_presence else True:
            setattr(message, field.name, min(old + by, 2**31 - 1))
