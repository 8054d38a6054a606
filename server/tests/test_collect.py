"""Collecting garbage: what kept runs need stays, all else goes."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from instep_proto.v1 import digest_pb2, value_pb2
from instep_server.care.collect import Collected, Wanted, collect
from instep_server.core.states import RunState
from instep_server.db import _sqlite
from instep_server.db.connection import Connection, connect
from instep_server.db.opening import prepare
from instep_server.errors import StoreDamagedError
from instep_server.home import Home
from instep_server.limits import INLINE_BYTES
from instep_server.logs import LogFiles, LogStream
from instep_server.store import BlobId, ObjectStore, digest_of

DAY_MS = 86_400_000


@dataclass
class Value:
    """A stored value: its manifest, and all objects that it consists of."""

    manifest: BlobId
    objects: frozenset[str]
    row: bytes | None


@dataclass
class Run:
    """What the test knows of a run."""

    flow: str
    number: int
    state: RunState
    age: int
    tag: str
    values: list[Value]
    origin: int | None = None
    log: bytes = b""
    reuses: bool = False


@dataclass
class Store:
    """A store without a server, filled by hand."""

    root: Path
    home: Home = field(init=False)
    db: Connection = field(init=False)

    def __post_init__(self) -> None:
        self.home = Home(self.root / ".instep")
        self.home.make("ended", b"").release()
        self.home.clear("ended")
        prepare(self.home.database)
        self.db = connect(self.home.database)
        self.objects = ObjectStore(self.home.objects, self.home.root)

    def value(self, text: str, inner: list[Value], *, large: bool) -> Value:
        blob = self.objects.put(f"blob of {text}".encode())
        message = value_pb2.Manifest(
            format=1,
            nodes=[value_pb2.Node(null=value_pb2.Null())],
            parts=[value_pb2.Part(blob=digest_pb2.Digest(hash=blob.hash, size=blob.size), length=blob.size)],
            producer=text + ("x" * INLINE_BYTES if large else ""),
        )
        for one in inner:
            message.nodes.add(shared=digest_pb2.Digest(hash=one.manifest.hash, size=one.manifest.size))
        data = message.SerializeToString(deterministic=True)
        manifest = BlobId(digest_of(data), len(data))
        objects = {blob.hash}.union(*(one.objects for one in inner))
        if large:
            self.objects.put(data)
            return Value(manifest, frozenset({*objects, manifest.hash}), None)
        return Value(manifest, frozenset(objects), data)

    def write(self, key: int, run: Run, origin: Run | None = None) -> None:
        """Writes the rows of a run with one task, and its log."""
        at = int(time.time() * 1000) - run.age * DAY_MS
        with self.db:
            flow = self.db.rows(_sqlite.NEXT_RUN, {"name": run.flow})[0]
            run.number = flow["last_run"]
            values: dict[str, Any] = {
                **dict.fromkeys(("started_unix_ms", "cancel_reason", "failure", "failed_task", "caught")),
                **dict.fromkeys(("max_workers", "max_num_splits", "max_log_bytes", "on_loss"), 0),
                **dict.fromkeys(("user_name", "namespace", "working_directory", "owner", "request_hash"), ""),
                **dict.fromkeys(("project", "project_branch"), ""),
                "flow": flow["id"],
                "number": run.number,
                "state": run.state,
                "created_unix_ms": at,
                "finished_unix_ms": None if run.state is RunState.RUNNING else at,
                "file": "flow.py",
                "origin_run": run.origin,
                "graph": b"",
                "request_id": f"{run.flow}/{run.number}",
                "reuses": int(run.reuses),
            }
            assert self.db.value(_sqlite.INSERT_RUN, values) == key
            if run.tag:
                self.db.execute(_sqlite.INSERT_TAG, {"run": key, "name": run.tag, "is_system": 0})
            self.db.execute(
                "INSERT INTO attempts (run, task, number, state, leased_unix_ms, pid, host, worker, timings,"
                " max_rss_bytes, logs_closed, ran_run, ran_task, ran_attempt)"
                " VALUES (?, 1, 0, 3, 0, 0, '', '', '', 0, 1, ?, ?, ?)",
                (key, *((run.origin, 1, 0) if origin else (None, None, None))),
            )
            for number, value in enumerate(run.values):
                if value.row is not None:
                    self.db.execute(
                        _sqlite.INSERT_MANIFEST, {"hash": value.manifest.hash, "bytes": value.row}
                    )
                self.db.execute(
                    "INSERT INTO artifacts VALUES (?, 1, 0, ?, 1, ?, ?, 0, 1, '', '', 1, 'start', 'python')",
                    (key, f"x{number}", value.manifest.hash, value.manifest.size),
                )
            if origin is None:
                self._write_log(key, run)

    def _write_log(self, key: int, run: Run) -> None:
        files = LogFiles(self.home.logs)
        files.make_folder(run.flow, run.number)
        run.log = f"log of {run.flow}/{run.number}".encode()
        files.path(run.flow, run.number, 1, 0, LogStream.STDOUT).write_bytes(run.log)
        self.db.execute(
            _sqlite.INSERT_LOG_CHUNK,
            {
                "run": key,
                "task": 1,
                "attempt": 0,
                "stream": LogStream.STDOUT,
                "start": 0,
                "length": len(run.log),
                "at_unix_ms": 0,
                "dropped": 0,
                "checksum": crc32(run.log),
            },
        )

    def log(self, key: int) -> bytes:
        """Reads the log of a run's task, from where it ran."""
        attempt = self.db.rows("SELECT * FROM attempts WHERE run = :run", {"run": key})[0]
        ran = attempt["ran_run"] or key
        run = self.db.rows(_sqlite.RUN_BY_ID, {"run": ran})[0]
        chunk = self.db.rows(
            _sqlite.LOG_CHUNKS,
            {
                "run": ran,
                "task": attempt["ran_task"] or 1,
                "attempt": attempt["ran_attempt"] or 0,
                "stream": LogStream.STDOUT,
                "after": 0,
                "limit": 9,
            },
        )[0]
        path = LogFiles(self.home.logs).path(run["flow_name"], run["number"], 1, 0, LogStream.STDOUT)
        return LogFiles(self.home.logs).read(path, chunk["start"], chunk["length"], chunk["checksum"])

    def stored(self) -> set[str]:
        return {f"b3:{path.parent.name}{path.name}" for path in (self.home.objects / "b3").glob("*/*")}

    def make_old(self) -> None:
        """Lets what is stored be from yesterday."""
        for path in (*self.home.root.glob("objects/*/*/*"), *self.home.root.glob("*/*/*")):
            os.utime(path, (time.time() - 86_400,) * 2)

    def collect(self, wanted: Wanted, *, dry_run: bool = False) -> Collected:
        return collect(self.db, self.home, wanted, dry_run=dry_run)


