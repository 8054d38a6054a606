"""Where client objects look: a store, and the namespace that hides what is not in it.

A namespace is a tag used as a filter: objects of runs without it are left out of iterations, and refused when
they are asked for by name. Each object keeps the namespace in which it was made, and hands it to the objects that
are reached from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from instep._archive import Archive, archive
from instep._current import current
from instep._home import client_home
from instep._user import user_namespace
from instep.errors import TagInvalidError


@dataclass(frozen=True, slots=True)
class Scope:
    """A store and a namespace."""

    home: Path
    """The store's directory. Nothing is read from it when there is `given`."""
    namespace: str | None
    """The tag that runs must have. None: all can be seen."""
    given: Archive | None = None
    """The archive to ask, for commands with a server of their own. None: the one of this process."""

    @property
    def archive(self) -> Archive:
        """What answers questions. Another one after a fork, and after the end of an orchestrator."""
        return self.given or archive(self.home)

    @property
    def tags(self) -> tuple[str, ...]:
        """The namespace as a filter of runs."""
        return () if self.namespace is None else (self.namespace,)

    @classmethod
    def here(cls) -> Scope:
        """Gives the scope of objects that are made now by name.

        Raises:
            StoreMissingError: There is no store.
        """
        return cls(client_home(), get_namespace())

    @classmethod
    def everything(cls) -> Scope:
        """Gives the scope of objects that can be seen in any namespace.

        Raises:
            StoreMissingError: There is no store.
        """
        return cls(client_home(), None)

    @classmethod
    def again(cls, home: str, namespace: str | None) -> Scope:
        """Gives the scope of an object that comes from another process.

        Args:
            home: The store's directory there. When it is not here, the store of this process is meant.
            namespace: The namespace there.

        Raises:
            StoreMissingError: There is no store.
        """
        folder = Path(home)
        return cls(folder if folder.is_dir() else client_home(), namespace)

    @classmethod
    def of(cls, given: Archive) -> Scope:
        """Gives the scope of commands: everything that an archive has.

        Args:
            given: The archive.
        """
        return cls(Path(), None, given)


class _Chosen:
    """The namespace of this process, once somebody has chosen one."""

    is_set = False
    name: str | None = None


def namespace(name: str | None) -> str | None:
    """Chooses the namespace: from now on, clients see only runs that have this tag.

    Objects that exist already keep the namespace in which they were made.

    Args:
        name: A tag, given by people or by Instep, such as ``user:ada``. None: everything can be seen.

    Returns:
        The namespace.

    Raises:
        TagInvalidError: The name is empty or no text.

    Example:
        >>> namespace("user:ada")
        'user:ada'
        >>> namespace(None) is None
        True
    """
    if name is not None and not is_text(name):
        raise TagInvalidError(
            f"A namespace is a tag, such as 'user:ada', or None for everything; not {name!a}."
        )
    _Chosen.is_set, _Chosen.name = True, name
    return name


def is_text(value: object) -> bool:
    """Tells whether something can be a tag or a path: a text that is not empty, and can be sent."""
    if not isinstance(value, str) or not value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def get_namespace() -> str | None:
    """Tells the namespace that is in effect. None: everything can be seen."""
    return _Chosen.name if _Chosen.is_set else _default()


def default_namespace() -> str | None:
    """Goes back to the namespace that is in effect when nobody has chosen one.

    In a task it is the namespace of the run. Elsewhere it is what the environment variable ``INSTEP_NAMESPACE``
    says (empty: everything), and without that ``user:<name>``.

    Returns:
        The namespace. None: everything can be seen.
    """
    _Chosen.is_set, _Chosen.name = False, None
    return _default()


def _default() -> str | None:
    return (current.namespace if current.is_running_flow else user_namespace()) or None
