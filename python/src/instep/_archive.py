"""What clients ask an orchestrator, call by call; and the orchestrator that a process of clients shares.

The first question of a process starts an orchestrator for the store that `instep._home` finds, and the end of
the process ends it. A forked child starts its own: neither the process nor the channel can be shared.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from instep._format import size
from instep._home import client_home
from instep._server_process import ServerProcess
from instep.errors import AttemptUnknownError, TaskUnknownError

if TYPE_CHECKING:
    from instep_proto.v1 import control_service_pb2, log_service_pb2, run_pb2

    from instep._reader import ArtifactReader
    from instep._rpc import Connection

STREAMS = {"stdout": "LOG_STREAM_STDOUT", "stderr": "LOG_STREAM_STDERR"}
"""Names of LogStream."""

RUNS_ON_FIRST_PAGE = 10
RUNS_PER_PAGE = 100
TASKS_ONE_BY_ONE = 4


class Archive:
    """The runs of one store.

    Args:
        connection: The connection to an orchestrator of the store.
    """

    def __init__(self, connection: Connection) -> None:
        # Imported here, because this module is imported by `import instep` and these cost 100 ms.
        from instep_proto.v1 import control_service_pb2, log_service_pb2

        from instep._reader import ArtifactReader

        self._connection = connection
        self._pb = control_service_pb2
        self._log_pb = log_service_pb2
        self.reader: ArtifactReader = ArtifactReader(connection)

    def flows(self, tags: Sequence[str] = ()) -> Sequence[str]:
        """Names the flows that have runs, sorted.

        Args:
            tags: Only flows of which a run has all of these.
        """
        request = self._pb.ListFlowsRequest(tags=tags)
        return list(
            self._connection.call("ControlService/ListFlows", request, self._pb.ListFlowsResponse).flows
        )

    def run(self, flow: str, run_id: str = "") -> control_service_pb2.GetRunResponse:
        """Reads one run with its graph.

        Args:
            flow: Name of the flow.
            run_id: Id of the run. Empty: the newest.

        Raises:
            NotFoundError: There is no such flow or run.
        """
        request = self._pb.GetRunRequest(flow=flow, run_id=run_id)
        return self._connection.call("ControlService/GetRun", request, self._pb.GetRunResponse)

    def runs(
        self,
        flow: str = "",
        *,
        tags: Sequence[str] = (),
        states: Sequence[str] = (),
        since_unix_ms: int = 0,
        before_unix_ms: int = 0,
        step: str = "",
    ) -> Iterator[run_pb2.Run]:
        """Yields runs, newest first, page by page. Pages grow, so that a look at the newest run reads few others.

        Args:
            flow: Name of the flow. Empty: all flows.
            tags: Only runs that have all of these.
            states: Only runs in one of these states, named as in the protocol. Empty: all.
            since_unix_ms: Only runs made then or later. 0: any.
            before_unix_ms: Only runs made before that. 0: any.
            step: Only runs that have a task of this step. Empty: any.
        """
        request = self._pb.ListRunsRequest(
            flow=flow,
            limit=RUNS_ON_FIRST_PAGE,
            states=states,
            tags=tags,
            since_unix_ms=since_unix_ms,
            before_unix_ms=before_unix_ms,
            step=step,
        )
        while True:
            answer = self._connection.call("ControlService/ListRuns", request, self._pb.ListRunsResponse)
            yield from answer.runs
            if not answer.next:
                return
            request.after = answer.next
            request.limit = min(2 * request.limit, RUNS_PER_PAGE)

    def change_tags(
        self, flow: str, run_id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> run_pb2.Run:
        """Removes tags from a run, and adds others, at once.

        Args:
            flow: Name of the flow.
            run_id: Id of the run.
            add: Tags to add.
            remove: Tags to remove.

        Returns:
            The run after the change.

        Raises:
            NotFoundError: There is no such run.
            TagInvalidError: A tag is malformed or cannot be changed, or there would be too many.
        """
        request = self._pb.ChangeTagsRequest(flow=flow, run_id=run_id, add=add, remove=remove)
        return self._connection.call("ControlService/ChangeTags", request, self._pb.ChangeTagsResponse).run

    def steps(self, flow: str, run_id: str) -> Sequence[run_pb2.Step]:
        """Reads the steps of a run that have tasks, newest first.

        Raises:
            NotFoundError: There is no such run.
        """
        request = self._pb.ListStepsRequest(flow=flow, run_id=run_id)
        return self._connection.call("ControlService/ListSteps", request, self._pb.ListStepsResponse).steps

    def tasks(
        self, flow: str, run_id: str, step: str = "", *, states: Sequence[str] = (), before: int = 0
    ) -> Iterator[run_pb2.TaskRecord]:
        """Yields tasks, newest first, page by page.

        Args:
            flow: Name of the flow.
            run_id: Id of the run.
            step: Name of the step. Empty: all steps.
            states: Only tasks in one of these states, named as in the protocol. Empty: all.
            before: Only tasks whose ids are smaller. 0: all.

        Raises:
            NotFoundError: There is no such run or step.
        """
        request = self._pb.ListTasksRequest(
            flow=flow, run_id=run_id, step=step, states=states, after_task_id=str(before) if before else ""
        )
        while True:
            answer = self._connection.call("ControlService/ListTasks", request, self._pb.ListTasksResponse)
            yield from answer.tasks
            if not answer.next_after_task_id:
                return
            request.after_task_id = answer.next_after_task_id

    def tasks_by_id(self, flow: str, run_id: str, ids: Sequence[str]) -> Iterator[run_pb2.TaskRecord]:
        """Yields certain tasks, in the order in which they are named.

        The tasks of a wide foreach have ids one after another, and are read page by page; few tasks one by one.

        Args:
            flow: Name of the flow.
            run_id: Id of the run.
            ids: Ids of the tasks.

        Raises:
            NotFoundError: There is no such run or task.
        """
        if len(ids) <= TASKS_ONE_BY_ONE:
            yield from (self.task(flow, run_id, "", task_id) for task_id in ids)
            return
        wanted, oldest = set(ids), min(map(int, ids))
        newest_first = self.tasks(flow, run_id, before=max(map(int, ids)) + 1)
        near = takewhile(lambda task: int(task.task_id) >= oldest, newest_first)
        found = {task.task_id: task for task in near if task.task_id in wanted}
        yield from (found[task_id] for task_id in ids)

    def task(self, flow: str, run_id: str, step: str, task_id: str) -> run_pb2.TaskRecord:
        """Reads one task.

        Args:
            flow: Name of the flow.
            run_id: Id of the run.
            step: Name of the step. Empty: whichever it is.
            task_id: Id of the task.

        Raises:
            NotFoundError: There is no such task.
        """
        request = self._pb.ListTasksRequest(flow=flow, run_id=run_id, step=step, task_id=task_id)
        answer = self._connection.call("ControlService/ListTasks", request, self._pb.ListTasksResponse)
        task = answer.tasks[0]
        if step and task.step != step:
            raise TaskUnknownError(
                f"Task {task_id} of run '{flow}/{run_id}' is one of step {task.step!r}, not of {step!r}.",
                task=task_id,
            )
        return task

    def task_message(
        self, flow: str, run_id: str, task_id: str, attempt: int | None
    ) -> control_service_pb2.GetTaskResponse:
        """Reads a task as its worker got it.

        Args:
            flow: Name of the flow.
            run_id: Id of the run.
            task_id: Id of the task.
            attempt: Number of the attempt. None: the latest.

        Raises:
            NotFoundError: There is no such task.
        """
        request = self._pb.GetTaskRequest(flow=flow, run_id=run_id, task_id=task_id, attempt=attempt)
        return self._connection.call("ControlService/GetTask", request, self._pb.GetTaskResponse)

    def artifacts(
        self, flow: str, run_id: str, task_id: str, attempt: int | None
    ) -> Sequence[run_pb2.Artifact]:
        """Reads what is recorded of the artifacts of a task, sorted by name.

        Raises:
            NotFoundError: There is no such task.
        """
        request = self._pb.ListArtifactsRequest(flow=flow, run_id=run_id, task_id=task_id, attempt=attempt)
        answer = self._connection.call(
            "ControlService/ListArtifacts", request, self._pb.ListArtifactsResponse
        )
        return answer.artifacts

    def log(
        self, flow: str, run_id: str, task_id: str, attempt: int | None, stream: str
    ) -> Iterator[tuple[int, bytes]]:
        """Yields the pieces of a log that exist now, with the unix milliseconds of their arrival.

        Args:
            flow: Name of the flow.
            run_id: Id of the run.
            task_id: Id of the task.
            attempt: Number of the attempt. None: the latest.
            stream: ``stdout`` or ``stderr``.
        """
        request = self._log_pb.TailLogsRequest(
            flow=flow, run_id=run_id, task_id=task_id, attempt=attempt, stream=STREAMS[stream]
        )
        try:
            for piece in self._connection.stream(
                "LogService/TailLogs", request, self._log_pb.TailLogsResponse, _skip_log
            ):
                if piece.dropped_bytes:
                    text = f"[Instep cut the log here: {size(piece.dropped_bytes)} were dropped.]\n"
                    yield piece.at_unix_ms, text.encode()
                yield piece.at_unix_ms, piece.data
        except AttemptUnknownError:
            if attempt is not None:  # else the task has not started, and so has no log yet
                raise


def _skip_log(request: log_service_pb2.TailLogsRequest, answer: log_service_pb2.TailLogsResponse) -> None:
    request.offset = answer.offset + len(answer.data)


def lines_of(pieces: Iterator[tuple[int, bytes]]) -> Iterator[tuple[datetime, str]]:
    """Makes lines of the pieces of a log.

    Args:
        pieces: Pieces in order, with the unix milliseconds of their arrival.

    Yields:
        When the line began to arrive, in UTC, and the line without its end.
    """
    rest, began = b"", 0
    for at, data in pieces:
        began = began if rest else at
        *lines, rest_after = (rest + data).split(b"\n")
        for line in lines:
            yield instant(began), line.decode(errors="replace")
            began = at
        rest = rest_after
    if rest:
        yield instant(began), rest.decode(errors="replace")


def instant(unix_ms: int) -> datetime:
    """Turns unix milliseconds into an instant, in UTC."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC)