class Collecting(RuleBasedStateMachine):
    """I8: no SUCCEEDED task has a missing blob, whatever is collected; and what nothing needs goes."""

    values = Bundle("values")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="instep-"))
        self.store = Store(self.folder)
        self.runs: dict[int, Run] = {}
        self.recipes: dict[str, tuple[str, list[Value], bool]] = {}

    def teardown(self) -> None:
        self.store.db.close()
        shutil.rmtree(self.folder)

    def _next_key(self) -> int:
        return max(self.runs, default=0) + 1

    @rule(
        target=values, text=st.sampled_from("abcdef"), large=st.booleans(), inner=st.lists(values, max_size=2)
    )
    def value(self, text: str, large: bool, inner: list[Value]) -> Value:
        """A value, which may be in no run yet."""
        found = self.store.value(text, inner, large=large)
        self.recipes[found.manifest.hash] = (text, inner, large)
        return found

    @rule(
        values=st.lists(values, max_size=3),
        flow=st.sampled_from(["A", "B"]),
        state=st.sampled_from([RunState.RUNNING, RunState.SUCCEEDED, RunState.SUCCEEDED, RunState.FAILED]),
        age=st.integers(0, 5),
        tag=st.sampled_from(["", "", "prod"]),
        reuses=st.booleans(),
    )
    def run(self, values: list[Value], flow: str, state: RunState, age: int, tag: str, reuses: bool) -> None:
        """A run whose task stored values."""
        run = Run(flow, 0, state, age, tag, values, reuses=reuses)
        for value in values:
            self._store_deeply(value)
        self._add(run)

    @rule(data=st.data(), state=st.sampled_from([RunState.RUNNING, RunState.SUCCEEDED]))
    def resume(self, data: st.DataObject, state: RunState) -> None:
        """A run whose task is a clone."""
        clones = {row["run"] for row in self.store.db.rows("SELECT run FROM attempts WHERE ran_run NOT NULL")}
        origins = sorted(self.runs.keys() - clones)
        if origins:
            key = data.draw(st.sampled_from(origins))
            origin = self.runs[key]
            run = Run(origin.flow, 0, state, 0, "", origin.values, origin=key, log=origin.log)
            self._add(run, origin)

    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """A run ends."""
        active = sorted(key for key, run in self.runs.items() if run.state is RunState.RUNNING)
        if active:
            key = data.draw(st.sampled_from(active))
            self.runs[key].state = RunState.SUCCEEDED
            self.store.db.execute(
                "UPDATE runs SET state = 4, finished_unix_ms = created_unix_ms WHERE id = ?", (key,)
            )

    @rule(
        keep=st.one_of(st.none(), st.integers(0, 4)),
        last=st.one_of(st.none(), st.integers(0, 2)),
        tags=st.sampled_from([(), ("prod",)]),
        states=st.sampled_from([(), (RunState.FAILED,)]),
        flow=st.sampled_from(["", "A"]),
        is_lived_in=st.booleans(),
    )
    def collect(
        self,
        keep: int | None,
        last: int | None,
        tags: tuple[str, ...],
        states: tuple[RunState, ...],
        flow: str,
        is_lived_in: bool,
    ) -> None:
        """Garbage is collected: a dry run says what the real one does."""
        self.store.make_old()
        # Half a day on either side, so that no run's age is at the limit.
        wanted = Wanted(
            keep_ms=None if keep is None else keep * DAY_MS + DAY_MS // 2,
            keep_last=last,
            keep_tags=tags,
            states=states,
            flow=flow,
        )
        before = self.store.stored()
        told = self.store.collect(wanted, dry_run=True)
        assert self.store.stored() == before
        lock = self.store.home.make("other", b"") if is_lived_in else None
        done = self.store.collect(wanted)
        if lock is not None:
            lock.release()
        assert (told.runs, told.objects, told.object_bytes) == (done.runs, done.objects, done.object_bytes)
        removed = {row["id"] for row in done.runs}
        assert removed == self._unwanted(wanted)
        for key in removed:
            del self.runs[key]
        for run in self.runs.values():
            run.origin = None if run.origin in removed else run.origin
        needed = {hash for run in self.runs.values() for value in run.values for hash in value.objects}
        assert self.store.stored() == needed
        assert len(before) - len(needed) == done.objects

    @invariant()
    def all_that_runs_need_is_there(self) -> None:
        """What every run stored and wrote can be read."""
        stored = self.store.stored()
        found = {row["id"] for row in self.store.db.rows(_sqlite.ALL_RUNS)}
        assert found == set(self.runs)
        for key, run in self.runs.items():
            assert all(value.objects <= stored for value in run.values)
            assert self.store.log(key) == run.log
        assert not self.store.db.rows("PRAGMA foreign_key_check")

    def _add(self, run: Run, origin: Run | None = None) -> None:
        key = self._next_key()
        self.store.write(key, run, origin)
        self.runs[key] = run

    def _store_deeply(self, value: Value) -> None:
        text, inner, large = self.recipes[value.manifest.hash]
        for one in inner:
            self._store_deeply(one)
            if one.row is not None:
                self.store.db.execute(_sqlite.INSERT_MANIFEST, {"hash": one.manifest.hash, "bytes": one.row})
        self.store.value(text, inner, large=large)

    def _unwanted(self, wanted: Wanted) -> set[int]:
        """What the options say, once more and in other words."""
        if wanted.keep_ms is None and wanted.keep_last is None and not wanted.states:
            return set()
        active = [run for run in self.runs.values() if run.state is RunState.RUNNING]
        pinned = {run.origin for run in active}
        found = set()
        for key, run in self.runs.items():
            newer = sum(other.flow == run.flow for number, other in self.runs.items() if number > key)
            if (
                run.state is not RunState.RUNNING
                and key not in pinned
                and not any(other.reuses and other.flow == run.flow for other in active)
                and wanted.flow in ("", run.flow)
                and run.tag not in wanted.keep_tags
                and (wanted.keep_last is None or newer >= wanted.keep_last)
                and (wanted.keep_ms is None or run.age * DAY_MS > wanted.keep_ms)
                and (not wanted.states or run.state in wanted.states)
            ):
                found.add(key)
        return found


