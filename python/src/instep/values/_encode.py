"""Turns a value into a manifest and blobs: chooses who writes it, by its exact type."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from typing import Any, Final

from instep._config_view import ConfigDict, ConfigList
from instep._task_exception import TaskException
from instep.values import _containers as containers
from instep.values import _scalars as scalars
from instep.values._describe import describe_manifest, type_name
from instep.values._digest import Digest, hash_of
from instep.values._foreign import ForeignObject
from instep.values._loss import OnLoss, refusal, warn
from instep.values._missing import NAType
from instep.values._named import NamedList, NamedVector, TextList
from instep.values._types import by_kind, encode_registered
from instep.values._writer import Encoded, NotPortableError, Writer

Encoder = Callable[[Writer, Any], int]

_ENCODERS: Final[dict[type, Encoder]] = {
    type(None): scalars.encode_none,
    bool: scalars.encode_bool,
    int: scalars.encode_int,
    float: scalars.encode_float,
    complex: scalars.encode_complex,
    str: scalars.encode_str,
    bytes: scalars.encode_bytes,
    bytearray: scalars.encode_bytes_like,
    memoryview: scalars.encode_bytes_like,
    Decimal: scalars.encode_decimal,
    NAType: scalars.encode_na,
    datetime.date: scalars.encode_date,
    datetime.datetime: scalars.encode_datetime,
    datetime.time: scalars.encode_time,
    datetime.timedelta: scalars.encode_timedelta,
    list: containers.encode_collection,
    tuple: containers.encode_collection,
    set: containers.encode_collection,
    frozenset: containers.encode_collection,
    dict: containers.encode_dict,
    NamedList: containers.encode_named_list,
    TextList: containers.encode_text_list,
    # Of Instep's own classes: a config is stored as what it shows, an error under a name that all languages know.
    ConfigDict: containers.encode_dict,
    ConfigList: lambda writer, value: containers.encode_collection(writer, list(value)),
    TaskException: encode_registered,
}

_LIBRARIES: Final = {
    "numpy": "instep.values._numpy",
    "instep": "instep.values._numpy",
    "pandas": "instep.values._pandas",
    "polars": "instep.values._polars",
    "pyarrow": "instep.values._pyarrow",
    "scipy": "instep.values._sparse",
}
"""By the package that defines a type, the module that writes its values. Imported when there is a value."""


def is_known(kind: type) -> bool:
    """Says whether values of a type are written by a module of this package."""
    module = _LIBRARIES.get(kind.__module__.partition(".")[0])
    if module is not None and kind not in _ENCODERS:
        _ENCODERS.update(import_module(module).ENCODERS)
    return kind in _ENCODERS


def _encoder_of(kind: type) -> Encoder:
    """Finds who writes values of a type: a module of this package, the type's own functions, or the pickler."""
    if is_known(kind):
        return _ENCODERS[kind]
    return encode_registered if kind in by_kind else Writer.opaque


def encode_value(writer: Writer, value: object) -> int:
    """Adds a value of any type, and returns its node's index."""
    kind = type(value)
    return (_ENCODERS.get(kind) or _encoder_of(kind))(writer, value)


def _encode_named_vector(writer: Writer, value: NamedVector) -> int:
    """Adds a vector with names."""
    if isinstance(value.values, list):
        return containers.encode_named_elements(writer, value)
    index = encode_value(writer, value.values)
    node = writer.manifest.nodes[index]
    if node.WhichOneof("kind") != "vector" or node.vector.shape == 1 or node.registered_type:
        writer.refuse(
            "NAMED_VECTOR", f"is a NamedVector of {type(value.values).__name__}, which is no vector."
        )
    node.vector.names = writer.strings(value.names)
    return index


def _encode_foreign(writer: Writer, value: ForeignObject) -> int:
    from instep.values._opaque import encode_foreign

    return encode_foreign(writer, value)


_ENCODERS[NamedVector] = _encode_named_vector
_ENCODERS[ForeignObject] = _encode_foreign


def encode(
    value: object,
    *,
    name: str = "value",
    on_loss: OnLoss = "warn",
    inline: bool = False,
) -> Encoded:
    """Encodes a value, so that every language can read it if there is a portable form of it.

    Args:
        value: Any value. It MUST NOT change until its blobs are stored: large buffers are not copied.
        name: Name of the artifact, for messages.
        on_loss: What to do about details that will not come back: `warn` once for each rule, raise an `error`,
            or `ignore` them.
        inline: Put all bytes into the manifest, whatever their number, so that there are no blobs.

    Returns:
        The manifest and the blobs.

    Raises:
        ValueEncodeError: The value, or something inside it, cannot be stored.

    Example:
        >>> encode({"n": 1}).summary
        'dict of 1'
    """
    if type(value) is ForeignObject and value._stored()[2]:
        return _again(value)
    writer = Writer(name, encode_value)
    try:
        encode_value(writer, value)
    except (NotPortableError, RecursionError) as error:
        writer = Writer(name, encode_value)
        reason = str(error) if isinstance(error, NotPortableError) else "it is nested too deep"
        writer.loss("NOT_PORTABLE", f"{reason}: only Python can read what is stored.")
        writer.opaque(value)
    losses = tuple(writer.losses.values())
    if losses and on_loss == "error":
        raise refusal(losses, name)
    if on_loss == "warn":
        warn(losses, name)
    data, blobs = writer.finish(inline=inline)
    return Encoded(
        manifest=data,
        digest=Digest(hash_of([data]), len(data)),
        blobs=blobs,
        portable=writer.manifest.portable,
        summary=describe_manifest(writer.manifest)[1],
        type_name=type_name(value),
        losses=losses,
    )


def _again(value: ForeignObject) -> Encoded:
    """Encodes a foreign value that is all of an artifact: as that artifact."""
    data = value._stored()[2]
    writer = Writer("value", encode_value)
    encode_value(writer, value)
    _, blobs = writer.finish(inline=True)
    kind, summary = describe_manifest(writer.manifest)
    return Encoded(data, Digest(hash_of([data]), len(data)), blobs, False, summary, kind, ())
