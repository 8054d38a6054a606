"""What happens in a run, one event after another, as programs are told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from instep._archive import instant
from instep._client import RUN_STATUSES, TASK_STATUSES
from instep._progress import end_text, event_text
from instep._run_view import ATTEMPT_STATE, NOTICE, RUN_STATE, TASK_STATE, TASKS_MADE, LogLines, RunView

if TYPE_CHECKING:
    from instep_proto.v1.command_pb2 import CommandEvent
    from instep_proto.v1.control_service_pb2 import WatchRunResponse
    from instep_proto.v1.run_pb2 import Event

# By number of AttemptState.
ATTEMPT_STATUSES = (
    "unknown", "leased", "started", "succeeded", "failed", "cancelled", "declined", "lost", "reclaimed"
)  # fmt: skip
KINDS = {
    RUN_STATE: "run",
    TASK_STATE: "task",
    ATTEMPT_STATE: "attempt",
    TASKS_MADE: "split",
    NOTICE: "notice",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """One thing that happened in a run."""

    kind: str
    """`run`, `task` or `attempt`: it has a new status; `split`: tasks were made; `output`: a task wrote a line;
    `notice`: something that a person should know."""
    at: datetime | None
    """When, in UTC. None: just now, as for lines of output."""
    text: str
    """What happened, as a sentence; for `output` the line. Empty: nothing that a person needs to see."""
    status: str = ""
    """The new status. Empty: it is not about one."""
    step: str = ""
    """Name of the step. Empty: it is about the run."""
    task_id: str = ""
    """Id of the task. Empty: it is about the run."""
    attempt: int | None = None
    """Number of the attempt, counted from 0. None: it is not about one."""

    def __str__(self) -> str:
        place = "/".join(part for part in (self.step, self.task_id) if part)
        return f"[{place}] {self.text}" if place else self.text


class EventReader:
    """Makes events of what a command tells."""

    def __init__(self) -> None:
        self._lines = LogLines()
        self.view: RunView | None = None
        """What can be said about the run. None: there is none yet."""

    def read(self, message: CommandEvent) -> Iterator[RunEvent]:
        """Yields the events that a message tells of.

        Args:
            message: The message.
        """
        match message.WhichOneof("event"):
            case "started":
                self.view = RunView(message.started.graph)
                run = message.started.run
                at = instant(run.created_unix_ms)
                yield RunEvent(
                    kind="run", at=at, text=f"Run {run.flow}/{run.run_id} starts.", status="pending"
                )
            case "happened":
                yield from self._read(message.happened)
            case "notice":
                yield RunEvent(kind="notice", at=None, text=message.notice)
            case "ended":
                run = message.ended
                at = instant(run.finished_unix_ms)
                yield RunEvent(kind="run", at=at, text=end_text(run), status=RUN_STATUSES[run.state])

    def _read(self, response: WatchRunResponse) -> Iterator[RunEvent]:
        for line in self._lines.take(response):
            yield RunEvent(kind="output", at=None, text=line.text, step=line.step, task_id=line.task_id)
        for event in response.events:
            if event.kind == RUN_STATE:
                continue  # the command tells of its start and its end by itself
            yield self._event(event)

    def _event(self, event: Event) -> RunEvent:
        assert self.view is not None
        is_start = self.view.is_start(event)
        self.view.apply(event)
        again = f" again (attempt {event.attempt})" if event.attempt else ""
        text = f"Task is starting{again}." if is_start else event_text(event, self.view.started_ms(event))
        return RunEvent(
            kind=KINDS.get(event.kind, "notice"),
            at=instant(event.at_unix_ms),
            text=text,
            status=_status(event),
            step=event.step,
            task_id=event.task_id,
            attempt=event.attempt if event.HasField("attempt") else None,
        )


def _status(event: Event) -> str:
    if event.kind == TASK_STATE:
        return TASK_STATUSES[event.task_state]
    return ATTEMPT_STATUSES[event.attempt_state] if event.kind == ATTEMPT_STATE else ""
