"""Removes runs that nobody wants to keep, and objects that no kept run needs.

Theory of operation. Rows of runs go first, in one transaction; then what no row reaches any more goes, file by file.
Whoever is stopped in between leaves something for the next time and nothing broken. Flows may run meanwhile:

* A run is pinned when it is under way, or when one that is under way may still take over tasks of it: its origin, and
  for a run with `reuse` any earlier run of the flow. A run that looks for earlier ones holds the lock `collecting` until
  it is recorded, and collecting holds it alone.
* Logs of tasks that kept runs took over from a removed one are handed to the first of these.
* An object is wanted when a row reaches it, or when it is young: workers write objects before the row that names them,
  and touch those that they find where they were to write (`store`, and `_objects` in the SDK). The age is looked at again
  when the object has left its place, and puts it back.
* What is mapped into memory stays readable for who has it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from instep_server.care.reach import ManifestError, Reach
from instep_server.core.states import RUN_ENDS, RunState
from instep_server.db import _sqlite
from instep_server.db.connection import ADVICE, Connection, Row
from instep_server.errors import StoreDamagedError
from instep_server.home import Home, held
from instep_server.logs import LogFiles, LogStream
from instep_server.store import BlobId, ObjectStore

GRACE_SECONDS = 3_600.0
"""How old an object must be that no row reaches, when servers are at work."""
SECOND_SECONDS = 2.0
"""How old, when none is: what was made since collecting began stays."""
FREE_SHARE = 0.25
"""How much of the database's file must be free before it is written anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs to keep. A run is removed when it has ended and none of these keeps it.

    Without `keep_ms`, `keep_last` and `states` no run is removed at all.
    """

    keep_ms: int | None = None
    """Keep runs that ended within this time."""
    keep_last: int | None = None
    """Keep so many newest runs of each flow."""
    keep_tags: Collection[str] = ()
    """Keep runs that have one of these tags."""
    states: Collection[RunState] = ()
    """Keep runs that ended otherwise. Empty: no run is kept for how it ended."""
    flow: str = ""
    """Keep runs of other flows. Empty: all flows are meant."""

    @property
    def removes_runs(self) -> bool:
        """Whether any run may be removed."""
        return self.keep_ms is not None or self.keep_last is not None or bool(self.states)


@dataclass(slots=True)
class Collected:
    """What was removed, or would be."""

    runs: list[Row] = field(default_factory=list)
    """Removed runs, oldest first."""
    kept: dict[str, int] = field(default_factory=dict)
    """How many runs were kept, by why."""
    objects: int = 0
    """Removed objects."""
    object_bytes: int = 0
    """Their size."""
    manifests: int = 0
    """Removed small manifests."""
    leftovers: int = 0
    """Files and directories that processes have left behind."""
    leftover_bytes: int = 0
    """Their size."""
    log_bytes: int = 0
    """Size of removed logs."""
    database_bytes: int = 0
    """How much smaller the database's file is."""


def collect(
    connection: Connection,
    home: Home,
    wanted: Wanted,
    *,
    dry_run: bool,
    progress: Callable[[str, int], None] = lambda _, __: None,
) -> Collected:
    """Removes runs, and what nothing needs any more.

    Args:
        connection: A connection to the store's database.
        home: The store.
        wanted: Which runs to keep.
        dry_run: Only tell what would be removed.
        progress: Told what is done and how many of it are done.

    Returns:
        What was removed.

    Raises:
        StoreDamagedError: Something is damaged, so that it is not known what is needed. Nothing was removed but runs.
        StoreError: The store cannot be written.
    """
    start = time.time()
    with held(home.collecting, alone=True):
        done = Collected()
        connection.execute("BEGIN" if dry_run else "BEGIN IMMEDIATE")
        try:
            rows = connection.rows(_sqlite.ALL_RUNS)
            done.runs = _unwanted(connection, rows, wanted, done.kept, int(start * 1000))
            removed = {row["id"] for row in done.runs}
            if not dry_run:
                for number, run in enumerate(done.runs):
                    _hand_logs_over(connection, LogFiles(home.logs), run, removed)
                    _delete_rows(connection, run)
                    progress("runs", number + 1)
                connection.execute(_sqlite.FORGET_ORIGINS_OF_TASKS)
                connection.execute(_sqlite.FORGET_ORIGINS_OF_RUNS)
            objects, manifests = _reached(connection, home, removed)
            unused = [
                row["hash"] for row in connection.rows(_sqlite.ALL_MANIFESTS) if row["hash"] not in manifests
            ]
            done.manifests = len(unused)
            if not dry_run:
                connection.executemany(_sqlite.DELETE_MANIFEST, ({"hash": hash} for hash in unused))
            connection.commit()
        finally:
            connection.rollback()
        kept = [row for row in rows if row["id"] not in removed]
        others = home.living_owners()
        cutoff = start - (GRACE_SECONDS if others else SECOND_SECONDS)
        sweep = _Sweep(home, cutoff, dry_run, done, progress)
        sweep.objects(objects)
        sweep.logs(done.runs, kept)
        sweep.leftovers(kept)
        if not dry_run:
            done.database_bytes = _give_back(connection, home.database, alone=not others)
        return done


