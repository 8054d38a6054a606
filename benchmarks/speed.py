"""How long flows of empty steps take, next to Metaflow's."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.measure import Case, Times, measure
from benchmarks.report import Goal, Row, seconds_text, table

HELLO_REPEATS = 7
REPEATS = 3
TASKS = 1_000
LINKS = 500
PEER_LINKS = 50
GRAPH_TASKS = 504
SLEEPS = 64

TEXT = f"""## Flows

Each flow of `benchmarks/flows` runs as a whole command from a fresh store; its start and its end count. All take turns,
after a round that does not count. Medians (lowest to highest) of {HELLO_REPEATS} runs of hello and {REPEATS} of the others; Metaflow's
others, which take up to three minutes, run once. Nothing is extrapolated. Both have their default settings but for the number of
splits, which Metaflow limits to 100. Metaflow runs at most 16 tasks at once, and Instep one per core. Each task has a process of
its own, which Metaflow starts, and Instep forks off one that has loaded the flow.

- **hello**: three empty steps.
- **foreach**: {TASKS:,} empty tasks; tasks per second. With `isolation = "reuse"` a process runs one task after the other.
- **graph**: {GRAPH_TASKS} tasks. A foreach of 100 shards, each of which splits in two branches that join again. In Instep
  four of nine steps are R's, and values cross at each border; Metaflow's flow is all Python.
- **chain**: steps one after the other, each with a task that waits for the one before: time per step. Instep's has {LINKS} steps,
  and Metaflow's {PEER_LINKS}.
