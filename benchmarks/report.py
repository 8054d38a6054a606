"""Writes the tables of a measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

TASKS = 100


@dataclass(frozen=True, slots=True)
class Goal:
    """What a measured number has to reach."""

    limit: float
    """The limit."""
    unit: str = "x"
    """Its unit; `x` is for ratios."""
    is_minimum: bool = False
    """Whether the number has to be at least the limit, not at most."""

    def __str__(self) -> str:
        return f"at {'least' if self.is_minimum else 'most'} {self.limit:g} {self.unit}"

    def is_reached(self, number: float) -> bool:
        """Says whether a number reaches the limit."""
        return number >= self.limit if self.is_minimum else number <= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table."""

    what: str
    """What was measured."""
    peer: str
    """What it is measured against, and how that did."""
    ours: str
    """How Instep did."""
    ratio: float | None
    """The one in proportion to the other. `None`: there is nothing to divide by."""
    goal: Goal | None = None
    """What is to be reached."""
    measured: float | None = None
    """The number that has to reach it. `None`: the ratio."""

    def cells(self) -> tuple[str, ...]:
        """Gives the cells of the line."""
        number = self.ratio if self.measured is None else self.measured
        reached = (
            "" if self.goal is None or number is None else "yes" if self.goal.is_reached(number) else "**no**"
        )
        ratio = (
            "" if self.ratio is None else f"{self.ratio:.2f} x" if self.ratio < 10 else f"{self.ratio:.0f} x"
        )
        return self.what, self.peer, self.ours, ratio, str(self.goal or ""), reached


def flow_rows(times: Mapping[str, Sequence[float]]) -> list[Row]:
    """Compares the flows.

    Args:
        times: Seconds of each command, by the name of its case.
    """
    middle = {name: median(seconds) for name, seconds in times.items()}
    text = {name: _seconds(seconds) for name, seconds in times.items()}
    rate = {name: TASKS / seconds for name, seconds in middle.items()}
    rates = {name: f"{number:.1f} tasks/s" for name, number in rate.items()}
    python, r, peer = "Instep Python", "Instep R", "Metaflow"
    return [
        Row(
            "hello, Python",
            f"{peer}: {text[f'hello, {peer}']}",
            text[f"hello, {python}"],
            middle[f"hello, {python}"] / middle[f"hello, {peer}"],
            Goal(0.6),
        ),
        Row(
            "hello, R",
            f"{python}: {text[f'hello, {python}']}",
            text[f"hello, {r}"],
            middle[f"hello, {r}"] / middle[f"hello, {python}"],
            Goal(2, "s"),
            middle[f"hello, {r}"],
        ),
        Row(
            "foreach, Python",
            f"{peer}: {rates[f'foreach, {peer}']}",
            rates[f"foreach, {python}"],
            rate[f"foreach, {python}"] / rate[f"foreach, {peer}"],
            Goal(10, is_minimum=True),
        ),
        Row(
            "foreach, R",
            f"{python}: {rates[f'foreach, {python}']}",
            rates[f"foreach, {r}"],
            rate[f"foreach, {r}"] / rate[f"foreach, {python}"],
        ),
    ]


def handoff_rows(times: Mapping[str, Sequence[float]]) -> list[Row]:
    """Compares the hand-off of a frame from step to step. The ratio is how many times faster Instep is."""
    peer = times["hand-off, Metaflow"]

    def row(what: str, name: str, goal: Goal | None = None) -> Row:
        ratio = median(peer) / median(times[name])
        return Row(what, f"Metaflow: {_seconds(peer)}", _seconds(times[name]), ratio, goal)

    return [
        row("Python to Python", "hand-off, Instep", Goal(40, is_minimum=True)),
        row("Python to R", "hand-off to R"),
        row("R to Python", "hand-off from R"),
    ]


def table(rows: Sequence[Row]) -> str:
    """Returns a table as Markdown."""
    lines = [
        ("", "peer", "Instep", "ratio", "to reach", "reached"),
        ("---",) * 6,
        *(row.cells() for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _seconds(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
