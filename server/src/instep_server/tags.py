"""The rules for the tags of runs, and changes of them."""

from __future__ import annotations

from collections.abc import Iterable

from instep_server.db import _sqlite
from instep_server.db.connection import Connection
from instep_server.db.database import Database
from instep_server.errors import Reason, RequestError

MAX_TAGS = 50
"""Most tags that people may give to one run."""
MAX_TAG_LENGTH = 500
"""Most characters of a tag."""


def check_tags(tags: Iterable[str]) -> None:
    """Checks the form of tags.

    Args:
        tags: The tags.

    Raises:
        RequestError: TAG_INVALID.
    """
    for tag in tags:
        if not tag:
            raise _invalid("A tag can't be empty.")
        if len(tag) > MAX_TAG_LENGTH:
            raise _invalid(
                f"A tag has at most {MAX_TAG_LENGTH} characters, and this one has {len(tag):,}: {tag[:40]!r}..."
            )


def check_number(user_tags: Iterable[str]) -> None:
    """Checks that a run has not too many tags.

    Args:
        user_tags: The tags that people gave, each once.

    Raises:
        RequestError: TAG_INVALID.
    """
    count = sum(1 for _ in user_tags)
    if count > MAX_TAGS:
        raise _invalid(f"A run has at most {MAX_TAGS} tags, and this one would have {count:,}.")


def user_tags(db: Database, run: int) -> list[str]:
    """Reads the tags that people gave to a run, sorted.

    Args:
        db: The database.
        run: Row id of the run.
    """
    return [row["name"] for row in db.all(_sqlite.RUN_TAGS, {"run": run}) if not row["is_system"]]


def change_tags(connection: Connection, run: int, *, remove: Iterable[str], add: Iterable[str]) -> None:
    """Changes the tags that people gave to a run: all that is asked for or nothing.

    Args:
        connection: A connection with an open transaction.
        run: Row id of the run.
        remove: Tags to remove, which goes first. Those that are not there are ignored.
        add: Tags to add. Those that are there, also as system tags, are ignored.

    Raises:
        RequestError: TAG_INVALID. Nothing has changed.
    """
    remove, add = set(remove), set(add)
    if not remove and not add:
        raise _invalid("Name a tag to add or to remove.")
    check_tags(sorted(remove | add))
    rows = connection.rows(_sqlite.RUN_TAGS, {"run": run})
    system = {row["name"] for row in rows if row["is_system"]}
    user = {row["name"] for row in rows if not row["is_system"]}
    if fixed := sorted(remove & system):
        raise _invalid(f"{fixed[0]!r} is a system tag, which can't be removed. Nothing was changed.")
    after = user - remove | (add - system)
    check_number(after)
    for statement, names in ((_sqlite.DELETE_TAG, user - after), (_sqlite.INSERT_TAG, after - user)):
        connection.executemany(statement, [{"run": run, "name": name, "is_system": 0} for name in names])


def _invalid(message: str) -> RequestError:
    return RequestError(Reason.TAG_INVALID, message)
