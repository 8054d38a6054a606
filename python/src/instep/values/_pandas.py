"""pandas frames, series, indices and scalars, written. Imported only when there is one.

How missing values are told apart: NaN in a column of NumPy floats means missing and is stored as null, flagged
`nan_is_missing`; nullable dtypes and Arrow dtypes keep NaN and null apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd
from instep_proto.v1 import value_pb2 as pb

from instep.values import _times as times
from instep.values._frames import COLNAMES_ATTR, FAMILY_ATTR, R_FAMILIES, Stored, encode_table, label_text
from instep.values._logical import STORED_AS
from instep.values._numpy import add_params
from instep.values._pandas_columns import ColumnTypeError, column_of, factor_of, instants_of
from instep.values._stream import Type
from instep.values._writer import Writer


def encode_frame(writer: Writer, frame: pd.DataFrame) -> int:
    """Adds a frame. One with a dtype that has no portable form is pickled, with a loss."""
    try:
        with writer.inside(frame) as path:
            columns = _columns_of(writer, frame, path)
    except ColumnTypeError as error:
        writer.loss("COLUMN_TYPE", f"{error} has no portable form, so only Python can read the frame.")
        return writer.opaque(frame)
    family = frame.attrs.get(FAMILY_ATTR)
    index = encode_table(writer, family if family in R_FAMILIES else "pandas", len(frame), columns)
    node = writer.manifest.nodes[index]
    if any(name is not None for name in frame.columns.names):
        if all(name is None or isinstance(name, str) for name in frame.columns.names):
            writer.note(node, "pandas.column_names", list(frame.columns.names))
        else:
            writer.loss("COLUMN_NAMES", f"the names {list(frame.columns.names)} of the columns are not text.")
    if frame.attrs.keys() - {FAMILY_ATTR, COLNAMES_ATTR}:
        writer.loss("ATTRS", f"the attrs {sorted(map(str, frame.attrs))} of the frame do not come back.")
    return index


def _columns_of(writer: Writer, frame: pd.DataFrame, path: list[Any]) -> list[Stored]:
    columns = []
    index = frame.index
    if not (isinstance(index, pd.RangeIndex) and (index.start, index.step, index.name) == (0, 1, None)):
        for level in range(index.nlevels):
            path[-1] = f".index[{level}]"
            columns.append(_index_column(writer, index.get_level_values(level)))
    colnames = frame.attrs.get(COLNAMES_ATTR, {})
    for position, label in enumerate(frame.columns):
        path[-1] = "item", label
        column = _labelled(column_of(writer, frame.iloc[:, position]), label)
        if column.type.kind == "fixed_size_list" and len(colnames.get(label, ())) == column.type.size:
            column.colnames = list(colnames[label])
        columns.append(column)
    return columns


def _index_column(writer: Writer, index: pd.Index) -> Stored:
    column = _labelled(column_of(writer, index), index.name)
    column.is_index = True
    freq = getattr(index, "freqstr", None)
    if freq is not None:
        column.params["freq"] = freq
    return column


def _labelled(column: Stored, label: object) -> Stored:
    try:
        column.label, label_type = label_text(label)
    except TypeError as error:
        raise ColumnTypeError(f"the label {label!r} of type {error}") from error
    if label_type:
        column.params["label_type"] = label_type
    return column


# Series, indices, scalars.


def encode_categorical(writer: Writer, value: pd.Categorical) -> int:
    """Adds a factor."""
    try:
        return _vector(writer, factor_of(writer, value), "")[1]
    except ColumnTypeError:
        return writer.opaque(value)


def encode_index(writer: Writer, value: pd.Index) -> int:
    """Adds an index: as instants without further ado if it is no more than that, as R's are."""
    is_plain = isinstance(value, pd.DatetimeIndex) and value.tz is not None and value.name is None
    if is_plain and value.freq is None and value.unit in {"us", "ns"}:
        return _vector(writer, instants_of(value), "")[1]
    return _encode_labelled(writer, value, "Index")


def encode_series(writer: Writer, value: pd.Series) -> int:
    """Adds a series: a vector, whose index goes into notes. In R it has names if the index is text."""
    return _encode_labelled(writer, value, "Series")


