"""Shows a run while it runs, in lines: one for each thing that happens, with its time and the task it is about.

`instep._live` shows the same on a terminal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, TextIO

from instep._format import clock, counted, duration, size
from instep._run_view import (
    ATTEMPT_CANCELLED,
    ATTEMPT_DECLINED,
    ATTEMPT_FAILED,
    ATTEMPT_LOST,
    ATTEMPT_RECLAIMED,
    ATTEMPT_STATE,
    ATTEMPT_SUCCEEDED,
    NOTICE,
    RUN_CANCELLED,
    RUN_FAILED,
    RUN_SUCCEEDED,
    TASK_CANCELLED,
    TASK_RETRY_WAIT,
    TASK_SKIPPED,
    TASK_STATE,
    TASK_SUCCEEDED,
    TASKS_MADE,
    LogLine,
    LogLines,
    RunView,
    StepView,
)

if TYPE_CHECKING:
    from instep_proto.v1.control_service_pb2 import WatchRunResponse
    from instep_proto.v1.failure_pb2 import Failure
    from instep_proto.v1.graph_pb2 import Graph
    from instep_proto.v1.run_pb2 import Event, Run


REASONS_SHOWN = 4
"""How many reasons for cloning or running tasks of a step are told."""


class Progress(Protocol):
    """Shows a run. Called in the order of the methods below; `end` once, also when the watch has broken off."""

    def begin(self, run: Run, graph: Graph) -> None:
        """Shows that a run was recorded."""

    def update(self, response: WatchRunResponse) -> None:
        """Shows what happened."""

    def notice(self, text: str) -> None:
        """Shows something that a person should know."""

    def end(self, run: Run | None) -> None:
        """Shows how the run ended. None: it is not known."""


class QuietProgress:
    """Shows nothing."""

    def begin(self, run: Run, graph: Graph) -> None:
        """Shows nothing."""

    def update(self, response: WatchRunResponse) -> None:
        """Shows nothing."""

    def notice(self, text: str) -> None:
        """Shows nothing."""

    def end(self, run: Run | None) -> None:
        """Shows nothing."""


class LineProgress:
    """Shows a run as lines of plain text.

    Args:
        out: Where the lines go. None: stdout.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._lines: list[str] = []
        self._logs = LogLines()

    def begin(self, run: Run, graph: Graph) -> None:
        """Shows that a run was recorded.

        Args:
            run: The run.
            graph: Its graph.
        """
        self._run_id = run.run_id
        self._view = RunView(graph)
        self._say(run.created_unix_ms, f"Run {run.flow}/{run.run_id} starts.")
        self._write()

    def update(self, response: WatchRunResponse) -> None:
        """Shows what happened.

        Args:
            response: Events and log chunks.
        """
        lines: dict[str, list[LogLine]] = {}
        for line in self._logs.take(response):
            lines.setdefault(line.task_id, []).append(line)
        for event in response.events:
            is_start = self._view.is_start(event)
            if is_start:  # told here, it does not depend on how many events come at once
                self._show_finished(event.at_unix_ms)
            self._view.apply(event)
            if is_start:
                self._show_start(event)
                continue
            if event.kind == ATTEMPT_STATE:
                self._show_lines(lines.pop(event.task_id, ()), event.at_unix_ms)
            self._show(event)
        for rest in lines.values():
            self._show_lines(rest, time.time_ns() // 1_000_000)
        if response.events:
            self._show_finished(response.events[-1].at_unix_ms)
        self._write()

    def notice(self, text: str) -> None:
        """Shows something that a person should know.

        Args:
            text: One sentence.
        """
        self._say(time.time_ns() // 1_000_000, text)
        self._write()

    def end(self, run: Run | None) -> None:
        """Shows how the run ended.

        Args:
            run: The run. None: how it ended is not known, and nothing is shown.
        """
        if run is not None:
            self._say(run.finished_unix_ms, end_text(run))
            self._write()

    def _show_finished(self, unix_ms: int) -> None:
        for step in self._view.newly_finished():
            for text in reuse_texts(step):
                self._say(unix_ms, f"Step {step.name}: {text}")

    def _show_start(self, event: Event) -> None:
        again = f" again (attempt {event.attempt})" if event.attempt else ""
        self._say(event.at_unix_ms, f"Task is starting{again}.", event.step, event.task_id)

    def _show_lines(self, lines: Iterable[LogLine], unix_ms: int) -> None:
        for line in lines:
            self._say(unix_ms, line.text, line.step, line.task_id)

    def _show(self, event: Event) -> None:
        # The tasks that a split makes are of another step than the task that split.
        text = event_text(event, self._view.started_ms(event))
        if text:
            self._say(event.at_unix_ms, text, self._view.step_of(event), event.task_id)

    def _say(self, unix_ms: int, text: str, step: str = "", task_id: str = "") -> None:
        self._lines.append(f"{clock(unix_ms)} {self._prefix(step, task_id)}{text}\n")

    def _prefix(self, step: str, task_id: str) -> str:
        if not step:
            return ""
        pid = self._view.starts[task_id].pid if task_id in self._view.starts else 0
        path = "/".join(part for part in (self._run_id, step, task_id) if part)
        return f"[{path}{f' (pid {pid})' if pid else ''}] "

    def _write(self) -> None:
        self._out.write("".join(self._lines))
        self._out.flush()
        self._lines.clear()


def event_text(event: Event, started_ms: int) -> str:
    """Says what happened, but for the start of attempts.

    Args:
        event: What happened.
        started_ms: When the task was started, in unix milliseconds.

    Returns:
        One sentence. Empty: nothing that a person needs to see.
    """
    if event.kind == ATTEMPT_STATE:
        return _attempt_text(event, duration((event.at_unix_ms - started_ms) / 1000))
    if event.kind == TASKS_MADE:
        return (
            f"Foreach yields {counted(event.count, 'child step')}."
            if event.count != 1 or event.task_id
            else ""
        )
    if event.kind == TASK_STATE and event.task_state == TASK_SUCCEEDED:
        return "" if event.HasField("cloned_from") else event.text
    if event.kind == TASK_STATE and event.task_state == TASK_RETRY_WAIT:
        return event.text or "Task waits to be tried again."
    if event.kind == TASK_STATE and event.task_state == TASK_SKIPPED:
        return "Task will not run."
    if event.kind == TASK_STATE and event.task_state == TASK_CANCELLED and event.failure.message:
        return f"Task was cancelled: {event.failure.message}"
    return event.text if event.kind == NOTICE else ""


def reuse_texts(step: StepView) -> list[str]:
    """Says what was taken over for a step, what ran, and why.

    Args:
        step: The step.

    Returns:
        A text for each of the most frequent reasons.
    """
    told = [(count, "cloned", reason) for reason, count in step.cloned.items()]
    told += [(count, "ran", reason) for reason, count in step.ran.items()]
    told.sort(key=lambda one: -one[0])
    texts = [
        f"{what} {counted(count, 'task')}. {'Each: ' if count > 1 else ''}{reason}".rstrip()
        for count, what, reason in told[:REASONS_SHOWN]
    ]
    for what in ("cloned", "ran"):
        rest = sum(count for count, which, _ in told[REASONS_SHOWN:] if which == what)
        if rest:
            texts.append(f"{what} {counted(rest, 'task')} for other reasons.")
    return texts


def end_text(run: Run) -> str:
    """Says how a run ended.

    Args:
        run: The run.
    """
    took = duration((run.finished_unix_ms - run.created_unix_ms) / 1000)
    ends = {RUN_SUCCEEDED: "Done!", RUN_FAILED: "Run failed.", RUN_CANCELLED: "Run was cancelled."}
    return f"{ends.get(run.state, 'Run ended.')} ({took})"


def failure_text(failure: Failure) -> str:
    """Says in one line what went wrong.

    Args:
        failure: The failure.
    """
    name = failure.classes[0].rpartition(".")[2] if failure.classes else ""
    message = failure.message.strip()
    text = (message.splitlines() or [""])[0]
    return f"{name}: {text}" if name and text else name or text


def stored_text(artifacts: int, stored_bytes: int) -> str:
    """Says what was stored.

    Args:
        artifacts: Number of artifacts.
        stored_bytes: Bytes of them.
    """
    return f"{counted(artifacts, 'artifact')}, {size(stored_bytes)}" if artifacts else "no artifacts"


def _attempt_text(event: Event, took: str) -> str:
    failure = failure_text(event.failure)
    why = f": {failure}" if failure else "."
    match event.attempt_state:
        case value if value == ATTEMPT_SUCCEEDED and event.HasField("failure"):
            stored = stored_text(event.artifacts, event.artifact_bytes)
            return f"Task failed, and the error was caught{why} ({took}, {stored})"
        case value if value == ATTEMPT_SUCCEEDED:
            return (
                f"Task finished successfully. ({took}, {stored_text(event.artifacts, event.artifact_bytes)})"
            )
        case value if value == ATTEMPT_FAILED:
            return f"Task failed after {took}{why}"
        case value if value == ATTEMPT_CANCELLED:
            return f"Task was cancelled after {took}."
        case value if value == ATTEMPT_LOST:
            return f"Task's process was lost after {took}{why}"
        case value if value in (ATTEMPT_DECLINED, ATTEMPT_RECLAIMED):
            return "Task was handed back before it started."
    return ""
