"""The database checks what it reads: a flipped bit is an error, and never another row."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from instep_server.db.connection import Row, connect, is_page_damage
from instep_server.db.opening import migrate, prepare
from instep_server.errors import StoreDamagedError, StoreError


def filled(path: Path, rows: int = 300) -> Path:
    prepare(path)
    with closing(connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO manifests VALUES (?, ?)",
            ((f"{n:064x}", b"manifest %d" % n * 10) for n in range(rows)),
        )
        connection.executemany(
            "INSERT INTO flows (name, last_run) VALUES (?, 0)", ((f"Flow{n}",) for n in range(rows))
        )
    return path


def everything(path: Path) -> list[list[Row]]:
    """All rows, found in each of the ways that there are."""
    statements = (
        "SELECT * FROM manifests ORDER BY hash",
        "SELECT id, name, last_run FROM flows ORDER BY id",
        "SELECT name FROM flows ORDER BY name",
        "SELECT name, sql FROM sqlite_schema ORDER BY name",
    )
    with closing(connect(path)) as connection:
        return [connection.rows(statement) for statement in statements]


@pytest.mark.parametrize("seed", range(3))
def test_each_flipped_bit_of_the_file_is_noticed(tmp_path: Path, seed: int) -> None:
    path = filled(tmp_path / "instep.db")
    whole, expected = path.read_bytes(), everything(path)
    draw = random.Random(seed)
    for place in [*range(0, 20, 3), *range(21, 100, 7), *(draw.randrange(len(whole)) for _ in range(40))]:
        bit = 1 << draw.randrange(8)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        try:
            found = everything(path)
        except apsw.Error as err:
            if not (is_page_damage(err) or isinstance(err, apsw.NotADBError)):
                raise
        else:
            assert found == expected, (place, bit)  # what was read lies on other pages
        assert not is_whole(path), (place, bit)


def is_whole(path: Path) -> bool:
    with closing(connect(path)) as connection:
        try:
            return bool(connection.value("PRAGMA integrity_check") == "ok")
        except apsw.Error:
            return False


def test_each_page_is_checked_whoever_wrote_it_last(tmp_path: Path) -> None:
    path = filled(tmp_path / "instep.db")
    with closing(connect(path)) as connection:
        assert connection.has_checksums
        assert connection.value("PRAGMA integrity_check") == "ok"


def test_a_migrated_database_has_checksums(tmp_path: Path) -> None:
    path = tmp_path / "instep.db"
    migrate(path)  # through Python's own SQLite, which writes none
    filled(path)
    with closing(connect(path)) as connection:
        assert connection.value("SELECT count(*) FROM flows") == 300
        assert connection.has_checksums
    assert is_whole(path)


@pytest.mark.parametrize("bit", [1, 2, 4, 8, 128])
def test_a_header_that_switches_checking_off_is_noticed(tmp_path: Path, bit: int) -> None:
    path = filled(tmp_path / "instep.db")
    data = bytearray(path.read_bytes())
    data[20] ^= bit  # bytes that pages have for checksums
    path.write_bytes(data)
    with pytest.raises(StoreDamagedError, match=r"is damaged.*instep fsck"):
        prepare(path)


def killed(tmp_path: Path) -> Path:
    """A database whose writer was killed: some of its transactions are in the journal only."""
    path = filled(tmp_path / "instep.db", 3)
    copy = tmp_path / "killed.db"
    with closing(connect(path)) as connection:
        for n in range(20):
            with connection:
                connection.execute("INSERT INTO manifests VALUES (?, ?)", (f"late {n}", bytes(3000)))
        shutil.copy(path, copy)
        shutil.copy(f"{path}-wal", f"{copy}-wal")
    return copy


def test_the_journal_of_a_killed_writer_is_taken_over(tmp_path: Path) -> None:
    path = killed(tmp_path)
    prepare(path)
    with closing(connect(path)) as connection:
        assert connection.value("SELECT count(*) FROM manifests") == 23


def test_damage_in_the_journal_is_noticed(tmp_path: Path) -> None:
    path = killed(tmp_path)
    journal = Path(f"{path}-wal")
    whole = bytearray(journal.read_bytes())
    whole[len(whole) // 2] ^= 4
    journal.write_bytes(whole)
    with pytest.raises(StoreDamagedError, match=r"journal of the database .* is damaged.*instep fsck"):
        prepare(path)


def test_a_journal_that_breaks_off_is_not_damaged(tmp_path: Path) -> None:
    path = killed(tmp_path)
    journal = Path(f"{path}-wal")
    journal.write_bytes(journal.read_bytes()[:-3000])
    prepare(path)


def test_a_missing_extension_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from instep_server.db import connection

    connection._load_checksums.cache_clear()
    monkeypatch.setattr(apsw, "__file__", str(tmp_path / "apsw.py"))
    with pytest.raises(StoreError, match=r"cksumvfs can't be loaded.*Install apsw from PyPI"):
        connect(tmp_path / "instep.db")
    connection._load_checksums.cache_clear()


def test_servers_that_start_at_once_in_a_new_store_wait_for_each_other(tmp_path: Path) -> None:
    """SQLite itself waits neither when the kind of journal is changed nor when the journal is taken over."""
    program = (
        "import sys; from pathlib import Path; from instep_server.db.opening import prepare;"
        " print(flush=True); sys.stdin.read(); prepare(Path(sys.argv[1]))"
    )
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", program, tmp_path / "instep.db"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(12)
    ]
    for server in servers:
        assert server.stdout is not None
        server.stdout.readline()
    for server in servers:
        assert server.stdin is not None
        server.stdin.close()
        server.stdin = None
    assert [server.communicate()[1] for server in servers] == [b""] * len(servers)
