"""Runs flows as whole commands and takes their time, or the time that they print.

Each command runs from a fresh store in a scratch directory. Cases take turns, so that a slow minute of the machine
hits all of them; one round that is not counted comes first and warms the file cache.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

FLOWS = Path(__file__).resolve().parent / "flows"
REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"


@dataclass(frozen=True, slots=True)
class Case:
    """One command to measure."""

    name: str
    """What it is called in the report."""
    file: str
    """The flow file."""
    printed: re.Pattern[str] | None = None
    """Finds the seconds in what the flow prints. `None`: the time of the whole command counts."""


FLOW_CASES = (
    Case("hello, Metaflow", "hello_metaflow.py"),
    Case("hello, Instep Python", "hello_instep.py"),
    Case("hello, Instep R", "hello_instep.R"),
    Case("foreach, Metaflow", "foreach_metaflow.py"),
    Case("foreach, Instep Python", "foreach_instep.py"),
    Case("foreach, Instep R", "foreach_instep.R"),
)

HANDOFF_CASES = (
    Case("hand-off, Metaflow", "handoff_metaflow.py", re.compile(r"Had the sum \d+ after ([\d.]+) s")),
    Case("hand-off, Instep", "handoff_instep.py", re.compile(r"Had the sum \d+ after ([\d.]+) s")),
    Case("hand-off to R", "handoff_mixed.py", re.compile(r"Had Python's sum \d+ after ([\d.]+) s")),
    Case("hand-off from R", "handoff_mixed.py", re.compile(r"Had R's sum \d+ after ([\d.]+) s")),
)


def prepare_peer(directory: Path) -> Path:
    """Makes the environment that has Metaflow, if there is none that is up to date, and returns its Python."""
    python = directory / "bin" / "python"
    ready = directory / "ready"
    wanted = REQUIREMENTS.read_text()
    if not ready.exists() or ready.read_text() != wanted:
        print("Installing Metaflow into an environment of its own.", flush=True)
        venv.create(directory, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS], check=True)
        ready.write_text(wanted)
    return python


def measure(
    cases: Iterable[Case], *, peer: Path, repeats: int, tell: Callable[[Case, float], None]
) -> dict[str, list[float]]:
    """Returns the seconds that each case took, by its name.

    Args:
        cases: What to measure.
        peer: The Python that has Metaflow.
        repeats: How often each case counts.
        tell: Called after each command.
    """
    times: dict[str, list[float]] = {case.name: [] for case in cases}
    for round_number in range(repeats + 1):
        for case in cases:
            seconds = _seconds(case, peer)
            tell(case, seconds)
            if round_number > 0:
                times[case.name].append(seconds)
    return times


def _environment() -> dict[str, str]:
    """Returns the variables of a user's shell: a developer's, that slow Python down, are left out."""
    own = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "INSTEP_HOME")
    return {
        **{name: value for name, value in os.environ.items() if name not in own},
        "METAFLOW_USER": "bench",
    }


def _seconds(case: Case, peer: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        file = shutil.copytree(FLOWS, scratch, dirs_exist_ok=True) / case.file
        os.sync()  # what earlier commands left to the disk is not to be paid here
        interpreter = (
            "Rscript" if file.suffix == ".R" else peer if "metaflow" in case.file else sys.executable
        )
        start = time.monotonic()
        done = subprocess.run(
            [str(interpreter), str(file), "run"],
            cwd=scratch,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - start
    if done.returncode != 0:
        raise SystemExit(f"{case.name} failed:\n{done.stdout}{done.stderr}")
    if case.printed is None:
        return seconds
    found = case.printed.search(done.stdout + done.stderr)
    if found is None:
        raise SystemExit(f"{case.name} does not say how long it took:\n{done.stdout}{done.stderr}")
    return float(found[1])
