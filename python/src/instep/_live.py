"""Shows a run on a terminal: one line for each step that is done, over rows for the steps that are not.

The rows have a bar where a step has several tasks. What tasks write and what people should know scrolls by above
them. rich draws; a thread of its own does so a few times per second, however fast events come.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from instep._format import duration, language_mark
from instep._progress import end_text, event_text, reuse_texts, stored_text
from instep._run_view import (
    ATTEMPT_LOST,
    ATTEMPT_STATE,
    NOTICE,
    RUN_SUCCEEDED,
    TASK_STATE,
    TASK_SUCCEEDED,
    LogLine,
    LogLines,
    RunView,
    StepView,
)

if TYPE_CHECKING:
    from instep_proto.v1.control_service_pb2 import WatchRunResponse
    from instep_proto.v1.graph_pb2 import Graph
    from instep_proto.v1.run_pb2 import Event, Run

REFRESHES_PER_SECOND = 8
BAR_WIDTH = 32


class LiveProgress:
    """Shows a run on a terminal.

    Args:
        console: Where to show it. None: stdout.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._logs = LogLines()

    def begin(self, run: Run, graph: Graph) -> None:
        """Shows that a run was recorded.

        Args:
            run: The run.
            graph: Its graph.
        """
        self._run = run
        self._view = RunView(graph)
        self._spinner = Spinner("dots")
        self._width = max((len(step.name) for step in graph.steps), default=0)
        self._console.print(Text.assemble("Run ", (f"{run.flow}/{run.run_id}", "bold")))
        self._live = Live(
            console=self._console,
            refresh_per_second=REFRESHES_PER_SECOND,
            get_renderable=self._rows,
            transient=True,
        )
        self._live.start()

    def update(self, response: WatchRunResponse) -> None:
        """Shows what happened.

        Args:
            response: Events and log chunks.
        """
        printed: list[RenderableType] = [self._log_line(line) for line in self._logs.take(response)]
        for event in response.events:
            self._view.apply(event)
            if _is_worth_a_line(event):
                printed.append(self._event_line(event))
        printed += self._new_finished()
        if printed:
            self._console.print(Group(*printed))

    def refresh(self) -> None:
        """Draws the rows now."""
        self._live.refresh()

    def notice(self, text: str) -> None:
        """Shows something that a person should know.

        Args:
            text: One sentence.
        """
        self._console.print(Text(text, style="bold"))

    def end(self, run: Run | None) -> None:
        """Shows how the run ended.

        Args:
            run: The run. None: how it ended is not known.
        """
        self._live.stop()
        open_steps = [
            step for step in self._view.steps.values() if step.total and not self._view.is_told(step)
        ]
        for step in open_steps:
            self._console.print(*self._step_lines(step), sep="\n")
        if run is not None:
            style = "bold green" if run.state == RUN_SUCCEEDED else "bold red"
            self._console.print(Text(end_text(run), style=style))

    def _new_finished(self) -> list[RenderableType]:
        return [line for step in self._view.newly_finished() for line in self._step_lines(step)]

    def _step_lines(self, step: StepView) -> list[Text]:
        return [self._step_line(step), *(Text(f"       {text}", style="dim") for text in reuse_texts(step))]

    def _rows(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        now_ms = time.time_ns() // 1_000_000
        for step in list(self._view.steps.values()):
            if step.total and not self._view.is_told(step):
                table.add_row(*self._row(step, now_ms))
        return table

    def _row(self, step: StepView, now_ms: int) -> tuple[RenderableType, ...]:
        took = Text(duration((now_ms - step.first_ms) / 1000) if step.first_ms else "waits", style="dim")
        name = Text(step.name.ljust(self._width))
        if step.total == 1:
            return self._spinner, _mark(step.language), name, took
        bar = ProgressBar(total=step.total, completed=step.over, width=BAR_WIDTH)
        count = Text(f"{step.over:,}/{step.total:,}, {step.running:,} running")
        return self._spinner, _mark(step.language), name, bar, count, took

    def _step_line(self, step: StepView) -> Text:
        text = Text.assemble(_sign(step), " ", _mark(step.language), " ", step.name.ljust(self._width))
        took = duration((step.last_ms - step.first_ms) / 1000) if step.first_ms else "cloned"
        text.append(f"  {took:>8}")
        if step.total > 1:
            text.append(f"  {step.over:,} of {step.total:,} tasks")
        if step.failed:
            text.append(f"  {step.failed:,} failed", style="red")
        if step.cancelled:
            text.append(f"  {step.cancelled:,} cancelled", style="yellow")
        return text.append(f"  {stored_text(step.artifacts, step.stored_bytes)}", style="dim")

    def _log_line(self, line: LogLine) -> Text:
        language = self._view.steps[line.step].language if line.step in self._view.steps else ""
        prefix = f"[{self._run.run_id}/{line.step}/{line.task_id}] "
        return Text.assemble((prefix, language_mark(language)[1])).append_text(Text.from_ansi(line.text))

    def _event_line(self, event: Event) -> Text:
        place = "/".join(part for part in (event.run_id, event.step, event.task_id) if part)
        return Text.assemble((f"[{place}] ", "dim"), event_text(event, self._view.started_ms(event)))


def _is_worth_a_line(event: Event) -> bool:
    if event.kind == NOTICE:
        return True
    if event.kind == ATTEMPT_STATE:
        return event.attempt_state == ATTEMPT_LOST or event.HasField("failure")
    is_success = event.task_state == TASK_SUCCEEDED  # a line for each step tells of them all
    return event.kind == TASK_STATE and not is_success and bool(event_text(event, event.at_unix_ms))


def _sign(step: StepView) -> tuple[str, str]:
    """Gives the sign for how a step ended, and its style."""
    if step.failed or step.over < step.total:
        return "✗", "red"
    return ("■", "yellow") if step.cancelled else ("✓", "green")


def _mark(language: str) -> Text:
    name, style = language_mark(language)
    return Text(f"{name:<2}", style=style)
