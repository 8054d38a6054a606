"""What is lost in reading."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from instep.values import Loss, LossWarning, ValueDecodeError, decode, decode_item, encode
from instep_proto.v1 import value_pb2 as pb

THEN = datetime.datetime(2024, 2, 29, 12, tzinfo=ZoneInfo("Europe/Berlin"))
MESSAGE = "time zone 'Mars/Olympus' is not known here, so times are read in UTC."


def no_blobs(digest: str, size: int) -> bytes:
    raise AssertionError((digest, size))


def on_mars(value: object) -> bytes:
    """Stores a value whose times are in a zone that no machine knows."""
    manifest = pb.Manifest.FromString(encode(value, inline=True).manifest)
    for node in manifest.nodes:
        columns = (param for column in node.table.columns for param in column.params)
        for param in (*node.vector.params, *columns):
            param.value = param.value.replace("Europe/Berlin", "Mars/Olympus")
    return manifest.SerializeToString(deterministic=True)


def test_loss_in_reading_is_warned_of_once_with_artifact_and_rule() -> None:
    with pytest.warns(LossWarning) as warned:
        read: Any = decode(on_mars({"a": THEN, "b": {"c": THEN}}), no_blobs, name="when")
    assert read == {"a": THEN, "b": {"c": THEN}}
    assert read["a"].tzinfo is datetime.UTC
    assert [str(one.message) for one in warned] == [
        f"Loss ZONE_UNKNOWN in artifact 'when' at self.when[\"a\"]: {MESSAGE}"
    ]


def test_loss_in_reading_an_item_names_its_place() -> None:
    heeded: list[tuple[tuple[Loss, ...], str]] = []
    decode_item(on_mars([1, [THEN]]), 1, no_blobs, name="xs", heed=lambda *one: heeded.append(one))
    assert heeded == [((Loss("ZONE_UNKNOWN", "self.xs[1][0]", MESSAGE),), "xs")]


def test_value_read_whole_heeds_nothing() -> None:
    heeded: list[object] = []
    decode(encode(THEN).manifest, no_blobs, heed=lambda losses, name: heeded.extend(losses))
    assert heeded == []


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"x": [1], "when": [THEN]}),
        pd.DataFrame({"x": [1]}, index=pd.DatetimeIndex([THEN], name="when")),
    ],
    ids=["column", "index"],
)
def test_loss_in_reading_a_frame_names_the_column(frame: object) -> None:
    heeded: list[Loss] = []
    decode(on_mars({"df": frame}), no_blobs, name="result", heed=lambda losses, _: heeded.extend(losses))
    assert [(loss.rule, loss.path) for loss in heeded] == [("ZONE_UNKNOWN", 'self.result["df"]["when"]')]


def test_error_in_reading_a_frame_names_the_column() -> None:
    frame = pl.DataFrame({"x": [1], "when": pl.Series([THEN], dtype=pl.Datetime("us", "Europe/Berlin"))})
    with pytest.raises(ValueDecodeError) as caught:  # polars has no times in a zone that is not known
        decode(on_mars({"df": frame}), no_blobs)
    assert caught.value.path == 'value["df"]["when"]'


def of_r(value: object, **attributes: int) -> bytes:
    """Stores a list as R would that had attributes: by name, the index of the node that holds one."""
    manifest = pb.Manifest.FromString(encode(value, inline=True).manifest)
    manifest.nodes[1].origin = "r"
    for name, index in attributes.items():
        manifest.nodes[1].attrs.add(name=name, value=index)
    return manifest.SerializeToString(deterministic=True)


def test_attributes_of_r_that_have_no_place_are_a_loss() -> None:
    with pytest.warns(LossWarning) as warned:
        decode(of_r([np.array([1.5, 2.5]), "special", "kg"], **{"class": 2, "unit": 3}), no_blobs, name="xs")
    assert [str(one.message) for one in warned] == [
        "Loss R_ATTRIBUTES in artifact 'xs' at self.xs[0]: "
        "Python has no place for what R says in the attributes 'class', 'unit'."
    ]


def test_attributes_that_a_type_stands_for_are_no_loss() -> None:
    heeded: list[object] = []
    for value, name in ((np.array([1.5, 2.5]), "AsIs"), (np.array([1, 2]), "integer64")):
        decode(of_r([value, name], **{"class": 2}), no_blobs, heed=lambda losses, _: heeded.extend(losses))
    assert heeded == []


def test_loss_in_reading_an_item_of_a_vector_is_told() -> None:
    manifest = pb.Manifest.FromString(encode([[1.5, 2.5], "special"], inline=True).manifest)
    vector, name = manifest.nodes[1], manifest.nodes[2]
    del manifest.nodes[:]
    manifest.nodes.extend([vector, name])
    manifest.nodes[0].origin = "r"
    manifest.nodes[0].attrs.add(name="class", value=1)
    with pytest.warns(LossWarning, match="R_ATTRIBUTES"):
        assert decode_item(manifest.SerializeToString(), 1, no_blobs) == 2.5
