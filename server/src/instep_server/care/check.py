"""Looks for damage in a store, tells what it touches, and mends what can be mended.

What is stored can be damaged in four ways, and each has a check of its own:

* An object does not have its digest, has another size, or is gone. It is named with the artifacts that consist of it,
  and with the task that makes it again. Mending moves it to `damaged/objects`; then the next task that stores the same
  value writes it anew, and a resumed run does not take over the task that stored it (`lost`).
* A chunk of a log does not have its checksum. Mending keeps a copy in `damaged/logs`, and makes the log readable as it
  is now.
* A page of the database, or its journal, is damaged: `db.mending`.

Nothing is removed. All of it works beside running flows, but for mending the database.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from blake3 import blake3

from instep_server.care.reach import ManifestError, Reach
from instep_server.db import _sqlite
from instep_server.db.connection import Connection, Row
from instep_server.findings import Finding
from instep_server.home import Home
from instep_server.logs import LogFiles, LogStream
from instep_server.store import BlobId, ObjectStore

_PIECE = 1 << 20


@dataclass(slots=True, kw_only=True)
class Checked:
    """What was looked at."""

    runs: int = 0
    """Runs."""
    objects: int = 0
    """Objects, all of whose bytes were read."""
    object_bytes: int = 0
    """Their size."""
    artifacts: int = 0
    """Artifacts whose objects were looked for."""
    log_chunks: int = 0
    """Chunks of logs that were read."""


Progress = Callable[[str, int, int], None]
"""Is told what is looked at, how many of them, and how many there are (0: not known)."""


class Check:
    """One look at a store.

    Args:
        connection: A connection to its database, whose pages are whole.
        home: The store.
        repair: Mend what can be mended.
        progress: Is told how far it is.
    """

    def __init__(self, connection: Connection, home: Home, *, repair: bool, progress: Progress) -> None:
        self._connection = connection
        self._home = home
        self._repair = repair
        self._progress = progress
        self._store = ObjectStore(home.objects, home.root)
        self._bad: dict[str, str] = {}
        self.checked = Checked()

    def findings(self) -> Iterator[Finding]:
        """Looks at everything.

        Yields:
            Damage, as soon as it is known what it touches.
        """
        runs = self._connection.rows(_sqlite.ALL_RUNS)
        self.checked.runs = len(runs)
        yield from self._rows()
        self._objects()
        yield from self._touched(runs)
        yield from self._logs(runs)

    def _rows(self) -> Iterator[Finding]:
        """Looks whether the database is sound in itself."""
        problems = [str(row["integrity_check"]) for row in self._connection.rows("PRAGMA integrity_check")]
        problems = [problem for problem in problems if problem != "ok"]
        problems += [
            f"a row of table {row['table']} belongs to a row of table {row['parent']} that is not there"
            for row in self._connection.rows("PRAGMA foreign_key_check")
        ]
        for problem in problems:
            yield Finding(kind="database", path=str(self._home.database), problem=problem)

    def _objects(self) -> None:
        """Hashes all objects."""
        paths = sorted((self._home.objects / "b3").glob("*/*"))
        for number, path in enumerate(paths):
            if path.name.startswith("."):
                continue
            hash = f"b3:{path.parent.name}{path.name}"
            try:
                found, size = _hash_of(path)
            except FileNotFoundError:
                continue  # collected as garbage meanwhile
            except OSError as err:
                self._bad[hash] = f"it can't be read: {err.strerror}"
                continue
            self.checked.objects += 1
            self.checked.object_bytes += size
            if found != hash:
                self._bad[hash] = "its bytes are not those that were stored"
            elif path.stat().st_mode & 0o222 and self._repair:
                path.chmod(0o444)
            self._progress("objects", number + 1, len(paths))

    def _touched(self, runs: list[Row]) -> Iterator[Finding]:
        """Tells for each object that is damaged or gone which artifacts consist of it."""
        reach = Reach(self._connection, self._store)
        touched: dict[str, list[tuple[Row, Row]]] = defaultdict(list)
        for number, run in enumerate(runs):
            for artifact in self._connection.rows(_sqlite.ARTIFACTS_OF_RUN, {"run": run["id"]}):
                if artifact["hash"] is None:
                    continue
                self.checked.artifacts += 1
                for hash in self._lost_of(reach, BlobId(artifact["hash"], artifact["manifest_size"])):
                    touched[hash].append((run, artifact))
            self._progress("runs", number + 1, len(runs))
        for hash in sorted({*self._bad, *touched}):
            yield self._object_finding(hash, touched[hash])

    def _lost_of(self, reach: Reach, manifest: BlobId) -> list[str]:
        """Gives the digests of what cannot be read of a value."""
        if manifest.hash in self._bad:
            return [manifest.hash]
        try:
            blobs = reach.objects(manifest)
        except ManifestError:
            self._bad.setdefault(manifest.hash, "its manifest is gone or damaged")
            return [manifest.hash]
        for blob in blobs:
            if blob.hash not in self._bad and not self._store.has(blob):
                self._bad[blob.hash] = "it is gone"
        return [blob.hash for blob in blobs if blob.hash in self._bad]

    def _object_finding(self, hash: str, touched: list[tuple[Row, Row]]) -> Finding:
        path = self._store.path(hash)
        finding = Finding(
            kind="object",
            path=str(path),
            digest=hash,
            problem=self._bad[hash],
            touches=[_artifact_name(run, artifact) for run, artifact in touched],
            remedies=list(dict.fromkeys(_remedy(run, artifact) for run, artifact in touched)),
            lost=bool(touched),
        )
        if self._repair:
            place = self._home.damaged_objects
            place.mkdir(parents=True, exist_ok=True)
            if path.exists():
                path.rename(place / hash[3:])
                finding.mended = f"It was moved to {place / hash[3:]}, so that it can be stored again."
            else:
                (place / f"{hash[3:]}.gone").touch()
                finding.mended = "It is noted as lost, so that a resumed run makes it again."
        return finding

    def _logs(self, runs: list[Row]) -> Iterator[Finding]:
        """Reads all logs."""
        files = LogFiles(self._home.logs)
        for number, run in enumerate(runs):
            chunks: dict[Path, list[Row]] = defaultdict(list)
            for row in self._connection.rows(_sqlite.LOG_CHUNKS_OF_RUN, {"run": run["id"]}):
                stream = LogStream(row["stream"])
                path = files.path(run["flow"], run["number"], row["task"], row["attempt"], stream)
                chunks[path].append(row)
            for path, rows in chunks.items():
                self.checked.log_chunks += len(rows)
                if finding := self._log_finding(run, path, rows):
                    yield finding
            self._progress("logs", number + 1, len(runs))

    def _log_finding(self, run: Row, path: Path, rows: list[Row]) -> Finding | None:
        """Compares a log with what is recorded of it."""
        data = path.read_bytes() if path.exists() else b""
        found = [data[row["start"] : row["start"] + row["length"]] for row in rows]
        bad = [
            (row, piece)
            for row, piece in zip(rows, found, strict=True)
            if len(piece) != row["length"] or row["checksum"] not in (None, crc32(piece))
        ]
        if not bad:
            return None
        first, last = bad[0][0], bad[-1][0]
        stream = LogStream(first["stream"]).suffix
        task = f"{run['flow']}/{run['number']}/{first['step']}/{first['task']}"
        finding = Finding(
            kind="log",
            path=str(path),
            problem=f"bytes {first['start']:,} to {last['start'] + last['length']:,} are not those that were written"
            if path.exists()
            else "it is gone",
            touches=[f"{task} {stream}"],
            remedies=["A log can't be made again: only what is left of it can be read."],
        )
        if self._repair:
            finding.mended = self._mend_log(run, path, bad)
        return finding

    def _mend_log(self, run: Row, path: Path, bad: list[tuple[Row, bytes]]) -> str:
        copy = self._home.damaged / "logs" / run["flow"] / str(run["number"]) / path.name
        if path.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
        with self._connection:
            for row, piece in bad:
                self._connection.execute(
                    _sqlite.SET_LOG_CHECKSUM, {"chunk": row["id"], "now": len(piece), "crc": crc32(piece)}
                )
        return "What is left of it can be read again." + (f" A copy is {copy}." if path.exists() else "")


def _hash_of(path: Path) -> tuple[str, int]:
    """Hashes a file from the disk's own content, as far as the system lets us."""
    hasher, size = blake3(max_threads=blake3.AUTO), 0
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            hasher.update(piece)
            size += len(piece)
    return f"b3:{hasher.hexdigest()}", size


def _artifact_name(run: Row, artifact: Row) -> str:
    name = f"{run['flow']}/{run['number']}"
    if artifact["task"] == 0:
        return f"{name} input {artifact['name']}"
    return f"{name}/{artifact['step']}/{artifact['task']} artifact {artifact['name']}"


def _remedy(run: Row, artifact: Row) -> str:
    program = "Rscript" if run["file"].lower().endswith(".r") else "python"
    file = Path(run["file"]).name
    if artifact["producer"] == 0:
        return f"It was given to the run when it was started: start it again with `{program} {file} run`."
    return (
        f"Task {run['flow']}/{run['number']}/{artifact['producer_step']}/{artifact['producer']} made it. After"
        f" `instep fsck --repair`, `{program} {file} resume --origin-run-id {run['number']}` runs it again."
    )
