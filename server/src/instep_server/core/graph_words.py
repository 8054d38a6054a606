"""How the problems of graphs are worded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from instep_server.core.graph_types import R

_LONGEST_LIST = 12


def quoted(name: str) -> str:
    """Puts a name in quotes, as all messages do."""
    return f"'{name}'"


def listed(names: Iterable[str]) -> str:
    """Lists quoted names as in a sentence: `'a', 'b' and 'c'`."""
    words = [quoted(name) for name in names]
    if len(words) > _LONGEST_LIST:
        words = [*words[: _LONGEST_LIST - 1], f"{len(words) - _LONGEST_LIST + 1} more"]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def path_of(names: Sequence[str]) -> str:
    """Writes steps as the path that they make: `a->b->a`."""
    return "->".join(names)


def question(name: str, known: Sequence[str]) -> str:
    """Asks whether a name that is not known is meant to be a close one.

    Args:
        name: The name that was given.
        known: The names that exist.

    Returns:
        A sentence. Empty: no name is close.
    """
    close = get_close_matches(name.lower(), [other.lower() for other in known], n=3, cutoff=0.6)
    meant = [other for other in known if other.lower() in close]
    return f"Did you mean {' or '.join(quoted(other) for other in meant)}?" if meant else ""


def guess(name: str, known: Sequence[str], *, what: str) -> str:
    """Tells what a name that is not known may be meant to be.

    Args:
        name: The name that was given.
        known: The names that exist.
        what: What they are the names of, with its owner, such as `steps of the flow`.

    Returns:
        A sentence with the close names, or with all names when none is close.
    """
    if asked := question(name, known):
        return asked
    return f"The {what} are {listed(known)}." if known else f"There are no {what}."


def spelled(language: str, *, python: str, r: str) -> str:
    """Chooses the wording for the language in which the user wrote."""
    return r if language == R else python
