"""The command `diff`, which tells how two runs differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from instep._client import Run

RED, GREEN = "red", "green"


def show_diff(before: Run, after: Run) -> None:
    """Writes how two runs differ.

    Args:
        before: The first run.
        after: The second run.
    """
    from instep._diff import diff

    for line in str(diff(before, after)).splitlines():
        click.echo(click.style(line, bold=True) if line and not line.startswith(" ") else _colored(line))


def _colored(line: str) -> str:
    """Colors lines of text that are only in one of the runs."""
    mark = line.lstrip()[:2]
    return click.style(line, fg={"- ": RED, "+ ": GREEN}[mark]) if mark in ("- ", "+ ") else line
