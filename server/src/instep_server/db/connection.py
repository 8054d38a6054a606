"""Connections to the database, which check every page that they read.

SQLite by itself believes what the disk gives it. Its checksum extension (`cksumvfs`, which comes with apsw) keeps a
checksum at the end of each page of the file, written with the page and checked when the page is read, by whatever
statement and for whatever it is there: rows, indices, the tree above them, the schema. So a flipped bit anywhere in
the file is an error of the statement that meets it, and never a wrong or a missing row. The extension is loaded once,
and serves all connections that are opened afterwards.

What the extension does not see is the journal (`-wal`). It holds what was not yet copied into the file, and is empty
when the last connection has been closed. Only a machine or an orchestrator that was killed leaves one behind; SQLite
then checks it and takes what comes before the first damage, and `lost_commits` tells whether that was all.

Never open the file of the database by other means in a process that has connections: closing it would drop SQLite's
locks, which belong to the process.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

import apsw

from instep_server.errors import StoreDamagedError, StoreError, StoreFullError, StoreUnwritableError

BUSY_SECONDS = 30.0
"""How long to wait for another server that writes."""
BUSY_PAUSE_SECONDS = 0.01
"""How long to wait before another try of what SQLite itself does not wait for."""
CHECKSUM_BYTES = 8
"""What each page has at its end for its checksum."""

ADVICE = "`instep fsck` tells what that touches, and `instep fsck --repair` keeps all that is whole."
"""What to do about a damaged database."""

_WAL_HEADER, _FRAME_HEADER, _LITTLE_ENDIAN = 32, 24, 0x377F0682

Value: TypeAlias = int | str | bytes | None
Params: TypeAlias = Mapping[str, Value]
Row: TypeAlias = dict[str, Any]
Answer = TypeVar("Answer")
Error = apsw.Error
"""What statements raise."""


class Connection(apsw.Connection):
    """A connection without implicit transactions, whose rows know their columns.

    Args:
        path: The database's file. It is made when it is not there.
        reads_only: Whether nothing is written: neither the file nor, where nobody else has it open, one beside it.
    """

    def __init__(self, path: Path, *, reads_only: bool = False) -> None:
        if reads_only:
            super().__init__(_only_to_read(path), apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        else:
            super().__init__(str(path), statementcachesize=256)
        self.set_busy_timeout(int(BUSY_SECONDS * 1000))
        self._names: dict[str, tuple[str, ...]] = {}

    def rows(self, statement: str, params: Params | None = None) -> list[Row]:
        """Runs a statement.

        Args:
            statement: Its text.
            params: Its parameters.

        Returns:
            All rows, by the names of their columns.
        """
        cursor = self.execute(statement, params)
        first = cursor.fetchone()
        if first is None:
            return []
        if (names := self._names.get(statement)) is None:
            names = self._names[statement] = tuple(column[0] for column in cursor.get_description())
        found = [dict(zip(names, first, strict=True))]
        found += (dict(zip(names, row, strict=True)) for row in cursor)
        return found

    def row(self, statement: str, params: Params | None = None) -> Row | None:
        """Runs a statement. As `rows`, but gives the first row, or None when there is none."""
        found = self.rows(statement, params)
        return found[0] if found else None

    def value(self, statement: str, params: Params | None = None) -> Any:
        """Runs a statement and gives the first value of its first row."""
        return next(iter(self.execute(statement, params)))[0]

    def commit(self) -> None:
        """Commits the transaction."""
        self.execute("COMMIT")

    def rollback(self) -> None:
        """Rolls the transaction back, if SQLite has not done so."""
        if self.in_transaction:
            self.execute("ROLLBACK")

    def shrink(self) -> None:
        """Gives free pages back to the file system."""
        self.execute("VACUUM")
        self.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    @property
    def has_checksums(self) -> bool:
        """Whether the pages of the file have checksums. Only known once something was read."""
        return self.reserve_bytes() == CHECKSUM_BYTES

    def add_checksums(self) -> None:
        """Writes all pages anew with checksums, whether they had right ones, wrong ones or none."""
        self.execute("PRAGMA checksum_verification=OFF")
        self.reserve_bytes(reserve=CHECKSUM_BYTES)
        self.execute("VACUUM")
        self.execute("PRAGMA checksum_verification=ON")


def connect(path: Path, *, reads_only: bool = False) -> Connection:
    """Opens a connection.

    Args:
        path: The database's file.
        reads_only: Whether nothing is to be written.

    Raises:
        StoreError: It cannot be opened.
    """
    _load_checksums()
    try:
        return Connection(path, reads_only=reads_only)
    except apsw.Error as err:
        raise translated(err, path) from err


def patiently(work: Callable[[], Answer]) -> Answer:
    """Does what SQLite refuses at once while another server does the same, as servers do that start at one moment.

    Args:
        work: Does it.

    Returns:
        What it returned.

    Raises:
        apsw.BusyError: Others were at it for too long.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return work()
        except apsw.BusyError:
            if time.monotonic() > until:
                raise
            time.sleep(BUSY_PAUSE_SECONDS)


