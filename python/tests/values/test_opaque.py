from __future__ import annotations

import io
import pickle
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instep.values import (
    ForeignObject,
    OpaqueForeignError,
    ValueDecodeError,
    ValueEncodeError,
    decode,
    encode,
)
from instep_proto.v1 import value_pb2 as pb
from sklearn.linear_model import LinearRegression


class Box:
    """Holds one thing."""

    def __init__(self, content: object) -> None:
        self.content = content


def opaque_of(value: object) -> pb.Opaque:
    return pb.Manifest.FromString(encode(value).manifest).nodes[0].opaque


def test_object_comes_back_equal(round_trip: Any) -> None:
    assert round_trip(Fraction(1, 3)) == Fraction(1, 3)
    assert round_trip({"a": [Fraction(1, 3), 1]}) == {"a": [Fraction(1, 3), 1]}
    assert round_trip(range(5)) == range(5)
    assert round_trip(lambda x: x + 1)(1) == 2


def test_portable_is_false_with_an_opaque_value_inside() -> None:
    assert not encode({"a": [Fraction(1, 3)]}).portable
    assert encode({"a": [1]}).portable


def test_model_names_the_packages_that_it_needs(round_trip: Any) -> None:
    model = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
    opaque = opaque_of(model)
    needs = {need.key for need in opaque.requires}
    assert {"numpy", "sklearn"} <= needs
    assert list(opaque.requires) == sorted(opaque.requires, key=lambda need: need.key)
    assert opaque.classes[0] == "sklearn.linear_model._base.LinearRegression"
    assert (opaque.codec, opaque.preview) == ("pickle5", "LinearRegression()")
    assert round_trip(model).predict([[2.0]]) == pytest.approx([5.0])


def test_large_buffers_are_parts_of_their_own_and_used_in_place(fetch: Any) -> None:
    box = Box(np.arange(200_000.0))
    encoded = encode(box)
    node = pb.Manifest.FromString(encoded.manifest).nodes[0]
    assert len(node.opaque.buffers) == 1
    assert len(encoded.manifest) < 2000
    stored = fetch(encoded)(encoded.blobs[0].hash, encoded.blobs[0].size)
    found: Any = decode(encoded.manifest, lambda digest, size: stored)
    assert np.shares_memory(found.content, np.frombuffer(stored, np.uint8))


def test_preview_has_no_address() -> None:
    assert "0x" not in opaque_of(Box(1)).preview
    assert encode(Box(1)).digest == encode(Box(1)).digest


def generator() -> Iterator[int]:
    yield 1


def refused(value: object, inside: str = "") -> ValueEncodeError:
    with pytest.raises(ValueEncodeError) as caught:
        encode({"a": [1, value]}, name="result")
    assert caught.value.path == f'self.result["a"][1]{inside}'
    assert caught.value.artifact == "result"  # type: ignore[attr-defined]
    return caught.value


def test_generator_is_refused_with_its_place() -> None:
    error = refused(generator())
    assert error.code == "OPAQUE_HANDLE"
    assert str(error) == (
        "Artifact 'result' can't be stored: self.result[\"a\"][1] is a generator. "
        "A generator only lives in this process. Store a list of its items."
    )


@dataclass(slots=True)
class Slotted:
    """Holds one thing in a slot."""

    content: object


@pytest.mark.parametrize(
    ("wrap", "inside"),
    [
        (lambda value: value, ""),
        (Box, ".content"),
        (Slotted, ".content"),
        (lambda value: Box({"deep": (1, [Box(value)])}), ".content['deep'][1][0].content"),
        (lambda value: lambda: value, ".__closure__[0].cell_contents"),
    ],
    ids=["itself", "attribute", "slot", "deep", "closure"],
)
def test_thing_that_only_lives_in_this_process_is_refused_with_its_place(
    wrap: Any, inside: str, tmp_path: Path
) -> None:
    with (
        (tmp_path / "f").open("w") as file,
        socket.socket() as connection,
    ):
        database = sqlite3.connect(":memory:")
        for value in (file, connection, threading.Lock(), threading.RLock(), database, generator()):
            assert refused(wrap(value), inside).code == "OPAQUE_HANDLE"
        database.close()


def test_memory_files_are_stored(round_trip: Any) -> None:
    assert round_trip(io.BytesIO(b"ab")).getvalue() == b"ab"


def test_class_that_says_so_is_refused_at_any_depth() -> None:
    class Flow:
        __instep_not_storable__ = "A flow cannot be stored. Store chosen attributes of it instead."

    assert "A flow cannot be stored." in str(refused(Flow()))
    assert "A flow cannot be stored." in str(refused(Box(Flow()), ".content"))


class Unpicklable:
    def __reduce__(self) -> Any:
        raise RuntimeError("no way")


def test_object_that_cannot_be_pickled_is_refused_with_the_reason() -> None:
    error = refused(Unpicklable())
    assert error.code == "PICKLE_FAILED"
    assert "RuntimeError: no way" in str(error)
    assert isinstance(error.__cause__, RuntimeError)


class Trap:
    """Would write a file when it is unpickled."""

    opened: list[int] = []  # noqa: RUF012

    def __reduce__(self) -> Any:
        return Trap.opened.append, (1,)


@pytest.mark.parametrize("closed", ["argument", "false", "0", "NO"])
def test_nothing_is_unpickled_when_it_is_not_allowed(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if closed != "argument":
        monkeypatch.setenv("INSTEP_ALLOW_OPAQUE", closed)
    encoded = encode([Trap(), 1], inline=True)
    found: Any = decode(encoded.manifest, lambda digest, size: b"", allow_opaque=closed != "argument")
    assert isinstance(found[0], ForeignObject)
    assert found[1] == 1
    with pytest.raises(OpaqueForeignError, match="INSTEP_ALLOW_OPAQUE"):
        _ = found[0].x


def test_value_whose_package_is_missing_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = encode(LinearRegression(), inline=True)
    monkeypatch.setitem(sys.modules, "sklearn.linear_model._base", None)
    with pytest.raises(ValueDecodeError, match=r"needs .*sklearn \d") as caught:
        decode(encoded.manifest, lambda digest, size: b"")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_value_of_another_version_of_a_package_is_opened_with_a_warning() -> None:
    manifest = pb.Manifest.FromString(encode(LinearRegression(), inline=True).manifest)
    for need in manifest.nodes[0].opaque.requires:
        need.value = "0.0.1"
    with pytest.warns(UserWarning, match=r"written with sklearn 0\.0\.1"):
        decode(manifest.SerializeToString(), lambda digest, size: b"")


def test_unknown_codec_is_refused() -> None:
    manifest = pb.Manifest.FromString(encode(Fraction(1)).manifest)
    manifest.nodes[0].opaque.codec = "onnx"
    with pytest.raises(ValueDecodeError, match="onnx"):
        decode(manifest.SerializeToString(), lambda digest, size: b"")


def test_damaged_pickle_is_refused() -> None:
    manifest = pb.Manifest.FromString(encode(Fraction(1)).manifest)
    manifest.parts[0].inline = pickle.dumps(1)[:-2]
    manifest.parts[0].length -= manifest.parts[0].length - len(manifest.parts[0].inline)
    with pytest.raises(ValueDecodeError, match="can't be opened"):
        decode(manifest.SerializeToString(), lambda digest, size: b"")
