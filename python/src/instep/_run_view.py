"""What can be said about a run from what its watcher was told. No output, no calls, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from instep_proto.v1.control_service_pb2 import WatchRunResponse
    from instep_proto.v1.graph_pb2 import Graph
    from instep_proto.v1.run_pb2 import Event

# Numbers of the protocol's enums. The messages themselves are imported only where they are made.
RUN_STATE, TASK_STATE, ATTEMPT_STATE, TASKS_MADE, NOTICE = 1, 2, 3, 4, 5  # EventKind
RUN_SUCCEEDED, RUN_FAILED, RUN_CANCELLED = 4, 5, 6  # RunState
TASK_READY, TASK_RETRY_WAIT = 2, 4  # TaskState
TASK_SUCCEEDED, TASK_FAILED, TASK_SKIPPED, TASK_CANCELLED = 5, 6, 7, 8
ATTEMPT_LEASED, ATTEMPT_STARTED, ATTEMPT_SUCCEEDED, ATTEMPT_FAILED = 1, 2, 3, 4  # AttemptState
ATTEMPT_CANCELLED, ATTEMPT_DECLINED, ATTEMPT_LOST, ATTEMPT_RECLAIMED = 5, 6, 7, 8
STDERR = 2  # LogStream

TASK_OVER = frozenset({TASK_SUCCEEDED, TASK_FAILED, TASK_SKIPPED, TASK_CANCELLED})
ATTEMPT_RUNS = frozenset({ATTEMPT_LEASED, ATTEMPT_STARTED})


@dataclass(slots=True)
class StepView:
    """What can be said about one step."""

    name: str
    """Name of the step."""
    language: str
    """Language that runs it."""
    before: frozenset[str]
    """Names of all steps that lead to it, at any distance. A step that leads to itself is not among them."""
    tasks: set[str] = field(default_factory=set)
    """Ids of the tasks that were seen."""
    made: int = 0
    """Number of tasks that splits have announced."""
    running: int = 0
    """Number of tasks that run now."""
    over: int = 0
    """Number of tasks that ended."""
    failed: int = 0
    """Number of tasks that failed for good."""
    cancelled: int = 0
    """Number of tasks that were cancelled."""
    artifacts: int = 0
    """Number of artifacts stored."""
    stored_bytes: int = 0
    """Bytes of these artifacts."""
    first_ms: int = 0
    """When its first attempt was started, in unix milliseconds. 0: none was."""
    last_ms: int = 0
    """When its last attempt ended, in unix milliseconds. 0: none has."""
    cloned: dict[str, int] = field(default_factory=dict)
    """How many tasks were cloned, by why."""
    ran: dict[str, int] = field(default_factory=dict)
    """How many tasks ran in a run that could take over others, by why."""

    @property
    def total(self) -> int:
        """Number of tasks as far as is known."""
        return max(self.made, len(self.tasks))


class RunView:
    """What can be said about a run.

    Args:
        graph: The graph of its flow.

    Attributes:
        steps: The steps by name, in the order of the graph.
        starts: By task id, the event that told of the start of its latest attempt.
    """

    def __init__(self, graph: Graph) -> None:
        before = _ancestors(graph)
        self.steps = {
            step.name: StepView(step.name, step.entry_point.language, before[step.name])
            for step in graph.steps
        }
        self.starts: dict[str, Event] = {}
        self._told: set[str] = set()
        self._steps_of_tasks: dict[str, str] = {}
        self._running: set[str] = set()

    def started_ms(self, event: Event) -> int:
        """Tells when the attempt that an event is about was started, in unix milliseconds.

        Args:
            event: What happened.
        """
        return self.starts.get(event.task_id, event).at_unix_ms

    def step_of(self, event: Event) -> str:
        """Names the step of the task that an event is about: for the tasks that a split makes, the one that split.

        Args:
            event: What happened.
        """
        return self._steps_of_tasks.get(event.task_id, event.step)

    def is_start(self, event: Event) -> bool:
        """Tells whether an event is the first to say that an attempt runs. To be asked before `apply`.

        Args:
            event: What happened.
        """
        return (
            event.kind == ATTEMPT_STATE
            and event.attempt_state in ATTEMPT_RUNS
            and event.task_id not in self._running
        )

    def apply(self, event: Event) -> None:
        """Takes notice of an event.

        Args:
            event: What happened.
        """
        step = self.steps.get(event.step)
        if step is None:
            return
        if event.kind != TASKS_MADE and event.task_id:
            self._steps_of_tasks[event.task_id] = event.step
        if event.kind == TASKS_MADE:
            step.made += event.count
        elif event.kind == TASK_STATE:
            _apply_task(step, event)
        elif event.kind == ATTEMPT_STATE:
            self._apply_attempt(step, event)

    def finished(self) -> list[StepView]:
        """Gives the steps that have had tasks and will get no more, in the order of the graph."""
        busy = {step.name for step in self.steps.values() if step.over < step.total}
        return [
            step
            for step in self.steps.values()
            if step.total and step.name not in busy and not step.before & busy
        ]

    def newly_finished(self) -> list[StepView]:
        """Gives the steps that were finished since this was asked the last time."""
        new = [step for step in self.finished() if step.name not in self._told]
        self._told.update(step.name for step in new)
        return new

    def is_told(self, step: StepView) -> bool:
        """Tells whether `newly_finished` has given a step.

        Args:
            step: The step.
        """
        return step.name in self._told

    def _apply_attempt(self, step: StepView, event: Event) -> None:
        step.tasks.add(event.task_id)
        if event.attempt_state in ATTEMPT_RUNS:
            step.first_ms = step.first_ms or event.at_unix_ms
            if event.task_id not in self._running:
                self.starts[event.task_id] = event
                self._running.add(event.task_id)
                step.running += 1
            return
        if event.task_id in self._running:
            self._running.remove(event.task_id)
            step.running -= 1
        step.last_ms = max(step.last_ms, event.at_unix_ms)
        step.artifacts += event.artifacts
        step.stored_bytes += event.artifact_bytes


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a task wrote."""

    step: str
    """Name of the step."""
    task_id: str
    """Id of the task."""
    text: str
    """The line without its end, as a terminal would show it."""


