"""Turns a manifest and blobs into a value: chooses who reads it, by the kind of its nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from instep_proto.v1 import value_pb2 as pb

from instep.errors import ForeachError, ValueDecodeError
from instep.values._attributes import note_attributes
from instep.values._containers import decode_pairs, decode_record, decode_seq
from instep.values._digest import Fetch
from instep.values._loss import Loss, warn_of_reading
from instep.values._reader import MALFORMED, Decoder, Reader, parse
from instep.values._types import by_name
from instep.values._vectors import decode_vector


def _decode_null(reader: Reader, node: pb.Node, index: int) -> None:
    return None


def _decode_array(reader: Reader, node: pb.Node, index: int) -> object:
    from instep.values._numpy_read import decode_dims

    return decode_dims(reader, node, index)


def _decode_table(reader: Reader, node: pb.Node, index: int) -> object:
    from instep.values._frames import decode_table

    return decode_table(reader, node, index)


def _decode_sparse(reader: Reader, node: pb.Node, index: int) -> object:
    from instep.values._sparse import decode_sparse

    return decode_sparse(reader, node, index)


def _decode_opaque(reader: Reader, node: pb.Node, index: int) -> object:
    from instep.values._opaque import decode_opaque

    return decode_opaque(reader, node, index)


def _decode_shared(reader: Reader, node: pb.Node, index: int) -> object:
    return reader.embedded(node.shared)


Heed = Callable[[Sequence[Loss], str], None]
"""Does something with losses of an artifact."""

_KINDS: Final[dict[str, Decoder]] = {
    "null": _decode_null,
    "vector": decode_vector,
    "array": _decode_array,
    "table": _decode_table,
    "seq": decode_seq,
    "record": decode_record,
    "pairs": decode_pairs,
    "sparse": _decode_sparse,
    "opaque": _decode_opaque,
    "shared": _decode_shared,
}


_LIBRARY_ERRORS: Final = (ArithmeticError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
"""What the libraries that build values raise when bytes do not fit."""


def _read(
    manifest: bytes,
    fetch: Fetch,
    take: Callable[[Reader], object],
    *,
    allow_opaque: bool,
    name: str,
    heed: Heed,
) -> object:
    """Opens a manifest, takes something out of it, and has its losses heeded.

    Raises:
        ValueDecodeError: The bytes are damaged. What a library says about bytes that do not fit becomes this, too.
    """
    try:
        reader = Reader(manifest, parse(manifest), fetch, _KINDS, allow_opaque, name=name)
        value = take(reader)
    except _LIBRARY_ERRORS as error:
        raise ValueDecodeError(
            f"The stored value can't be read: {type(error).__name__}: {error}.", code=MALFORMED, path=""
        ) from error
    heed(tuple(reader.losses.values()), name)
    return value


def decode(
    manifest: bytes,
    fetch: Fetch,
    *,
    allow_opaque: bool = True,
    name: str = "value",
    heed: Heed = warn_of_reading,
) -> object:
    """Reads a stored value.

    Args:
        manifest: The serialized manifest, whose digest was verified.
        fetch: Gives the bytes of a blob by hash and size. Writable bytes (a private mapping of a file) are used
            in place; others are copied where a value needs to be changeable.
        allow_opaque: Whether pickled values may be opened, which can run code. They are also kept closed when
            the environment variable INSTEP_ALLOW_OPAQUE is `false`. A closed value is a `ForeignObject`.
        name: Name of the artifact, for losses.
        heed: Takes what is lost in reading, each rule once, and the name. By default it warns.

    Returns:
        The value.

    Raises:
        ValueDecodeError: The bytes are damaged, or a package is missing that the value needs.
    """
    return _read(
        manifest, fetch, lambda reader: reader.value(0, -1), allow_opaque=allow_opaque, name=name, heed=heed
    )


def decode_item(
    manifest: bytes,
    index: int,
    fetch: Fetch,
    *,
    allow_opaque: bool = True,
    name: str = "value",
    heed: Heed = warn_of_reading,
) -> object:
    """Reads one item of a stored collection, as a foreach does.

    Args:
        manifest: The serialized manifest of the collection.
        index: Position of the item, counted from 0.
        fetch: Gives the bytes of a blob by hash and size.
        allow_opaque: As in `decode`.
        name: As in `decode`.
        heed: As in `decode`.

    Returns:
        The element of a list, tuple, vector or named list; of a set the one that is stored at that position; of
        an array the slice of its first axis; of text that Python wrote the character; of another sequence what
        indexing it gives.

    Raises:
        ValueDecodeError: The bytes are damaged.
        ForeachError: The collection has no such item, or cannot be taken apart.
    """
    return _read(
        manifest, fetch, lambda reader: _item(reader, index), allow_opaque=allow_opaque, name=name, heed=heed
    )


def _item(reader: Reader, index: int) -> object:
    node = reader.manifest.nodes[0]
    kind = node.WhichOneof("kind")
    if kind == "shared":
        return _item(reader.inner(reader.fetched_manifest(node.shared)), index)
    if node.registered_type in by_name:
        return _indexed(reader.value(0, -1), index)
    if kind in {"seq", "record"}:
        children = node.seq.values if kind == "seq" else node.record.values
        _check(index, len(children))
        return reader.children(0, [children[index]], [index])[0]
    if kind == "vector" and node.vector.shape == pb.SHAPE_VECTOR:
        from instep.values._vectors import decode_element

        _check(index, node.vector.count)
        if node.origin == "r":
            note_attributes(reader, node.attrs, node.vector.logical, 0)
        return decode_element(reader, node, index)
    value = reader.value(0, -1)
    if kind == "vector" and not (node.vector.shape == pb.SHAPE_SCALAR and isinstance(value, str)):
        _check(index, 1)  # a bare vector of length one in R
        return value
    return _indexed(value, index)


def _check(index: int, count: int) -> None:
    if not 0 <= index < count:
        raise ForeachError(f"Item {index} does not exist: the collection has {count} items.", index=index)


def _indexed(value: object, index: int) -> object:
    """Takes an item of a value that was read whole."""
    if isinstance(value, set | frozenset) or not hasattr(value, "__getitem__"):
        raise ForeachError(f"A {type(value).__name__} can't be taken apart by position.", index=index)
    _check(index, len(value))  # type: ignore[arg-type]
    return value[index]
