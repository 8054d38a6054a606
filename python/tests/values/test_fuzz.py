"""Manifests and parts that somebody damaged: each reads as some value, or is refused, soon."""

from __future__ import annotations

import datetime as dt
import random
import warnings
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from instep.values import NamedVector, NDArray, ValueDecodeError, decode, encode, register_type
from instep_proto.v1 import value_pb2 as pb

NUMBERS = [-(2**31), -1, 0, 1, 2, 5, 100, 2**31 - 1]
LARGE = [*NUMBERS, 2**62, -(2**63)]
WORDS = [
    *(
        "",
        "r",
        "numpy",
        "pandas",
        "polars",
        "pyarrow",
        "python",
        "scipy",
        "set",
        "frozenset",
        "tuple",
        "tibble",
    ),
    *(
        "bool",
        "int64",
        "float64",
        "string",
        "factor",
        "date",
        "instant",
        "naive",
        "duration",
        "time",
        "bytes",
    ),
    *(
        "complex128",
        "decimal",
        "bigint",
        "list",
        "dtype",
        "tz",
        "family",
        "masked",
        "class",
        "freq",
        "label_type",
    ),
    *(
        "nan_is_missing",
        "object",
        "<U900000000",
        "Int64",
        "int64[pyarrow]",
        "datetime64[ns]",
        "timedelta64[s]",
    ),
    *(
        "Categorical",
        "Null",
        "decimal128(5, 2)",
        "Europe/Berlin",
        "Index",
        "Series",
        "true",
        "2000000000D",
        '["a"]',
    ),
    *("pandas.index", "pandas.name", "pandas.column_names", "int", "b3:00", "fuzz.pair"),
]


@register_type("fuzz.pair")
@dataclass(frozen=True)
class Pair:
    """A type of the user's."""

    a: object
    b: object


def values() -> list[Any]:
    return [
        {"a": [1, "x", None, (2.5, b"b")], "b": {1: {"c"}}},
        [1, 2, None],
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        np.array([1.0, np.nan]),
        np.ma.MaskedArray([1, 2], mask=[True, False]),
        np.array(["a", "b"]),
        NDArray(np.eye(2), (["a", "b"], None)),
        NamedVector(np.arange(2), ["a", None]),
        pd.Categorical(["a", None]),
        pd.DataFrame(
            {"a": [1.5, None], "s": ["x", None], "l": [[1], None]}, index=pd.date_range("2024", periods=2)
        ),
        pd.DataFrame({("a", 1): pd.array([1, None], dtype="Int64")}),
        pd.Series([1.5], index=["a"], name="n"),
        pl.DataFrame(
            {"a": ["x", None], "d": [Decimal(1), None], "c": pl.Series(["a", None], dtype=pl.Categorical())}
        ),
        pa.table({"d": pa.array(["a"]).dictionary_encode(), "t": pa.array([1], pa.timestamp("ms", "UTC"))}),
        sp.csr_array(np.eye(3)),
        [Pair(1, "x"), {Pair(2, "y")}, {Pair(3, Pair(4, None)): 1}],
    ]


def damage_bytes(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(len(changed))
        match rng.randrange(4):
            case 0:
                changed[at] = rng.randrange(256)
            case 1:
                changed[at] ^= 1 << rng.randrange(8)
            case 2:
                number = rng.choice(NUMBERS)
                changed[at : at + 4] = number.to_bytes(4, "little", signed=True)
            case 3:
                del changed[at : at + rng.randrange(1, 9)]
        if not changed:
            break
    return bytes(changed)


def new_content(rng: random.Random, field: FieldDescriptor) -> Any:
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return rng.random() < 0.5
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return rng.choice([0, 1, 2, 3, 9])
    if field.cpp_type == FieldDescriptor.CPPTYPE_INT32:
        return rng.choice(NUMBERS)
    if field.cpp_type == FieldDescriptor.CPPTYPE_INT64:
        return rng.choice(LARGE)
    return b"x" if field.type == FieldDescriptor.TYPE_BYTES else rng.choice(WORDS)


def damage_message(rng: random.Random, message: Message) -> None:
    """Changes one field, of the message or of one inside of it."""
    fields = list(message.DESCRIPTOR.fields)
    if not fields:
        return
    present = [field for field, _ in message.ListFields()]
    field: Any = rng.choice(present if present and rng.random() < 0.7 else fields)
    content = getattr(message, field.name)
    if field.is_repeated:
        if field.message_type and content and rng.random() < 0.8:
            damage_message(rng, rng.choice(content))
        elif field.message_type:
            damage_message(rng, content.add())
        elif content and rng.random() < 0.7:
            content[rng.randrange(len(content))] = new_content(rng, field)
        else:
            content.append(new_content(rng, field))
    elif field.message_type:
        content.SetInParent()
        damage_message(rng, content)
    else:
        setattr(message, field.name, new_content(rng, field))


def damaged(rng: random.Random, manifest: bytes) -> bytes:
    if rng.random() < 0.2:
        return damage_bytes(rng, manifest)
    message = pb.Manifest.FromString(manifest)
    if message.parts and rng.random() < 0.4:
        part = rng.choice(message.parts)
        part.inline = damage_bytes(rng, part.inline)
        part.length = len(part.inline)
    for _ in range(rng.choice([0, 1, 1, 2])):
        damage_message(rng, rng.choice(message.nodes))
    return message.SerializeToString(deterministic=True)


@pytest.mark.parametrize("seed", range(len(values())))
def test_damaged_value_reads_or_is_refused(seed: int) -> None:
    rng = random.Random(seed)
    manifest = encode(values()[seed], inline=True).manifest

    def no_blobs(digest: str, size: int) -> bytes:
        raise ValueDecodeError("There are no blobs.", code="BLOB_MISSING", path="")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(60):
            data = damaged(rng, manifest)
            try:
                decode(data, no_blobs, allow_opaque=False)
            except ValueDecodeError:
                continue
