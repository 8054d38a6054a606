"""Mends the file of the database.

Theory of operation. Two ways, in this order, and nobody else may work in the store meanwhile:

1. A page in which one bit is wrong is healed. The checksum of SQLite's extension is linear: what a bit of the page adds
   to it depends on the bit's place alone, so the difference between the checksum that is there and the one that should be
   names the bit, but for some of the high bits of a word, of which several have the same share.
2. What is damaged beyond that is left behind. All runs that can be read are copied into a new database, which takes the
   place of the old one; of runs of which rows are lost it is told what. Events and chunks of logs that cannot be read
   are left out; a run of which anything else cannot be read is left out as a whole.

The old files are kept in `damaged/`.
"""

from __future__ import annotations

import shutil
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
from instep_proto.v1 import graph_pb2

from instep_server.db.connection import (
    ADVICE,
    CHECKSUM_BYTES,
    Connection,
    Row,
    connect,
    lost_commits,
    translated,
)
from instep_server.db.opening import check, prepare
from instep_server.errors import StoreDamagedError, StoreError
from instep_server.findings import Finding
from instep_server.home import Home

PAGE_BYTES = 4096
"""Size of our pages. The one that the file tells may be what is damaged."""

_WORD = 1 << 32
_OF_A_RUN = ("tasks", "task_parents", "attempts", "artifacts", "tags")
_CAN_BE_LEFT_OUT = ("events", "log_chunks")


def find_damage(home: Home) -> list[Finding]:
    """Reads all of the database.

    Args:
        home: The store.

    Returns:
        One finding, or none. It names the runs that cannot be read.
    """
    path = home.database
    try:
        with closing(connect(path)) as connection:
            connection.rows("PRAGMA integrity_check")
            if lost := lost_commits(connection, path):
                return [_journal_finding(path, lost)]
            check(connection, path)
            return []
    except apsw.Error as err:
        problem = str(translated(err, path))
    except StoreDamagedError as err:
        problem = str(err)
    problem = problem.removeprefix(f"The database {path} is damaged: ").removesuffix(f". {ADVICE}")
    return [
        Finding(
            kind="database",
            path=str(path),
            problem=problem,
            touches=_touches(path),
            remedies=[
                "`instep fsck --repair` heals pages with one wrong bit, and keeps all runs that are whole."
            ],
        )
    ]


def _journal_finding(path: Path, lost: int) -> Finding:
    return Finding(
        kind="journal",
        path=f"{path}-wal",
        problem=f"what comes after the damage is lost (transactions: {lost:,} or more)",
        touches=["runs that were under way when their orchestrator was killed"],
        remedies=["Resume the runs that were under way: what is lost of them runs again."],
    )


def mend(home: Home, finding: Finding) -> None:
    """Mends the database.

    Args:
        home: The store.
        finding: What `find_damage` found. Is told what was done.

    Raises:
        StoreError: Somebody works in the store.
    """
    if home.living_owners():
        raise StoreError(
            f"The database {home.database} can't be mended while others use the store. End all flows and all programs"
            " that read it, and try again."
        )
    copy = home.damaged / f"database-{time.strftime('%Y%m%d-%H%M%S')}"
    copy.mkdir(parents=True, exist_ok=True)
    for path in home.root.glob(f"{home.database.name}*"):
        shutil.copy2(path, copy)
    if finding.kind == "journal":
        with closing(connect(home.database)) as connection:
            connection.shrink()
        finding.mended = f"What comes before the damage was kept. The files as they were are in {copy}."
        return
    if _heal(home.database) and not find_damage(home):
        finding.touches, finding.mended = [], f"Wrong bits were put right. The file as it was is in {copy}."
        return
    lost = _salvage(home)
    finding.touches, finding.lost = lost, bool(lost)
    finding.mended = f"All that could be read is in a new database. The file as it was is in {copy}."


def _heal(path: Path) -> bool:
    """Puts right what is wrong by one bit in a page. Tells whether anything was."""
    healed = False
    with path.open("r+b") as file:
        number = 0
        while page := file.read(PAGE_BYTES):
            if len(page) == PAGE_BYTES and (better := healed_page(page)) is not None:
                file.seek(number * PAGE_BYTES)
                file.write(better)
                healed = True
            number += 1
    return healed


def healed_page(page: bytes) -> bytes | None:
    """Puts one wrong bit of a page right.

    Args:
        page: The page with its checksum.

    Returns:
        The page as it was. None: it is right, or more than one bit may be the wrong one.
    """
    size = len(page) - CHECKSUM_BYTES
    words = struct.unpack(f"<{size // 4}I", page[:size])
    first = second = 0
    for left, right in zip(words[::2], words[1::2], strict=True):
        first = (first + left + second) % _WORD
        second = (second + right + first) % _WORD
    stored = struct.unpack("<II", page[size:])
    if (first, second) == stored:
        return None
    missing = (stored[0] - first) % _WORD, (stored[1] - second) % _WORD
    candidates = [
        (place, bit)
        for place, share in _shares(len(words))
        for bit in range(32)
        for change in [-(1 << bit) if words[place] >> bit & 1 else 1 << bit]
        if (share[0] * change % _WORD, share[1] * change % _WORD) == missing
    ]
    in_checksum = (first ^ stored[0]).bit_count() + (second ^ stored[1]).bit_count() == 1
    if len(candidates) + in_checksum != 1:
        return None
    if in_checksum:
        return page[:size] + struct.pack("<II", first, second)
    (place, bit), mended = candidates[0], bytearray(page)
    struct.pack_into("<I", mended, 4 * place, words[place] ^ (1 << bit))
    return bytes(mended)


