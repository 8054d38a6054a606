"""Shows a run in a notebook: one output that is updated in place, a table of the steps and the last lines."""

from __future__ import annotations

import html
import sys
import time
from collections import deque
from importlib import import_module
from typing import TYPE_CHECKING, Any

from instep._client import _html
from instep._format import duration

if TYPE_CHECKING:
    from instep._executing_run import ExecutingRun
    from instep._run_events import EventReader, RunEvent
    from instep._run_view import StepView

LINES_SHOWN = 8
SECONDS_BETWEEN = 0.1
"""Least time between two updates: a browser has to draw them."""


class NotebookShow:
    """Shows a run in the output of a cell."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=LINES_SHOWN)
        self._handle: Any = None
        self._shown_at = 0.0

    def begin(self, executing: ExecutingRun) -> None:
        """Makes the output.

        Args:
            executing: The run.
        """
        ipython: Any = import_module("IPython.display")  # not a dependency: it is there in a notebook
        self._handle = ipython.display(self._content(executing, None), raw=True, display_id=True)

    def update(self, executing: ExecutingRun, reader: EventReader, events: list[RunEvent]) -> None:
        """Shows what happened, unless something was shown just now.

        Args:
            executing: The run.
            reader: What can be said about it.
            events: What happened.
        """
        self._lines += [str(event) for event in events if event.kind in ("output", "notice") and event.text]
        if time.monotonic() - self._shown_at >= SECONDS_BETWEEN:
            self._show(executing, reader)

    def end(self, executing: ExecutingRun, reader: EventReader) -> None:
        """Shows how the run ended, and why it failed.

        Args:
            executing: The run.
            reader: What can be said about it.
        """
        if reader.view is None:  # nothing came of it: the caller gets an error that says why
            self._handle.update({"text/html": "", "text/plain": ""}, raw=True)
            return
        self._show(executing, reader)
        if executing.status == "failed":
            sys.stderr.write(executing.stderr)
            sys.stderr.flush()

    def _show(self, executing: ExecutingRun, reader: EventReader) -> None:
        self._handle.update(self._content(executing, reader), raw=True)
        self._shown_at = time.monotonic()

    def _content(self, executing: ExecutingRun, reader: EventReader | None) -> dict[str, str]:
        steps = reader.view.steps.values() if reader is not None and reader.view is not None else ()
        seen = [step for step in steps if step.total]
        status = executing.status
        name = executing.run.pathspec if executing.run is not None else ""
        table = _html.Table(["step", "language", "tasks", "", "took"], [_row(step) for step in seen])
        shown = _html.block("Run", name, status, table)
        lines = "\n".join(html.escape(executing.translate(line)) for line in self._lines)
        if lines:
            shown += f'<pre style="opacity:0.75;font-size:85%">{lines}</pre>'
        counts = ", ".join(f"{step.name} {step.over}/{step.total}" for step in seen)
        return {"text/html": shown, "text/plain": f"Run {name} {status}: {counts}"}


def _row(step: StepView) -> list[str]:
    states = {"running": step.running, "failed": step.failed, "cancelled": step.cancelled}
    facts = [f"{status} {count:,}" for status, count in states.items() if count]
    took = duration((step.last_ms - step.first_ms) / 1000) if step.last_ms and not step.running else ""
    done = "succeeded" if step.over == step.total and not facts else ", ".join(facts)
    return [step.name, step.language, f"{step.over:,} of {step.total:,}", done, took]
