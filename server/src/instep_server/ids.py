"""Ids of runs and tasks as text."""

from __future__ import annotations

MAX_DIGITS = 18
"""What the database's integers hold in any case."""


def is_id(text: str) -> bool:
    """Tells whether a text can be the id of a run or a task: a whole number above 0, written in the one way.

    Args:
        text: What somebody asks for.
    """
    return text.isascii() and text.isdigit() and not text.startswith("0") and len(text) <= MAX_DIGITS
