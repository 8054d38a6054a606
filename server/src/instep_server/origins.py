"""Finds what earlier runs did, so that a run can take it over."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from instep_proto.v1 import control_service_pb2, graph_pb2

from instep_server._convert import graph_step_from_proto
from instep_server.convert_run import artifact_from_row, path_from_text
from instep_server.core.graph_types import Graph
from instep_server.core.graph_words import listed
from instep_server.core.past import (
    Again,
    Past,
    PastAttempt,
    PastSteps,
    PastTask,
    Resumed,
    Unchanged,
    again_from,
)
from instep_server.core.planned import Clone, Outcome
from instep_server.core.reuse import environment_of, onward_of
from instep_server.core.states import TaskState
from instep_server.db import _sqlite
from instep_server.db.connection import Row
from instep_server.db.database import Database
from instep_server.errors import Reason, RequestError
from instep_server.ids import is_id
from instep_server.lost import LostObjects


def find_origin(db: Database, flow: str, reuse: control_service_pb2.Reuse) -> Row | None:
    """Finds the run that is to be resumed.

    Args:
        db: The database.
        flow: Name of the flow.
        reuse: What was asked for.

    Returns:
        Its row. None: no run is to be resumed.

    Raises:
        RequestError: ORIGIN_UNKNOWN.
    """
    run_id = reuse.origin_run_id
    if not run_id:
        return None
    row = None
    if is_id(run_id):
        row = db.one(_sqlite.RUN, {"flow": flow, "number": int(run_id)})
    if row is None:
        raise RequestError(
            Reason.ORIGIN_UNKNOWN, f"Flow {flow!r} has no run {run_id!r} to resume.", flow=flow, run=run_id
        )
    return row


def find_past(
    db: Database, graph: Graph, reuse: control_service_pb2.Reuse, origin: Row | None, lost: LostObjects
) -> Past | None:
    """Finds what a run can take over.

    Args:
        db: The database.
        graph: The graph that is to run.
        reuse: What was asked for.
        origin: Row of the run that is to be resumed. None: none is.
        lost: Tells which artifacts are lost. Their tasks are not taken over.

    Returns:
        Earlier runs, as the plan sees them.

    Raises:
        RequestError: ORIGIN_UNKNOWN, there is no such step; MALFORMED, a step without a run.
    """
    again = again_from(graph, _step(graph, reuse.step)) if reuse.step else Again()
    if origin is not None and not reuse.unchanged_only:
        return Resumed(origin["number"], _tasks(db, origin, lost), again)
    if origin is None and reuse.step:
        raise RequestError(Reason.MALFORMED, "A step is named, but no run that is to be resumed.")
    last = origin if origin is not None else db.one(_sqlite.NEWEST_RUN, {"flow": graph.flow})
    only = origin["id"] if origin is not None else 0
    return Unchanged(
        graph.flow, partial(_attempts, db, only, lost), again, _steps(db, last) if last is not None else None
    )


def _step(graph: Graph, name: str) -> str:
    """Finds a step by its name, which may be written in another case when that is clear."""
    if name in graph:
        return name
    names = [step.name for step in graph.steps]
    close = [one for one in names if one.lower() == name.lower()]
    if len(close) == 1:
        return close[0]
    raise RequestError(
        Reason.ORIGIN_UNKNOWN,
        f"Flow {graph.flow!r} has no step {name!r} to resume from. Its steps are {listed(names)}.",
        step=name,
    )


def _tasks(db: Database, run: Row, lost: LostObjects) -> Iterator[PastTask]:
    """Reads all tasks of a run, with what the successful ones did."""
    key = {"run": run["id"]}
    parents, artifacts = defaultdict[int, list[int]](list), defaultdict[int, list[Row]](list)
    for row in db.all(_sqlite.ALL_PARENTS, key):
        parents[row["task"]].append(row["parent"])
    for row in db.all(_sqlite.LAST_ARTIFACTS, key):
        artifacts[row["task"]].append(row)
    attempts = {row["task"]: row for row in db.all(_sqlite.LAST_ATTEMPTS, key)}
    for row in db.all(_sqlite.ALL_TASKS, key):
        number = row["number"]
        yield PastTask(
            id=number,
            step=row["step"],
            parents=tuple(parents[number]),
            foreach_path=tuple(path_from_text(row["foreach_path"])),
            state=TaskState(row["state"]),
            clone=_clone(attempts[number], artifacts[number])
            if number in attempts and not any(map(lost.include, artifacts[number]))
            else None,
        )


def _attempts(db: Database, only: int, lost: LostObjects, reuse_key: str) -> Iterator[PastAttempt]:
    """Reads attempts with a key, newest runs first: of one run, or of all when it is 0."""
    for row in db.all(_sqlite.REUSABLE, {"reuse_key": reuse_key, "only": only}):
        if lost and any(map(lost.include, _artifacts(db, row))):
            continue
        yield PastAttempt(
            id=(row["run"], row["task"]),
            number=row["run_number"],
            reads=json.loads(row["reads"]),
            load=partial(_load, db, row),
        )


def _load(db: Database, attempt: Row) -> Clone:
    return _clone(attempt, _artifacts(db, attempt))


def _artifacts(db: Database, attempt: Row) -> Sequence[Row]:
    key = {"run": attempt["run"], "task": attempt["task"], "attempt": attempt["number"]}
    return db.all(_sqlite.ARTIFACTS, key)


def _clone(attempt: Row, artifacts: Iterable[Row]) -> Clone:
    artifacts = list(artifacts)
    return Clone(
        run=attempt["run"],
        task=attempt["task"],
        attempt=attempt["number"],
        outcome=Outcome(
            outputs=[artifact_from_row(row) for row in artifacts if row["hash"] is not None],
            deleted=[row["name"] for row in artifacts if row["hash"] is None],
            foreach_count=attempt["foreach_count"],
            switch_case=attempt["switch_case"],
            caught=attempt["failure"] is not None,
        ),
    )


def _steps(db: Database, run: Row) -> PastSteps:
    graph = graph_pb2.Graph.FromString(db.all(_sqlite.RUN_GRAPH, {"run": run["id"]})[0]["graph"])
    steps = [graph_step_from_proto(step) for step in graph.steps]
    return PastSteps(
        number=run["number"],
        codes={step.name: step.spec.code for step in steps},
        environments={step.name: environment_of(step) for step in steps},
        onward={step.name: onward_of(step) for step in steps},
        widths=_widths(db, run),
    )


def _widths(db: Database, run: Row) -> dict[str, frozenset[int]]:
    """Counts, for each step, how many tasks its successful tasks took input from."""
    key = {"run": run["id"]}
    parents = Counter(row["task"] for row in db.all(_sqlite.ALL_PARENTS, key))
    found = defaultdict[str, set[int]](set)
    for row in db.all(_sqlite.ALL_TASKS, key):
        if TaskState(row["state"]) is TaskState.SUCCEEDED:
            found[row["step"]].add(parents[row["number"]])
    return {step: frozenset(counts) for step, counts in found.items()}
