"""Builds a manifest: its nodes, its parts, and the blobs that hold the larger parts.

Theory of operation. A `Writer` lives for one value. The modules that know types add nodes to it in pre-order:
a parent takes its node first, then its children take theirs, then the parent names them. Scalars and short
vectors of one Arrow type gather in one column, a pool. `finish` turns the pools into streams and lays out all
parts: up to 4 KiB inline, from 1 MiB as blobs of their own, the rest packed into blobs at 64-byte boundaries.
Large buffers are only pointed at, never copied.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NoReturn

from instep_proto.v1 import value_pb2 as pb

from instep._version import version
from instep.errors import ValueEncodeError
from instep.values._column import ColumnBuilder
from instep.values._digest import Blob, Digest, Fetch
from instep.values._loss import Loss
from instep.values._stream import Bytes, Column, Field, Type, size_of, write

FORMAT: Final = 1
INLINE_BYTES: Final = 4096
OWN_BLOB_BYTES: Final = 1 << 20
PACK_BYTES: Final = 8 << 20
ALIGNMENT: Final = 64
POOLED_ROWS: Final = 1024
POOLED_BYTES: Final = 1 << 16
MAX_NODES: Final = 1_000_000
MAX_DEPTH: Final = 256

FIELD: Final = "v"
"""Name of the only column of a part that holds a vector or an array."""


class NotPortableError(Exception):
    """The value as a whole cannot be a tree of nodes. It is stored as one opaque value instead."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value, ready to be stored."""

    manifest: bytes
    """The serialized manifest. Its digest is the artifact's."""
    digest: Digest
    """Address of the manifest."""
    blobs: tuple[Blob, ...]
    """The blobs that the manifest names, each once."""
    portable: bool
    """True when every language can read the whole value."""
    summary: str
    """What it is in a few words, such as `data frame 53,940 x 10`. At most 200 characters."""
    type_name: str
    """Class of the value, such as `numpy.ndarray`."""
    losses: tuple[Loss, ...]
    """What was changed to store it, one entry for each rule."""


@dataclass(slots=True)
class _Part:
    """A part that is not laid out yet."""

    pool: ColumnBuilder | None = None
    """A pool that still grows."""
    pieces: Sequence[Bytes] = ()
    """The bytes, once they are known."""
    stored: pb.Part | None = None
    """A part of another manifest, taken over as it is."""