def _unwanted(
    connection: Connection, rows: Sequence[Row], wanted: Wanted, kept: dict[str, int], now_ms: int
) -> list[Row]:
    """Chooses the runs to remove, and counts why the others are kept."""
    tags = {row["run"] for row in connection.rows(_sqlite.ALL_USER_TAGS) if row["name"] in wanted.keep_tags}
    pinned = _pinned(rows)
    place = Counter[str]()
    found = []
    for row in reversed(rows):
        place[row["flow"]] += 1
        ended = row["finished_unix_ms"] or row["created_unix_ms"]
        if row["state"] not in RUN_ENDS:
            why = "under way"
        elif row["id"] in pinned:
            why = "needed by a run that is under way"
        elif wanted.flow not in ("", row["flow"]):
            why = "of another flow"
        elif not wanted.removes_runs:
            why = "no option says which runs to remove"
        elif row["id"] in tags:
            why = "tagged"
        elif wanted.keep_last is not None and place[row["flow"]] <= wanted.keep_last:
            why = "among the last of its flow"
        elif wanted.keep_ms is not None and ended > now_ms - wanted.keep_ms:
            why = "recent"
        elif wanted.states and row["state"] not in wanted.states:
            why = "of another status"
        else:
            found.append(row)
            continue
        kept[why] = kept.get(why, 0) + 1
    return found[::-1]


def _pinned(rows: Sequence[Row]) -> set[int]:
    """Finds runs that others which are under way may take tasks over from."""
    active = [row for row in rows if row["state"] not in RUN_ENDS]
    reusing = {row["flow"] for row in active if row["reuses"]}
    return {row["origin_run"] for row in active} | {row["id"] for row in rows if row["flow"] in reusing}


def _hand_logs_over(connection: Connection, files: LogFiles, run: Row, removed: Collection[int]) -> None:
    """Gives the logs of a run that is to be removed to clones of its tasks in kept runs."""
    heirs: dict[tuple[int, int], Row] = {}
    for row in connection.rows(_sqlite.LOGS_WANTED, {"run": run["id"]}):
        if row["run"] in removed:
            continue
        ran = row["ran_task"], row["ran_attempt"]
        heir = heirs.setdefault(ran, row)
        key = {"of_run": row["run"], "of_task": row["task"], "of_attempt": row["number"]}
        if heir is not row:
            ran_there = {
                "ran_run": heir["run"],
                "ran_task": heir["task"],
                "ran_attempt": heir["number"],
            }
            connection.execute(_sqlite.SET_WHERE_IT_RAN, {**key, **ran_there})
            continue
        files.make_folder(row["flow"], row["run_number"])
        for stream in LogStream:
            old = files.path(run["flow"], run["number"], *ran, stream)
            new = files.path(row["flow"], row["run_number"], row["task"], row["number"], stream)
            if old.exists() and not new.exists():
                os.link(old, new)
        connection.execute(
            _sqlite.COPY_LOG_CHUNKS,
            {
                "run": row["run"],
                "task": row["task"],
                "attempt": row["number"],
                "of_run": run["id"],
                "of_task": ran[0],
                "of_attempt": ran[1],
            },
        )
        connection.execute(
            _sqlite.SET_WHERE_IT_RAN, {**key, "ran_run": None, "ran_task": None, "ran_attempt": None}
        )


def _delete_rows(connection: Connection, run: Row) -> None:
    key = {"run": run["id"]}
    for statement in (
        _sqlite.DELETE_EVENTS,
        _sqlite.DELETE_LOG_CHUNKS,
        _sqlite.DELETE_ARTIFACTS,
        _sqlite.DELETE_ATTEMPTS,
        _sqlite.DELETE_PARENTS,
        _sqlite.DELETE_TASKS,
        _sqlite.DELETE_TAGS,
        _sqlite.DELETE_RUN,
    ):
        connection.execute(statement, key)


