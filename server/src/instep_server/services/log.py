"""Logs: workers append to those of their attempts, clients read all."""

from __future__ import annotations

from collections.abc import AsyncIterator

from instep_proto.v1 import log_service_pb2 as pb
from instep_proto.v1 import log_service_pb2_grpc

from instep_server.changes import until
from instep_server.core.states import RUN_ENDS
from instep_server.db import _sqlite
from instep_server.db.connection import Row
from instep_server.errors import Reason, RequestError
from instep_server.limits import LOG_BATCH_BYTES, LOG_INTERVAL_MS
from instep_server.logs import LogStream
from instep_server.services.guard import Service, streaming, unary
from instep_server.services.leases import open_attempt_of
from instep_server.services.records import AttemptKey, find_attempt
from instep_server.tokens import Grant, TokenKind

BATCH_CHUNKS = 256


class LogService(Service, log_service_pb2_grpc.LogServiceServicer):
    """The service of the same name."""

    @unary(TokenKind.SESSION)
    def AppendLogs(self, request: pb.AppendLogsRequest, grant: Grant) -> pb.AppendLogsResponse:
        """Appends to the log of the caller's attempt."""
        attempt = open_attempt_of(self.orchestrator, grant, request.lease_token)
        if len(request.data) > LOG_BATCH_BYTES:
            raise RequestError(
                Reason.LIMIT_EXCEEDED,
                f"A piece has at most {LOG_BATCH_BYTES:,} bytes, not {len(request.data):,}.",
            )
        log = attempt.worker.run.append_logs(
            attempt, _stream(request.stream), request.offset, request.data, request.dropped_bytes
        )
        return pb.AppendLogsResponse(
            next_offset=log.received, min_interval_ms=LOG_INTERVAL_MS, closed=log.closed
        )

    @streaming(TokenKind.CLIENT)
    async def TailLogs(self, request: pb.TailLogsRequest, grant: Grant) -> AsyncIterator[pb.TailLogsResponse]:
        """Reads a log, and follows it when asked to."""
        db, files = self.orchestrator.db, self.orchestrator.logs
        run = self.orchestrator.find_run(request.flow, request.run_id)
        number = request.attempt if request.HasField("attempt") else None
        key = find_attempt(db, run, request.task_id, number)
        stream = _stream(request.stream)
        run, key = self._where_it_ran(run, key)
        path = files.path(request.flow, run["number"], key.task, key.attempt, stream)
        params = {"run": run["id"], "task": key.task, "attempt": key.attempt, "stream": stream}
        offset = request.offset
        while True:
            change = self.orchestrator.changes.expect(run["id"])
            is_complete = self._is_complete(run["id"], key.task, key.attempt)
            rows = db.all(_sqlite.LOG_CHUNKS, {**params, "after": offset, "limit": BATCH_CHUNKS})
            for row in rows:
                start = max(offset, row["start"])
                chunk = files.read(path, row["start"], row["length"], row["checksum"])
                yield pb.TailLogsResponse(
                    offset=start,
                    data=chunk[start - row["start"] :],
                    at_unix_ms=row["at_unix_ms"],
                    dropped_bytes=_dropped(row, start),
                )
                offset = row["start"] + row["length"]
            if len(rows) == BATCH_CHUNKS:
                continue
            if is_complete or not request.follow:
                yield pb.TailLogsResponse(offset=offset, end=is_complete)
                return
            await until(change)

    def _where_it_ran(self, run: Row, key: AttemptKey) -> tuple[Row, AttemptKey]:
        """Finds the attempt that has the logs: for that of a clone, the one that it is a clone of."""
        db = self.orchestrator.db
        span = {"run": run["id"], "first": key.task, "last": key.task}
        row = next(row for row in db.all(_sqlite.ATTEMPTS, span) if row["number"] == key.attempt)
        if row["ran_run"] is None:
            return run, key
        ran = db.all(_sqlite.RUN_BY_ID, {"run": row["ran_run"]})[0]
        return ran, AttemptKey(row["ran_task"], row["ran_attempt"])

    def _is_complete(self, run: int, task: int, attempt: int) -> bool:
        """Tells whether a log will not grow any more."""
        row = self.orchestrator.db.one(_sqlite.RUN_BY_ID, {"run": run})
        if row is None or row["state"] in RUN_ENDS:
            return True
        rows = self.orchestrator.db.all(_sqlite.ATTEMPTS, {"run": run, "first": task, "last": task})
        return any(row["number"] == attempt and row["logs_closed"] for row in rows)


def _stream(number: int) -> LogStream:
    try:
        return LogStream(number)
    except ValueError:
        raise RequestError(
            Reason.MALFORMED, f"There is no log stream {number}. Choose stdout or stderr."
        ) from None


def _dropped(row: Row, start: int) -> int:
    return int(row["dropped"]) if start == row["start"] else 0
