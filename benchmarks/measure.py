"""Runs flows as whole commands, and takes their time.

Each command runs in a scratch directory with all flows of `flows/`. Cases take turns, so that a slow minute of the
machine hits all of them; one round that is not counted comes first and warms the file cache. A case that takes
minutes is run once, without such a round.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from instep_server.db.connection import connect

FLOWS = Path(__file__).resolve().parent / "flows"
REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"
LOOK_SECONDS = 0.1
"""How often to look at the memory of an orchestrator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one command did."""

    started: float
    """When it started, in unix seconds."""
    seconds: float
    """How long it took."""
    output: str
    """What it wrote."""
    orchestrator_bytes: int
    """The most memory that its orchestrator had. 0: nobody looked."""
    shares: Mapping[str, float]
    """Processor seconds by kind of process, of a flow in Python. Empty: nobody looked."""


def whole(outcome: Outcome) -> float:
    """Reads the time of the whole command."""
    return outcome.seconds


def printed(pattern: str) -> Callable[[Outcome], float]:
    """Makes what reads the seconds that a flow prints.

    Args:
        pattern: A regular expression whose first group finds them.
    """

    def read(outcome: Outcome) -> float:
        found = re.search(pattern, outcome.output)
        if found is None:
            raise SystemExit(f"The flow does not say how long it took:\n{outcome.output}")
        return float(found[1])

    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One command to measure."""

    name: str
    """What it is called in the report."""
    file: str
    """The flow file."""
    source: str | None = None
    """Text of the file. None: it is one of `flows/`."""
    options: tuple[str, ...] = ()
    """Options of `run`."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that the flow reads."""
    repeats: int
    """How often it counts."""
    read: Callable[[Outcome], float] = whole
    """Reads the seconds that count."""


Times = dict[str, list[float]]
"""Seconds by the name of what took them."""


def prepare_peer(directory: Path) -> Path:
    """Makes the environment of the peers, if there is none that is up to date, and returns its Python.

    Args:
        directory: Where it is.
    """
    python = directory / "bin" / "python"
    ready = directory / "ready"
    wanted = REQUIREMENTS.read_text()
    if not ready.exists() or ready.read_text() != wanted:
        print("Installing Metaflow and matplotlib into an environment of their own.", flush=True)
        venv.create(directory, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS], check=True)
        ready.write_text(wanted)
    return python


def measure(cases: Iterable[Case], *, peer: Path, tell: Callable[[str, float], None]) -> Times:
    """Returns the seconds that each case took, by its name. Each command has a fresh store.

    Args:
        cases: What to measure.
        peer: The Python that has Metaflow.
        tell: Called after each command with the case's name and its seconds.
    """
    cases = list(cases)
    times: Times = {case.name: [] for case in cases}
    for round_number in range(max(case.repeats for case in cases) + 1):
        for case in cases:
            is_warming = round_number == 0
            if round_number > case.repeats or (is_warming and case.repeats == 1):
                continue
            with scratch() as folder:
                if case.source is not None:
                    (folder / case.file).write_text(case.source)
                outcome = run(folder, case.file, *case.options, peer=peer, variables=case.variables)
            seconds = case.read(outcome)
            tell(case.name, seconds)
            if not is_warming:
                times[case.name].append(seconds)
    return times