def _encode_labelled(writer: Writer, value: pd.Series | pd.Index, kind: str) -> int:
    index = value.index if isinstance(value, pd.Series) else None
    if isinstance(value, pd.MultiIndex | pd.RangeIndex) or isinstance(index, pd.MultiIndex):
        return writer.opaque(value)
    try:
        column = column_of(writer, value)
        if index is not None:
            column_of(writer, index)
        label_text(value.name)
    except (ColumnTypeError, TypeError):
        return writer.opaque(value)
    column.params["class"] = kind
    freq = getattr(value, "freqstr", None)
    if freq is not None:
        column.params["freq"] = freq
    is_named = isinstance(index, pd.Index) and isinstance(index.dtype, pd.StringDtype)
    node, place = _vector(writer, column, "pandas", list(index) if index is not None and is_named else None)
    is_default = isinstance(index, pd.RangeIndex) and (index.start, index.step, index.name) == (0, 1, None)
    if index is not None and not is_default:
        writer.note(
            node,
            "pandas.index",
            index if not isinstance(index, pd.RangeIndex) else pd.Index(np.asarray(index), name=index.name),
        )
    if value.name is not None:
        writer.note(node, "pandas.name", value.name)
    return place


def _vector(
    writer: Writer, column: Stored, origin: str, names: list[Any] | None = None
) -> tuple[pb.Node, int]:
    part = writer.column(column.batches[0])
    node, index = writer.placed_vector(column.logical, part, 0, column.length)
    node.origin = origin
    if names is not None:
        node.vector.names = writer.strings([name if isinstance(name, str) else None for name in names])
    if column.levels is not None:
        node.vector.levels = writer.strings(column.levels)
    add_params(node.vector, column.params)
    return node, index


def encode_timestamp(writer: Writer, value: pd.Timestamp) -> int:
    """Adds a timestamp."""
    unit = "ns" if value.unit == "ns" else "us"
    ticks = int(value.as_unit(unit).asm8.view("i8"))
    if value.tzinfo is None:
        vector, index = writer.scalar("naive", Type(f"timestamp_{unit}"), ticks, "pandas")
    else:
        vector, index = writer.scalar("instant", Type(f"timestamp_{unit}", zone="UTC"), ticks, "pandas")
    params = {"dtype": f"datetime64[{value.unit}]"} if value.unit in {"s", "ms"} else {}
    if value.tzinfo is not None:
        params["tz"] = times.zone_name(value.tzinfo) or times.offset_name(value.utcoffset())
    add_params(vector, params)
    return index


def encode_timedelta(writer: Writer, value: pd.Timedelta) -> int:
    """Adds a length of time, rounded to microseconds."""
    if value.nanoseconds:
        writer.loss("NANOSECONDS", "a length of time is rounded to microseconds.")
    ticks = int(value.round("us").as_unit("us").asm8.view("i8"))
    vector, index = writer.scalar("duration", STORED_AS["duration"], ticks, "pandas")
    add_params(vector, {"dtype": f"timedelta64[{value.unit}]"})
    return index


def encode_nat(writer: Writer, value: object) -> int:
    """Adds a missing timestamp."""
    return writer.scalar("naive", STORED_AS["naive"], None, "pandas")[1]


def encode_na(writer: Writer, value: object) -> int:
    """Adds the missing value of pandas."""
    return writer.scalar("bool", STORED_AS["bool"], None, "pandas")[1]


ENCODERS: Final[dict[type, Callable[[Writer, Any], int]]] = {
    pd.DataFrame: encode_frame,
    pd.Series: encode_series,
    pd.Categorical: encode_categorical,
    pd.Index: encode_index,
    pd.DatetimeIndex: encode_index,
    pd.TimedeltaIndex: encode_index,
    pd.CategoricalIndex: encode_index,
    pd.Timestamp: encode_timestamp,
    pd.Timedelta: encode_timedelta,
    type(pd.NaT): encode_nat,
    type(pd.NA): encode_na,
}
"""Encoders by exact type."""
