"""Writes the table of a measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

TASKS = 100
_GOALS = {"hello": "at most 0.6 x", "foreach": "at least 10 x", "R hello": "under 2 s"}


def report(times: Mapping[str, Sequence[float]], *, repeats: int, machine: str) -> str:
    """Returns the report as Markdown.

    Args:
        times: Seconds of each command, by the name of its case.
        repeats: How often each case counted.
        machine: Description of the machine.
    """
    middle = {name: median(seconds) for name, seconds in times.items()}
    rate = {name: TASKS / seconds for name, seconds in middle.items()}
    hello_ratio = middle["hello, Instep Python"] / middle["hello, Metaflow"]
    rate_ratio = rate["foreach, Instep Python"] / rate["foreach, Metaflow"]
    rows = [
        ("hello", "Metaflow", _seconds(times["hello, Metaflow"]), "", ""),
        (
            "hello",
            "Instep, Python",
            _seconds(times["hello, Instep Python"]),
            f"{hello_ratio:.2f} x Metaflow",
            _GOALS["hello"],
        ),
        (
            "hello",
            "Instep, R",
            _seconds(times["hello, Instep R"]),
            _to_python(middle, "hello"),
            _GOALS["R hello"],
        ),
        ("foreach", "Metaflow", f"{rate['foreach, Metaflow']:.1f} tasks/s", "", ""),
        (
            "foreach",
            "Instep, Python",
            f"{rate['foreach, Instep Python']:.1f} tasks/s",
            f"{rate_ratio:.1f} x Metaflow",
            _GOALS["foreach"],
        ),
        ("foreach", "Instep, R", f"{rate['foreach, Instep R']:.1f} tasks/s", _rate_to_python(rate), ""),
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"""# Benchmarks

Made by `make bench`; do not edit by hand. It runs each flow of `benchmarks/flows` as a whole command, from a fresh
store, all in turn, {repeats} times after one round that does not count, and reports medians (lowest to highest).

- **hello**: three empty steps; time of the whole command.
- **foreach**: {TASKS} empty tasks, each a process of its own; tasks per second of the whole command, start and end included.

| flow | with | median | ratio | to reach |
|---|---|---|---|---|
{table}

Machine: {machine}. All with their default number of workers.
"""


def _seconds(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def _to_python(middle: Mapping[str, float], flow: str) -> str:
    return f"{middle[f'{flow}, Instep R'] / middle[f'{flow}, Instep Python']:.2f} x Python"


def _rate_to_python(rate: Mapping[str, float]) -> str:
    return f"{rate['foreach, Instep R'] / rate['foreach, Instep Python']:.2f} x Python"
