"""Opens a manifest: checks it, finds its parts, and reads its nodes.

Theory of operation. A `Reader` lives for one manifest. `value` reads a node with the module that knows its kind,
which asks for the node's children and rows in turn. Bytes may come from anybody, so each of these is checked
when it is used:

* A child's index is greater than its parent's, and levels are counted, so reading ends. A node that several
  parents name is read once, but counts each time: else a few nodes would make a value that takes ages to walk.
* Each row of a part is taken at most once, so a small manifest cannot make large values.
* A blob has the size that the manifest gives; one smaller than 1 MiB has the hash, too. Of a larger one whoever
  brought it here checked the hash (`_objects`): doing it again would take longer than opening it.
* Errors of the libraries that build values mean that the bytes do not fit, and become `ValueDecodeError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NoReturn

from google.protobuf.message import DecodeError
from instep_proto.v1 import digest_pb2
from instep_proto.v1 import value_pb2 as pb

from instep.errors import ValueDecodeError
from instep.values import _column
from instep.values._attributes import note_attributes
from instep.values._digest import Fetch, hash_of
from instep.values._logical import fits
from instep.values._loss import Loss
from instep.values._stream import Column, Stream, StreamError, empty, read
from instep.values._types import restore
from instep.values._writer import FORMAT, MAX_DEPTH, MAX_NODES, OWN_BLOB_BYTES

Decoder = Callable[["Reader", pb.Node, int], object]
"""Reads a node of one kind: the reader, the node, its index."""

MALFORMED: Final = "MALFORMED"


def parse(data: bytes) -> pb.Manifest:
    """Parses a manifest.

    Raises:
        ValueDecodeError: The bytes are not a manifest of a version that is known.
    """
    try:
        manifest = pb.Manifest.FromString(data)
    except DecodeError as error:
        raise ValueDecodeError(
            f"The stored value can't be read: {len(data)} bytes are not a manifest.", code=MALFORMED, path=""
        ) from error
    if manifest.format != FORMAT:
        raise ValueDecodeError(
            f"The stored value has format {manifest.format}, and this version of Instep knows format {FORMAT}. "
            "Read it with the version that wrote it, or a newer one.",
            code="FORMAT_UNKNOWN",
            path="",
        )
    if not 0 < len(manifest.nodes) <= MAX_NODES:
        raise ValueDecodeError(
            f"The stored value can't be read: it has {len(manifest.nodes):,} nodes, and 1 to {MAX_NODES:,} are allowed.",
            code=MALFORMED,
            path="",
        )
    return manifest


@dataclass(slots=True)
class Reader:
    """Reads the nodes of one manifest."""

    data: bytes
    """The serialized manifest."""
    manifest: pb.Manifest
    """The same, parsed."""
    fetch: Fetch
    """Gives the bytes of blobs."""
    kinds: Mapping[str, Decoder]
    """Reads a node, by its kind."""
    allow_opaque: bool
    """Whether opaque values of Python may be opened, which can run code."""
    depth: int = 0
    """Number of levels above the root, when the manifest is part of another one."""
    count: int = 0
    """Number of nodes that were read so far, each as often as it is named."""
    plain_types: set[str] = field(default_factory=set)
    """Types not registered here, of which something was read in its portable form."""
    name: str = "value"
    """Name of the artifact, for losses."""
    losses: dict[str, Loss] = field(default_factory=dict)
    """Losses so far, by rule."""
    _path: list[object] = field(default_factory=list)
    _nodes: Sequence[pb.Node] = field(init=False)
    _values: dict[int, object] = field(default_factory=dict)
    _sizes: dict[int, int] = field(default_factory=dict)
    _parts: dict[int, memoryview] = field(default_factory=dict)
    _streams: dict[int, Stream] = field(default_factory=dict)
    _rows: dict[tuple[int, str], list[object]] = field(default_factory=dict)
    _lengths: dict[int, int] = field(default_factory=dict)
    _taken: dict[int, int] = field(default_factory=dict)
    _blobs: dict[tuple[str, int], memoryview] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._nodes = self.manifest.nodes

    def where(self) -> str:
        """Names the place that is being read, such as `value["fits"][3]`."""
        return f"value{self._steps()}"

    def loss(self, rule: str, message: str) -> None:
        """Notes a loss. Only the first of each rule counts."""
        self.losses.setdefault(rule, Loss(rule, f"self.{self.name}{self._steps()}", message))

    def inner(self, data: bytes) -> Reader:
        """Opens another manifest at the current place."""
        return Reader(
            data,
            parse(data),
            self.fetch,
            self.kinds,
            self.allow_opaque,
            self.depth,
            self.count,
            plain_types=self.plain_types,
            name=self.name,
            losses=self.losses,
            _path=self._path,
        )

    @contextmanager
    def inside(self, step: object) -> Iterator[list[object]]:
        """Marks something inside of the current place as being read. The last step of the path can be changed."""
        self._path.append(step)
        yield self._path
        self._path.pop()

    def _steps(self) -> str:
        return "".join('["' + step + '"]' if isinstance(step, str) else f"[{step!r}]" for step in self._path)

    def refuse(self, problem: str, code: str = MALFORMED, **facts: object) -> NoReturn:
        """Raises the error that the stored value is damaged.

        Args:
            problem: What is wrong, as a main clause without a full stop.
            code: Name of the rule that is broken.
            **facts: What the problem is made of, kept as attributes.
        """
        where = self.where()
        raise ValueDecodeError(
            f"The stored value can't be read: at {where}, {problem}.", code=code, path=where, **facts
        )

    # Nodes.

    def value(self, index: int, parent: int) -> object:
        """Reads a node.

        Args:
            index: The node's index.
            parent: Index of the node that names it. -1 for the root.

        Raises:
            ValueDecodeError: The node, or what it names, is not as it must be.
        """
        nodes = self._nodes
        if not parent < index < len(nodes):
            self.refuse(f"node {parent} names node {index}, which is not between it and the last one")
        if index in self._values:
            self._count(self._sizes[index])
            return self._values[index]
        if self.depth >= MAX_DEPTH:
            self.refuse(f"the value is nested deeper than {MAX_DEPTH} levels")
        node = nodes[index]
        decoder = self.kinds.get(node.WhichOneof("kind") or "")
        if decoder is None:
            self.refuse(f"node {index} is of no kind that this version of Instep knows")
        before = self.count
        self._count(1)
        self.depth += 1
        value = decoder(self, node, index)
        if node.origin == "r" and node.attrs:
            note_attributes(self, node.attrs, node.vector.logical or node.array.logical, index)
        if node.registered_type:
            value = restore(self, node.registered_type, value)
        self._values[index] = value
        self._sizes[index] = self.count - before
        self.depth -= 1
        return value

    def _count(self, nodes: int) -> None:
        self.count += nodes
        if self.count > MAX_NODES:
            self.refuse(f"the value has more than {MAX_NODES:,} nodes, counted as often as they are named")

    def embedded(self, digest: digest_pb2.Digest) -> object:
        """Reads another artifact, which is a value in this one."""
        inner = self.inner(self.fetched_manifest(digest))
        value = inner.value(0, -1)
        self.count = inner.count
        return value

    def children(
        self, parent: int, indices: Sequence[int], steps: Sequence[object] | None = None
    ) -> list[object]:
        """Reads the children of a node.

        Args:
            parent: Index of the node.
            indices: Indices of the children.
            steps: The steps of the path to them. `None`: their positions.
        """
        result = []
        path, value = self._path, self.value
        path.append(None)
        for index, path[-1] in zip(indices, range(len(indices)) if steps is None else steps, strict=True):
            result.append(value(index, parent))
        path.pop()
        return result

    def texts(self, index: int, parent: int, count: int | None = None) -> list[str | None]:
        """Reads a node that holds names or levels.

        Args:
            index: The node's index.
            parent: Index of the node that names it.
            count: How many there must be. `None`: any number.
        """
        if not parent < index < len(self.manifest.nodes):
            self.refuse(f"node {parent} names node {index}, which is not between it and the last one")
        node = self.manifest.nodes[index]
        if self.depth >= MAX_DEPTH:
            self.refuse(f"the value is nested deeper than {MAX_DEPTH} levels")
        if node.WhichOneof("kind") != "vector" or node.vector.logical != "string":
            self.refuse("names are not a vector of text")
        if not _has_shape(node.vector):
            self.refuse("names have no shape, or are a scalar of several values")
        if count is not None and node.vector.count != count:
            self.refuse(f"there are {node.vector.count} names for {count} values")
        rows = self.rows(node.vector)
        return [row if isinstance(row, str) else None for row in rows]

    # Parts.

    def part(self, index: int) -> memoryview:
        """Gives the bytes of a part.

        Raises:
            ValueDecodeError: There is no such part, or its blob is not as the manifest says.
        """
        known = self._parts.get(index)
        if known is not None:
            return known
        part = self.stored_part(index)
        data = self._blob(part.blob) if part.HasField("blob") else memoryview(part.inline)
        view = self._parts[index] = data[part.offset : part.offset + part.length]
        return view

    def stored_part(self, index: int) -> pb.Part:
        """Gives a part as the manifest describes it.

        Raises:
            ValueDecodeError: There is no such part, or it lies outside of its bytes.
        """
        if not 0 <= index < len(self.manifest.parts):
            self.refuse(f"part {index} does not exist")
        part = self.manifest.parts[index]
        source = part.WhichOneof("source")
        if source is None:
            self.refuse(f"part {index} has no bytes")
        size = part.blob.size if source == "blob" else len(part.inline)
        if part.offset < 0 or part.length < 0 or part.offset + part.length > size:
            self.refuse(f"part {index} is not inside of its blob")
        return part

    def _blob(self, digest: digest_pb2.Digest) -> memoryview:
        key = digest.hash, digest.size
        known = self._blobs.get(key)
        if known is None:
            known = self._blobs[key] = self.fetched(*key)
        return known

    def fetched(self, digest: str, size: int) -> memoryview:
        """Fetches a blob and checks that it is the one."""
        blob = memoryview(self.fetch(digest, size)).cast("B")
        if len(blob) != size:
            self._refuse_blob(digest, f"blob {digest} has {len(blob)} bytes instead of {size}")
        if size < OWN_BLOB_BYTES and hash_of([blob]) != digest:
            self._refuse_blob(
                digest,
                f"the bytes of blob {digest} are not those that were stored;"
                " `instep fsck` tells what that touches and what makes it again",
            )
        return blob

    def fetched_manifest(self, digest: digest_pb2.Digest) -> bytes:
        """Fetches the manifest of another artifact. It is always hashed: nothing else vouches for its parts."""
        blob = self.fetched(digest.hash, digest.size)
        if len(blob) >= OWN_BLOB_BYTES and hash_of([blob]) != digest.hash:
            self._refuse_blob(
                digest.hash, f"the bytes of manifest {digest.hash} are not those that were stored"
            )
        return bytes(blob)

    def _refuse_blob(self, digest: str, problem: str) -> NoReturn:
        self.refuse(problem, "BLOB_CORRUPT", digest=digest)

    def stream(self, index: int) -> Stream:
        """Gives the columns of a part."""
        known = self._streams.get(index)
        if known is None:
            try:
                known = read(self.part(index))
            except StreamError as error:
                self.refuse(f"part {index} is not an Arrow stream that Instep reads: {error}")
            self._streams[index] = known
        return known

    def take(self, index: int, start: int, count: int) -> None:
        """Notes that a node takes rows of a part.

        Raises:
            ValueDecodeError: The part does not have these rows, or nodes took them all.
        """
        rows = self._lengths.get(index)
        if rows is None:
            rows = self._lengths[index] = self.stream(index).rows
        taken = self._taken.get(index, 0) + count
        if start < 0 or count < 0 or start + count > rows or taken > rows:
            self.refuse(f"part {index} does not have {count} rows from row {start}, or nodes share rows")
        self._taken[index] = taken

    def columns(self, index: int, logical: str) -> list[Column]:
        """Gives the batches, at least one, of the only column of a part, whose type fits `logical`."""
        stream = self.stream(index)
        if len(stream.fields) != 1:
            self.refuse(f"part {index} has {len(stream.fields)} columns instead of one")
        stored = stream.fields[0].type
        if not fits(logical, stored):
            self.refuse(f"{logical!r} is not a logical type that is stored as {stored.kind}")
        return [batch[0] for batch in stream.batches] or [empty(stored)]

    def rows(self, vector: pb.Vector) -> list[object]:
        """Gives the rows of a vector as plain Python objects, None where there is no value."""
        rows = self._pool(vector.part, vector.logical)
        start, count = vector.start, vector.count
        self.take(vector.part, start, count)
        return rows[start : start + count]

    def row(self, vector: pb.Vector) -> object:
        """Gives the only row of a vector, as `rows` does."""
        if vector.count != 1:
            self.refuse(f"a scalar has {vector.count} values")
        part, start = vector.part, vector.start
        rows = self._rows.get((part, vector.logical)) or self._pool(part, vector.logical)
        taken = self._taken.get(part, 0) + 1
        if not 0 <= start < len(rows) or taken > len(rows):
            self.take(part, start, 1)  # which refuses it
        self._taken[part] = taken
        return rows[start]

    def _pool(self, index: int, logical: str) -> list[object]:
        """Gives all rows of a part as plain Python objects."""
        known = self._rows.get((index, logical))
        if known is None:
            known = self._rows[index, logical] = self.objects(self.columns(index, logical))
        return known

    def objects(self, columns: Sequence[Column]) -> list[object]:
        """Gives the rows of all batches of a column as plain Python objects, None where there is no value."""
        try:
            return [row for column in columns for row in _column.values(column)]
        except StreamError as error:
            self.refuse(f"a column is damaged: {error}")


def _has_shape(vector: pb.Vector) -> bool:
    """Says whether a vector has a shape that fits its number of values."""
    return vector.shape == pb.SHAPE_VECTOR or (
        vector.shape in (pb.SHAPE_SCALAR, pb.SHAPE_UNIT) and vector.count == 1
    )
