"""Data frames as stored: what the tables of all libraries have in common."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from instep_proto.v1 import value_pb2 as pb

from instep.values._attributes import note_attributes
from instep.values._logical import fits
from instep.values._stream import Column, Field, Type, empty
from instep.values._writer import Writer

if TYPE_CHECKING:
    from instep.values._reader import Reader

FAMILY_ATTR: Final = "instep.family"
"""Key in `DataFrame.attrs` of pandas for the class that a frame had in R."""

COLNAMES_ATTR: Final = "instep.colnames"
"""Key in `DataFrame.attrs` of pandas for the names that columns of R's matrix columns have, by label."""

R_FAMILIES: Final = frozenset({"tibble", "data.table"})
"""Classes of frames that R gets back from pandas."""

_DIMNAMES: Final = "dimnames"
"""The attribute of a column that is a matrix in R: a list of nothing and the names of the matrix's columns."""

LIST: Final = "list"
"""Logical type of a column whose cells are lists."""

STRUCT: Final = "struct"
"""Logical type of a column that is a frame itself."""

MAX_DEPTH: Final = 30
"""How many frames can lie around a column."""


@dataclass(slots=True)
class Stored:
    """A column of a frame in the form in which it is stored, or was stored."""

    logical: str
    """Its logical type, `list` or `struct`."""
    type: Type
    """Its Arrow type."""
    batches: Sequence[Column]
    """Its cells. One batch when it is written."""
    levels: list[str | None] | None = None
    """The levels of a factor."""
    params: dict[str, str] = field(default_factory=dict)
    """Details by logical type."""
    label: str | None = None
    """Its label as text."""
    is_index: bool = False
    """Whether it is a row index."""
    colnames: list[str | None] | None = None
    """Names of its columns, if it is a matrix in R."""
    columns: list[Stored] = field(default_factory=list)
    """Its columns, if it is a frame itself."""

    @property
    def step(self) -> str:
        """The step of a path that leads from the frame to the column."""
        return self.label or ("index" if self.is_index else "")

    @property
    def length(self) -> int:
        """Number of cells."""
        return sum(column.length for column in self.batches)


def stored(
    logical: str,
    column: Column,
    *,
    levels: list[str | None] | None = None,
    params: dict[str, str] | None = None,
) -> Stored:
    """Makes a column to be written, in one batch."""
    return Stored(logical, column.type, (column,), levels, params or {})


def label_text(label: object) -> tuple[str | None, str]:
    """Gives the text of a column's label, and what type it was. The type is empty for text.

    Raises:
        TypeError: There is no text for such a label.
    """
    if label is None or isinstance(label, str):
        return label, ""
    if type(label) in (int, float):
        return repr(label), type(label).__name__
    if isinstance(label, tuple) and all(
        part is None or type(part) in (str, int, float, bool) for part in label
    ):
        return json.dumps(label, ensure_ascii=False), "tuple"
    raise TypeError(type(label).__name__)


def label_of(reader: Reader, text: str | None, label_type: str) -> object:
    """Gives the label of a column, in the type that it had."""
    if text is None or label_type == "":
        return text
    try:
        if label_type == "int":
            return int(text)
        if label_type == "float":
            return float(text)
        parts = json.loads(text) if label_type == "tuple" else None
    except ValueError:
        parts = None
    if not isinstance(parts, list) or any(isinstance(part, list | dict) for part in parts):
        reader.refuse(f"{text!r} is not a label of type {label_type!r}")
    return tuple(parts)


def encode_table(writer: Writer, family: str, rows: int, columns: Sequence[Stored]) -> int:
    """Adds a frame.

    Args:
        writer: Takes it.
        family: The class that it comes from.
        rows: Number of its rows.
        columns: Its columns, indices first.

    Returns:
        The index of its node.
    """
    node, index = writer.node()
    table = node.table
    table.part = writer.stream(
        [Field(column.label or "", column.type, column.type.kind != "struct") for column in columns],
        [column.batches[0] for column in columns],
    )
    table.rows = rows
    table.family = family
    for column in columns:
        _describe(writer, table.columns.add(), column)
    return index


