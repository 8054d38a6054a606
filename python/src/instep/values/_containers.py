"""Lists, tuples, sets and dicts, written and read."""

from __future__ import annotations

import datetime
import struct
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from instep_proto.v1 import value_pb2 as pb

from instep.errors import ValueEncodeError
from instep.values._column import UTF8
from instep.values._foreign import ForeignObject
from instep.values._missing import NAN, is_na_float
from instep.values._named import NamedList, NamedVector, TextList
from instep.values._records import encode_run, runs_of
from instep.values._scalars import BOOL, FLOAT64, INT64, TIME, is_too_long, refuse_text
from instep.values._stream import Type
from instep.values._times import microseconds_of_day
from instep.values._writer import Writer

if TYPE_CHECKING:
    from instep.values._reader import Reader

_FAMILIES: Final[dict[str, Callable[[Iterable[object]], Collection[object]]]] = {
    "": list,
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
}

_VECTORS: Final[dict[type, tuple[str, Type]]] = {
    datetime.time: ("time", TIME),
    bool: ("bool", BOOL),
    int: ("int64", INT64),
    float: ("float64", FLOAT64),
    str: ("string", UTF8),
}


def encode_collection(writer: Writer, value: Collection[object]) -> int:
    """Adds a list, tuple, set or frozenset: a vector if all elements are scalars of one type, else a sequence."""
    family = type(value).__name__
    kinds = set(map(type, value))
    kinds.discard(type(None))
    if len(kinds) == 1:
        (kind,) = kinds
        if kind in _VECTORS:
            index = _encode_vector(writer, value, kind, family)
            if index is not None:
                return index
    return _encode_sequence(writer, value, family)


def _encode_vector(writer: Writer, values: Collection[object], kind: type, family: str) -> int | None:
    """Adds scalars of one type as a vector. `None`: they do not make one."""
    rows: Sequence[object] = values if isinstance(values, list | tuple) else sorted(values, key=_order)
    logical, stored = _VECTORS[kind]
    params = {"family": family}
    if kind is datetime.time:
        times: list[datetime.time | None] = list(rows)  # type: ignore[arg-type]
        if any(time is not None and time.tzinfo is not None for time in times):
            return None
        rows = [None if time is None else microseconds_of_day(time) for time in times]
    if kind is float:
        missing = [value for value in rows if value != value]
        if missing:
            if any(map(is_na_float, missing)):  # type: ignore[arg-type]
                if None in rows:
                    return None  # None and NA would both be null
                params["nan_is_missing"] = "true"
            rows = [value if value == value else _canonical(value) for value in rows]
    try:
        node, index = writer.vector(logical, stored, rows)
    except struct.error:  # an int that 64 bits do not hold
        if any(isinstance(value, int) and is_too_long(value) for value in rows):
            return None
        texts = [None if value is None else str(value) for value in rows]
        node, index = writer.vector("bigint", UTF8, texts)
    except UnicodeEncodeError:
        return None  # element by element the error gets its path
    for key, text in params.items():
        node.vector.params.add(key=key, value=text)
    return index


def _canonical(value: object) -> float | None:
    return None if is_na_float(value) else NAN  # type: ignore[arg-type]


def _order(value: object) -> tuple[int, object]:
    """The order of scalars of one type in a set: missing first, NaN last."""
    if value is None:
        return 0, 0
    if value != value:
        return 2, 0
    return 1, value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def _encode_sequence(writer: Writer, values: Collection[object], family: str) -> int:
    """Adds values of any kind, element by element."""
    with writer.inside(values) as path:
        elements: Iterable[object] = (
            values if family in {"list", "tuple"} else _sorted_by_encoding(writer, values)
        )
        node, index = writer.node()
        node.seq.SetInParent()
        if family != "list":
            node.seq.family = family
        encode = writer.encode
        children: list[int] = []
        for shape, run in runs_of(elements):
            added = encode_run(writer, shape, run) if shape is not None else None
            if added is not None:
                children.extend(added)
                continue
            for element in run:
                path[-1] = "item", len(children)
                children.append(encode(writer, element))
        node.seq.values.extend(children)
        return index


def _sorted_by_encoding(writer: Writer, values: Collection[object]) -> list[object]:
    """Sorts the elements of a set by what each would be stored as alone, which is the same in all processes."""

    def key(value: object) -> bytes:
        alone = Writer(writer.name, writer.encode)
        try:
            writer.encode(alone, value)
        except ValueEncodeError as error:
            writer.refuse(error.code, f"holds {value!r:.80}, which can't be stored.")
        return alone.finish(inline=True)[0]

    return sorted(values, key=key)