def _reached(connection: Connection, home: Home, removed: Collection[int]) -> tuple[set[str], set[str]]:
    """Finds the digests of all objects and manifests that kept runs need."""
    reach = Reach(connection, ObjectStore(home.objects, home.root))
    wanted = {
        BlobId(row["hash"], row["manifest_size"])
        for row in connection.rows(_sqlite.STORED_ARTIFACTS)
        if row["run"] not in removed
    }
    try:
        return reach.hashes(wanted)
    except ManifestError as err:
        raise StoreDamagedError(f"It can't be told which objects are needed: {err}. {ADVICE}") from err


class _Sweep:
    """Removes files. With `dry_run` it only counts them."""

    def __init__(
        self, home: Home, cutoff: float, dry_run: bool, done: Collected, progress: Callable[[str, int], None]
    ) -> None:
        self._home = home
        self._cutoff = cutoff
        self._dry_run = dry_run
        self._done = done
        self._progress = progress

    def objects(self, reached: Collection[str]) -> None:
        """Removes objects that nothing reaches."""
        for path in _files(self._home.objects / "b3"):
            hash = f"b3:{path.parent.name}{path.name}"
            if hash in reached:
                continue
            size = self._remove_object(path)
            if size is None:
                continue
            self._done.objects += 1
            self._done.object_bytes += size
            self._progress("objects", self._done.objects)
        for note in _files(self._home.objects / "verified"):
            self._forget(note)

    def logs(self, removed: Sequence[Row], kept: Sequence[Row]) -> None:
        """Removes the logs of runs that are removed, and of those that are gone."""
        ours = {(row["flow"], str(row["number"])) for row in kept}
        going = {(row["flow"], str(row["number"])) for row in removed}
        for folder in self._home.logs.glob("*/*"):
            run = folder.parent.name, folder.name
            if run in ours or (run not in going and not self._is_old(folder)):
                continue
            self._done.log_bytes += sum(file.stat().st_size for file in folder.iterdir())
            if not self._dry_run:
                shutil.rmtree(folder)
                with contextlib.suppress(OSError):
                    folder.parent.rmdir()  # if it was the last one of its flow

    def leftovers(self, kept: Sequence[Row]) -> None:
        """Removes what servers that were killed left, and flows of R sessions that no run was made of."""
        waited_for = {row["owner"] for row in kept if row["state"] not in RUN_ENDS}
        for owner in set(self._home.owners()) - set(self._home.living_owners()) - waited_for:
            self._done.leftovers += 1
            if not self._dry_run:
                self._home.clear(owner)
        if not self._dry_run:
            self._home.sweep()
        used = {Path(row["file"]).parent for row in kept}
        for folder in self._home.sessions.glob("*"):
            if folder in used or folder.resolve() in used or not self._is_old(folder):
                continue
            self._done.leftovers += 1
            self._done.leftover_bytes += sum(file.stat().st_size for file in _files(folder))
            if not self._dry_run:
                shutil.rmtree(folder)

    def _remove_object(self, path: Path) -> int | None:
        """Removes an object unless somebody wants it. Gives its size, or None when it stays."""
        try:
            found = path.stat()
            if found.st_mtime >= self._cutoff:
                return None
            if not self._dry_run:
                gone = path.with_name(f".{path.name}.gone")
                path.rename(gone)
                if gone.stat().st_mtime >= self._cutoff:  # somebody has touched it meanwhile
                    with contextlib.suppress(FileExistsError):
                        os.link(gone, path)
                    gone.unlink()
                    return None
                gone.unlink()
        except FileNotFoundError:
            return None
        return found.st_size

    def _forget(self, note: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self._is_old(note) and not self._dry_run:
                note.unlink()

    def _is_old(self, path: Path) -> bool:
        return path.stat().st_mtime < self._cutoff


def _files(folder: Path) -> Iterator[Path]:
    """Yields the files in a directory and in those below it."""
    for place, _, names in os.walk(folder):
        for name in names:
            yield Path(place, name)


def _give_back(connection: Connection, database: Path, *, alone: bool) -> int:
    """Writes the database anew when much of it is free and nobody would have to wait for it."""
    free, pages = connection.value("PRAGMA freelist_count"), connection.value("PRAGMA page_count")
    if not alone or free < FREE_SHARE * pages:
        return 0
    before = database.stat().st_size
    connection.shrink()
    return max(0, before - database.stat().st_size)
