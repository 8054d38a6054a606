"""What all objects of the client have in common: a path, a scope, children, tags."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

from instep._client import _html
from instep._client._scope import Scope, is_text
from instep.errors import NamespaceMismatchError, NotFoundError, PathspecInvalidError

if TYPE_CHECKING:
    from typing import Any

    from instep_proto.v1 import run_pb2

    from instep._archive import Archive

_Child = TypeVar("_Child", bound="Node[Any]")


class Node(ABC, Generic[_Child]):
    """An object of the client.

    Args:
        pathspec: Ids from the flow down to the object, joined by ``/``.
    """

    _PARTS: ClassVar[tuple[str, ...]]

    def __init__(self, pathspec: str) -> None:
        parts = tuple(pathspec.split("/")) if is_text(pathspec) else ()
        if len(parts) != len(self._PARTS) or not all(parts):
            raise PathspecInvalidError(
                f"{type(self).__name__} takes a path of the form {'/'.join(self._PARTS)!r}, not {pathspec!a}.",
                pathspec=pathspec,
            )
        self._bind(Scope.here(), parts)
        self._check()

    def _bind(self, scope: Scope, parts: tuple[str, ...]) -> None:
        self._scope = scope
        self._parts = parts

    @classmethod
    def _unchecked(cls, scope: Scope, parts: tuple[str, ...]) -> Self:
        """Makes an object that is known to be there."""
        node = cls.__new__(cls)
        node._bind(scope, parts)
        return node

    @classmethod
    def _checked(cls, scope: Scope, parts: tuple[str, ...]) -> Self:
        """Makes an object of any scope, as the constructor does of the one in effect."""
        node = cls._unchecked(scope, parts)
        node._check()
        return node

    def _check(self) -> None:
        """Raises an error when there is no such object, or when it is outside of the namespace."""
        self._find()
        self._check_namespace()

    @abstractmethod
    def _find(self) -> None:
        """Reads what is recorded, or raises a `NotFoundError`."""

    def _check_namespace(self) -> None:
        if not self.is_in_namespace():
            raise NamespaceMismatchError(
                f"{type(self).__name__} {self.pathspec!r} is not in the namespace {self._scope.namespace!r}. "
                "Choose another one with namespace('...'), or see everything with namespace(None).",
                pathspec=self.pathspec,
                namespace=self._scope.namespace,
            )

    def is_in_namespace(self) -> bool:
        """Tells whether the namespace in which the object was made lets it be seen."""
        return self._scope.namespace is None or self._scope.namespace in self.tags

    @property
    def _archive(self) -> Archive:
        return self._scope.archive

    def __repr__(self) -> str:
        facts = self._facts()
        return f"<{type(self).__name__} {self.pathspec}{': ' if facts else ''}{facts}>"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Node) and self._parts == other._parts

    def __hash__(self) -> int:
        return hash((type(self), self._parts))

    def __reduce__(self) -> tuple[object, ...]:
        home = "" if self._scope.given else str(self._scope.home)
        return _again, (type(self), self._parts, home, self._scope.namespace)

    def __iter__(self) -> Iterator[_Child]:
        return self._children()

    def __getitem__(self, id: str) -> _Child:
        try:
            return self._child(str(id))
        except NotFoundError as err:
            raise KeyError(id) from err

    def __contains__(self, id: object) -> bool:
        try:
            self._child(str(id))
        except (NotFoundError, NamespaceMismatchError):
            return False
        return True

    def _ipython_key_completions_(self) -> list[str]:
        return [child.id for child in self]

    @abstractmethod
    def _children(self) -> Iterator[_Child]:
        """Yields the children, newest created first."""

    @abstractmethod
    def _child(self, id: str) -> _Child:
        """Gives one child.

        Raises:
            NotFoundError: There is none.
            NamespaceMismatchError: It is outside of the namespace.
        """

    @property
    def id(self) -> str:
        """The object's own id: the last part of its path."""
        return self._parts[-1]

    @property
    def pathspec(self) -> str:
        """Ids from the flow down to the object, joined by ``/``."""
        return "/".join(self._parts)

    @property
    def path_components(self) -> list[str]:
        """Ids from the flow down to the object."""
        return list(self._parts)

    @property
    @abstractmethod
    def created_at(self) -> datetime:
        """When it was made, in UTC."""

    @property
    @abstractmethod
    def origin_pathspec(self) -> str | None:
        """Path of what it was taken over from by `resume`. None: it was not, or ran again."""

    @property
    def tags(self) -> frozenset[str]:
        """All tags of the run that it belongs to. A flow has none."""
        run = self._run_record()
        return frozenset([*run.user_tags, *run.system_tags])

    @property
    def user_tags(self) -> frozenset[str]:
        """Tags that people gave to the run."""
        return frozenset(self._run_record().user_tags)

    @property
    def system_tags(self) -> frozenset[str]:
        """Tags that Instep gave to the run."""
        return frozenset(self._run_record().system_tags)

    def _run_record(self) -> run_pb2.Run:
        """Reads the run: its tags may change at any time."""
        return self._archive.run(self._parts[0], self._parts[1]).run

    def _facts(self) -> str:
        """Says in a few words what a person wants to know."""
        return ""

    def _repr_html_(self) -> str:
        return _html.block(type(self).__name__, self.pathspec, self._facts(), self._html_table())

    def _html_table(self) -> _html.Table | None:
        return None


def _again(
    cls: type[Node[Any]], parts: tuple[str, ...], home: str, namespace: str | None, *more: object
) -> Node[Any]:
    """Makes an object that was pickled."""
    scope = Scope.again(home or str(Path(".instep")), namespace)
    return cls._checked(scope, parts, *more)
