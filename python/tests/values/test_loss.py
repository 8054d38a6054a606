"""What is lost in reading."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from instep.values import Loss, LossWarning, decode, decode_item, encode
from instep_proto.v1 import value_pb2 as pb

THEN = datetime.datetime(2024, 2, 29, 12, tzinfo=ZoneInfo("Europe/Berlin"))
MESSAGE = "time zone 'Mars/Olympus' is not known here, so times are read in UTC."


def no_blobs(digest: str, size: int) -> bytes:
    raise AssertionError((digest, size))


def on_mars(value: object) -> bytes:
    """Stores a value whose times are in a zone that no machine knows."""
    manifest = pb.Manifest.FromString(encode(value, inline=True).manifest)
    for node in manifest.nodes:
        for param in node.vector.params:
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
