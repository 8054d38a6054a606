"""What must hold of a store after any fault, checked in its files and in its database, past all of our own readers."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3
from instep_proto.v1 import value_pb2
from instep_server.core.states import ATTEMPT_ENDS, RUN_ENDS, TASK_ENDS, AttemptState, RunState, TaskState
from instep_server.recorder import EventKind

Outcome = dict[str, dict[str, str]]
"""The hashes of all artifacts by name, by task: its step and its place in loops."""
_OBJECT = re.compile(r"b3/([0-9a-f]{2})/([0-9a-f]{62})")


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has ended."""

    flow: str
    number: int
    state: RunState
    outcome: Outcome
    origins: frozenset[tuple[int, int]]
    """The tasks that it took over: numbers of run and task."""


class Evidence:
    """The files of one store.

    Args:
        root: The store's directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._whole: set[str] = set()
        self._complete: set[str] = set()

    def object_problems(self, path: Path) -> Iterator[str]:
        """Checks a file that has appeared among the objects. One with an object's name must be whole from then on."""
        match = _OBJECT.fullmatch(str(path.relative_to(self.root / "objects")))
        if match is None or path.name in self._whole:
            return
        found = blake3(path.read_bytes()).hexdigest()
        if found != match[1] + match[2]:
            yield f"the object {path.name} has the hash {found} and {path.stat().st_size} bytes when it is seen"
        self._whole.add(path.name)

    def last_run(self) -> int:
        """Gives the number of the newest run. 0: none was recorded."""
        if not (self.root / "instep.db").exists():
            return 0
        with closing(self._connect()) as db:
            if not db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'runs'").fetchone()[0]:
                return 0
            return int(db.execute("SELECT coalesce(max(number), 0) FROM runs").fetchone()[0])

    def newest(self) -> Ended:
        """Gives the newest run."""
        return self.runs()[-1]

    def runs(self) -> list[Ended]:
        """Gives all runs, oldest first."""
        with closing(self._connect()) as db:
            rows = db.execute(
                "SELECT runs.id, flows.name, number, state FROM runs JOIN flows ON flows.id = runs.flow ORDER BY runs.id"
            )
            return [
                Ended(flow, number, RunState(state), self._outcome(db, id), self._origins(db, id))
                for id, flow, number, state in rows.fetchall()
            ]

    def _outcome(self, db: sqlite3.Connection, run: int) -> Outcome:
        found = db.execute(
            "SELECT tasks.step || '/' || tasks.foreach_path, artifacts.name, artifacts.hash FROM artifacts"
            " JOIN tasks ON tasks.run = artifacts.run AND tasks.number = artifacts.task"
            " AND tasks.attempts - 1 = artifacts.attempt WHERE artifacts.run = ? AND tasks.state = ?",
            (run, TaskState.SUCCEEDED),
        )
        outcome: Outcome = {}
        for task, name, hash in found:
            outcome.setdefault(task, {})[name] = hash
        return outcome

    def _origins(self, db: sqlite3.Connection, run: int) -> frozenset[tuple[int, int]]:
        found = db.execute(
            "SELECT runs.number, tasks.origin_task FROM tasks JOIN runs ON runs.id = tasks.origin_run WHERE tasks.run = ?",
            (run,),
        )
        return frozenset((number, task) for number, task in found)

    def tags(self, flow: str, number: int) -> set[str]:
        """Gives the tags of a run."""
        with closing(self._connect()) as db:
            found = db.execute(
                "SELECT tags.name FROM tags JOIN runs ON runs.id = tags.run JOIN flows ON flows.id = runs.flow"
                " WHERE flows.name = ? AND number = ?",
                (flow, number),
            )
            return {name for (name,) in found}

    def at_work(self) -> set[int]:
        """Gives the process ids of workers that hold a task."""
        if not self.last_run():
            return set()
        with closing(self._connect()) as db:
            states = _list((AttemptState.LEASED, AttemptState.STARTED))
            return {pid for (pid,) in db.execute(f"SELECT pid FROM attempts WHERE state IN ({states})")}

    def lost_attempts(self) -> dict[tuple[int, int, int], bool]:
        """Tells which attempts were given up, as run, task and number, and whether they have artifacts."""
        with closing(self._connect()) as db:
            rows = db.execute(
                "SELECT run, task, number, EXISTS (SELECT 1 FROM artifacts WHERE artifacts.run = attempts.run"
                " AND artifacts.task = attempts.task AND attempt = attempts.number) FROM attempts WHERE state = ?",
                (AttemptState.LOST,),
            )
            return {(run, task, number): bool(has) for run, task, number, has in rows}

    def problems(self, seen_done: set[tuple[int, int]]) -> Iterator[str]:
        """Checks all that must hold when no process works in the store.

        Args:
            seen_done: Tasks that a command has told to be done: the number of the run and that of the task.
        """
        for path in sorted((self.root / "objects").rglob("*")):
            if path.is_file() and path.parent.name != "tmp":
                yield from self.object_problems(path)
                if not _OBJECT.fullmatch(str(path.relative_to(self.root / "objects"))):
                    yield f"{path} was left among the objects"
        for folder in ("owners", "spool", "tmp"):
            yield from (
                f"{path} was left"
                for path in (self.root / folder).glob("*")
                if path.suffix != ".new"  # of a server that was killed as it started: removed when it is old
            )
        with closing(self._connect()) as db:
            yield from (
                f"integrity_check: {row[0]}" for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"
            )
            yield from (f"foreign_key_check: {row}" for row in db.execute("PRAGMA foreign_key_check"))
            yield from self._states(db)
            yield from self._artifacts(db)
            # By the attempt: a task whose run was cancelled meanwhile counts as cancelled all the same.
            done = set(
                db.execute(
                    "SELECT runs.number, attempts.task FROM attempts JOIN runs ON runs.id = attempts.run"
                    f" WHERE attempts.state = {AttemptState.SUCCEEDED}"
                )
            )
            yield from (
                f"task {task} of run {run} was told to be done, and is lost" for run, task in seen_done - done
            )

    def _states(self, db: sqlite3.Connection) -> Iterator[str]:
        ends: dict[str, Iterable[int]] = {"runs": RUN_ENDS, "attempts": ATTEMPT_ENDS}
        for table, states in ends.items():
            rows = db.execute(f"SELECT * FROM {table} WHERE state NOT IN ({_list(states)})")
            yield from (f"{table}: {tuple(row)[:6]} has not ended" for row in rows)
        rows = db.execute(f"SELECT run, number, state FROM tasks WHERE state NOT IN ({_list(TASK_ENDS)})")
        yield from (f"tasks: {row} has not ended" for row in rows)
        twice = db.execute(
            "SELECT run, task, attempt, count(*) FROM events WHERE kind = ? AND state IN"
            f" ({_list(ATTEMPT_ENDS)}) GROUP BY run, task, attempt HAVING count(*) > 1",
            (EventKind.ATTEMPT_STATE,),
        )
        yield from (f"I1: attempt {row[:3]} has ended {row[3]} times" for row in twice)
        twice = db.execute(
            "SELECT run, task, count(*) FROM attempts WHERE state = ? GROUP BY run, task HAVING count(*) > 1",
            (AttemptState.SUCCEEDED,),
        )
        yield from (f"I1: task {row[:2]} has {row[2]} successes" for row in twice)
        without = db.execute(
            "SELECT run, number FROM tasks WHERE state = ? AND NOT EXISTS (SELECT 1 FROM attempts WHERE"
            " attempts.run = tasks.run AND task = tasks.number AND attempts.number = tasks.attempts - 1"
            " AND attempts.state = ?)",
            (TaskState.SUCCEEDED, AttemptState.SUCCEEDED),
        )
        yield from (f"I1: task {row} has succeeded without its last attempt" for row in without)

    def _artifacts(self, db: sqlite3.Connection) -> Iterator[str]:
        """I8: all that artifacts consist of is there."""
        for (hash,) in db.execute("SELECT DISTINCT hash FROM artifacts WHERE hash IS NOT NULL").fetchall():
            if hash in self._complete:
                continue
            row = db.execute("SELECT bytes FROM manifests WHERE hash = ?", (hash,)).fetchone()
            file = self._object(hash)
            if row is None and not file.exists():
                yield f"I8: the manifest {hash} is missing"
                continue
            manifest = value_pb2.Manifest.FromString(file.read_bytes() if row is None else row[0])
            blobs = {part.blob.hash for part in manifest.parts if part.HasField("blob")}
            missing = [one for one in blobs if not self._object(one).exists()]
            yield from (f"I8: the blob {one} of the artifact {hash} is missing" for one in missing)
            if not missing:
                self._complete.add(hash)

    def _object(self, hash: str) -> Path:
        return self.root / "objects" / "b3" / hash[3:5] / hash[5:]

    def _connect(self) -> sqlite3.Connection:
        # A reader that is not the last one to close the database leaves its journal to the product.
        return sqlite3.connect(f"file:{self.root / 'instep.db'}?mode=ro", uri=True, timeout=30)


def _list(states: Iterable[int]) -> str:
    return ", ".join(str(int(state)) for state in sorted(states))
