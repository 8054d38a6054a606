"""Finds tasks, attempts and artifacts in the database."""

from __future__ import annotations

from dataclasses import dataclass

from instep_server.db import _sqlite
from instep_server.db.connection import Row
from instep_server.db.database import Database
from instep_server.errors import Reason, RequestError
from instep_server.ids import is_id


@dataclass(frozen=True, slots=True)
class AttemptKey:
    """One attempt of a run."""

    task: int
    """The task."""
    attempt: int
    """Its number."""


def find_task(db: Database, run: Row, task_id: str) -> Row:
    """Finds a task.

    Args:
        db: The database.
        run: Row of the run.
        task_id: Id of the task.

    Raises:
        RequestError: TASK_UNKNOWN.
    """
    row = None
    if is_id(task_id):
        row = db.one(_sqlite.TASK, {"run": run["id"], "task": int(task_id)})
    if row is None:
        raise RequestError(
            Reason.TASK_UNKNOWN,
            f"Run {run['flow_name']}/{run['number']} has no task {task_id!r}.",
            task=task_id,
        )
    return row


def find_attempt(db: Database, run: Row, task_id: str, number: int | None) -> AttemptKey:
    """Finds an attempt.

    Args:
        db: The database.
        run: Row of the run.
        task_id: Id of the task.
        number: Number of the attempt. None: the latest.

    Raises:
        RequestError: TASK_UNKNOWN or ATTEMPT_UNKNOWN.
    """
    task = find_task(db, run, task_id)
    newest = task["attempts"] - 1
    if number is None and newest >= 0:
        return AttemptKey(task["number"], newest)
    if number is None or not 0 <= number <= newest:
        raise RequestError(
            Reason.ATTEMPT_UNKNOWN,
            f"Task {run['flow_name']}/{run['number']}/{task['step']}/{task_id} has"
            + (
                f" no attempt {number}: it has {newest + 1}."
                if number is not None
                else " not been tried yet."
            ),
            task=task_id,
        )
    return AttemptKey(task["number"], number)


def left_behind(db: Database, run: Row, key: AttemptKey) -> dict[str, Row]:
    """Finds all artifacts that an attempt left behind, inherited ones included.

    What a task did not assign it has from the task before, and so on back to a join or the run's inputs.

    Args:
        db: The database.
        run: Row of the run.
        key: The attempt.

    Returns:
        Their rows by name.
    """
    found: dict[str, Row] = {}
    task: int | None = key.task
    attempt = key.attempt
    while task is not None:
        for row in db.all(_sqlite.ARTIFACTS, {"run": run["id"], "task": task, "attempt": attempt}):
            found.setdefault(row["name"], row)
        above = db.one(_sqlite.PARENT_ATTEMPT, {"run": run["id"], "task": task})
        task, attempt = (above["number"], above["attempts"] - 1) if above is not None else (None, 0)
    for row in db.all(_sqlite.ARTIFACTS, {"run": run["id"], "task": 0, "attempt": 0}):
        found.setdefault(row["name"], row)
    return {name: row for name, row in found.items() if row["hash"] is not None}