def encode_dict(writer: Writer, value: dict[object, object]) -> int:
    """Adds a dict: a record if all keys are text, else pairs."""
    if set(map(type, value)) <= {str}:
        return encode_record(writer, value, list(value), value.values())  # type: ignore[arg-type]
    with writer.inside(value) as path:
        node, index = writer.node()
        keys, values = [], []
        for position, key in enumerate(value):
            path[-1] = "keys()", position
            keys.append(writer.encode(writer, key))
        for key, element in value.items():
            path[-1] = "item", key
            values.append(writer.encode(writer, element))
        node.pairs.keys.extend(keys)
        node.pairs.values.extend(values)
        return index


def encode_text_list(writer: Writer, value: TextList) -> int:
    """Adds what was a vector of text in R, unless there is more in it by now: then it is a list like any other."""
    if any(element is not None for element in value):
        return encode_collection(writer, list(value))
    node, index = writer.vector("string", UTF8, value)
    node.origin = "r"
    return index


def encode_named_list(writer: Writer, value: NamedList) -> int:
    """Adds a list whose names may be missing, empty or doubled."""
    index = encode_record(writer, value, value.names, value.values)
    writer.manifest.nodes[index].origin = "r"
    return index


def encode_named_elements(writer: Writer, value: NamedVector) -> int:
    """Adds a list with names: a vector if the elements make one, else a named list.

    Vectors of R that NumPy has no type for are lists here. Where nothing is there, it was text.
    """
    kinds = set(map(type, value.values)) - {type(None)} or {str}
    kind = kinds.pop() if len(kinds) == 1 else None
    index = _encode_vector(writer, value.values, kind, "list") if kind in _VECTORS else None
    if index is None:
        index = encode_record(writer, value, value.names, value.values)
        writer.manifest.nodes[index].origin = "r"
    else:
        writer.manifest.nodes[index].vector.names = writer.strings(value.names)
    return index


def encode_record(
    writer: Writer, container: object, names: Sequence[str | None], values: Iterable[object]
) -> int:
    """Adds named values."""
    with writer.inside(container) as path:
        node, index = writer.node()
        record = node.record
        record.SetInParent()
        encode = writer.encode
        children = []
        for name, element in zip(names, values, strict=True):
            path[-1] = "item", name
            try:
                record.names.add(text=name)
            except UnicodeEncodeError as error:
                refuse_text(writer, str(name), error)
            children.append(encode(writer, element))
        record.values.extend(children)
        return index


# Reading.


def container_of(reader: Reader, family: str) -> Callable[[Iterable[object]], Collection[object]]:
    """Gives the type of a container by its family."""
    container = _FAMILIES.get(family)
    if container is None:
        reader.refuse(f"a collection has the unknown family {family!r}")
    return container


def collect(reader: Reader, family: str, elements: Sequence[object]) -> Collection[object]:
    """Makes a container of decoded elements.

    Elements of registered types that are not known here may be dicts, which no set can hold: it is a list then.
    """
    container = container_of(reader, family)
    try:
        result = container(elements)
    except TypeError:
        if reader.plain_types:
            return list(elements)
        reader.refuse(f"a {family} holds something that cannot be in one")
    if len(result) != len(elements):
        reader.refuse(f"a {family} holds an element twice")
    return result


def decode_seq(reader: Reader, node: pb.Node, index: int) -> object:
    """Reads a sequence."""
    return collect(reader, node.seq.family, reader.children(index, node.seq.values))


def decode_record(reader: Reader, node: pb.Node, index: int) -> object:
    """Reads a record: a dict, or a NamedList if a dict would lose entries."""
    record = node.record
    if len(record.names) != len(record.values):
        reader.refuse("a record has not as many names as values")
    names = [name.text or ("" if name.HasField("text") else None) for name in record.names]
    values = reader.children(index, record.values, names)
    is_dict = None not in names and len(set(names)) == len(names) and not ("" in names and node.origin == "r")
    return dict(zip(names, values, strict=True)) if is_dict else NamedList(values, names)


def decode_pairs(reader: Reader, node: pb.Node, index: int) -> object:
    """Reads a dict whose keys are not all text.

    Keys of registered types that are not known here may be dicts themselves: it is a list of pairs then.
    """
    pairs = node.pairs
    if len(pairs.keys) != len(pairs.values):
        reader.refuse("pairs have not as many keys as values")
    keys = [_lookup_key(key) for key in reader.children(index, pairs.keys)]
    values = reader.children(index, pairs.values)
    try:
        result = dict(zip(keys, values, strict=True))
    except TypeError as error:
        if reader.plain_types:
            return list(zip(keys, values, strict=True))
        reader.refuse(f"a dict has a key that Python cannot look up ({error})")
    if len(result) != len(keys):
        reader.refuse("a dict has a key twice")
    return result


def _lookup_key(key: object) -> object:
    """Gives a key that Python can look up: a tuple for a list or vector, which a tuple becomes in R."""
    if isinstance(key, list):
        return tuple(_lookup_key(element) for element in key)
    if type(key) is not ForeignObject and hasattr(key, "tolist") and getattr(key, "ndim", 0) == 1:
        return tuple(key.tolist())
    return key
