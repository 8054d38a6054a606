"""An opener inside of another program: commands in files, results that stay."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instep._embedded import EmbeddedOpener, describe, pickled, write_ready
from instep._version import version
from instep.values import ForeignObject, ObjectStore, decode, encode
from instep_proto.v1 import opener_pb2 as pb


class Client:
    """Gives commands to an embedded opener, as R does."""

    def __init__(self, folder: Path, opener: EmbeddedOpener) -> None:
        self.folder = folder
        self.opener = opener

    def call(self, function: str, *arguments: object) -> Any:
        """Calls a function. Arguments that are openers go as they are; so do results that stay."""
        store = ObjectStore(self.folder, durable=False)
        calling = pb.CallFunction(function=function, object_directory=str(self.folder))
        for value in arguments:
            calling.arguments.add(manifest=b"" if isinstance(value, EmbeddedOpener) else stored(value, store))
        given = [value for value in arguments if isinstance(value, EmbeddedOpener)]
        kept, self.event = exchange(self.folder, self.opener, pb.OpenerCommand(call=calling), *given)
        if self.event.HasField("failure"):
            return self.event.failure
        return kept or decode(self.event.result.manifest, store.open)


def stored(value: object, store: ObjectStore) -> bytes:
    encoded = encode(value)
    for blob in encoded.blobs:
        store.put(blob)
    return encoded.manifest


def exchange(
    folder: Path, opener: EmbeddedOpener, command: pb.OpenerCommand, *given: EmbeddedOpener
) -> tuple[EmbeddedOpener | None, pb.OpenerEvent]:
    (folder / "command").write_bytes(command.SerializeToString())
    kept = opener.exchange(str(folder), *given)
    return kept, pb.OpenerEvent.FromString((folder / "event").read_bytes())


@pytest.fixture
def third(tmp_path: Path) -> Client:
    opener = EmbeddedOpener()
    opening = pb.OpenValue(manifest=encode(Fraction(1, 3), inline=True).manifest)
    kept, event = exchange(tmp_path, opener, pb.OpenerCommand(open=opening))
    assert kept is None
    assert event.HasField("result")
    return Client(tmp_path, opener)


def test_portable_results_come_as_values(third: Client) -> None:
    assert third.call("numerator") == 1
    large = np.arange(100_000.0)
    assert np.array_equal(third.call("numpy.where", large, -large), large)


@pytest.mark.parametrize(
    "function",
    ["limit_denominator", "itertools.repeat", "builtins.type"],
    ids=["an object", "what cannot be pickled", "a class"],
)
def test_result_that_only_python_can_open_stays(third: Client, function: str) -> None:
    assert isinstance(third.call(function), EmbeddedOpener)
    assert third.event.result.manifest == b""


def test_object_that_stayed_is_that_very_object_as_an_argument(third: Client) -> None:
    assert third.call("operator.is_", third.opener) is True
    repeated = Client(third.folder, third.call("itertools.repeat"))
    assert isinstance(repeated.opener._object, itertools.repeat)
    assert third.call("operator.is_", repeated.call("__next__")) is True
    method = Client(third.folder, third.call("builtins.getattr", "limit_denominator"))
    assert method.call("operator.call", 2)._object == Fraction(1, 2)


def test_losses_are_reported_with_the_value_they_are_of(third: Client) -> None:
    third.call("numpy.complex64")
    (loss,) = third.event.result.losses
    assert (loss.name, loss.rule, loss.path) == ("result", "COMPLEX64_WIDENED", "result")
    third.call("numerator")
    assert not third.event.result.losses


def test_failure_is_an_answer(third: Client) -> None:
    failure = third.call("__truediv__", 0)
    assert failure.classes[0] == "builtins.ZeroDivisionError"
    assert third.call("numerator") == 1


def test_object_is_described_and_pickled_as_it_is_now(tmp_path: Path) -> None:
    assert describe(Fraction(1, 3)) == {"class": "fractions.Fraction", "repr": "Fraction(1, 3)"}
    assert decode(pickled(Fraction(1, 3)), ObjectStore(tmp_path).open) == Fraction(1, 3)
    closed = decode(pickled(Fraction(1, 3)), ObjectStore(tmp_path).open, allow_opaque=False)
    assert isinstance(closed, ForeignObject)


def test_ready_names_this_version(tmp_path: Path) -> None:
    write_ready(str(tmp_path))
    ready = pb.OpenerEvent.FromString((tmp_path / "event").read_bytes()).ready
    assert (ready.language, ready.version) == ("python", version())
