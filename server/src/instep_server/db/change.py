"""One change of state: the rows that it makes and changes, written in one transaction.

Rows that are new are written first, then changes of rows in the order in which they were added, then events, so
that an event is never seen before what it tells.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from instep_server.db import _sqlite
from instep_server.db.connection import Connection, Params


@dataclass(slots=True)
class Change:
    """Rows to write together."""

    tasks: list[Params] = field(default_factory=list)
    """New tasks."""
    parents: list[Params] = field(default_factory=list)
    """Which tasks these took input from."""
    attempts: list[Params] = field(default_factory=list)
    """New attempts."""
    clones: list[Params] = field(default_factory=list)
    """Attempts of clones: which ones to copy."""
    artifacts: list[Params] = field(default_factory=list)
    """New artifacts."""
    manifests: list[Params] = field(default_factory=list)
    """Small manifests. Those that are there are left alone."""
    log_chunks: list[Params] = field(default_factory=list)
    """New pieces of logs."""
    updates: list[tuple[str, Params]] = field(default_factory=list)
    """Statements that change rows, with their parameters."""
    events: list[Params] = field(default_factory=list)
    """What happened."""

    def apply(self, connection: Connection) -> None:
        """Writes all rows.

        Args:
            connection: A connection with an open transaction.
        """
        for statement, rows in (
            (_sqlite.INSERT_TASK, self.tasks),
            (_sqlite.INSERT_TASK_PARENT, self.parents),
            (_sqlite.INSERT_ATTEMPT, self.attempts),
            (_sqlite.COPY_ATTEMPT, self.clones),
            (_sqlite.INSERT_ARTIFACT, self.artifacts),
            (_sqlite.INSERT_MANIFEST, self.manifests),
            (_sqlite.INSERT_LOG_CHUNK, self.log_chunks),
        ):
            if rows:
                connection.executemany(statement, rows)
        for statement, row in self.updates:
            connection.execute(statement, row)
        if self.events:
            connection.executemany(_sqlite.INSERT_EVENT, self.events)

    def __bool__(self) -> bool:
        """True when there is something to write."""
        return any(
            (
                self.tasks,
                self.attempts,
                self.artifacts,
                self.manifests,
                self.log_chunks,
                self.updates,
                self.events,
            )
        )
