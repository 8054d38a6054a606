"""Streams what happens in a run, and what its attempts write, from the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from instep_proto.v1 import control_service_pb2, log_service_pb2, run_pb2

from instep_server.changes import Changes, until
from instep_server.convert_run import event_to_proto
from instep_server.core.states import RUN_ENDS
from instep_server.db import _sqlite
from instep_server.db.connection import Row
from instep_server.db.database import Database
from instep_server.limits import PAGE_BYTES
from instep_server.logs import LogFiles, LogStream

BATCH_EVENTS = 1_000
LOOK_SECONDS = 0.03
"""How long to wait between two looks while a run is under way, so that what happens together is sent together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedRun:
    """The run that is watched."""

    key: int
    """Its row id."""
    flow: str
    """Name of the flow."""
    number: int
    """Its number."""


@dataclass(slots=True)
class RunWatcher:
    """One stream of events.

    Attributes:
        db: The database.
        files: The log files.
        changes: Tells when to look again.
        run: The run.
        check: Called at each look. Raises when the stream is to end with an error.
        ended: Done when the run has ended, which is to be told at once. None: this server does not run it.
    """

    db: Database
    files: LogFiles
    changes: Changes
    run: WatchedRun
    check: Callable[[], Awaitable[None]]
    ended: asyncio.Future[None] | None
    _mentioned: set[tuple[int, int]] = field(default_factory=set)
    _unmentioned: dict[tuple[int, int], list[Row]] = field(default_factory=dict)
    _chunk_id: int = 0

    async def stream(
        self, *, cursor: int, logs: bool, log_cursor: int | None = None
    ) -> AsyncIterator[control_service_pb2.WatchRunResponse]:
        """Streams events until the run has ended.

        Args:
            cursor: Only events after this one.
            logs: Also send what attempts write.
            log_cursor: Where the logs go on. None: at the beginning of those of attempts that events are about.

        Yields:
            Messages of moderate size; what attempts wrote comes before the events that it belongs to.
        """
        if logs:
            rows = self.db.all(_sqlite.ATTEMPTS_UNDER_WAY, {"run": self.run.key})
            self._mentioned = {(row["task"], row["number"]) for row in rows}
        if logs and log_cursor is not None:
            self._chunk_id = log_cursor
            missed = self.db.all(_sqlite.RUN_LOG_CHUNKS, {"run": self.run.key, "after": log_cursor})
            self._mentioned |= {(row["task"], row["attempt"]) for row in missed}
        while True:
            await self.check()
            change = self.changes.expect(self.run.key)
            events = self._events(cursor)
            message = control_service_pb2.WatchRunResponse()
            for following in self._log_messages(events) if logs else ():
                if message.logs:
                    yield message
                message = following
            if logs:
                message.log_cursor = self._log_cursor()
            # What belongs together is told at once, so that nobody sees one without the other.
            message.events.extend(events)
            if message.logs or message.events:
                yield message
            if events:
                cursor = events[-1].cursor
                if any(int(event.run_state) in RUN_ENDS for event in events):
                    return
            elif self._has_ended():
                return
            if len(events) < BATCH_EVENTS:
                await until(change)
                await self._pause()

    async def _pause(self) -> None:
        if self.ended is None:
            await asyncio.sleep(LOOK_SECONDS)
        elif not self.ended.done():
            await asyncio.wait({self.ended}, timeout=LOOK_SECONDS)

    def _events(self, after: int) -> list[run_pb2.Event]:
        params = {"run": self.run.key, "after": after, "limit": BATCH_EVENTS}
        return [
            event_to_proto(row, self.run.flow, str(self.run.number))
            for row in self.db.all(_sqlite.EVENTS, params)
        ]

    def _has_ended(self) -> bool:
        row = self.db.one(_sqlite.RUN_BY_ID, {"run": self.run.key})
        return row is None or row["state"] in RUN_ENDS

    def _log_messages(self, events: list[run_pb2.Event]) -> Iterator[control_service_pb2.WatchRunResponse]:
        message, size = control_service_pb2.WatchRunResponse(), 0
        for row, step in self._chunks(events):
            message.logs.append(self._chunk(row, step))
            size += row["length"]
            if size > PAGE_BYTES:
                yield message
                message, size = control_service_pb2.WatchRunResponse(), 0
        if size:
            yield message

    def _log_cursor(self) -> int:
        """Tells the last chunk before which none is held back."""
        held_back = [int(rows[0]["id"]) - 1 for rows in self._unmentioned.values()]
        return min(held_back, default=self._chunk_id)

    def _chunks(self, events: list[run_pb2.Event]) -> Iterator[tuple[Row, str]]:
        """Finds the chunks that are to be sent now, in the order in which they were written."""
        for row in self.db.all(_sqlite.RUN_LOG_CHUNKS, {"run": self.run.key, "after": self._chunk_id}):
            self._chunk_id = row["id"]
            self._unmentioned.setdefault((row["task"], row["attempt"]), []).append(row)
        self._mentioned |= {
            (int(event.task_id), event.attempt) for event in events if event.HasField("attempt")
        }
        due = [
            row
            for attempt in self._unmentioned.keys() & self._mentioned
            for row in self._unmentioned.pop(attempt)
        ]
        return ((row, row["step"]) for row in sorted(due, key=lambda row: int(row["id"])))

    def _chunk(self, row: Row, step: str) -> control_service_pb2.LogChunk:
        stream = LogStream(row["stream"])
        path = self.files.path(self.run.flow, self.run.number, row["task"], row["attempt"], stream)
        return control_service_pb2.LogChunk(
            step=step,
            task_id=str(row["task"]),
            attempt=row["attempt"],
            stream=log_service_pb2.LogStream.Name(row["stream"]),
            offset=row["start"],
            data=self.files.read(path, row["start"], row["length"], row["checksum"]),
        )
