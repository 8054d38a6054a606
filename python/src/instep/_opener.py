"""An opener: a process that holds one Python object for a process of another language, and calls functions on it.

What passes between the two is in opener.proto. Started as ``python -m instep._opener --fd N``.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

from instep_proto.v1 import opener_pb2 as pb

from instep import _failure
from instep._call_losses import report
from instep._pipe import read_message, write_message
from instep._process import end, flush_streams, prepare_streams, python_version
from instep._task import FailureKind
from instep._task_messages import failure_to
from instep._version import version
from instep.errors import UsageError
from instep.values import Loss, ObjectStore, decode, encode


def main(arguments: list[str] | None = None) -> None:
    """Runs an opener as a program."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m instep._opener", description="Holds an object.")
    parser.add_argument("--fd", type=int, required=True, help="pipe to the client")
    fd = parser.parse_args(arguments).fd
    os.set_inheritable(fd, False)
    prepare_streams()
    Opener().serve(fd)
    end(0)  # threads of the object's must not keep the client waiting


class Opener:
    """Holds an object and carries out commands on it."""

    def __init__(self, held: object = None) -> None:
        self._object = held
        self._losses: list[pb.CallLoss] = []

    def serve(self, fd: int) -> None:
        """Serves the client until it closes the pipe."""
        event = pb.OpenerEvent(ready=ready())
        while True:
            try:
                write_message(fd, event.SerializeToString())
                command = pb.OpenerCommand.FromString(read_message(fd))
            except (EOFError, OSError):
                return
            with _dying_with(fd):
                event = self.answer(command)
                flush_streams()

    def answer(self, command: pb.OpenerCommand) -> pb.OpenerEvent:
        """Carries out a command. Whatever is raised is an answer, too."""
        try:
            if command.HasField("open"):
                self._open(command.open)
                return pb.OpenerEvent(result=pb.CallResult())
            return pb.OpenerEvent(result=self._call(command.call))
        except Exception as error:  # noqa: BLE001 - code of the object's class may raise anything
            return pb.OpenerEvent(failure=failure_to(_failure.describe(error, FailureKind.USER_ERROR)))

    def _open(self, command: pb.OpenValue) -> None:
        self._object = decode(command.manifest, ObjectStore(command.object_directory).open)

    def _call(self, command: pb.CallFunction) -> pb.CallResult:
        self._losses = []
        store = ObjectStore(command.object_directory, durable=False)
        values = [(given.name, self._argument(given, store)) for given in command.arguments]
        positional = [value for name, value in values if not name]
        named = {name: value for name, value in values if name}
        if "." in command.function:
            result = _function(command.function)(self._object, *positional, **named)
        else:
            found = getattr(self._object, command.function)
            result = found(*positional, **named) if callable(found) or values else found
        return pb.CallResult(manifest=self._stored(result, store), losses=self._losses)

    def _argument(self, given: pb.CallArgument, store: ObjectStore) -> object:
        return decode(given.manifest, store.open, name=given.name or "argument", heed=self._note)

    def _stored(self, result: object, store: ObjectStore) -> bytes:
        """Encodes a result. All bytes of one that only Python can open are inside: its handle outlives the store."""
        encoded = encode(result, name="result", on_loss="ignore")
        self._note(encoded.losses, "result")
        if not encoded.portable:
            return encode(result, name="result", on_loss="ignore", inline=True).manifest
        for blob in encoded.blobs:
            store.put(blob)
        return encoded.manifest

    def _note(self, losses: Sequence[Loss], name: str) -> None:
        self._losses += report(losses, name)


def _function(name: str) -> Callable[..., object]:
    """Finds a function by the name of its module and its own."""
    module, _, function = name.rpartition(".")
    found = getattr(import_module(module), function)
    if not callable(found):
        raise UsageError(f"{name} is a {type(found).__name__} and no function.")
    return found  # type: ignore[no-any-return]


def ready() -> pb.OpenerReady:
    """Says what runs the opener."""
    return pb.OpenerReady(
        language="python", runtime=python_version(), interpreter=sys.executable, version=version()
    )


@contextmanager
def _dying_with(fd: int) -> Iterator[None]:
    """Makes the process die when the other end of the pipe is closed meanwhile. Nothing may be sent meanwhile."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([fd], [], [], 0)[0]:  # closed before the flag was set, which raises no signal
        os._exit(0)
    try:
        yield
    finally:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags)


if __name__ == "__main__":
    main()
