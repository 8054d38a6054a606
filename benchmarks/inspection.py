"""How soon the commands that look at runs answer, on a store of many runs."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median

from instep_server.db.connection import Connection, connect

from benchmarks.measure import environment, run, scratch
from benchmarks.report import Goal, Row, seconds_text, table

RUNS = 1_000
REPEATS = 7
FLOWS = ("look_instep.py", "look_instep.R")
PYTHON, R, STORE = "python look_instep.py", "Rscript look_instep.R", "instep"
COMMANDS = (
    f"{PYTHON} show",
    f"{PYTHON} logs 1/start/1",
    f"{PYTHON} dump 1/work/3",
    f"{R} show",
    f"{R} logs 1/start/1",
    f"{R} dump 1/work/3",
    f"{STORE} runs",
    f"{STORE} runs BenchLookR",
    f"{STORE} show BenchLook/7",
    f"{STORE} logs BenchLook/1/work/3",
    f"{STORE} dump BenchLookR/1/work/3",
)

TEXT = f"""## Commands that look at runs

A store has {RUNS:,} runs of two flows, one in each language, with 8 tasks each: one run of each has really run, and the others
are copies of its rows. Each command runs {REPEATS} times after a round that does not count; medians (lowest to highest). What R itself
takes to start, with the package, is told as what it is measured against.
"""


def measure_inspection(peer: Path, tell: Callable[[str, float], None], figures: dict[str, float]) -> str:
    """Measures the commands. `peer` and `figures` are left alone; the rest is as in `measure_speed`."""
    del peer, figures
    starts = {R: 'Rscript -e "library(instep)"', PYTHON: "python -c pass", STORE: "python -c pass"}
    with scratch() as folder:
        for flow in FLOWS:
            run(folder, flow)
        multiply(folder / ".instep" / "instep.db", RUNS)
        commands = (*COMMANDS, *dict.fromkeys(starts.values()))
        times: dict[str, list[float]] = {command: [] for command in commands}
        for round_number in range(REPEATS + 1):
            for command in commands:
                seconds = _seconds(command, folder)
                tell(command, seconds)
                if round_number > 0:
                    times[command].append(seconds)

    def row(command: str) -> Row:
        start = next(start for program, start in starts.items() if command.startswith(program))
        ours = times[command]
        return Row(
            f"`{command}`",
            f"`{start}`: {median(times[start]):.2f} s",
            seconds_text(ours),
            None,
            Goal(0.4, "s"),
            median(ours),
        )

    return table([row(command) for command in COMMANDS])


def multiply(path: Path, count: int) -> None:
    """Copies the runs of a store in turn, with all that the database has of them, until there are so many.

    Args:
        path: The database's file.
        count: How many runs there are to be.
    """
    with closing(connect(path)) as connection:
        names = [
            row["name"] for row in connection.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        columns = {name: _columns(connection, name) for name in names}
        originals = [row["id"] for row in connection.rows("SELECT id FROM runs ORDER BY id")]
        connection.execute("BEGIN IMMEDIATE")
        for number in range(len(originals), count):
            original = originals[number % len(originals)]
            connection.execute(
                "UPDATE flows SET last_run = last_run + 1 WHERE id = (SELECT flow FROM runs WHERE id = ?)",
                (original,),
            )
            changed = {
                "number": "(SELECT last_run FROM flows WHERE id = flow)",
                "request_id": f"'copy {number}'",
            }
            _copy(connection, "runs", columns["runs"], changed, f"id = {original}")
            copy = connection.last_insert_rowid()
            for name in names:
                if "run" in columns[name]:
                    _copy(connection, name, columns[name], {"run": str(copy)}, f"run = {original}")
        connection.commit()


def _columns(connection: Connection, table_name: str) -> list[str]:
    """Names the columns of a table but for a key that SQLite gives by itself."""
    found = connection.rows(f"SELECT name, type, pk FROM pragma_table_info('{table_name}')")
    is_numbered = [column["type"] for column in found if column["pk"]] == ["INTEGER"]
    return [column["name"] for column in found if not (is_numbered and column["pk"])]


def _copy(
    connection: Connection, table_name: str, columns: Sequence[str], changed: dict[str, str], which: str
) -> None:
    values = ", ".join(changed.get(column, column) for column in columns)
    connection.execute(
        f"INSERT INTO {table_name} ({', '.join(columns)}) SELECT {values} FROM {table_name} WHERE {which}"
    )


def _seconds(command: str, folder: Path) -> float:
    program, *rest = shlex.split(command)
    python = Path(sys.executable)
    programs = {"python": str(python), "instep": str(python.with_name("instep"))}
    start = time.monotonic()
    done = subprocess.run(
        [programs.get(program, program), *rest],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - start
    if done.returncode != 0 or (program == "instep" and not done.stdout):
        raise SystemExit(f"{command} failed:\n{done.stdout}{done.stderr}")
    return seconds
