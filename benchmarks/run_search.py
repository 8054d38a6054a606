"""Times searches for the newest 20 of 100,000 runs: `python -m benchmarks.run_search [RUNS]`."""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from instep_server.core.states import RunState, TaskState
from instep_server.db import _sqlite
from instep_server.db.connection import Connection, connect
from instep_server.db.database import Database
from instep_server.db.opening import prepare
from instep_server.services.run_search import RunQuery, find_runs

MINUTE = 60_000
QUERIES = {
    "newest": RunQuery(),
    "flow": RunQuery(flow=2),
    "status failed (1 %)": RunQuery(states=frozenset({RunState.FAILED})),
    "status cancelled (none of the newer half)": RunQuery(states=frozenset({RunState.CANCELLED})),
    "flow and status failed": RunQuery(flow=2, states=frozenset({RunState.FAILED})),
    "namespace tag (all)": RunQuery(tags=["user:ada"]),
    "tag (5 runs)": RunQuery(tags=["best"]),
    "two tags, one rare": RunQuery(tags=["user:ada", "best"]),
    "tag no run has": RunQuery(tags=["none"]),
    "step (all)": RunQuery(step="start"),
    "step (5 runs)": RunQuery(step="repair"),
    "last week": RunQuery(since_unix_ms=90_000 * MINUTE),
    "tag, status, step and time": RunQuery(
        tags=["user:ada"], states=frozenset({RunState.FAILED}), step="start", since_unix_ms=50_000 * MINUTE
    ),
}


def fill(path: Path, count: int) -> None:
    """Makes runs of three flows with four tasks each, one per minute."""
    draw = random.Random(0)
    graph = draw.randbytes(6_000)
    connection = connect(path)
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO flows (name, last_run) VALUES (?, 0)", [("A",), ("B",), ("C",)])
    for number in range(1, count + 1):
        state = RunState.FAILED if number % 100 == 0 else RunState.SUCCEEDED
        if number % 50 == 1 and number < count / 2:
            state = RunState.CANCELLED
        _insert_run(connection, number, draw.randint(1, 3), state, graph)
        rare = number % (count // 5) == 7
        tags = ["user:ada", "runtime:local", *(["best"] if rare else [])]
        connection.executemany("INSERT INTO tags VALUES (?, ?, 1)", [(number, tag) for tag in tags])
        steps = ["start", "fit", "end", "repair" if rare else "check"]
        connection.executemany(
            "INSERT INTO tasks (run, number, step, language, state, created_unix_ms, foreach_path, attempts)"
            " VALUES (?, ?, ?, 'python', ?, 0, '', 1)",
            [(number, place, step, TaskState.SUCCEEDED) for place, step in enumerate(steps, 1)],
        )
    connection.commit()
    connection.close()


def _insert_run(connection: Connection, number: int, flow: int, state: RunState, graph: bytes) -> None:
    connection.execute(
        "INSERT INTO runs (id, flow, number, state, created_unix_ms, user_name, namespace, file,"
        " working_directory, owner, graph, request_id, request_hash)"
        " VALUES (?, ?, ?, ?, ?, 'ada', '', '', '', '', ?, ?, '')",
        (number, flow, number, state, number * MINUTE, graph, str(number)),
    )


def main(count: int) -> None:
    """Measures each search five times and prints the median."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "instep.db"
        prepare(path)
        fill(path, count)
        db = Database(path, lambda _: None)
        for name, query in QUERIES.items():
            times = []
            for _ in range(5):
                start = perf_counter()
                found = find_runs(db, query, 20)
                for key in found:
                    db.one(_sqlite.RUN_BY_ID, {"run": key})
                times.append(perf_counter() - start)
            print(f"{median(times) * 1000:7.2f} ms  {len(found):2} runs  {name}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