def _only_to_read(path: Path) -> str:
    """Names a database to SQLite so that it writes nothing. With a journal, somebody else may be writing."""
    is_still = not path.with_name(f"{path.name}-wal").exists()
    return f"file:{quote(str(path))}?{'immutable=1' if is_still else 'mode=ro'}"


def lost_commits(connection: Connection, path: Path) -> int:
    """Counts transactions in the journal that SQLite does not take, because there is damage before them.

    A transaction whose writer was killed in the middle of it looks alike when it is the last one, and was never
    answered: the last one does not count.

    Args:
        connection: A connection to the database that has read something.
        path: The database's file.
    """
    journal = path.with_name(f"{path.name}-wal")
    if not journal.exists() or not _commits_after(journal, _frames(connection)):
        return 0
    # Another server may have been writing. It has finished when we have had its lock.
    connection.execute("BEGIN IMMEDIATE")
    connection.rollback()
    return _commits_after(journal, _frames(connection))


def _frames(connection: Connection) -> int:
    """Tells how many frames of the journal SQLite takes."""
    return patiently(connection.wal_checkpoint)[0]


def _commits_after(journal: Path, taken: int) -> int:
    """Counts the commits in a journal that come after its first damaged frame.

    Args:
        journal: Its file.
        taken: How many frames SQLite takes. Whole frames without a commit may follow.
    """
    with journal.open("rb") as file:
        header = file.read(_WAL_HEADER)
        if len(header) < _WAL_HEADER:
            return 0
        magic, _, page_size, _, salt, first, second = struct.unpack(">IIII8sII", header)
        sums = (first, second)
        count, is_whole = 0, True
        file.seek(max(0, taken - 1) * (_FRAME_HEADER + page_size), os.SEEK_CUR)
        for number in itertools.count(min(1, taken)):
            frame, page = file.read(_FRAME_HEADER), file.read(page_size)
            if len(page) < page_size or frame[8:16] != salt:
                return count
            stored = struct.unpack(">II", frame[16:])
            if number == 1 and taken:
                sums = stored  # those of the last frame that is taken, from which the next ones go on
                continue
            if is_whole:
                sums = _frame_sums(sums, frame[:8] + page, "<" if magic == _LITTLE_ENDIAN else ">")
                is_whole = sums == stored
            elif frame[4:8] != bytes(4):
                count += 1
    raise AssertionError("the loop returns")


def _frame_sums(sums: tuple[int, int], data: bytes, order: str) -> tuple[int, int]:
    """Goes on with the running checksum of a journal, as SQLite's file format describes it."""
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for left, right in zip(words[::2], words[1::2], strict=True):
        first = (first + left + second) & 0xFFFFFFFF
        second = (second + right + first) & 0xFFFFFFFF
    return first, second


@functools.cache
def _load_checksums() -> None:
    """Loads the extension, which then serves all connections of the process."""
    folder = Path(apsw.__file__).parent / "sqlite_extra_binaries"
    with contextlib.closing(apsw.Connection(":memory:")) as connection:
        connection.enable_load_extension(True)
        try:
            connection.load_extension(str(folder / "cksumvfs"))
        except apsw.ExtensionLoadingError as err:
            raise StoreError(
                f"SQLite's extension cksumvfs can't be loaded ({err})."
                " Install apsw from PyPI, whose packages have it."
            ) from err


def is_page_damage(err: apsw.Error) -> bool:
    """Tells whether a page of the file has another checksum than it should."""
    return getattr(err, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA


def translated(err: apsw.Error, path: Path) -> StoreError:
    """Says in our words why the database failed.

    Args:
        err: What SQLite says.
        path: The database's file.

    Returns:
        The error to raise.
    """
    result = getattr(err, "result", 0)
    if result == apsw.SQLITE_FULL:
        return StoreFullError(f"The disk of {path} is full. Free some space and start again.")
    if result == apsw.SQLITE_READONLY:
        return StoreUnwritableError(
            f"{path} is read-only. Make it writable, or choose another store with INSTEP_HOME."
        )
    if result in (apsw.SQLITE_BUSY, apsw.SQLITE_LOCKED):
        return StoreError(f"{path} was locked by another process for more than {BUSY_SECONDS:.0f} s.")
    if result in (apsw.SQLITE_CORRUPT, apsw.SQLITE_NOTADB) or is_page_damage(err):
        what = "a page has another checksum than was written" if is_page_damage(err) else str(err)
        return StoreDamagedError(f"The database {path} is damaged: {what}. {ADVICE}")
    if result == apsw.SQLITE_IOERR:
        return StoreError(
            f"{path} can't be used: {err}. The disk fails, or files may not be as large (ulimit -f)."
        )
    return StoreError(f"{path} can't be used: {err}.")
