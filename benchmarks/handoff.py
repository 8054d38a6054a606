"""How long a large frame takes from one step to the next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.measure import Case, measure, printed
from benchmarks.report import Goal, Row, seconds_text, table

REPEATS = 2

TEXT = f"""## A frame from step to step

One step assigns a frame of 800 MB, 8 columns of random doubles; the next one adds up all its cells. The time from the
last line of the one to the sum in the other counts: storing, the end of one task, the start of the next, reading, and
going over the cells. Both keep it in their store in the same file system, which has none of it before. Medians of
{REPEATS} (lowest to highest) after a round that does not count; the ratio is how many times faster Instep is.
Metaflow is from Python to Python in each line: its flows have one language.
"""

_PYTHON = printed(r"Had the sum \d+ after ([\d.]+) s")
CASES = (
    Case(name="hand-off, Metaflow", file="handoff_metaflow.py", read=_PYTHON, repeats=REPEATS),
    Case(name="hand-off, Instep", file="handoff_instep.py", read=_PYTHON, repeats=REPEATS),
    Case(
        name="hand-off to R",
        file="handoff_mixed.py",
        read=printed(r"Had Python's sum \d+ after ([\d.]+) s"),
        repeats=REPEATS,
    ),
    Case(
        name="hand-off from R",
        file="handoff_mixed.py",
        read=printed(r"Had R's sum \d+ after ([\d.]+) s"),
        repeats=REPEATS,
    ),
)


def measure_handoff(peer: Path, tell: Callable[[str, float], None], figures: dict[str, float]) -> str:
    """Measures the hand-offs. `figures` is left alone; the rest is as in `measure_speed`."""
    del figures
    times = measure(CASES, peer=peer, tell=tell)
    theirs = times["hand-off, Metaflow"]

    def row(what: str, name: str, goal: Goal | None = None) -> Row:
        ratio = median(theirs) / median(times[name])
        return Row(what, f"Metaflow: {seconds_text(theirs)}", seconds_text(times[name]), ratio, goal)

    return table(
        [
            row("Python to Python", "hand-off, Instep", Goal(40, is_minimum=True)),
            row("Python to R", "hand-off to R"),
            row("R to Python", "hand-off from R"),
        ]
    )
