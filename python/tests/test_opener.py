"""The program that holds a Python object for another language."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from instep._opener import Opener
from instep._pipe import read_message, write_message
from instep.values import ForeignObject, ObjectStore, decode, encode
from instep_proto.v1 import opener_pb2 as pb


class Client:
    """Gives commands to an opener in this process."""

    def __init__(self, value: object, folder: Path) -> None:
        self._opener = Opener()
        self._store = ObjectStore(folder, durable=False)
        opening = pb.OpenValue(manifest=self._put(value), object_directory=str(folder))
        assert self._opener.answer(pb.OpenerCommand(open=opening)).HasField("result")

    def call(self, function: str, *arguments: object, **named: object) -> Any:
        calling = pb.CallFunction(function=function, object_directory=str(self._store.root))
        for name, value in [*(("", value) for value in arguments), *named.items()]:
            calling.arguments.add(name=name, manifest=self._put(value))
        event = self._opener.answer(pb.OpenerCommand(call=calling))
        if event.HasField("failure"):
            return event.failure
        return decode(event.result.manifest, self._store.open)

    def _put(self, value: object) -> bytes:
        encoded = encode(value)
        for blob in encoded.blobs:
            self._store.put(blob)
        return encoded.manifest


@pytest.fixture
def third(tmp_path: Path) -> Client:
    return Client(Fraction(1, 3), tmp_path)


def test_method_attribute_and_function_of_a_module(third: Client) -> None:
    assert third.call("numerator") == 1
    assert third.call("limit_denominator", max_denominator=2) == Fraction(1, 2)
    assert third.call("operator.lt", 0.5) is True
    large = np.arange(100_000.0)
    assert np.array_equal(third.call("numpy.where", large, -large), large)


@pytest.mark.parametrize(
    ("function", "arguments", "kind"),
    [
        ("__truediv__", (0,), "builtins.ZeroDivisionError"),
        ("no_such_method", (), "builtins.AttributeError"),
        ("numerator", (1,), "builtins.TypeError"),
        ("no_such_module.function", (), "builtins.ModuleNotFoundError"),
        ("math.pi", (), "instep.errors.UsageError"),
        ("builtins.iter", (), "builtins.TypeError"),
    ],
)
def test_whatever_is_raised_is_a_failure(
    third: Client, function: str, arguments: tuple[object, ...], kind: str
) -> None:
    failure = third.call(function, *arguments)
    assert failure.language == "python"
    assert failure.classes[0] == kind
    assert kind.rpartition(".")[2] in failure.traceback
    assert third.call("numerator") == 1


def test_result_that_cannot_be_stored_is_a_failure(tmp_path: Path) -> None:
    failure = Client(tmp_path, tmp_path).call("iterdir")
    assert failure.classes[0] == "instep.errors.ValueEncodeError"


def test_result_that_only_python_opens_is_whole_in_its_manifest(tmp_path: Path) -> None:
    class Weights:
        def __init__(self) -> None:
            self.values = np.arange(300_000.0)

        def myself(self) -> Weights:
            return self

    client = Client(Weights(), tmp_path)
    event = client._opener.answer(
        pb.OpenerCommand(call=pb.CallFunction(function="myself", object_directory=str(tmp_path)))
    )

    def nothing(digest: str, size: int) -> bytes:
        raise AssertionError("all bytes are in the manifest")

    closed = decode(event.result.manifest, nothing, allow_opaque=False)
    assert isinstance(closed, ForeignObject)
    opened: Any = decode(event.result.manifest, nothing)
    assert opened.values[-1] == 299_999


def test_program_dies_when_the_pipe_is_closed_in_the_middle_of_a_call(tmp_path: Path) -> None:
    waiting = tmp_path / "waiting"
    os.mkfifo(waiting)
    near, far = socket.socketpair()
    with far:
        command = [sys.executable, "-m", "instep._opener", "--fd", str(far.fileno())]
        opener = subprocess.Popen(command, pass_fds=[far.fileno()])
    with near:
        assert pb.OpenerEvent.FromString(read_message(near.fileno())).ready.language == "python"
        opening = pb.OpenValue(manifest=encode(waiting).manifest, object_directory=str(tmp_path))
        write_message(near.fileno(), pb.OpenerCommand(open=opening).SerializeToString())
        assert pb.OpenerEvent.FromString(read_message(near.fileno())).HasField("result")
        calling = pb.CallFunction(function="read_text", object_directory=str(tmp_path))
        write_message(near.fileno(), pb.OpenerCommand(call=calling).SerializeToString())
        with waiting.open("w"):  # returns when the opener reads from it, which it does until it is ended
            near.close()
            assert opener.wait(60) != 0
