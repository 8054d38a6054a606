"""How notebooks show client objects: a line of facts and a small table. Everything is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

COLORS = {
    "succeeded": "#2e9e44",
    "failed": "#d33c3c",
    "cancelled": "#d33c3c",
    "active": "#c98a00",
    "running": "#c98a00",
    "cancelling": "#c98a00",
}
"""Colors of statuses that stand out, on white and on black."""

_CELL = "text-align:left;padding:0.15em 1.2em 0.15em 0;border:none;white-space:pre;vertical-align:top"
_HEAD = f"{_CELL};font-weight:600;opacity:0.65"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a head."""

    head: Sequence[str]
    """Titles of the columns."""
    rows: Sequence[Sequence[str]]
    """Cells as plain text."""
    more: str = ""
    """What is left out, one sentence. Empty: nothing is."""


def block(kind: str, name: str, facts: str, table: Table | None) -> str:
    """Writes an object.

    Args:
        kind: Its class.
        name: Its path.
        facts: What a person wants to know, one line.
        table: What it consists of. None: nothing.
    """
    line = f"<b>{html.escape(kind)}</b> <code>{html.escape(name)}</code> {_colored(facts)}"
    return f"<div>{line}{write(table) if table and table.rows else ''}</div>"


def write(table: Table) -> str:
    """Writes a table.

    Args:
        table: The table.
    """
    head = "".join(f'<th style="{_HEAD}">{html.escape(title)}</th>' for title in table.head)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in table.rows)
    more = f'<div style="opacity:0.65">{html.escape(table.more)}</div>' if table.more else ""
    return (
        '<table style="border-collapse:collapse;border:none;margin:0.4em 0">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
    )


def _cells(row: Iterable[str]) -> str:
    return "".join(f'<td style="{_CELL}">{_colored(cell)}</td>' for cell in row)


def _colored(text: str) -> str:
    """Escapes a text, and colors the status that it begins with."""
    status = text.split(" ", 1)[0].rstrip(",;:")
    if status not in COLORS:
        return html.escape(text)
    rest = text[len(status) :]
    return f'<span style="color:{COLORS[status]}">{html.escape(status)}</span>{html.escape(rest)}'
