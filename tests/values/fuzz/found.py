"""What campaigns found and what was mended since, as small as it can be: cases, and what must become of them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from instep.values import _flatbuffer as fb
from instep.values import _stream as arrow
from instep_proto.v1 import value_pb2 as pb
from values.fuzz.cases import Case
from values.fuzz.mutator import hash_of
from values.fuzz.seeds import load

Found = dict[str, Callable[[], Case]]

_SEEDS = {seed.name: seed.manifest for seed in load()}


def _case(manifest: pb.Manifest | bytes, **blobs: bytes) -> Case:
    data = manifest if isinstance(manifest, bytes) else manifest.SerializeToString(deterministic=True)
    return Case("", (), data, {hash_of(blob): blob for blob in blobs.values()})


def _changed(seed: str, change: Callable[[pb.Manifest], Any]) -> Case:
    manifest = pb.Manifest()
    manifest.CopyFrom(_SEEDS[seed])
    change(manifest)
    return _case(manifest)


def _column(seed: str, change: Callable[[arrow.Column], arrow.Column]) -> Case:
    """Changes the only column of the first part."""

    def apply(manifest: pb.Manifest) -> None:
        stream = arrow.read(manifest.parts[0].inline)
        _store(manifest, stream.fields, [change(stream.batches[0][0])])

    return _changed(seed, apply)


def _store(manifest: pb.Manifest, fields: Any, columns: list[arrow.Column]) -> None:
    part = manifest.parts[0]
    part.inline = b"".join(bytes(piece) for piece in arrow.write(fields, columns))
    part.length = len(part.inline)


def _words(code: str, *numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}{code}", *numbers)


def _chain(*widths: int) -> pb.Manifest:
    """Nests lists, each of which names the next one some times."""
    manifest = pb.Manifest(format=1, portable=True)
    for index, width in enumerate(widths, 1):
        manifest.nodes.add().seq.values.extend([index] * width)
    manifest.nodes.add().null.SetInParent()
    return manifest


def _embedded(levels: int) -> Case:
    data = _chain().SerializeToString()
    blobs = {}
    for level in range(levels):
        blobs[f"b{level}"] = data
        outer = pb.Manifest(format=1)
        outer.nodes.add().seq.values.append(1)
        shared = outer.nodes.add().shared
        shared.hash, shared.size = hash_of(data), len(data)
        data = outer.SerializeToString()
    return _case(data, **blobs)


def _without_end(manifest: pb.Manifest) -> None:
    part = manifest.parts[0]
    part.inline = part.inline[:-8]
    part.length = len(part.inline)


def _negative_rows(manifest: pb.Manifest) -> None:
    """Adds a batch without columns, as R's and Python's writers never do."""
    part = manifest.parts[0]
    batch = fb.table((0, "q", -1), (1, "o", fb.pairs([])), (2, "o", fb.pairs([])))
    head, end = part.inline[:-8], part.inline[-8:]
    part.inline = head + arrow._framed(arrow._message(3, batch, 0), len(head), 8) + end
    part.length = len(part.inline)


def _other_fields(manifest: pb.Manifest) -> None:
    stream = arrow.read(manifest.parts[0].inline)
    kind = stream.fields[0].type
    swapped = replace(kind, children=kind.children[::-1])
    _store(manifest, [replace(stream.fields[0], type=swapped)], list(stream.batches[0]))


def _opaque_keys() -> Case:
    manifest = pb.Manifest(format=1)
    manifest.nodes.add().pairs.MergeFrom(pb.Pairs(keys=[1], values=[2]))
    manifest.nodes.add().opaque.MergeFrom(pb.Opaque(language="julia", codec="jls", classes=["Model"]))
    manifest.nodes.add().null.SetInParent()
    manifest.parts.add(inline=b"x", length=1)
    return _case(manifest)


def _short_blob() -> Case:
    manifest = _SEEDS["python/doubles"]
    blob = manifest.parts[0].inline
    changed = _changed("python/doubles", lambda other: other.parts[0].blob.MergeFrom(_digest_of(blob)))
    return replace(changed, blobs={hash_of(blob): blob[:-1]})


def _digest_of(blob: bytes) -> Any:
    part = pb.Part()
    part.blob.hash, part.blob.size = hash_of(blob), len(blob)
    return part.blob


def _set(path: str, value: object) -> Callable[[pb.Manifest], None]:
    """Sets a field of the manifest, such as `nodes.0.array.dimnames.1`."""

    def apply(manifest: pb.Manifest) -> None:
        *steps, last = path.split(".")
        place: Any = manifest
        for step in steps:
            place = place[int(step)] if step.isdigit() else getattr(place, step)
        if last.isdigit():
            place[int(last)] = value
        else:
            setattr(place, last, value)

    return apply


READ: Found = {
    "a dict with a key that cannot be opened": _opaque_keys,
    "a tree of 131,071 nodes, counted as often as they are named": lambda: _case(_chain(*[2] * 16)),
}
"""Both languages read these."""

REFUSED: Found = {
    "a tree of 2^41 nodes, counted as often as they are named": lambda: _case(_chain(*[2] * 40)),
    "257 levels": lambda: _case(_chain(*[1] * 256)),
    "values embedded 140 levels deep": lambda: _embedded(140),
    "names on level 257": lambda: _changed("r/named_doubles", _buried),
    "a manifest that ends within a node": lambda: _case(b"\x08\x01\x12\x05*\x03\n\x01\x01\x12\x05*\x03"),
    "a manifest with a tag of 6 bytes": lambda: _case(b"\x08\x01\x12\x02\n\x00\x88\xdc\x87\xee\xcb\x6e\x01"),
    "a factor that stands alone": lambda: _changed(
        "r/na_integer", lambda manifest: setattr(manifest.nodes[0].vector, "logical", "factor")
    ),
    "an array of times of day": lambda: _changed(
        "python/time",
        lambda manifest: manifest.nodes[0].CopyFrom(
            pb.Node(array=pb.Array(logical="time", part=manifest.nodes[0].vector.part))
        ),
    ),
    "a stream without an end": lambda: _changed("python/doubles", _without_end),
    "a batch of -1 rows, without columns": lambda: _changed("r/frame_no_columns", _negative_rows),
    "more nulls than the bitmap has": lambda: _column(
        "python/integers_na", lambda column: replace(column, nulls=column.nulls + 1)
    ),
    "offsets that start at 1": lambda: _column(
        "python/strings", lambda column: replace(column, buffers=(_words("i", 1, 1, 1, 1, 3), b"aNA"))
    ),
    "offsets that fall, in an array": lambda: _column(
        "r/text_matrix", lambda column: replace(column, buffers=(_words("i", 0, 2, 1, 2, 3), b"abc"))
    ),
    "a time of day before midnight": lambda: _column(
        "python/time", lambda column: replace(column, buffers=(_words("q", -1),))
    ),
    "naive times with a zone": lambda: _changed("python/instants", _set("nodes.0.vector.logical", "naive")),
    "complex numbers of other fields": lambda: _changed("python/complexes", _other_fields),
    "an array of lists": lambda: _changed("python/complex_array", _set("nodes.0.array.logical", "list")),
    "indices of a sparse matrix that are no integers": lambda: _changed(
        "python/coo", _set("nodes.0.sparse.indptr", 3)
    ),
    "pointers of a sparse matrix that leave an index over": lambda: _column(
        "python/csr", lambda column: replace(column, buffers=(_words("i", 0, 1, 2, 2, 0, 1, 2),))
    ),
    "a sparse matrix with names of one dimension": lambda: _changed(
        "r/sparse", lambda manifest: manifest.nodes[0].sparse.dimnames.append(-1)
    ),
    "levels that are not text": lambda: _changed("r/factor", _set("nodes.1.vector.logical", "json")),
    "levels that are a scalar": lambda: _changed(
        "python/factor", _set("nodes.1.vector.shape", pb.SHAPE_SCALAR)
    ),
    "names of a dimension that are node -2": lambda: _changed(
        "r/named_dimnames", _set("nodes.0.array.dimnames.0", -2)
    ),
    "names of one dimension of two": lambda: _changed(
        "python/complex_array", lambda manifest: manifest.nodes[0].array.dimnames_names.add(text="x")
    ),
    "an index behind the data": lambda: _changed(
        "python/pandas_index", _set("nodes.0.table.columns.0.index", False)
    ),
    "an opaque part outside of its bytes": lambda: _changed("python/opaque", _set("parts.0.offset", -2)),
}
"""Both languages refuse these as malformed."""

CORRUPT: Found = {"a blob that is too short": _short_blob}
"""Both languages refuse these as corrupt."""


def _buried(manifest: pb.Manifest) -> None:
    """Puts the named vector on level 256, so that its names are on the next one."""
    outer = _chain(*[1] * 255)
    vector, names = manifest.nodes
    del outer.nodes[-1]
    vector.vector.names = len(outer.nodes) + 1
    outer.nodes.extend([vector, names])
    del manifest.nodes[:]
    manifest.nodes.extend(outer.nodes)