@contextmanager
def scratch() -> Iterator[Path]:
    """Gives a directory with all flows and no store."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(FLOWS, folder, dirs_exist_ok=True)
        yield Path(folder)


def run(
    folder: Path,
    file: str,
    *options: str,
    command: str = "run",
    peer: Path | None = None,
    variables: Mapping[str, str] | None = None,
    look: bool = False,
    may_fail: bool = False,
) -> Outcome:
    """Runs one command of a flow.

    Args:
        folder: The directory to run it in.
        file: The flow file in it.
        options: What follows the command's name.
        command: The command.
        peer: The Python that has Metaflow, for flows of it.
        variables: Environment variables to add.
        look: True to look at memory and processor time of each process, for flows of Instep in Python.
        may_fail: True to take a run that fails for an outcome, too.
    """
    interpreter = "Rscript" if file.endswith(".R") else str(peer) if "metaflow" in file else sys.executable
    os.sync()  # what earlier commands left to the disk is not to be paid here
    started, start = time.time(), time.monotonic()
    process = subprocess.Popen(
        [interpreter, file, command, *options],
        cwd=folder,
        env={**environment(), **(variables or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watch = _Watch(process.pid) if look else None
    output, _ = process.communicate()
    seconds = time.monotonic() - start
    if watch:
        watch.stop()
    if process.returncode != 0 and not may_fail:
        raise SystemExit(f"{file} {command} failed:\n{output}")
    return Outcome(
        started=started,
        seconds=seconds,
        output=output,
        orchestrator_bytes=watch.orchestrator_bytes if watch else 0,
        shares=watch.shares if watch else {},
    )


def program_lines(*command: str | Path) -> list[str]:
    """Runs a program that measures, and returns the lines that it prints.

    Args:
        command: The program and its arguments.
    """
    words = list(map(str, command))
    done = subprocess.run(
        words, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.splitlines()


def seconds_per_task(folder: Path, step: str, count: int) -> float:
    """Reads from a store with one run how long the tasks of a step took together, and divides by their number.

    Args:
        folder: The folder of the store.
        step: Name of the step.
        count: How many tasks it must have.
    """
    with contextlib.closing(connect(folder / ".instep" / "instep.db")) as connection:
        row = connection.row(
            "SELECT count(*) AS count, min(leased_unix_ms) AS first, max(attempts.finished_unix_ms) AS last"
            " FROM attempts JOIN tasks ON tasks.run = attempts.run AND tasks.number = attempts.task"
            " WHERE step = :step",
            {"step": step},
        )
    if row is None or row["count"] != count:
        raise SystemExit(f"The tasks of step {step} did not have {count} attempts: {row}.")
    return float(row["last"] - row["first"]) / 1000 / count


def environment() -> dict[str, str]:
    """Returns the variables of a user's shell: a developer's, that slow Python down, are left out."""
    own = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "INSTEP_HOME")
    return {
        **{name: value for name, value in os.environ.items() if name not in own},
        "METAFLOW_USER": "bench",
    }


class _Watch:
    """Looks at the processes of a command until it is stopped.

    Args:
        pid: The command's process.

    Attributes:
        orchestrator_bytes: The most memory that the orchestrator had.
        shares: Processor seconds so far, by kind of process.
    """

    def __init__(self, pid: int) -> None:
        self.orchestrator_bytes = 0
        self.shares: dict[str, float] = {}
        self._command = Path("/proc") / str(pid)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def stop(self) -> None:
        """Ends. What was seen last is what there is."""
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            with contextlib.suppress(OSError):  # a process ends while we look
                self._look_once()

    def _look_once(self) -> None:
        self.shares["command line"], _ = _processor_seconds(self._command)
        children = (self._command / "task" / self._command.name / "children").read_text().split()
        for process in (Path("/proc") / child for child in children):
            own, waited_for = _processor_seconds(process)
            if b"instep_server" in (process / "cmdline").read_bytes():
                self.shares["orchestrator"] = own
                self.orchestrator_bytes = max(self.orchestrator_bytes, _peak_bytes(process))
            else:
                self.shares |= {"host": own, "workers": waited_for}


def _processor_seconds(process: Path) -> tuple[float, float]:
    """Reads the processor seconds of a process, and those of its children that have ended."""
    after_name = (process / "stat").read_text().rpartition(")")[2].split()
    ticks = [int(field) / os.sysconf("SC_CLK_TCK") for field in after_name[11:15]]
    return ticks[0] + ticks[1], ticks[2] + ticks[3]


def _peak_bytes(process: Path) -> int:
    found = re.search(r"^VmHWM:\s+(\d+) kB", (process / "status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