def _describe(writer: Writer, target: pb.Column, column: Stored) -> None:
    """Fills in what the manifest says of a column."""
    target.logical = column.logical
    target.index = column.is_index
    if column.label is not None:
        target.label = column.label
    if column.levels is not None:
        target.levels = writer.strings(column.levels)
    for key in sorted(column.params):
        target.params.add(key=key, value=column.params[key])
    if column.colnames is not None:
        target.attrs.add(name=_DIMNAMES, value=writer.encode(writer, [None, column.colnames]))
    for child in column.columns:
        _describe(writer, target.columns.add(), child)


def decode_table(reader: Reader, node: pb.Node, index: int) -> object:
    """Reads a frame, in the library of its family; frames of R become pandas frames."""
    columns = _columns(reader, node, index)
    family = node.table.family
    if family == "polars":
        from instep.values._polars import frame_of

        return frame_of(reader, columns)
    if family == "pyarrow":
        from instep.values._pyarrow import table_of

        return table_of(reader, columns, node.table.rows)
    from instep.values._pandas_read import frame_of as pandas_frame_of

    return pandas_frame_of(reader, node, columns)


def _columns(reader: Reader, node: pb.Node, index: int) -> list[Stored]:
    """Checks the columns of a frame."""
    table = node.table
    stream = reader.stream(table.part)
    if len(stream.fields) != len(table.columns) or table.rows < 0:
        reader.refuse(f"a frame of {len(table.columns)} columns has a part with {len(stream.fields)}")
    if table.columns and stream.rows != table.rows:
        reader.refuse(f"a frame of {table.rows} rows has a part with {stream.rows}")
    reader.take(table.part, 0, stream.rows)
    positions = [position for position, column in enumerate(table.columns) if column.index]
    if positions != list(range(len(positions))):
        reader.refuse("a frame has an index that is not in front")
    return [
        _column(
            reader,
            node,
            column,
            described.type,
            [batch[position] for batch in stream.batches] or [empty(described.type)],
            index,
        )
        for position, (column, described) in enumerate(zip(table.columns, stream.fields, strict=True))
    ]


def _column(
    reader: Reader, node: pb.Node, column: pb.Column, kind: Type, batches: Sequence[Column], index: int
) -> Stored:
    """Checks a column of a frame, and those inside of it."""
    found = Stored(
        column.logical,
        kind,
        batches,
        reader.texts(column.levels, index) if column.HasField("levels") else None,
        {param.key: param.value for param in column.params},
        column.label if column.HasField("label") else None,
        column.index,
    )
    with reader.inside(found.step):
        if column.logical == STRUCT:
            _read_columns(reader, node, column, found, index)
        elif column.columns:
            reader.refuse(f"a column of type {column.logical!r} has columns inside")
        elif not (column.logical == LIST and kind.children) and not fits(column.logical, kind):
            reader.refuse(f"a column of type {column.logical!r} can't be stored as {kind.kind}")
        if column.attrs:
            _read_attributes(reader, node, column, found, index)
    return found


def _read_columns(reader: Reader, node: pb.Node, column: pb.Column, target: Stored, index: int) -> None:
    """Checks the columns of a frame that is a column."""
    fields = target.type.children
    if target.type.kind != "struct" or len(fields) != len(column.columns):
        reader.refuse(
            f"a frame of {len(column.columns)} columns in a frame is {target.type.kind} of {len(fields)}"
        )
    if any(child.index for child in column.columns):
        reader.refuse("a frame in a frame has an index")
    for position, (child, described) in enumerate(zip(column.columns, fields, strict=True)):
        cells = [batch.children[position] for batch in target.batches]
        target.columns.append(_column(reader, node, child, described.type, cells, index))


def _read_attributes(reader: Reader, node: pb.Node, column: pb.Column, target: Stored, index: int) -> None:
    """Reads the names of a matrix's columns; the loss of other attributes is noted."""
    rest = []
    for attr in column.attrs:
        if attr.name == _DIMNAMES and target.type.kind == "fixed_size_list":
            target.colnames = _colnames(reader.value(attr.value, index), target.type.size)
        if attr.name != _DIMNAMES or target.colnames is None:
            rest.append(attr)
    if node.origin == "r":
        note_attributes(reader, rest, column.logical, index)


def _colnames(dimnames: object, width: int) -> list[str | None] | None:
    """Gives the names of a matrix's columns. `None`: it has no such names, or also names of rows."""
    match dimnames:
        case [None, str(name)]:
            names: list[str | None] = [name]
        case [None, list(found)]:
            names = found
        case _:
            return None
    return names if len(names) == width else None