@dataclass(frozen=True, slots=True)
class _Open:
    """An archive of this process, with what it stands on."""

    archive: Archive
    connection: Connection
    server: ServerProcess

    def close(self) -> None:
        self.connection.close()
        self.server.stop()


_open: dict[Path, _Open] = {}
_lock = Lock()
# Objects of a parent that a forked child must neither use nor destroy: gRPC would wait for threads that the child
# does not have.
_left_behind: list[object] = []


def archive(home: Path | None = None) -> Archive:
    """Gives the archive of a store, and starts its orchestrator when none runs yet.

    Args:
        home: The store's directory. None: the one that is in effect.

    Raises:
        StoreMissingError: There is no store.
        ServerFailedError: The orchestrator cannot be started.
    """
    home = home or client_home()
    with _lock:
        if home in _open and _open[home].server.ends_within(0):
            _open.pop(home).close()
        if home not in _open:
            _open[home] = _start(home)
        return _open[home].archive


def close_all() -> None:
    """Ends the orchestrators that this process has started for clients."""
    with _lock:
        while _open:
            _open.popitem()[1].close()


def _start(home: Path) -> _Open:
    server = ServerProcess(home)
    from instep._rpc import Connection  # 60 ms, while the server starts

    try:
        address = server.address()
    except BaseException:
        server.stop()
        raise
    connection = Connection(
        address.target, address.token, call_seconds=address.call_seconds, pause=server.outlives
    )
    return _Open(Archive(connection), connection, server)


def _leave_behind() -> None:
    global _lock
    _left_behind.append(dict(_open))
    _open.clear()
    _lock = Lock()


atexit.register(close_all)
os.register_at_fork(after_in_child=_leave_behind)
