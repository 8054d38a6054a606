from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import apsw
import pytest
from instep_server.db import _sqlite
from instep_server.db.change import Change
from instep_server.db.connection import Connection, connect, translated
from instep_server.db.database import Database
from instep_server.db.opening import prepare
from instep_server.errors import StoreError, StoreFullError, StoreUnwritableError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "instep.db"
    prepare(file)
    return file


def manifest(key: str) -> Change:
    return Change(manifests=[{"hash": key, "bytes": key.encode()}])


def stored(db: Database) -> set[str]:
    return {row["hash"] for row in db._reader.rows("SELECT hash FROM manifests")}


def test_write_is_there_when_it_is_done(path: Path) -> None:
    async def scenario() -> None:
        db = Database(path, lambda _: None)
        await db.write(manifest("a").apply, durable=True)
        assert db.one(_sqlite.MANIFEST, {"hash": "a"})["bytes"] == b"a"  # type: ignore[index]
        assert db.one(_sqlite.MANIFEST, {"hash": "b"}) is None
        await db.close()

    asyncio.run(scenario())


def test_writes_share_transactions(path: Path) -> None:
    async def scenario() -> None:
        commits: list[set[int]] = []
        db = Database(path, commits.append)
        writes = [db.write(manifest(str(number)).apply, run=number) for number in range(50)]
        writes.append(db.write(manifest("last").apply, durable=True, run=99))
        await asyncio.gather(*writes)
        assert commits == [{*range(50), 99}]
        await db.close()

    asyncio.run(scenario())


def test_order_is_kept(path: Path) -> None:
    async def scenario() -> None:
        db = Database(path, lambda _: None)
        done: list[int] = []
        for number in range(20):
            db.write(lambda _, number=number: done.append(number), durable=number % 3 == 0)  # type: ignore[misc]
            if number % 5 == 0:
                await asyncio.sleep(0)
        await db.close()
        assert done == list(range(20))

    asyncio.run(scenario())


def test_write_that_fails_does_not_take_others_with_it(path: Path) -> None:
    async def scenario() -> None:
        db = Database(path, lambda _: None)
        good = db.write(manifest("good").apply)
        bad = db.write(lambda connection: connection.execute("INSERT INTO nowhere VALUES (1)"))
        also = db.write(manifest("also").apply, durable=True)
        await also
        await good
        with pytest.raises(StoreError, match="no such table"):
            await bad
        assert stored(db) == {"good", "also"}
        await db.close()

    asyncio.run(scenario())


def test_nothing_of_a_run_is_written_after_a_write_of_it_that_failed(path: Path) -> None:
    """What is on disk of a run is a beginning of what happened, also where a later write would find room again."""

    def refuse(_: Connection) -> None:
        raise StoreFullError("The disk is full.")

    async def scenario() -> None:
        db = Database(path, lambda _: None)
        writes = [
            db.write(manifest("a").apply, run=1),
            db.write(refuse, run=1),
            db.write(manifest("b").apply, run=1),
            db.write(manifest("c").apply, run=2, durable=True),
        ]
        found = await asyncio.gather(*writes, return_exceptions=True)
        assert [type(one) for one in found] == [type(None), StoreFullError, StoreFullError, type(None)]
        with pytest.raises(StoreFullError):
            await db.write(manifest("d").apply, run=1)
        assert stored(db) == {"a", "c"}
        await db.close()

    asyncio.run(scenario())


def test_unwritable_database_can_be_read(path: Path) -> None:
    async def scenario() -> None:
        db = Database(path, lambda _: None)
        await db.write(manifest("a").apply, durable=True)
        await db.close()
        before = sorted(file.name for file in path.parent.iterdir())
        db = Database(path, lambda _: None, StoreUnwritableError("It is read-only."))
        assert stored(db) == {"a"}
        with pytest.raises(StoreUnwritableError):
            await db.write(manifest("b").apply, durable=True)
        assert sorted(file.name for file in path.parent.iterdir()) == before
        await db.close()

    asyncio.run(scenario())


def test_write_waits_for_another_writer(path: Path) -> None:
    async def scenario() -> None:
        other = connect(path)
        other.execute("BEGIN IMMEDIATE")
        db = Database(path, lambda _: None)
        write = db.write(manifest("a").apply, durable=True)
        await asyncio.wait({write}, timeout=0.1)
        assert not write.done()
        other.commit()
        await write
        other.close()
        await db.close()

    asyncio.run(scenario())


def test_close_waits_for_writes(path: Path) -> None:
    async def scenario() -> None:
        db = Database(path, lambda _: None)
        write = db.write(manifest("a").apply)
        await db.close()
        assert write.done()

    asyncio.run(scenario())


def test_full_disk_is_told_and_leaves_what_was_there(path: Path) -> None:
    async def scenario() -> None:
        db = Database(path, lambda _: None)
        await db.write(manifest("before").apply, durable=True)
        pages = db._writer.value("PRAGMA page_count")
        db._writer.execute(f"PRAGMA max_page_count={pages}")
        big = Change(manifests=[{"hash": "big", "bytes": bytes(1_000_000)}])
        with pytest.raises(StoreFullError, match="is full"):
            await db.write(big.apply, durable=True)
        assert stored(db) == {"before"}
        await db.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (apsw.SQLITE_READONLY, "is read-only"),
        (apsw.SQLITE_BUSY, "was locked by another process"),
        (apsw.SQLITE_CORRUPT, "is damaged: odd. `instep fsck`"),
        (apsw.SQLITE_IOERR_DATA, "is damaged: a page has another checksum"),
        (apsw.SQLITE_IOERR, "can't be used"),
    ],
)
def test_trouble_is_translated(code: int, text: str) -> None:
    err = cast(apsw.Error, apsw.exception_for(code))
    err.args = ("odd",)
    assert text in str(translated(err, Path("x.db")))
