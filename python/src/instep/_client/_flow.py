"""`Flow`: a flow that has runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from instep._archive import instant
from instep._client import _html
from instep._client._node import Node
from instep._client._run import Run, status_names
from instep._client._scope import Scope, is_text
from instep._client._times import When, now, unix_ms
from instep.errors import UsageError

if TYPE_CHECKING:
    from instep_proto.v1 import run_pb2

    from instep._archive import Archive
    from instep._client._root import Instep

RUNS_SHOWN = 10


class Flow(Node[Run]):
    """A flow that has runs.

    Args:
        pathspec: Name of the flow.

    Raises:
        FlowUnknownError: The store has no run of a flow of this name.
        NamespaceMismatchError: None of its runs is in the namespace.

    Example:
        >>> Flow("Pricing").latest_run.data.report  # doctest: +SKIP
    """

    _PARTS = ("FLOW",)

    def _find(self) -> None:
        self._archive.run(self.id)

    def is_in_namespace(self) -> bool:
        """Tells whether one of its runs is in the namespace in which the object was made."""
        return self._scope.namespace is None or self.latest_run is not None

    def _children(self) -> Iterator[Run]:
        return self.runs()

    def _child(self, id: str) -> Run:
        return Run._checked(self._scope, (self.id, id))

    def _ipython_key_completions_(self) -> list[str]:
        return [run.id for run in islice(self, 100)]

    def _run_record(self) -> run_pb2.Run:
        from instep_proto.v1 import run_pb2

        return run_pb2.Run()  # no tags

    def _facts(self) -> str:
        run = self.latest_run
        return f"latest run {run.id} {run._facts()}" if run else "no runs"

    def _html_table(self) -> _html.Table:
        runs = list(islice(self, RUNS_SHOWN + 1))
        return _html.Table(
            ["run", "status", "started", "took", "by", "tags"],
            [run._html_row() for run in runs[:RUNS_SHOWN]],
            "There are older runs." if len(runs) > RUNS_SHOWN else "",
        )

    @property
    def parent(self) -> Instep:
        """The store."""
        from instep._client._root import Instep

        root = Instep.__new__(Instep)
        root._scope = self._scope
        return root

    @property
    def created_at(self) -> datetime:
        """When its first run was made, in UTC."""
        return instant(self._archive.run(self.id, "1").run.created_unix_ms)  # ids count up from 1

    @property
    def origin_pathspec(self) -> str | None:
        """None: flows are not resumed, runs are."""
        return None

    @property
    def latest_run(self) -> Run | None:
        """The newest run in the namespace, whatever its status. None: there is none."""
        return next(self.runs(), None)

    @property
    def latest_successful_run(self) -> Run | None:
        """The newest run in the namespace that succeeded. None: there is none."""
        return next((run for run in self.runs(status="succeeded") if run.successful), None)

    def runs(
        self,
        *tags: str,
        status: str | Sequence[str] | None = None,
        since: When | None = None,
        before: When | None = None,
        step: str | None = None,
    ) -> Iterator[Run]:
        """Yields runs, newest first. They are searched in the database, and read page by page.

        Args:
            *tags: Only runs that have all of these tags.
            status: Only runs with this status, or one of these: `pending`, `running`, `cancelling`, `succeeded`,
                `failed`, `cancelled`.
            since: Only runs made then or later: a datetime, a timedelta before now, or a text such as ``1 week``
                or ``2026-11-01``.
            before: Only runs made before that.
            step: Only runs that have a task of this step.

        Raises:
            UsageError: There is no such status, or a time that is none.

        Example:
            >>> list(Flow("Pricing").runs("nightly", status="failed", since="1 week"))  # doctest: +SKIP
        """
        for tag in tags:
            if not is_text(tag):
                raise UsageError(f"A tag is a text, unlike {tag!a}.")
        records = self._archive.runs(
            self.id,
            tags=[*self._scope.tags, *tags],
            states=status_names("RUN_STATE", status),
            since_unix_ms=unix_ms(since, now()) if since is not None else 0,
            before_unix_ms=unix_ms(before, now()) if before is not None else 0,
            step=step or "",
        )
        return (Run._of(self._scope, record) for record in records)


def flow_of(name: str, source: Archive) -> Flow:
    """Gives a flow of an archive, in any namespace, without asking whether it is there.

    Args:
        name: Name of the flow.
        source: The archive.
    """
    return Flow._unchecked(Scope.of(source), (name,))