TestCollecting = pytest.mark.timeout(600)(Collecting.TestCase)
TestCollecting.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_what_is_young_stays(store: Store) -> None:
    store.value("old", [], large=False)
    store.make_old()
    young = store.value("young", [], large=False)
    assert store.collect(Wanted()).objects == 1
    assert store.stored() == young.objects


def test_what_somebody_wants_again_counts_as_young(store: Store) -> None:
    value = store.value("a", [], large=False)
    store.make_old()
    assert store.objects.is_whole(BlobId(next(iter(value.objects)), len(b"blob of a")))
    assert store.collect(Wanted()).objects == 0
    assert store.stored() == value.objects


def test_a_touch_in_the_last_moment_counts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer finds the object, touches it, and will name it in its report: just when it is to be removed."""
    value = store.value("a", [], large=False)
    store.make_old()
    rename = Path.rename

    def touched(self: Path, target: Path) -> Path:
        os.utime(self)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", touched)
    assert store.collect(Wanted()).objects == 0
    assert store.stored() == value.objects


def test_leftovers_go_and_what_lives_stays(store: Store) -> None:
    home = store.home
    home.make("dead", b"").release()
    lock = home.make("alive", b"")
    (home.spool("dead") / "w.stdout").write_text("x")
    home.unfinished.mkdir()
    (home.unfinished / "0123").write_text("half an object")
    (home.sessions / "Flow-1").mkdir(parents=True)
    (home.sessions / "Flow-1" / "flow.R").write_text("")
    store.make_old()
    for path in home.root.glob("*/*"):
        os.utime(path, (time.time() - 86_400,) * 2)
    done = store.collect(Wanted())
    assert done.leftovers == 2
    assert not home.spool("dead").exists()
    assert not (home.sessions / "Flow-1").exists()
    assert home.probe("alive").exists()
    assert not list(home.unfinished.iterdir())
    lock.release()


def test_nothing_is_removed_when_it_is_not_known_what_is_needed(store: Store) -> None:
    value = store.value("a", [], large=True)
    store.write(1, Run("A", 0, RunState.SUCCEEDED, 0, "", [value]))
    store.value("not needed", [], large=False)
    store.make_old()
    path = store.objects.path(value.manifest.hash)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    before = store.stored()
    with pytest.raises(StoreDamagedError, match=r"can't be told which objects are needed: manifest b3:"):
        store.collect(Wanted(states=[RunState.FAILED]))
    assert store.stored() == before


def test_space_of_the_database_is_given_back(store: Store) -> None:
    with store.db:
        for n in range(200):
            store.db.execute(_sqlite.INSERT_MANIFEST, {"hash": f"b3:{n:064x}", "bytes": bytes(5000)})
    store.db.shrink()  # which copies the journal
    done = store.collect(Wanted())
    assert done.manifests == 200
    assert done.database_bytes > 900_000