class LogLines:
    """Makes lines of the chunks that attempts write.

    A failing attempt writes its traceback to its log and reports it, too. It is left out here: the report of the
    run's failure shows it.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], dict[int, bytes]] = {}

    def take(self, response: WatchRunResponse) -> Iterator[LogLine]:
        """Yields the lines that a response completes.

        Args:
            response: What happened.
        """
        steps: dict[tuple[str, int], str] = {}
        for chunk in response.logs:
            steps[chunk.task_id, chunk.attempt] = chunk.step
            streams = self._open.setdefault((chunk.task_id, chunk.attempt), {})
            streams[chunk.stream] = streams.get(chunk.stream, b"") + chunk.data
        ends: dict[tuple[str, int], Event] = {}
        for event in response.events:
            if event.kind == ATTEMPT_STATE and event.attempt_state not in ATTEMPT_RUNS:
                ends[event.task_id, event.attempt] = event
                steps[event.task_id, event.attempt] = event.step
        for key, step in steps.items():
            for line in self._lines(key, ends.get(key)):
                yield LogLine(step, key[0], line)

    def _lines(self, key: tuple[str, int], end: Event | None) -> Iterator[str]:
        streams = self._open.pop(key, {})
        for stream, written in streams.items():
            data = written
            if end is not None and stream == STDERR and end.attempt_state != ATTEMPT_SUCCEEDED:
                data = _without_end(data, end.failure.traceback.strip().encode())
            *lines, rest = data.split(b"\n")
            if rest and end is not None:
                lines.append(rest)
            elif rest:
                self._open.setdefault(key, {})[stream] = rest
            for line in lines:
                # What a progress bar has written over with a carriage return is gone on a terminal, too.
                yield line.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")


def _without_end(data: bytes, end: bytes) -> bytes:
    return data.rstrip()[: -len(end)] if end and data.rstrip().endswith(end) else data


def _apply_task(step: StepView, event: Event) -> None:
    step.tasks.add(event.task_id)
    if event.HasField("cloned_from"):
        step.cloned[event.text] = step.cloned.get(event.text, 0) + 1
    elif event.task_state == TASK_READY and event.text:
        step.ran[event.text] = step.ran.get(event.text, 0) + 1
    if event.task_state in TASK_OVER:
        step.over += 1
        step.failed += event.task_state == TASK_FAILED
        step.cancelled += event.task_state == TASK_CANCELLED


def _ancestors(graph: Graph) -> dict[str, frozenset[str]]:
    direct: dict[str, set[str]] = {step.name: set() for step in graph.steps}
    for step in graph.steps:
        for target in step.transition.targets:
            if target in direct:
                direct[target].add(step.name)
    return {name: frozenset(_closure(name, direct) - {name}) for name in direct}


def _closure(name: str, direct: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    open_ = [name]
    while open_:
        new = direct[open_.pop()] - found
        found |= new
        open_.extend(new)
    return found
