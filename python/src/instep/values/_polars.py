"""polars frames and series, written and read. Imported only when there is one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from instep_proto.v1 import value_pb2 as pb

from instep.values._column import ColumnBuilder
from instep.values._frames import Stored, encode_table
from instep.values._logical import STORED_AS
from instep.values._numpy import add_params
from instep.values._numpy_read import vector_columns
from instep.values._pyarrow import UnstorableArrowError, array_of, column_of
from instep.values._writer import Writer

if TYPE_CHECKING:
    from instep.values._reader import Reader

_PLAIN: Final = (
    pl.Boolean, pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.Float32,
    pl.Float64, pl.String, pl.Binary, pl.Date,
)  # fmt: skip
"""Types that polars gives back by itself to what is stored."""

_TIMES: Final = re.compile(r"(Datetime|Duration)\[(ms|us|ns)\]")
_DECIMAL: Final = re.compile(r"Decimal\((\d{1,2}), (\d{1,2})\)")


def _column_of(writer: Writer, series: pl.Series) -> Stored:
    """Brings a column to the form in which it is stored.

    Raises:
        UnstorableArrowError: Its type has no portable form.
    """
    dtype = series.dtype
    if isinstance(dtype, pl.Object | pl.Unknown) or not _is_known(dtype):
        raise UnstorableArrowError(str(dtype))
    column = column_of(writer, series.to_arrow(compat_level=pl.CompatLevel.oldest()))
    column.label = series.name
    column.params.pop("dtype", None)
    name = _dtype_name(dtype)
    if name:
        column.params["dtype"] = name
    return column


def _is_known(dtype: pl.DataType) -> bool:
    """Says whether a type comes back: also those inside of lists do."""
    if isinstance(dtype, pl.List | pl.Array):
        return _is_native(dtype.inner)
    if isinstance(dtype, pl.Struct):
        return all(_is_native(field.dtype) for field in dtype.fields)
    return True


def _is_native(dtype: Any) -> bool:
    if isinstance(dtype, pl.List | pl.Array | pl.Struct):
        return _is_known(dtype)
    return isinstance(dtype, _PLAIN) or (isinstance(dtype, pl.Datetime) and dtype.time_unit != "ms")


def _dtype_name(dtype: pl.DataType) -> str:
    """Names the type when it has to be restored. Empty: polars finds it by itself."""
    if isinstance(dtype, pl.Datetime | pl.Duration):
        native = dtype.time_unit != "ms" if isinstance(dtype, pl.Datetime) else dtype.time_unit == "us"
        return "" if native else f"{type(dtype).__name__}[{dtype.time_unit}]"
    if isinstance(dtype, pl.Decimal):
        return f"Decimal({dtype.precision}, {dtype.scale})"
    if isinstance(dtype, pl.Categorical | pl.Enum | pl.Null):
        return type(dtype).__name__
    return ""


def encode_frame(writer: Writer, frame: pl.DataFrame) -> int:
    """Adds a frame. One with a type that has no portable form is pickled, with a loss."""
    try:
        columns = [_column_of(writer, series) for series in frame.iter_columns()]
    except UnstorableArrowError as error:
        writer.loss("COLUMN_TYPE", f"type {error} has no portable form, so only Python can read the frame.")
        return writer.opaque(frame)
    return encode_table(writer, "polars", frame.height, columns)


def encode_series(writer: Writer, series: pl.Series) -> int:
    """Adds a series: a vector, with its name in a note."""
    try:
        column = _column_of(writer, series)
    except UnstorableArrowError:
        return writer.opaque(series)
    if column.logical not in STORED_AS:
        return writer.opaque(series)
    node, index = writer.placed_vector(column.logical, writer.column(column.batches[0]), 0, column.length)
    node.origin = "polars"
    if column.levels is not None:
        node.vector.levels = writer.strings(column.levels)
    add_params(node.vector, column.params)
    if series.name:
        writer.note(node, "polars.name", series.name)
    return index


ENCODERS: Final = {pl.DataFrame: encode_frame, pl.Series: encode_series}
"""Encoders by exact type."""


# Reading.


def _series_of(reader: Reader, column: Stored, name: str) -> pl.Series:
    try:
        found: Any = pl.from_arrow(array_of(reader, column, ""))
        return _with_dtype(reader, found, column).alias(name)
    except pl.exceptions.PolarsError as error:
        reader.refuse(f"a column is no polars series ({error})")


def _with_dtype(reader: Reader, series: pl.Series, column: Stored) -> pl.Series:
    """Gives a series the type that it had."""
    dtype = column.params.get("dtype", "")
    if column.logical == "factor":
        text = series.cast(pl.String)
        return text.cast(
            pl.Enum([level for level in column.levels or () if level is not None])
            if dtype != "Categorical"
            else pl.Categorical()
        )
    time = _TIMES.fullmatch(dtype)
    if time is not None:
        unit: Any = time[2]
        zone = getattr(series.dtype, "time_zone", None)
        return series.cast(pl.Duration(unit) if time[1] == "Duration" else pl.Datetime(unit, zone))
    decimal = _DECIMAL.fullmatch(dtype)
    if decimal is not None:
        return series.cast(pl.Decimal(int(decimal[1]), int(decimal[2])))
    if dtype == "Null":
        return series.cast(pl.Null)
    if dtype:
        reader.refuse(f"{dtype!r} is not a type of polars")
    return series


def frame_of(reader: Reader, columns: Sequence[Stored]) -> pl.DataFrame:
    """Makes a frame.

    Raises:
        ValueDecodeError: Two columns have the same label, which polars cannot have.
    """
    labels = [column.label or "" for column in columns]
    if len(set(labels)) != len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        reader.refuse(
            f"two columns have the label {twice!r}, which polars does not allow", "DUPLICATE_LABELS"
        )
    series = []
    for column, label in zip(columns, labels, strict=True):
        with reader.inside(column.step):
            series.append(_series_of(reader, column, label))
    return pl.DataFrame(series)


def decode_series(reader: Reader, node: pb.Node, index: int, params: Mapping[str, str]) -> pl.Series:
    """Reads a vector that was a series."""
    vector = node.vector
    columns = reader.columns(vector.part, vector.logical)
    if columns[0].type.kind in {"utf8", "large_utf8", "binary", "large_binary"}:
        builder = ColumnBuilder(STORED_AS[vector.logical])
        builder.extend(reader.rows(vector))
        columns = [builder.column()]
    else:
        columns = vector_columns(reader, vector)
    levels = reader.texts(vector.levels, index) if vector.HasField("levels") else None
    name = next((reader.value(attr.value, index) for attr in node.attrs if attr.name == "polars.name"), "")
    column = Stored(vector.logical, columns[0].type, columns, levels, dict(params))
    return _series_of(reader, column, str(name))
