"""The connection to the database: reads at once, writes in batches.

Theory of operation. Both connections belong to the event loop's thread, because handing rows between threads
costs more than fetching them. A write is a function over the connection. Writes wait in a queue; a pump takes
all that are there, runs them in one transaction, and has only the commit, which waits for the disk, done by a
thread. Writes that come meanwhile make the next batch, so that the slower the disk, the larger the batches. A
write that need not be durable waits a moment for one that must be.

Writes are done in the order in which they came, so what is on disk is always a beginning of what happened. A
batch that holds a durable write is synced before it is answered. When a batch fails, its writes are tried again
one by one, so that only those fail that cannot be done. With a write of a run, all of its later ones fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import apsw

from instep_server.db.connection import BUSY_SECONDS, Connection, Params, Row, connect, translated
from instep_server.errors import StoreError

LINGER_SECONDS = 0.01
"""How long a write that need not be durable waits for others to share its transaction."""

T = TypeVar("T")


@dataclass(slots=True)
class _Write(Generic[T]):
    work: Callable[[Connection], T]
    durable: bool
    done: asyncio.Future[T]
    run: int | None


class Database:
    """The database of one store, open. Use it from the thread of the running event loop only.

    Args:
        path: Its file. The schema must be there.
        on_commit: Called after each commit, with the ids of the runs whose rows were written.
        unwritable: Why the database can only be read, by which all writes fail. None: it can be written.
    """

    def __init__(
        self, path: Path, on_commit: Callable[[set[int]], None], unwritable: StoreError | None = None
    ) -> None:
        self._path = path
        self._on_commit = on_commit
        self._unwritable = unwritable
        self._writer = connect(path, reads_only=unwritable is not None)
        self._reader = connect(path, reads_only=unwritable is not None)
        self._synced: bool | None = None
        self._queue: list[_Write[Any]] = []
        self._given_up: dict[int, StoreError] = {}
        self._pump: asyncio.Task[None] | None = None
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="commit")

    def all(self, statement: str, params: Params | None = None) -> Sequence[Row]:
        """Reads rows.

        Args:
            statement: A statement of `_sqlite`.
            params: Its parameters.

        Returns:
            All rows.

        Raises:
            StoreError: The database cannot be read.
        """
        try:
            return self._reader.rows(statement, params)
        except apsw.Error as err:
            raise translated(err, self._path) from err

    def one(self, statement: str, params: Params | None = None) -> Row | None:
        """Reads the first row, or None when there is none. As `all` otherwise."""
        rows = self.all(statement, params)
        return rows[0] if rows else None

    def value(self, statement: str, params: Params | None = None) -> Any:
        """Reads the first value of the first row, which must be there. As `all` otherwise."""
        try:
            return self._reader.value(statement, params)
        except apsw.Error as err:
            raise translated(err, self._path) from err

    def write(
        self, work: Callable[[Connection], T], *, durable: bool = False, run: int | None = None
    ) -> asyncio.Future[T]:
        """Queues a write.

        Args:
            work: Does it, inside a transaction. It may be called twice, when the first transaction failed.
            durable: Sync the disk before the write counts as done.
            run: Id of the run whose rows it writes, for `on_commit`.

        Returns:
            What `work` returned, once it is committed. Fails with StoreError. May be ignored.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_retrieve)
        if self._unwritable is not None:
            done.set_exception(self._unwritable)
            return done
        self._queue.append(_Write(work, durable, done, run))
        if durable:
            self._start_pump()
        elif len(self._queue) == 1:
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self._start_pump)
        return done

    def give_up(self, run: int, err: StoreError) -> None:
        """Refuses all further writes of a run, so that its rows stay a beginning of what happened.

        Args:
            run: Id of the run, one of whose writes could not be done.
            err: Why not.
        """
        self._given_up.setdefault(run, err)

    async def close(self) -> None:
        """Waits for all writes and closes the connections."""
        self._start_pump()
        if self._pump is not None:
            await self._pump
        self._reader.close()
        self._writer.close()
        self._committer.shutdown()

    def _start_pump(self) -> None:
        if self._queue and (self._pump is None or self._pump.done()):
            self._pump = asyncio.create_task(self._work_off())

    async def _work_off(self) -> None:
        while self._queue:
            batch, self._queue = self._queue, []
            await self._do(batch)

    async def _do(self, batch: list[_Write[Any]]) -> None:
        for write in batch:
            if write.run in self._given_up:
                _fail(write.done, self._given_up[write.run])
        batch = [write for write in batch if write.run not in self._given_up]
        if not batch:
            return
        try:
            results = await self._transact(batch)
        except Exception as err:  # noqa: BLE001 - it belongs to those who wait for these writes
            if len(batch) == 1:
                err = translated(err, self._path) if isinstance(err, apsw.Error) else err
                if batch[0].run is not None:
                    self.give_up(batch[0].run, err if isinstance(err, StoreError) else StoreError(str(err)))
                _fail(batch[0].done, err)
                return
            for write in batch:
                await self._do([write])
            return
        for write, result in zip(batch, results, strict=True):
            if not write.done.done():
                write.done.set_result(result)
        if runs := {write.run for write in batch if write.run is not None}:
            self._on_commit(runs)

    async def _transact(self, batch: list[_Write[Any]]) -> list[Any]:
        self._set_sync(any(write.durable for write in batch))
        await self._begin()
        try:
            results = [write.work(self._writer) for write in batch]
            await asyncio.get_running_loop().run_in_executor(self._committer, self._writer.commit)
        except BaseException:
            self._writer.rollback()
            raise
        return results

    def _set_sync(self, durable: bool) -> None:
        if durable is not self._synced:
            self._writer.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._synced = durable

    async def _begin(self) -> None:
        """Takes the write lock. Only when another server holds it, a thread waits for it."""
        self._writer.set_busy_timeout(0)
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            self._writer.set_busy_timeout(int(BUSY_SECONDS * 1000))
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._committer, self._writer.execute, "BEGIN IMMEDIATE")


def _retrieve(done: asyncio.Future[Any]) -> None:
    """Marks a failure as seen: who does not wait for a write learns of trouble with the next one that it does."""
    if not done.cancelled():
        done.exception()


def _fail(done: asyncio.Future[Any], err: Exception) -> None:
    if not done.done():
        done.set_exception(err)
