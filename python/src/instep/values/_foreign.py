"""The handle for a value that this process cannot, or may not, open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

from instep_proto.v1 import value_pb2 as pb

from instep.errors import OpaqueForeignError

_LANGUAGES: Final = {"r": "R", "python": "Python"}


class ForeignObject:
    """A value that only another language can open, such as a fitted model of R.

    It can be passed on, put into lists and dicts, and stored again unchanged; R then gets the very object back.
    Anything else that is done with it raises `OpaqueForeignError`.
    """

    __slots__ = ("_data", "_node", "_root", "classes", "language", "preview", "producer")

    language: str
    """The language that can open it: `r` or `python`."""
    classes: tuple[str, ...]
    """Its classes there, most specific first."""
    producer: str
    """Who wrote it, such as `instep 0.1.0 (r 4.2.2)`."""
    preview: str
    """What a person sees of it."""

    def __init__(self, node: pb.Node, parts: list[pb.Part], producer: str, root: bytes) -> None:
        """Made by `decode` only.

        Args:
            node: The opaque node; its body and buffers count into `parts`.
            parts: Its parts, all of which are inline or in the store.
            producer: Who wrote the manifest it comes from.
            root: That manifest, if the object is all of it. Empty: it was inside of another value.
        """
        self.language = node.opaque.language
        self.classes = tuple(node.opaque.classes)
        self.producer = producer
        self.preview = node.opaque.preview
        self._node = node
        self._data = parts
        self._root = root

    def _stored(self) -> tuple[pb.Node, list[pb.Part], bytes]:
        """Gives the node, its parts, and the manifest of which it is all: for storing it again."""
        return self._node, self._data, self._root

    def __repr__(self) -> str:
        kind = self.classes[0] if self.classes else "object"
        text = f"<ForeignObject: {_LANGUAGES.get(self.language, self.language)} {kind}, written by {self.producer}>"
        return f"{text}\n{self.preview}" if self.preview else text

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # protocols that Python only asks about, such as copying
        _refuse(self, f"its attribute {name!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ForeignObject):
            return NotImplemented
        return self._node == other._node and self._data == other._data

    def __hash__(self) -> int:
        return hash(self._node.SerializeToString(deterministic=True))

    def __reduce__(self) -> tuple[Callable[..., ForeignObject], tuple[Any, ...]]:
        parts = [part.SerializeToString(deterministic=True) for part in self._data]
        return _restore, (self._node.SerializeToString(deterministic=True), parts, self.producer, self._root)

    def __call__(self, *_: object, **__: object) -> NoReturn:
        _refuse(self, "a call of it")

    def __getitem__(self, key: object) -> NoReturn:
        _refuse(self, f"its element {key!r}")

    def __setitem__(self, key: object, value: object) -> NoReturn:
        _refuse(self, f"its element {key!r}")

    def __len__(self) -> NoReturn:
        _refuse(self, "its length")

    def __iter__(self) -> NoReturn:
        _refuse(self, "its elements")

    def __bool__(self) -> bool:
        return True


def _refuse(handle: ForeignObject, what: str) -> NoReturn:
    kind = handle.classes[0] if handle.classes else "object"
    language = _LANGUAGES.get(handle.language, handle.language)
    advice = (
        "Opening it was not allowed here: read it where opaque values are trusted (INSTEP_ALLOW_OPAQUE)."
        if handle.language == "python"
        else f"Use it in a step written in {language}, and store there what Python needs of it "
        "as numbers, text, lists or data frames."
    )
    raise OpaqueForeignError(
        f"Python can't read {what}: this is a {kind!r} of {language}, written by {handle.producer}, "
        f"which only {language} can open. {advice}",
        language=handle.language,
        classes=handle.classes,
        producer=handle.producer,
    )


def _restore(node: bytes, parts: list[bytes], producer: str, root: bytes) -> ForeignObject:
    return ForeignObject(
        pb.Node.FromString(node), [pb.Part.FromString(part) for part in parts], producer, root
    )
