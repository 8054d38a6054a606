"""What a part of the benchmarks gives back: tables of rows, and figures that other parts go on with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

HEAD = ("peer", "Instep", "ratio", "to reach", "reached")
"""Names of the columns after the first."""


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


def table(rows: Sequence[Row], head: Sequence[str] = HEAD) -> str:
    """Returns a table as Markdown, without the columns at its end that are empty.

    Args:
        rows: The lines.
        head: Names of the columns after the first.
    """
    cells = [row.cells()[: len(head) + 1] for row in rows]
    lines = [("", *head), ("---",) * (len(head) + 1), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def seconds_text(seconds: Sequence[float]) -> str:
    """Writes the median, and the range when there are several."""
    if len(seconds) == 1:
        return f"{seconds[0]:.2f} s"
    return f"{median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def short(seconds: float) -> str:
    """Writes a short time with a unit that fits."""
    return f"{1e6 * seconds:.0f} µs" if seconds < 1e-3 else f"{1e3 * seconds:.2f} ms"
