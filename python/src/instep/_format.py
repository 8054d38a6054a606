"""How numbers and times are written for people."""

from __future__ import annotations

import time

_MARKS = {"python": ("py", "yellow"), "r": ("R", "blue")}


def language_mark(language: str) -> tuple[str, str]:
    """Gives the short mark of a language, and its color.

    Args:
        language: `python`, `r`, or what a program calls its language.

    Example:
        >>> language_mark("python"), language_mark("typescript")
        (('py', 'yellow'), ('typescript', 'magenta'))
    """
    return _MARKS.get(language, (language, "magenta"))


def duration(seconds: float) -> str:
    """Writes a duration.

    Args:
        seconds: The duration. Below zero counts as zero.

    Example:
        >>> duration(0.04), duration(12.34), duration(125), duration(7260)
        ('0.04 s', '12.3 s', '2 min 5 s', '2 h 1 min')
    """
    seconds = max(seconds, 0.0)
    if seconds < 60:
        return f"{seconds:.{2 if seconds < 1 else 1}f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(count: int) -> str:
    """Writes a number of bytes.

    Args:
        count: Number of bytes, at least 0.

    Example:
        >>> size(512), size(1_200), size(3_400_000), size(5_000_000_000)
        ('512 B', '1.2 kB', '3.4 MB', '5.0 GB')
    """
    if count < 1_000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1_000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1_000:.1f} TB"


def counted(number: int, noun: str) -> str:
    """Writes a number with its noun, in the plural unless the number is one.

    Args:
        number: The number.
        noun: The noun in the singular, one that takes an s.

    Example:
        >>> counted(1, "task"), counted(12_000, "task")
        ('1 task', '12,000 tasks')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def clock(unix_ms: int) -> str:
    """Writes an instant in local time.

    Args:
        unix_ms: The instant, in unix milliseconds.
    """
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(unix_ms // 1000))}.{unix_ms % 1000:03d}"