@dataclass(slots=True)
class Writer:
    """Takes the nodes and parts of one value.

    Args:
        name: Name of the artifact, for messages.
        encode: Adds a value of any type, and returns its node's index.
    """

    name: str
    """Name of the artifact."""
    encode: Callable[[Writer, object], int]
    """Adds a value of any type, and returns its node's index."""
    manifest: pb.Manifest = field(default_factory=lambda: pb.Manifest(format=FORMAT))
    """The manifest so far."""
    losses: dict[str, Loss] = field(default_factory=dict)
    """Losses so far, by rule."""
    count: int = 0
    """Number of nodes so far."""
    portable: bool = True
    """Whether no node so far is for one language alone."""
    _path: list[str | tuple[str, object]] = field(default_factory=list)
    _open: set[int] = field(default_factory=set)
    _pools: dict[Type, tuple[ColumnBuilder, int]] = field(default_factory=dict)
    _parts: list[_Part] = field(default_factory=list)
    _stored: dict[Digest, Fetch | None] = field(default_factory=dict)

    # Where we are.

    def where(self) -> str:
        """Names the place that is being encoded, such as `self.result["fits"][3]`."""
        return f"self.{self.name}" + "".join(_step(step) for step in self._path)

    @contextmanager
    def inside(self, container: object) -> Iterator[list[str | tuple[str, object]]]:
        """Marks a container as being encoded. Its last path step is set by the caller for each element.

        Raises:
            NotPortableError: The container holds itself, or is nested too deep.
        """
        if id(container) in self._open:
            raise NotPortableError(f"{self.where()} holds itself")
        if len(self._path) + 1 >= MAX_DEPTH:
            raise NotPortableError(f"it is nested deeper than {MAX_DEPTH} levels, which is the limit")
        self._open.add(id(container))
        self._path.append("")
        try:
            yield self._path
        finally:
            self._path.pop()
            self._open.discard(id(container))

    def refuse(self, code: str, problem: str, inside: str = "") -> NoReturn:
        """Raises the error that the value cannot be stored.

        Args:
            code: Name of the rule.
            problem: What is wrong with what is at the current place, as the rest of a sentence that begins with
                that place, and what to do.
            inside: Where inside of what is at the current place, such as `.con`. Empty: it is that itself.
        """
        where = self.where() + inside
        message = f"Artifact {self.name!r} can't be stored: {where} {problem}"
        raise ValueEncodeError(message, code=code, artifact=self.name, path=where)

    def loss(self, rule: str, message: str) -> None:
        """Notes a loss. Only the first of each rule counts."""
        if rule not in self.losses:
            self.losses[rule] = Loss(rule, self.where(), message)

    # Nodes.

    def node(self) -> tuple[pb.Node, int]:
        """Takes the next node.

        Returns:
            The node and its index.

        Raises:
            NotPortableError: There are too many nodes.
        """
        index = self.count
        if index >= MAX_NODES:
            raise NotPortableError(
                f"it has more than {MAX_NODES:,} elements outside of frames, arrays and lists of one type of scalar, "
                f"which is the limit; {self.where()} is one too many. Store a frame or an array instead, to have it "
                "read by other languages"
            )
        self.count = index + 1
        return self.manifest.nodes.add(), index

    def has_room(self, count: int) -> bool:
        """Says whether some more nodes, one level further inside, are within the limits."""
        return self.count + count <= MAX_NODES and len(self._path) + 1 < MAX_DEPTH

    def add_nodes(self, data: bytes, count: int) -> None:
        """Takes the next nodes from bytes: those of a manifest that holds nothing else."""
        self.manifest.MergeFromString(data)
        self.count += count

    def scalar(self, logical: str, kind: Type, value: object, origin: str = "") -> tuple[pb.Vector, int]:
        """Adds a scalar.

        Args:
            logical: Its logical type.
            kind: The Arrow type of the pool.
            value: What the column takes. `None`: missing.
            origin: The library whose scalar it is. Empty: a builtin.

        Returns:
            The vector of the new node, and the node's index.

        Raises:
            struct.error: A number does not fit the type.
        """
        part, start = self._take(kind, (value,))
        node, index = self.node()
        vector = node.vector
        vector.logical = logical
        vector.shape = pb.SHAPE_SCALAR
        if part:
            vector.part = part
        if start:
            vector.start = start
        vector.count = 1
        if origin:
            node.origin = origin
        return vector, index

    def _take(self, kind: Type, values: Sequence[object]) -> tuple[int, int]:
        """Puts rows in the pool of their type, or in a part of their own when they are many or large."""
        first = values[0] if len(values) == 1 else None
        is_large = len(values) > POOLED_ROWS or (isinstance(first, str | bytes) and len(first) > POOLED_BYTES)
        found = None if is_large else self._pools.get(kind)
        if found is None:
            builder = ColumnBuilder(kind)
            builder.extend(values)  # may raise, so before there is a part for it
            part = self._add(_Part(pool=builder))
            if not is_large:
                self._pools[kind] = builder, part
            return part, 0
        builder, part = found
        return part, builder.append(values[0]) if len(values) == 1 else builder.extend(values)

    def pool(self, kind: Type) -> tuple[ColumnBuilder, int]:
        """Gives the pool of an Arrow type and the index of its part, for rows that are packed already."""
        found = self._pools.get(kind)
        if found is None:
            builder = ColumnBuilder(kind)
            found = self._pools[kind] = builder, self._add(_Part(pool=builder))
        return found

    def vector(self, logical: str, kind: Type, values: Sequence[object]) -> tuple[pb.Node, int]:
        """Adds a vector of Python objects.

        Args:
            logical: Its logical type.
            kind: The Arrow type of its column.
            values: What the column takes. `None`: missing.

        Returns:
            The new node, and its index.
        """
        part, start = self._take(kind, values)
        return self.placed_vector(logical, part, start, len(values))

    def placed_vector(self, logical: str, part: int, start: int, count: int) -> tuple[pb.Node, int]:
        """Adds a vector whose rows are in a part already."""
        node, index = self.node()
        node.vector.logical = logical
        node.vector.shape = pb.SHAPE_VECTOR
        node.vector.part = part
        node.vector.start = start
        node.vector.count = count
        return node, index

    def strings(self, values: Sequence[str | None]) -> int:
        """Adds a vector of text that another node refers to: names, levels. Returns its index."""
        return self.vector("string", Type("utf8"), values)[1]

    def note(self, target: pb.Node, name: str, value: object) -> None:
        """Adds an attribute to a node. MUST be called after the node's other children, sorted by name."""
        target.attrs.add(name=name, value=self.encode(self, value))

    def opaque(self, value: object) -> int:
        """Adds a value that only Python can open, and returns its node's index.

        Raises:
            ValueEncodeError: It cannot be pickled, or holds something that only lives in this process.
        """
        from instep.values._opaque import encode_opaque

        return encode_opaque(self, value)

    # Parts.

    def _add(self, part: _Part) -> int:
        self._parts.append(part)
        return len(self._parts) - 1

    def stream(self, fields: Sequence[Field], columns: Sequence[Column]) -> int:
        """Adds a part that holds columns. Returns its index."""
        return self._add(_Part(pieces=write(fields, columns)))

    def column(self, column: Column) -> int:
        """Adds a part that holds one column. Returns its index."""
        return self.stream([Field(FIELD, column.type, column.type.kind != "struct")], [column])

    def raw(self, data: Bytes) -> int:
        """Adds a part that is not a stream. Returns its index."""
        return self._add(_Part(pieces=[data]))

    def stored(self, part: pb.Part, fetch: Fetch | None = None) -> int:
        """Adds a part of another manifest, whose blob is in the store already.

        Args:
            part: The part.
            fetch: Gives the blob's bytes, for a store that does not have it.

        Returns:
            Its index.
        """
        if part.HasField("blob"):
            self._stored[Digest(part.blob.hash, part.blob.size)] = fetch
        return self._add(_Part(stored=part))

    # The end.

    def finish(self, *, inline: bool) -> tuple[bytes, tuple[Blob, ...]]:
        """Lays out the parts.

        Args:
            inline: Put all parts into the manifest, whatever their size.

        Returns:
            The serialized manifest, and the blobs that it names, each once.
        """
        for part in self._parts:
            if part.pool is not None:
                column = part.pool.column()
                part.pieces = write([Field(FIELD, column.type, column.type.kind != "struct")], [column])
        blobs = {
            digest: Blob(digest.hash, digest.size, is_stored=True, fetch=fetch)
            for digest, fetch in self._stored.items()
        }
        for blob in self._lay_out(sys.maxsize if inline else INLINE_BYTES):
            blobs[blob.digest] = blob
        manifest = self.manifest
        manifest.portable = self.portable
        manifest.producer = producer()
        return manifest.SerializeToString(deterministic=True), tuple(blobs.values())

    def _lay_out(self, inline_bytes: int) -> Iterator[Blob]:
        """Gives each part its place, and yields the blobs."""
        pack = _Pack()
        for part in self._parts:
            target = self.manifest.parts.add()
            if part.stored is not None:
                target.CopyFrom(part.stored)
                continue
            size = sum(map(size_of, part.pieces))
            target.length = size
            if size <= inline_bytes:
                target.inline = b"".join(part.pieces)
            elif size >= OWN_BLOB_BYTES:
                blob = Blob.of(*part.pieces)
                target.blob.hash, target.blob.size = blob.hash, blob.size
                yield blob
            else:
                pack.add(target, part.pieces, size)
                if pack.size >= PACK_BYTES:
                    yield pack.close()
                    pack = _Pack()
        if pack.size:
            yield pack.close()


class _Pack:
    """A blob that several parts share."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[Bytes] = []
        self._targets: list[pb.Part] = []

    def add(self, target: pb.Part, pieces: Sequence[Bytes], size: int) -> None:
        padding = -self.size % ALIGNMENT
        target.offset = self.size + padding
        self._pieces += [bytes(padding), *pieces]
        self._targets.append(target)
        self.size += padding + size

    def close(self) -> Blob:
        blob = Blob.of(b"".join(self._pieces))
        for target in self._targets:
            target.blob.hash, target.blob.size = blob.hash, blob.size
        return blob


def _step(step: str | tuple[str, object]) -> str:
    """Renders one step of a path."""
    if isinstance(step, str):
        return step
    kind, key = step
    if kind == "item":
        return f"[{key!r}]" if not isinstance(key, str) else '["' + key.replace('"', '\\"') + '"]'
    return f".{kind}[{key!r}]"


@cache
def producer() -> str:
    """Says who writes, such as `instep 0.1.0 (python 3.11.7)`."""
    return f"instep {version()} (python {'.'.join(map(str, sys.version_info[:3]))})"
