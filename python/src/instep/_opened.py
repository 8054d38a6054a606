"""An object of another language, opened: functions are called on it in a process of that language."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, Self

from instep_proto.v1 import failure_pb2
from instep_proto.v1 import opener_pb2 as pb

from instep._call_losses import heed, heed_reported, subject_of
from instep._opener_process import OpenerProcess
from instep.errors import RemoteError
from instep.values._decode import decode
from instep.values._encode import encode
from instep.values._objects import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from instep.values._foreign import ForeignObject


class OpenedObject:
    """An object of another language in a process of that language, made by `ForeignObject.open`.

    The process runs until `close`, the end of a `with` block, or the end of this process, whatever comes first. What
    functions print goes where this process prints to.
    """

    def __init__(self, handle: ForeignObject) -> None:
        self._process = OpenerProcess(handle.language)
        self._kind = handle.classes[0] if handle.classes else "object"
        try:
            with self._exchange() as store:
                manifest = _stored(handle, store, "argument", "the opening")
                opening = pb.OpenValue(manifest=manifest, object_directory=str(store.root))
                self._request(pb.OpenerCommand(open=opening), "the opening of it")
        except BaseException:
            self._process.close()
            raise
        self._announce()

    @property
    def interpreter(self) -> str:
        """Absolute path of the interpreter that holds the object."""
        return self._process.interpreter

    @property
    def runtime(self) -> str:
        """Version of that interpreter, such as `4.2.2`."""
        return self._process.runtime

    @property
    def pid(self) -> int:
        """Id of its process."""
        return self._process.pid

    @property
    def is_closed(self) -> bool:
        """Whether the process has ended."""
        return self._process.is_closed

    def call(self, function: str, /, *arguments: object, **named: object) -> object:
        """Calls a function on the object, and waits for its result.

        Args:
            function: In R a function that gets the object as its first argument, such as `predict`, or
                `package::function`. In Python a method or attribute of the object; with a dot, a function of a
                module that gets the object as its first argument.
            *arguments: What follows the object. Any values that can be artifacts, handles among them.
            **named: The same, by name.

        Returns:
            The result, read as an artifact would be. What only the other language can open is a `ForeignObject`.

        Raises:
            RemoteError: The function raised an error.
            OpenerFailedError: The process has ended.
            ValueEncodeError: An argument cannot be stored; or, in a task whose `on_loss` is `error`, a value is not
                passed exactly.
        """
        what = f"{function}()"
        with self._exchange() as store:
            calling = pb.CallFunction(function=function, object_directory=str(store.root))
            pairs = [*(("", value) for value in arguments), *named.items()]
            for name, value in pairs:
                calling.arguments.add(name=name, manifest=_stored(value, store, name or "argument", what))
            result = self._request(pb.OpenerCommand(call=calling), what)
            heed_reported(result.losses, what)
            return decode(
                result.manifest,
                store.open,
                name="result",
                heed=lambda losses, name: heed(losses, subject_of(name, what)),
            )

    def close(self) -> None:
        """Ends the process. A closed object stays closed; its handle can be opened again."""
        self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.is_closed else f"in process {self.pid}"
        return f"<OpenedObject: {self._process.language} {self._kind}, {state}>"

    @contextmanager
    def _exchange(self) -> Iterator[ObjectStore]:
        """Makes the directory for the blobs of one command. Data that were mapped outlive it."""
        parent = None if self._process.is_closed else self._process.directory
        directory = tempfile.mkdtemp(prefix="call-", dir=parent)
        try:
            yield ObjectStore(directory, durable=False)
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _request(self, command: pb.OpenerCommand, what: str) -> pb.CallResult:
        event = self._process.request(command)
        if event.HasField("failure"):
            _raise_remote(event.failure, self._process.language, what)
        return event.result

    def _announce(self) -> None:
        process = self._process
        print(
            f"instep: {process.language} {process.runtime} ({process.interpreter}, package instep {process.version}) "
            f"opens a {self._kind} in process {process.pid}.",
            file=sys.stderr,
            flush=True,
        )


def _stored(value: object, store: ObjectStore, name: str, what: str) -> bytes:
    """Encodes a value and puts its blobs where the other process finds them."""
    encoded = encode(value, name=name, on_loss="ignore")
    heed(encoded.losses, subject_of(name, what))
    for blob in encoded.blobs:
        store.put(blob)
    return encoded.manifest


def _raise_remote(failure: failure_pb2.Failure, language: str, what: str) -> NoReturn:
    """Raises what the other language reports, with its own account of it as a note."""
    details = {detail.key: detail.value for detail in failure.details}
    kind = failure.classes[0] if failure.classes else "error"
    error = RemoteError(
        f"{what} failed in {language} with {kind}: {failure.message}",
        language=failure.language,
        classes=tuple(failure.classes),
        remote_message=failure.message,
        call=details.get("call", ""),
        traceback=failure.traceback,
    )
    if failure.traceback:
        error.add_note(f"In {language}:{os.linesep}{failure.traceback}")
    raise error
