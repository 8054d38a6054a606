"""The chart of tasks per second."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent / "programs" / "chart.py"
FILE = "chart.svg"
BARS = (
    ("Metaflow, Python", "rate Metaflow", "peer"),
    ("Instep, R", "rate Instep R", "instep"),
    ("Instep, Python", "rate Instep Python", "instep"),
    ("limit: fork and exit on all cores", "rate floor", "floor"),
    ("Instep, R, reuse", "rate Instep R, reuse", "instep"),
    ("Instep, Python, reuse", "rate Instep Python, reuse", "instep"),
    ("limit: one gRPC call after the other", "rate floor, reuse", "floor"),
)
"""Label, figure and kind of each bar, from the top."""


def draw(peer: Path, figures: Mapping[str, float], folder: Path) -> None:
    """Draws the chart with matplotlib, which the environment of the peers has.

    Args:
        peer: The Python of that environment.
        figures: Tasks per second, as `measure_speed` and `measure_floor` leave them.
        folder: Where to write it.
    """
    bars = [{"label": label, "rate": figures[name], "kind": kind} for label, name, kind in BARS]
    subprocess.run([peer, PROGRAM, folder / FILE], input=json.dumps(bars), text=True, check=True)
