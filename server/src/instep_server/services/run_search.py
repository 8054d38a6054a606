"""Finds runs: the newest that have some state, tags, step and time.

Theory of operation. Each thing that a run can be asked for has an index that lists its runs, newest first. A search
walks the index that lists the fewest runs and looks at the rest of each run by its key. Counting stops early: of two
that both list many, either will do, since what is frequent is soon found.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

from instep_server.core.states import RunState
from instep_server.db import _sqlite
from instep_server.db.connection import Params
from instep_server.db.database import Database

END_OF_TIME = 2**62
MANY = 2_000
"""Where counting stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """What runs must be like."""

    flow: int = 0
    """Row id of their flow. 0: any."""
    states: frozenset[int] = frozenset()
    """Their state is one of these. Empty: any."""
    tags: Sequence[str] = ()
    """They have all of these."""
    step: str = ""
    """They have a task of this step. Empty: any."""
    since_unix_ms: int = 0
    """They were made then or later."""
    before_unix_ms: int = END_OF_TIME
    """They were made earlier."""
    before: int = END_OF_TIME
    """Their row ids are smaller: for the next page."""


def find_runs(db: Database, query: RunQuery, limit: int) -> list[int]:
    """Finds runs.

    Args:
        db: The database.
        query: What they must be like.
        limit: At most so many.

    Returns:
        Their row ids, newest first.
    """
    return _Search(db, query, limit).find()


class _Search:
    def __init__(self, db: Database, query: RunQuery, limit: int) -> None:
        self._db = db
        self._query = query
        self._limit = limit
        self._first = 0
        if query.since_unix_ms:
            found = db.value(_sqlite.FIRST_RUN_SINCE, {"since_unix_ms": query.since_unix_ms})
            self._first = END_OF_TIME if found is None else int(found)
        self._params: Params = {
            "flow": query.flow,
            "states": sum(1 << state for state in query.states),
            "tags": json.dumps(list(query.tags)),
            "step": query.step,
            "since_unix_ms": query.since_unix_ms,
            "before_unix_ms": query.before_unix_ms,
            "before": query.before,
            "first": self._first,
            "limit": limit,
        }

    def find(self) -> list[int]:
        ways: list[tuple[int, Callable[[], Iterable[int]]]] = [(self._count_states(), self._by_states)]
        ways += (
            (self._count(_sqlite.COUNT_TAG, tag=tag), partial(self._by_tag, tag)) for tag in self._query.tags
        )
        if self._query.step:
            ways.append((sum(1 for _ in islice(self._with_step(), MANY)), self._by_step))
        _, way = min(ways, key=lambda one: one[0])
        return list(islice(way(), self._limit))

    @property
    def _states(self) -> Iterable[int]:
        return self._query.states or RunState

    def _count_states(self) -> int:
        if not self._query.flow and not self._query.states:
            return MANY
        statement = _sqlite.COUNT_FLOW if self._query.flow else _sqlite.COUNT_STATE
        return min(MANY, sum(self._count(statement, state=state) for state in self._states))

    def _by_states(self) -> Iterable[int]:
        if not self._query.flow and not self._query.states:
            return self._ids(_sqlite.RUN_IDS)
        statement = _sqlite.RUN_IDS_OF_FLOW if self._query.flow else _sqlite.RUN_IDS_IN_STATE
        return heapq.merge(*(self._ids(statement, state=state) for state in self._states), reverse=True)

    def _by_tag(self, tag: str) -> Iterable[int]:
        return self._ids(_sqlite.RUN_IDS_WITH_TAG, tag=tag)

    def _by_step(self) -> Iterable[int]:
        return chain.from_iterable(
            self._ids(_sqlite.RUN_IDS, first=run, before=run + 1) for run in self._with_step()
        )

    def _with_step(self) -> Iterator[int]:
        """Yields the runs that have a task of the step. A wide foreach costs no more than a single task."""
        before = self._query.before
        while row := self._db.one(_sqlite.NEWEST_RUN_WITH_STEP, {**self._params, "before": before}):
            before = row["run"]
            if before < self._first:
                return
            yield before

    def _ids(self, statement: str, **more: int | str) -> list[int]:
        return [row["id"] for row in self._db.all(statement, {**self._params, **more})]

    def _count(self, statement: str, **more: int | str) -> int:
        return int(self._db.value(statement, {**self._params, **more, "limit": MANY}))
