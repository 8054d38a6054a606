"""Follows a run to its end, and cancels it when a signal says so.

A thread reads the stream of events; signals and events meet in one queue, which the main thread empties. So a
signal never breaks off a call, and everything is shown by one thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from instep_proto.v1 import control_service_pb2 as pb

from instep._cli._signals import Impatient
from instep.errors import InstepError, TransportError

if TYPE_CHECKING:
    from instep_proto.v1.run_pb2 import Run

    from instep._cli._session import Session
    from instep._progress import Progress

TOGETHER_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The stream of events is over."""

    error: InstepError | None
    """Why it broke off. None: it was complete."""


Item = pb.WatchRunResponse | StreamEnd | int


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of watching a run."""

    run: Run
    """The run, which has ended."""
    signum: int | None
    """The signal that asked to cancel it. None: there was none."""


def watch(session: Session, run: Run, progress: Progress, queue: SimpleQueue[Item]) -> Watched:
    """Follows a run until it has ended. The first signal cancels it, the second stops waiting.

    Args:
        session: The command's session.
        run: The run, which was submitted.
        progress: Shows what happens.
        queue: Where the command's signals arrive.

    Returns:
        How it ended.

    Raises:
        Impatient: A second signal came.
        InstepError: The run cannot be followed.
    """
    Thread(target=_pump, args=(session, run, queue), name="instep-watch", daemon=True).start()
    try:
        signum = _follow(session, run, progress, queue)
        ended = _get_run(session, run)
    except BaseException:
        progress.end(None)
        raise
    progress.end(ended)
    return Watched(ended, signum)


def _follow(session: Session, run: Run, progress: Progress, queue: SimpleQueue[Item]) -> int | None:
    signum: int | None = None
    for item in _items(queue):
        if isinstance(item, pb.WatchRunResponse):
            progress.update(item)
        elif isinstance(item, StreamEnd):
            if item.error is not None:
                raise session.explain(item.error) if isinstance(item.error, TransportError) else item.error
            return signum
        elif signum is None:
            signum = item
            progress.notice("Cancelling the run. Interrupt again to stop waiting for it.")
            _cancel(session, run)
        else:
            raise Impatient(item)
    return signum


def _items(queue: SimpleQueue[Item]) -> Iterator[Item]:
    """Yields what comes, with responses that come together merged into one, so that a display keeps up.

    What an attempt has written comes in a response just before the event that ends it: both are seen together.
    """
    while True:
        item = queue.get()
        with suppress(Empty):
            while isinstance(item, pb.WatchRunResponse):
                only_logs = bool(item.logs) and not item.events
                following = queue.get(timeout=TOGETHER_SECONDS) if only_logs else queue.get_nowait()
                if not isinstance(following, pb.WatchRunResponse):
                    yield item
                    item = following
                else:
                    item.MergeFrom(following)
        yield item


def _pump(session: Session, run: Run, queue: SimpleQueue[Item]) -> None:
    request = pb.WatchRunRequest(flow=run.flow, run_id=run.run_id, logs=True)
    seen = _SeenLogs()
    try:
        for response in session.connection.stream(
            "ControlService/WatchRun", request, pb.WatchRunResponse, _skip_events
        ):
            seen.forget(response)
            queue.put(response)
    except InstepError as err:
        queue.put(StreamEnd(err))
    else:
        queue.put(StreamEnd(None))


def _skip_events(request: pb.WatchRunRequest, response: pb.WatchRunResponse) -> None:
    if response.events:
        request.cursor = response.events[-1].cursor
    if response.HasField("log_cursor"):
        request.log_cursor = response.log_cursor


class _SeenLogs:
    """Knows how far logs have come, for a stream that was opened again and tells some of them once more."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, int, int], int] = {}

    def forget(self, response: pb.WatchRunResponse) -> None:
        """Takes out of a response what has come before."""
        new = []
        for chunk in response.logs:
            key = (chunk.task_id, chunk.attempt, chunk.stream)
            seen = self._ends.get(key, 0)
            if chunk.offset + len(chunk.data) > seen:
                self._ends[key] = chunk.offset + len(chunk.data)
                chunk.data = chunk.data[max(0, seen - chunk.offset) :]
                new.append(chunk)
        if len(new) < len(response.logs):
            del response.logs[:]
            response.logs.extend(new)


def _cancel(session: Session, run: Run) -> None:
    """Asks to cancel a run. A call that is not answered does not keep a second signal from being heard."""
    request = pb.CancelRunRequest(
        flow=run.flow, run_id=run.run_id, reason="It was interrupted at its terminal."
    )

    def call() -> None:
        with suppress(InstepError):  # the stream breaks off then, too, and says more
            session.connection.call("ControlService/CancelRun", request, pb.CancelRunResponse)

    Thread(target=call, name="instep-cancel", daemon=True).start()


def _get_run(session: Session, run: Run) -> Run:
    request = pb.GetRunRequest(flow=run.flow, run_id=run.run_id)
    try:
        response = session.connection.call("ControlService/GetRun", request, pb.GetRunResponse)
    except TransportError as err:
        raise session.explain(err) from err
    return response.run
