"""The handle for a value that this process cannot, or may not, open."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from instep_proto.v1 import value_pb2 as pb

from instep.errors import OpaqueForeignError

if TYPE_CHECKING:
    from instep._opened import OpenedObject

ALLOW_VARIABLE: Final = "INSTEP_ALLOW_OPAQUE"
_LANGUAGES: Final = {"r": "R", "python": "Python"}


def _operator(what: str) -> Callable[..., Any]:
    """Makes the method of an operator, which is refused."""

    def refuse(self: ForeignObject, *_: object) -> NoReturn:
        _refuse(self, what)

    return refuse


class ForeignObject:
    """A value that only another language can open, such as a fitted model of R.

    It can be passed on, put into lists and dicts, and stored again unchanged; R then gets the very object back.
    `call` calls a function on it, in a process of its own language. Anything else that is done with it raises
    `OpaqueForeignError`.
    """

    __slots__ = (
        "_data",
        "_fetch",
        "_node",
        "_opened",
        "_root",
        "_trusted",
        "classes",
        "language",
        "preview",
        "producer",
    )

    language: str
    """The language that can open it: `r` or `python`."""
    classes: tuple[str, ...]
    """Its classes there, most specific first."""
    producer: str
    """Who wrote it, such as `instep 0.1.0 (r 4.2.2)`."""
    preview: str
    """What a person sees of it."""

    def __init__(
        self,
        node: pb.Node,
        parts: list[pb.Part],
        producer: str,
        root: bytes,
        *,
        fetch: Callable[[str, int], Any] | None = None,
        trusted: bool = True,
    ) -> None:
        """Made by `decode` only.

        Args:
            node: The opaque node; its body and buffers count into `parts`.
            parts: Its parts, all of which are inline or in the store.
            producer: Who wrote the manifest it comes from.
            root: That manifest, if the object is all of it. Empty: it was inside of another value.
            fetch: Gives the bytes of blobs by hash and size. None: they can't be had in this process.
            trusted: Whether the object may be opened, which can run code.
        """
        self.language = node.opaque.language
        self.classes = tuple(node.opaque.classes)
        self.producer = producer
        self.preview = node.opaque.preview
        self._node = node
        self._data = parts
        self._root = root
        self._fetch = fetch
        self._trusted = trusted
        self._opened: OpenedObject | None = None

    def open(self) -> OpenedObject:
        """Opens the object in a process of its own language, which is started unless one runs for this handle.

        What is started, with which interpreter and package, is told on stderr. The process ends with
        `close`, with the `with` block that the result is used in, or with this process.

        Returns:
            The open object, for `with handle.open() as model: model.call("predict", newdata=frame)`.

        Raises:
            OpaqueForeignError: Opening it, which can run code, is not allowed: `INSTEP_ALLOW_OPAQUE` is `false`, or
                the handle was read with `allow_opaque=False`.
            OpenerFailedError: The process can't be started.
            RemoteError: The other language can't open the object.
        """
        if not may_open(allowed=self._trusted):
            raise OpaqueForeignError(
                f"Opening {self._kind()!r} of {self._language()}, which can run code, is not allowed here. Allow it "
                f"with {ALLOW_VARIABLE}=true, and read it with allow_opaque=True, if you trust the store.",
                language=self.language,
                classes=self.classes,
                producer=self.producer,
            )
        if self._opened is None or self._opened.is_closed:
            from instep._opened import OpenedObject

            self._opened = OpenedObject(self)
        return self._opened

    def call(self, function: str, /, *arguments: object, **named: object) -> object:
        """Calls a function on the object, in the process that `open` starts; it is used again by the next call.

        Args:
            function: Name of the function, as for `OpenedObject.call`.
            *arguments: What follows the object.
            **named: The same, by name.

        Returns:
            The result, read as an artifact would be.

        Raises:
            RemoteError: The function raised an error.
            OpaqueForeignError: Opening the object is not allowed.
            OpenerFailedError: The process can't be started, or has ended.
        """
        return self.open().call(function, *arguments, **named)

    def close(self) -> None:
        """Ends the process that `open` or `call` started. Nothing happens when none runs."""
        if self._opened is not None:
            self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _kind(self) -> str:
        return self.classes[0] if self.classes else "object"

    def _language(self) -> str:
        return _LANGUAGES.get(self.language, self.language)

    def _stored(self) -> tuple[pb.Node, list[pb.Part], bytes]:
        """Gives the node, its parts, and the manifest of which it is all: for storing it again."""
        return self._node, self._data, self._root

    def __repr__(self) -> str:
        text = f"<ForeignObject: {self._language()} {self._kind()}, written by {self.producer}>"
        return f"{text}\n{self.preview}" if self.preview else text

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # protocols that Python only asks about, such as copying
        _refuse(self, f"read its attribute {name!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ForeignObject):
            return NotImplemented
        return self._node == other._node and self._data == other._data

    def __hash__(self) -> int:
        return hash(self._node.SerializeToString(deterministic=True))

    def __copy__(self) -> Self:
        return self  # nothing that can be seen of it ever changes

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Callable[..., ForeignObject], tuple[Any, ...]]:
        parts = [part.SerializeToString(deterministic=True) for part in self._data]
        node = self._node.SerializeToString(deterministic=True)
        return _restore, (node, parts, self.producer, self._root, self._trusted)

    def __call__(self, *_: object, **__: object) -> NoReturn:
        _refuse(self, "call it")

    def __getitem__(self, key: object) -> NoReturn:
        _refuse(self, f"read its element {key!r}")

    def __setitem__(self, key: object, value: object) -> NoReturn:
        _refuse(self, f"set its element {key!r}")

    def __len__(self) -> NoReturn:
        _refuse(self, "read its length")

    def __iter__(self) -> NoReturn:
        _refuse(self, "read its elements")

    def __bool__(self) -> bool:
        return True

    __add__ = __radd__ = _operator("apply + to it")
    __sub__ = __rsub__ = __neg__ = _operator("apply - to it")
    __mul__ = __rmul__ = _operator("apply * to it")
    __truediv__ = __rtruediv__ = _operator("apply / to it")
    __floordiv__ = __rfloordiv__ = _operator("apply // to it")
    __mod__ = __rmod__ = _operator("apply % to it")
    __pow__ = __rpow__ = _operator("apply ** to it")
    __matmul__ = __rmatmul__ = _operator("apply @ to it")
    __and__ = __rand__ = _operator("apply & to it")
    __or__ = __ror__ = _operator("apply | to it")
    __lt__ = _operator("apply < to it")
    __le__ = _operator("apply <= to it")
    __gt__ = _operator("apply > to it")
    __ge__ = _operator("apply >= to it")
    __abs__ = __float__ = __int__ = _operator("turn it into a number")


def may_open(*, allowed: bool) -> bool:
    """Says whether opaque values may be opened, which can run code."""
    return allowed and os.environ.get(ALLOW_VARIABLE, "").lower() not in {"false", "0", "no"}


def _refuse(handle: ForeignObject, what: str) -> NoReturn:
    kind, language = handle._kind(), handle._language()
    advice = (
        "Opening it was not allowed here: read it where opaque values are trusted (INSTEP_ALLOW_OPAQUE)."
        if handle.language == "python"
        else f'Call functions of {language} on it, as in handle.call("name", ...); or use it in a step written in '
        f"{language}, and store there what Python needs of it as numbers, text, lists or data frames."
    )
    raise OpaqueForeignError(
        f"Python can't {what}: this is a {kind!r} of {language}, written by {handle.producer}, "
        f"which only {language} can open. {advice}",
        language=handle.language,
        classes=handle.classes,
        producer=handle.producer,
    )


def _restore(
    node: bytes, parts: list[bytes], producer: str, root: bytes, trusted: bool = True
) -> ForeignObject:
    stored = [pb.Part.FromString(part) for part in parts]
    return ForeignObject(pb.Node.FromString(node), stored, producer, root, trusted=trusted)
