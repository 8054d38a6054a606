"""What nothing that runs tasks in processes can do without, and how many of these one of our tasks costs."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.measure import program_lines, run, scratch, seconds_per_task
from benchmarks.report import Row, short, table

TASKS = 1_000
PROGRAM = Path(__file__).resolve().parent / "programs" / "floor.py"
HEAD = ("the floor", "a task of Instep", "is so many of it")

TEXT = f"""## The floor

What a system that runs tasks in processes, tells them by gRPC and keeps a database cannot do without, by itself, 500 times
each; and the time per task in a foreach of {TASKS:,} empty Python tasks (from the first lease to the last completion) that ran
right after it.

- **fork**: fork(), exit and wait() of a Python process that has imported nothing; of one that has loaded the SDK, as the
  process that workers are forked off has: a larger process has more pages to map and to give back; and the same with as
  many at once as there are cores. The last is how fast tasks with a process each can ever be here.
- **fork and calls**: the same process connects, makes two calls (get a task, report it) and exits; with the SDK's connection,
  which speaks gRPC over the library h2, and with a channel of grpcio.
- **call**: one unary call over a Unix socket on an open channel of grpcio; grpc.aio with an empty handler answers.
- **commit**: one row in SQLite, in WAL mode and synced (`synchronous=FULL`), as a completed task is before it is acknowledged.
  Instep commits many completions at once when they come at once.
- **processor time**: what the processes of the command took, by tasks. A host forks workers and waits for them. Divided by the
  number of cores, the sum is the least time per task.
"""


def measure_floor(peer: Path, tell: Callable[[str, float], None], figures: dict[str, float]) -> str:
    """Measures the floor, and our tasks next to it.

    Args:
        peer: Is left alone.
        tell: As in `measure_speed`.
        figures: Gets the most tasks per second that there can be with a process each, as `rate floor`, and in a process
            that stays, as `rate floor, reuse`.

    Returns:
        The table.
    """
    del peer
    with tempfile.TemporaryDirectory() as folder:
        floor = {name: float(seconds) for name, seconds in map(str.split, _measured(folder))}
    for name, seconds in floor.items():
        tell(f"floor, {name}", seconds)
    figures |= {"rate floor": 1 / floor["fork_parallel"], "rate floor, reuse": 1 / floor["call"]}
    each, each_shares = _task("fork", tell)
    reused, reused_shares = _task("reuse", tell)
    in_turn = floor["call"] + floor["commit"]

    def row(what: str, seconds: float, ours: float, kind: str) -> Row:
        return Row(what, short(seconds), f"{kind}: {short(ours)}", ours / seconds)

    process = "a process each"
    return table(
        [
            row("fork, nothing imported", floor["fork"], each, process),
            row("fork, SDK loaded", floor["fork_sdk"], each, process),
            row("fork, SDK loaded, one per core at once", floor["fork_parallel"], each, process),
            row("fork and calls, h2", floor["fork_h2"], each, process),
            row("fork and calls, grpcio", floor["fork_grpcio"], each, process),
            row("call", floor["call"], reused, "reuse"),
            row("commit", floor["commit"], reused, "reuse"),
            row("call and commit, in turn", in_turn, reused, "reuse"),
            Row("processor time", "", f"{process}: {_shares_text(each_shares)}", None),
            Row("processor time", "", f"reuse: {_shares_text(reused_shares)}", None),
        ],
        HEAD,
    )


def _measured(folder: str) -> list[str]:
    return program_lines(sys.executable, PROGRAM, folder)


def _task(isolation: str, tell: Callable[[str, float], None]) -> tuple[float, Mapping[str, float]]:
    """Returns the seconds of a task, and its processor seconds by kind of process."""
    with scratch() as folder:
        outcome = run(
            folder,
            "foreach_instep.py",
            "--max-num-splits",
            str(TASKS),
            variables={"BENCH_TASKS": str(TASKS), "BENCH_ISOLATION": isolation},
            look=True,
        )
        tell(f"{TASKS:,} tasks, {isolation}", outcome.seconds)
        shares = {name: seconds / TASKS for name, seconds in outcome.shares.items()}
        return seconds_per_task(folder, "work", TASKS), shares


def _shares_text(shares: Mapping[str, float]) -> str:
    parts = ", ".join(f"{short(seconds)} {name}" for name, seconds in shares.items())
    return f"{short(sum(shares.values()))} ({parts})"
