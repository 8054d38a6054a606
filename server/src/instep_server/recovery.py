"""Ends runs whose orchestrator is gone, and removes what it left.

A server that dies takes its hosts and workers with it: they are ended when their pipe closes. What is left are
rows that say that something runs, and the server's files; and where its hosts were killed with it, processes that
steps had started. Whoever opens the store next, or watches such a run, sets it right: each run once, in one
transaction with its events.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from instep_server.convert_run import failure_bytes
from instep_server.core.failure import Failure, FailureKind
from instep_server.core.states import (
    ATTEMPT,
    RUN,
    TASK,
    AttemptEvent,
    AttemptState,
    RunEvent,
    RunState,
    TaskEvent,
    TaskState,
    advance,
)
from instep_server.db import _sqlite
from instep_server.db.change import Change
from instep_server.db.connection import Connection, Row
from instep_server.db.database import Database
from instep_server.home import Home, is_alive
from instep_server.limits import MAX_LOG_BYTES
from instep_server.logs import LogFiles, LogStream, Spool, StreamLog
from instep_server.processes import end_leftovers
from instep_server.recorder import EventKind, event_row

_WHY = Failure(
    kind=FailureKind.INTERNAL,
    message="The run's orchestrator ended before the run did, as when its process is killed. Resume the run, or start it again.",
)


async def recover(db: Database, home: Home, now_ms: Callable[[], int]) -> None:
    """Ends the runs of all servers that are gone, and removes all that is left of these servers.

    Args:
        db: The database.
        home: The store.
        now_ms: The clock.

    Raises:
        StoreError: The database cannot be written.
    """
    killed = {owner for owner in home.owners() if not is_alive(home.lock(owner))}
    # Read after that: a server that was seen to be gone records no more runs.
    unfinished = {row["owner"] for row in db.all(_sqlite.OWNERS)}
    for owner in killed | {one for one in unfinished if not is_alive(home.lock(one))}:
        end_leftovers(home.spool(owner))
        if owner in unfinished:
            await db.write(lambda connection, owner=owner: _end_runs(connection, owner, home, now_ms()))  # type: ignore[misc]
        end_leftovers(
            home.spool(owner)
        )  # again: what was just being started, in the middle of exec, shows nothing yet
        home.clear(owner)


def _end_runs(connection: Connection, owner: str, home: Home, at: int) -> None:
    # Asked again inside the transaction: another server may have been faster.
    for run in connection.rows(_sqlite.ORPHANED_RUNS, {"owner": owner}):
        _end(connection, run, owner, home, at, _WHY)


def end_run(connection: Connection, *, owner: str, key: int, home: Home, at: int, why: str) -> None:
    """Ends a run that its own server had to give up, by what is recorded of it. Does nothing when it has ended.

    Args:
        connection: A connection with an open transaction.
        owner: The server.
        key: Row id of the run.
        home: The store.
        at: Time in unix milliseconds.
        why: Why it was given up.

    Raises:
        StoreError: A log can't be written.
    """
    failure = Failure(kind=FailureKind.INTERNAL, message=why)
    for run in connection.rows(_sqlite.ORPHANED_RUNS, {"owner": owner}):
        if run["id"] == key:
            _end(connection, run, owner, home, at, failure)


def _end(connection: Connection, run: Row, owner: str, home: Home, at: int, why: Failure) -> None:
    change = Change()
    for attempt in connection.rows(_sqlite.ORPHANED_ATTEMPTS, {"run": run["id"]}):
        _end_attempt(change, run, attempt, at, why)
        _save_logs(connection, change, run, attempt, home, home.spool(owner), at)
    for task in connection.rows(_sqlite.ORPHANED_TASKS, {"run": run["id"]}):
        _end_task(change, run, task, at)
    _end_run(change, run, at, why)
    change.apply(connection)


def _end_run(change: Change, run: Row, at: int, why: Failure) -> None:
    state = advance(RUN, RunState(run["state"]), RunEvent.FAIL)
    encoded = failure_bytes(why)
    change.updates.append(
        (
            _sqlite.UPDATE_RUN,
            {
                "of_run": run["id"],
                "state": state,
                "started_unix_ms": None,
                "finished_unix_ms": at,
                "failure": encoded,
                "failed_task": None,
                "caught": 0,
            },
        )
    )
    change.events.append(event_row(run["id"], at, EventKind.RUN_STATE, state=state, failure=encoded))


def _end_task(change: Change, run: Row, task: Row, at: int) -> None:
    state = advance(TASK, TaskState(task["state"]), TaskEvent.CANCEL)
    change.updates.append(
        (
            _sqlite.UPDATE_TASK,
            {
                "of_run": run["id"],
                "of_task": task["number"],
                "state": state,
                "finished_unix_ms": at,
                "attempts": task["attempts"],
            },
        )
    )
    change.events.append(
        event_row(
            run["id"],
            at,
            EventKind.TASK_STATE,
            state=state,
            step=task["step"],
            task=task["number"],
            language=task["language"],
            foreach_path=task["foreach_path"],
        )
    )


def _end_attempt(change: Change, run: Row, attempt: Row, at: int, why: Failure) -> None:
    state = advance(ATTEMPT, AttemptState(attempt["state"]), AttemptEvent.LOSE)
    encoded = failure_bytes(why)
    key = {"of_run": run["id"], "of_task": attempt["task"], "of_attempt": attempt["number"]}
    end = {
        "state": state,
        "finished_unix_ms": at,
        "failure": encoded,
        "timings": "",
        "max_rss_bytes": 0,
    }
    change.updates.append((_sqlite.END_ATTEMPT, {**key, **end}))
    change.updates.append((_sqlite.CLOSE_LOGS, key))
    change.events.append(
        event_row(
            run["id"],
            at,
            EventKind.ATTEMPT_STATE,
            state=state,
            step=attempt["step"],
            task=attempt["task"],
            attempt=attempt["number"],
            language=attempt["language"],
            pid=attempt["pid"],
            foreach_path=attempt["foreach_path"],
            failure=encoded,
        )
    )


def _save_logs(
    connection: Connection, change: Change, run: Row, attempt: Row, home: Home, folder: Path, at: int
) -> None:
    """Takes over what a worker wrote and nobody took."""
    files = LogFiles(home.logs)
    spool = Spool(folder, attempt["worker"])
    limit = run["max_log_bytes"] or MAX_LOG_BYTES
    for stream in LogStream:
        key = {"run": run["id"], "task": attempt["task"], "attempt": attempt["number"], "stream": stream}
        # Without drops, which the owner alone knew, the place in the log is the place in the output.
        length = connection.value(_sqlite.LOG_LENGTH, key)
        file = files.path(run["flow"], run["number"], attempt["task"], attempt["number"], stream)
        log = StreamLog(stream, file, limit, received=length, stored=length)
        change.log_chunks += (
            {
                **key,
                "start": chunk.start,
                "length": chunk.length,
                "at_unix_ms": at,
                "dropped": chunk.dropped,
                "checksum": chunk.checksum,
            }
            for chunk in spool.drain(log)
        )
