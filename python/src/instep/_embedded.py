"""An opener inside of an R session: what `as_python()` in R uses, in the Python that reticulate runs there.

Theory of operation. It carries out the commands of opener.proto, as the opener of `handle_call()` does. Two things
differ, because it shares a process with its client. A command and its answer lie in files, beside the blobs of the
values: reticulate passes nothing but the path of their directory, so none of its converters touches a value. And a
result that only Python can open is not pickled: it stays as it is, in an opener of its own that R refers to.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from pathlib import Path

from instep_proto.v1 import opener_pb2 as pb
from instep_proto.v1 import value_pb2

from instep._opener import Opener, ready
from instep._process import flush_streams
from instep.errors import ValueEncodeError
from instep.values import ObjectStore, encode
from instep.values._opaque import class_name


class EmbeddedOpener(Opener):
    """Holds an object for R, and carries out commands on it."""

    def __init__(self, held: object = None) -> None:
        super().__init__(held)
        self._given: Iterator[EmbeddedOpener] = iter(())
        self._kept: EmbeddedOpener | None = None

    def exchange(self, directory: str, *given: EmbeddedOpener) -> EmbeddedOpener | None:
        """Carries out the command in the file `command`, and writes the event to the file `event`.

        Args:
            directory: Where the files are.
            *given: Openers of the arguments that have no manifest, in order.

        Returns:
            An opener of the result, if only Python can open that. Its manifest is empty then.
        """
        self._given, self._kept = iter(given), None
        command = pb.OpenerCommand.FromString(Path(directory, "command").read_bytes())
        event = self.answer(command)
        flush_streams()
        Path(directory, "event").write_bytes(event.SerializeToString())
        return self._kept

    def _argument(self, given: pb.CallArgument, store: ObjectStore) -> object:
        return super()._argument(given, store) if given.manifest else next(self._given)._object

    def _stored(self, result: object, store: ObjectStore) -> bytes:
        if result is not self._object and not inspect.isroutine(result):  # else it would be pickled in vain
            with contextlib.suppress(ValueEncodeError):  # a generator or an open file can stay here
                manifest = super()._stored(result, store)
                if not _is_opaque(manifest):
                    return manifest
                self._losses = [loss for loss in self._losses if loss.name != "result"]  # it is not stored
        self._kept = EmbeddedOpener(result)
        return b""


def _is_opaque(manifest: bytes) -> bool:
    node = value_pb2.Manifest.FromString(manifest).nodes[0]
    return node.HasField("opaque") and node.opaque.language == "python"


def write_ready(directory: str) -> None:
    """Writes what Python and what Instep this is to the file `event`."""
    Path(directory, "event").write_bytes(pb.OpenerEvent(ready=ready()).SerializeToString())


def describe(held: object) -> dict[str, str]:
    """Tells the class of an object, and what it looks like."""
    return {"class": class_name(type(held)), "repr": repr(held)}


def pickled(held: object) -> bytes:
    """Encodes an object whole: for a handle of it as it is now."""
    return encode(held, name="value", on_loss="ignore", inline=True).manifest
