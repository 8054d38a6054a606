"""Runs of like records: dicts with the same keys and scalars of the same types, one after the other in a list.

Theory of operation. Lists of records are common, and each of their cells needs a node, so a node has to be cheap. The
nodes of like records differ in nothing but indices and positions. They are made as bytes, from a template in which these
numbers have a fixed width, and parsed into the manifest at once, which writes them as any other node. The cells of a
key stand next to each other in the pool of their type. Whatever is unusual is left to the encoders of single values.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any, Final

from instep_proto.v1 import value_pb2 as pb

from instep.values._column import UTF8
from instep.values._scalars import BOOL, FLOAT64, INT64
from instep.values._stream import Type
from instep.values._writer import POOLED_BYTES, Writer

_SHORTEST: Final = 16
"""Number of records from which on a template pays."""

_WIDE: Final = 1 << 28
"""Numbers of fixed width are smaller than this."""


def _is_short_text(cells: Sequence[Any]) -> bool:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return max(map(len, cells)) <= POOLED_BYTES


_SCALARS: Final[dict[type, tuple[str, Type, Callable[[Sequence[Any]], bool]]]] = {
    bool: ("bool", BOOL, lambda cells: True),
    int: ("int64", INT64, lambda cells: -(2**63) <= min(cells) <= max(cells) < 2**63),
    float: ("float64", FLOAT64, lambda cells: all(cell == cell for cell in cells)),
    str: ("string", UTF8, _is_short_text),
}
"""The scalars of which records may be made: logical type, Arrow type, and whether all of some cells are usual ones."""

Shape = tuple[tuple[str, ...], tuple[type, ...]]
"""Keys of a record, and the types of its cells."""


def runs_of(values: Iterable[object]) -> Iterator[tuple[Shape | None, list[Any]]]:
    """Splits values into runs of like records, with their shape, and of other values, without one."""
    for shape, group in groupby(values, _shape):
        run = list(group)
        yield shape if len(run) >= _SHORTEST else None, run


def _shape(value: object) -> Shape | None:
    if type(value) is not dict or not value:
        return None
    kinds = tuple(map(type, value.values()))
    if not _SCALARS.keys() >= set(kinds) or set(map(type, value)) != {str}:
        return None
    return tuple(value), kinds


def encode_run(writer: Writer, shape: Shape, records: Sequence[dict[str, Any]]) -> range | None:
    """Adds like records.

    Args:
        writer: Takes them.
        shape: Their keys and types.
        records: The records.

    Returns:
        The indices of their nodes. `None`, and nothing is added: they have to be added one by one.
    """
    keys, kinds = shape
    columns = list(zip(*(record.values() for record in records), strict=True))
    size = len(keys) + 1
    usual = all(_SCALARS[kind][2](column) for kind, column in zip(kinds, columns, strict=True))
    if not usual or not _is_short_text(keys) or not writer.has_room(len(records) * size):
        return None
    pools = [writer.pool(_SCALARS[kind][1]) for kind in kinds]
    if max(builder.length for builder, _ in pools) + len(records) * len(keys) > _WIDE:
        return None
    places = [(part, builder.extend(column)) for (builder, part), column in zip(pools, columns, strict=True)]
    first = writer.count
    template = _template(
        keys, [(_SCALARS[kind][0], part) for kind, (part, _) in zip(kinds, places, strict=True)]
    )
    fixed = [_fixed(number) for number in range(first, first + len(records) * size)]
    children = (fixed[key + 1 :: size] for key in range(len(keys)))
    starts = ([_fixed(start + row) for row in range(len(records))] for _, start in places)
    writer.add_nodes(b"".join(template(zip(*children, *starts, strict=True))), len(records) * size)
    return range(first, first + len(records) * size, size)


def _template(
    keys: Sequence[str], vectors: Sequence[tuple[str, int]]
) -> Callable[[Iterator[tuple[int, ...]]], Iterator[bytes]]:
    """Makes what writes the nodes of records, from the indices of their cells' nodes and the cells' rows."""
    names = pb.Record(names=[pb.Name(text=key) for key in keys]).SerializeToString()
    record = names + _header(pb.Record.VALUES_FIELD_NUMBER, 4 * len(keys))
    length = len(record) + 4 * len(keys)
    pieces = [_node(pb.Node.RECORD_FIELD_NUMBER, length) + record]
    for logical, part in vectors:
        vector = pb.Vector(logical=logical, shape=pb.SHAPE_SCALAR, part=part, count=1).SerializeToString()
        vector += bytes([pb.Vector.START_FIELD_NUMBER << 3])
        pieces.append(_node(pb.Node.VECTOR_FIELD_NUMBER, len(vector) + 4) + vector)
    layout = struct.Struct(
        f"<{len(pieces[0])}s{4 * len(keys)}s" + "".join(f"{len(piece)}sI" for piece in pieces[1:])
    )
    indices = struct.Struct(f"<{len(keys)}I")
    count = len(keys)

    def write(rows: Iterator[tuple[int, ...]]) -> Iterator[bytes]:
        for row in rows:
            vectors = chain.from_iterable(zip(pieces[1:], row[count:], strict=True))
            yield layout.pack(pieces[0], indices.pack(*row[:count]), *vectors)

    return write


def _node(kind: int, length: int) -> bytes:
    """Gives what stands before the content of a node of a kind, in a manifest."""
    header = _header(kind, length)
    return _header(pb.Manifest.NODES_FIELD_NUMBER, len(header) + length) + header


def _header(field: int, length: int) -> bytes:
    """Gives what stands before the bytes of a field."""
    return bytes([field << 3 | 2]) + _fixed(length).to_bytes(4, "little")


def _fixed(number: int) -> int:
    """Gives the four bytes of a number as protobuf has them, the first one lowest: seven bits in each."""
    return (
        number & 0x7F
        | (number & 0x3F80) << 1
        | (number & 0x1FC000) << 2
        | (number & 0xFE00000) << 3
        | 0x808080
    )