- **sleeps**: {SLEEPS} tasks that sleep 0.1 s each, with `--max-workers {SLEEPS}`. No way to run them takes less than 0.1 s.
"""

PYTHON, R, REUSE, R_REUSE, PEER = (
    "Instep Python",
    "Instep R",
    "Instep Python, reuse",
    "Instep R, reuse",
    "Metaflow",
)


def measure_speed(peer: Path, tell: Callable[[str, float], None], figures: dict[str, float]) -> str:
    """Measures all flows.

    Args:
        peer: The Python that has Metaflow.
        tell: Called after each command with its name and seconds.
        figures: Gets the tasks per second of each foreach, by `rate WHO`.

    Returns:
        The table.
    """
    times = measure(_cases(), peer=peer, tell=tell)
    middle = {name: median(seconds) for name, seconds in times.items()}
    figures |= {f"rate {who}": TASKS / middle[f"foreach, {who}"] for who in (PYTHON, R, REUSE, R_REUSE, PEER)}
    return table(
        [
            *_hello_rows(times),
            _rate_row(figures, "foreach, Python", PEER, PYTHON, Goal(20, is_minimum=True)),
            _rate_row(figures, "foreach, Python, reuse", PEER, REUSE, Goal(150, is_minimum=True)),
            _rate_row(figures, "foreach, R", PYTHON, R, Goal(0.5, is_minimum=True)),
            _rate_row(figures, "foreach, R, reuse", REUSE, R_REUSE),
            _time_row(times, "graph, both languages", f"graph, {PEER}", "graph, Instep"),
            _chain_row(middle, "chain, Python", PYTHON),
            _chain_row(middle, "chain, R", R),
            _time_row(times, "sleeps", f"sleeps, {PEER}", "sleeps, Instep"),
        ]
    )


def _cases() -> list[Case]:
    def foreach(who: str, file: str, isolation: str, repeats: int = REPEATS) -> Case:
        return Case(
            name=f"foreach, {who}",
            file=file,
            options=("--max-num-splits", str(TASKS)),
            variables={"BENCH_TASKS": str(TASKS), "BENCH_ISOLATION": isolation},
            repeats=repeats,
        )

    def hello(who: str, file: str) -> Case:
        return Case(name=f"hello, {who}", file=file, repeats=HELLO_REPEATS)

    return [
        hello(PEER, "hello_metaflow.py"),
        hello(PYTHON, "hello_instep.py"),
        hello(R, "hello_instep.R"),
        foreach(PEER, "foreach_metaflow.py", "", repeats=1),
        foreach(PYTHON, "foreach_instep.py", "fork"),
        foreach(REUSE, "foreach_instep.py", "reuse"),
        foreach(R, "foreach_instep.R", "fork"),
        foreach(R_REUSE, "foreach_instep.R", "reuse"),
        Case(name=f"graph, {PEER}", file="graph_metaflow.py", repeats=1),
        Case(name="graph, Instep", file="graph_instep.py", repeats=REPEATS),
        Case(
            name=f"chain, {PEER}",
            file="chain_metaflow.py",
            source=_python_chain("metaflow", PEER_LINKS),
            repeats=1,
        ),
        Case(
            name=f"chain, {PYTHON}",
            file="chain_instep.py",
            source=_python_chain("instep", LINKS),
            repeats=REPEATS,
        ),
        Case(name=f"chain, {R}", file="chain_instep.R", source=_r_chain(LINKS), repeats=REPEATS),
        *(
            Case(name=f"sleeps, {who}", file=file, options=("--max-workers", str(SLEEPS)), repeats=repeats)
            for who, file, repeats in (
                (PEER, "sleeps_metaflow.py", 1),
                ("Instep", "sleeps_instep.py", REPEATS),
            )
        ),
    ]


def _python_chain(library: str, count: int) -> str:
    """Writes a flow of empty steps that follow each other, for either library: their declarations are the same."""
    names = _links(count)
    steps = [
        f"    @step\n    def {name}(self):\n        self.next(self.{after})\n"
        for name, after in pairwise(names)
    ]
    last = f"    @step\n    def {names[-1]}(self):\n        pass\n"
    return "\n".join(
        [
            f"from {library} import FlowSpec, step\n\n",
            "class BenchChain(FlowSpec):",
            *steps,
            last,
            '\nif __name__ == "__main__":\n    BenchChain()\n',
        ]
    )


def _r_chain(count: int) -> str:
    """Not as one pipe: R evaluates it as calls within calls, of which some 450 are as many as its stack holds."""
    names = _links(count)
    steps = [f'chain <- chain |> step("{name}", next_step = "{after}")' for name, after in pairwise(names)]
    last = f'chain |> step("{names[-1]}") |> run()'
    return "\n".join(["library(instep)", 'chain <- flow("BenchChain")', *steps, last, ""])


def _links(count: int) -> list[str]:
    return ["start", *(f"link_{number}" for number in range(count - 2)), "end"]


def _hello_rows(times: Times) -> list[Row]:
    def row(what: str, than: str, who: str, goal: Goal, measured: float | None = None) -> Row:
        theirs, ours = times[f"hello, {than}"], times[f"hello, {who}"]
        ratio = median(ours) / median(theirs)
        return Row(what, f"{than}: {seconds_text(theirs)}", seconds_text(ours), ratio, goal, measured)

    return [
        row("hello, Python", PEER, PYTHON, Goal(0.5)),
        row("hello, R", PYTHON, R, Goal(3)),
        row("hello, R, in seconds", PEER, R, Goal(1, "s"), median(times[f"hello, {R}"])),
    ]


def _rate_row(figures: dict[str, float], what: str, than: str, who: str, goal: Goal | None = None) -> Row:
    theirs, ours = figures[f"rate {than}"], figures[f"rate {who}"]
    return Row(what, f"{than}: {theirs:.1f} tasks/s", f"{ours:,.0f} tasks/s", ours / theirs, goal)


def _time_row(times: Times, what: str, theirs: str, ours: str) -> Row:
    ratio = median(times[ours]) / median(times[theirs])
    return Row(what, f"{PEER}: {seconds_text(times[theirs])}", seconds_text(times[ours]), ratio)


def _chain_row(middle: dict[str, float], what: str, who: str) -> Row:
    theirs = middle[f"chain, {PEER}"] / PEER_LINKS
    ours = middle[f"chain, {who}"] / LINKS
    return Row(what, f"{PEER}: {1000 * theirs:.0f} ms a step", f"{1000 * ours:.1f} ms a step", ours / theirs)