def _shares(count: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """Tells how often each word of a page is counted in the two halves of its checksum, from the last word on."""
    # What is in (first, second) after a pair of words ends up as first * a + second * b and first * c + second * d.
    a, b, c, d = 1, 0, 0, 1
    for place in range(count - 2, -1, -2):
        yield place + 1, (b, d)
        yield place, ((a + b) % _WORD, (c + d) % _WORD)
        # The pair before this one: first becomes first + second, then second becomes second + that.
        a, b = (a + b) % _WORD, (a + 2 * b) % _WORD
        c, d = (c + d) % _WORD, (c + 2 * d) % _WORD


class _Reading:
    """What can be read of a damaged database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.flows = self._from_both_ends("flows", "id")
        self.manifests = self._from_both_ends("manifests", "hash")
        self.runs = self._from_both_ends("runs", "id")
        self._find_flows()

    def of_run(self, table: str, run: int) -> list[Row] | None:
        """Reads the rows of a run. None: they cannot all be read."""
        for source in (table, f"{table} NOT INDEXED"):
            try:
                return self._connection.rows(f"SELECT * FROM {source} WHERE run = :run", {"run": run})
            except apsw.Error:
                continue
        return None

    def name(self, run: Row) -> str:
        """Names a run as people do."""
        flow = next(flow["name"] for flow in self.flows if flow["id"] == run["flow"])
        return f"{flow}/{run['number']}"

    def gone(self, logs: Path) -> list[str]:
        """Names runs that have logs, and rows that cannot be found."""
        known = {self.name(run) for run in self.runs}
        return sorted({f"{folder.parent.name}/{folder.name}" for folder in logs.glob("*/*")} - known)

    def _find_flows(self) -> None:
        """Adds the flows whose rows cannot be read. The graphs of their runs know their names."""
        known = {flow["id"] for flow in self.flows}
        for run in self.runs:
            if run["flow"] not in known:
                known.add(run["flow"])
                last = max(other["number"] for other in self.runs if other["flow"] == run["flow"])
                name = graph_pb2.Graph.FromString(run["graph"]).flow
                self.flows.append({"id": run["flow"], "name": name, "last_run": last})

    def _from_both_ends(self, table: str, key: str) -> list[Row]:
        """Reads the rows of a table before the first damage and after the last."""
        found: dict[object, Row] = {}
        for order in ("ASC", "DESC"):
            try:
                cursor = self._connection.execute(f"SELECT * FROM {table} NOT INDEXED ORDER BY {key} {order}")
                for row in cursor:
                    names = [column[0] for column in cursor.get_description()]
                    found.setdefault(row[names.index(key)], dict(zip(names, row, strict=True)))
                break
            except apsw.Error:
                continue
        return sorted(found.values(), key=lambda row: row[key])


def _touches(path: Path) -> list[str]:
    """Names the runs of which rows cannot be read."""
    try:
        with closing(connect(path)) as connection:
            reading = _Reading(connection)
            lost = [
                f"{reading.name(run)} ({', '.join(tables)})"
                for run in reading.runs
                if (
                    tables := [
                        one
                        for one in (*_OF_A_RUN, *_CAN_BE_LEFT_OUT)
                        if reading.of_run(one, run["id"]) is None
                    ]
                )
            ]
            lost += [f"{name} (all of it)" for name in reading.gone(path.parent / "logs")]
            return lost or ["no rows of runs; what else is on the damaged pages can't be told"]
    except (apsw.Error, StoreError):
        return ["all runs"]


def _salvage(home: Home) -> list[str]:
    """Makes a new database of what can be read. Names what is lost."""
    new = home.database.with_name("instep.db.new")
    for path in home.root.glob(f"{new.name}*"):
        path.unlink()
    prepare(new)
    lost: list[str] = []
    try:
        with closing(connect(home.database)) as old, closing(connect(new)) as connection:
            reading = _Reading(old)
            lost += [f"{name}: all of it" for name in reading.gone(home.logs)]
            with connection:
                _insert(connection, "manifests", reading.manifests)
                _insert(connection, "flows", reading.flows)
                for run in reading.runs:
                    lost += _copy_run(connection, reading, run)
    except apsw.Error as err:
        raise StoreError(
            f"Nothing can be read of the database {home.database} ({err}). Objects and logs are still there."
        ) from err
    for path in home.root.glob(f"{home.database.name}-*"):
        path.unlink()
    new.replace(home.database)
    return lost


def _copy_run(connection: Connection, reading: _Reading, run: Row) -> list[str]:
    """Copies a run, if all that matters of it can be read. Names what is lost."""
    rows = {table: reading.of_run(table, run["id"]) for table in (*_OF_A_RUN, *_CAN_BE_LEFT_OUT)}
    gone = [table for table, found in rows.items() if found is None]
    if any(table in _OF_A_RUN for table in gone):
        return [f"{reading.name(run)}: all of it"]
    _insert(connection, "runs", [run])
    for table, found in rows.items():
        _insert(connection, table, found or [])
    return [f"{reading.name(run)}: its {table.replace('_', ' ')}" for table in gone]


def _insert(connection: Connection, table: str, rows: list[Row]) -> None:
    if rows:
        names = ", ".join(rows[0])
        values = ", ".join(f":{name}" for name in rows[0])
        connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({values})", rows)
