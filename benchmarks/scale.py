"""What many tasks cost: whether the price of a task grows, what the orchestrator keeps, how soon a run resumes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.measure import Outcome, printed, run, scratch, seconds_per_task
from benchmarks.report import Goal, Row, seconds_text, short, table

FEW, MANY, MOST = 100, 10_000, 100_000
FEW_REPEATS = 5
RESUMES = 3

TEXT = f"""## Many tasks

Foreach steps of empty Python tasks. What counts is the time from the first lease of a task of the step to the last
completion of one, as the store has it, by the number of tasks: neither start nor end of the command. {FEW} tasks run {FEW_REPEATS}
times (the median counts), the others once. Nothing is simulated: these are the usual workers.

- **a process each**, and **reuse**: time per task, against that of fewer tasks.
- **memory**: the most resident memory that the process of the orchestrator had (`VmHWM`) until the end of the run of
  {MOST:,} tasks with `isolation = "reuse"`.
- **resume**: a run of {MANY:,} tasks has failed in its last step. The time from the start of the command `resume` to the first
  line of the step that runs again, {RESUMES} times.
"""

_BEGAN = printed(r"The first task began at ([\d.]+)\.\n")


def measure_scale(peer: Path, tell: Callable[[str, float], None], figures: dict[str, float]) -> str:
    """Measures runs of many tasks. `figures` is left alone; the rest is as in `measure_speed`."""
    del peer, figures
    few, few_reused = (
        median(_per_task(FEW, isolation, tell)[0] for _ in range(FEW_REPEATS))
        for isolation in ("fork", "reuse")
    )
    many_reused, _ = _per_task(MANY, "reuse", tell)
    most_reused, outcome = _per_task(MOST, "reuse", tell)
    with scratch() as folder:
        _run(folder, "resume_instep.py", MANY, tell, BENCH_FAIL="yes")
        many = seconds_per_task(folder, "work", MANY)
        resumes = [_resume_seconds(folder, tell) for _ in range(RESUMES)]
    megabytes = outcome.orchestrator_bytes / 1e6
    return table(
        [
            _row(f"{MANY:,} tasks, a process each", FEW, few, many, Goal(1.3)),
            _row(f"{MANY:,} tasks, reuse", FEW, few_reused, many_reused),
            _row(f"{MOST:,} tasks, reuse", MANY, many_reused, most_reused),
            Row(f"memory, {MOST:,} tasks", "", f"{megabytes:.0f} MB", None, Goal(300, "MB"), megabytes),
            Row(f"resume, {MANY:,} tasks", "", seconds_text(resumes), None, Goal(5, "s"), median(resumes)),
        ]
    )


def _row(what: str, fewer: int, before: float, after: float, goal: Goal | None = None) -> Row:
    return Row(
        what, f"{fewer:,} tasks: {short(before)} a task", f"{short(after)} a task", after / before, goal
    )


def _per_task(count: int, isolation: str, tell: Callable[[str, float], None]) -> tuple[float, Outcome]:
    with scratch() as folder:
        outcome = _run(folder, "foreach_instep.py", count, tell, BENCH_ISOLATION=isolation)
        return seconds_per_task(folder, "work", count), outcome


def _run(
    folder: Path, file: str, count: int, tell: Callable[[str, float], None], **variables: str
) -> Outcome:
    outcome = run(
        folder,
        file,
        "--max-num-splits",
        str(count),
        variables={"BENCH_TASKS": str(count), **variables},
        look=count == MOST,
        may_fail="BENCH_FAIL" in variables,
    )
    tell(f"{count:,} tasks, {variables.get('BENCH_ISOLATION', 'fork')}", outcome.seconds)
    return outcome


def _resume_seconds(folder: Path, tell: Callable[[str, float], None]) -> float:
    outcome = run(
        folder, "resume_instep.py", "--origin-run-id", "1", command="resume", variables={"BENCH_TASKS": "0"}
    )
    seconds = _BEGAN(outcome) - outcome.started
    tell(f"resume of {MANY:,} tasks", seconds)
    return seconds
