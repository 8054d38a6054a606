"""Searches for runs: what they find, and that each walks an index."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instep_server.core.states import RunState, TaskState
from instep_server.db import _sqlite
from instep_server.db.connection import connect
from instep_server.db.database import Database
from instep_server.db.opening import prepare
from instep_server.services.run_search import END_OF_TIME, RunQuery, find_runs

TAGS = ["user:ada", "user:bob", "rare", "bÿ"]
STEPS = ["start", "work", "end"]


@dataclass(frozen=True)
class Made:
    """A run as the test made it."""

    id: int
    flow: int
    state: int
    at: int
    tags: frozenset[str]
    steps: frozenset[str]


def fill(path: Path, count: int) -> list[Made]:
    """Makes runs of two flows, with tasks that were reached and some that were not."""
    draw = random.Random(4)
    connection = connect(path)
    connection.execute("BEGIN")
    connection.execute("INSERT INTO flows (name, last_run) VALUES ('A', 0), ('B', 0)")
    made = []
    for number in range(1, count + 1):
        run = Made(
            id=number,
            flow=draw.choice([1, 1, 2]),
            state=draw.choice([RunState.RUNNING, *[RunState.SUCCEEDED] * 5, RunState.FAILED]),
            at=1000 + number // 3,
            tags=frozenset(tag for tag in TAGS if draw.random() < (0.05 if tag == "rare" else 0.5)),
            steps=frozenset(step for step in STEPS if draw.random() < 0.4),
        )
        made.append(run)
        connection.execute(
            "INSERT INTO runs (id, flow, number, state, created_unix_ms, user_name, namespace, file,"
            " working_directory, owner, graph, request_id, request_hash)"
            " VALUES (?, ?, ?, ?, ?, '', '', '', '', '', x'', ?, '')",
            (run.id, run.flow, number, run.state, run.at, str(number)),
        )
        for tag in run.tags:
            row = {"run": run.id, "name": tag, "is_system": int(tag.startswith("user:"))}
            connection.execute(_sqlite.INSERT_TAG, row)
        tasks = [(step, TaskState.SUCCEEDED) for step in sorted(run.steps) for _ in range(3)]
        tasks += [(step, TaskState.CANCELLED) for step in STEPS]
        for place, (step, state) in enumerate(tasks):
            connection.execute(
                "INSERT INTO tasks (run, number, step, language, state, created_unix_ms, foreach_path, attempts)"
                " VALUES (?, ?, ?, 'python', ?, 0, '', 0)",
                (run.id, place, step, state),
            )
    connection.commit()
    connection.close()
    return made


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, list[Made]]:
    path = tmp_path_factory.mktemp("search") / "instep.db"
    prepare(path)
    made = fill(path, 400)
    return Database(path, lambda _: None), made


QUERIES = st.builds(
    RunQuery,
    flow=st.sampled_from([0, 0, 1, 2, 3]),
    states=st.frozensets(st.sampled_from(list(RunState)), max_size=2),
    tags=st.lists(st.sampled_from([*TAGS, "none"]), max_size=2),
    step=st.sampled_from(["", *STEPS, "none"]),
    since_unix_ms=st.sampled_from([0, 0, 1050, 1100, 9999]),
    before_unix_ms=st.sampled_from([END_OF_TIME, END_OF_TIME, 1090, 500]),
    before=st.sampled_from([END_OF_TIME, END_OF_TIME, 200, 1]),
)


@settings(deadline=None)
@given(query=QUERIES, limit=st.sampled_from([1, 3, 1000]))
def test_find_runs_finds_what_fits_newest_first(
    store: tuple[Database, list[Made]], query: RunQuery, limit: int
) -> None:
    db, made = store
    wanted = [
        run.id
        for run in reversed(made)
        if query.flow in (0, run.flow)
        and (not query.states or run.state in query.states)
        and set(query.tags) <= run.tags
        and (not query.step or query.step in run.steps)
        and query.since_unix_ms <= run.at < query.before_unix_ms
        and run.id < query.before
    ]
    assert find_runs(db, query, limit) == wanted[:limit]


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("RUN_IDS", r"SEARCH runs USING INTEGER PRIMARY KEY \(rowid>\? AND rowid<\?\)"),
        ("RUN_IDS_IN_STATE", r"SEARCH runs USING INDEX runs_by_state \(state=\? AND rowid<\?\)"),
        ("RUN_IDS_OF_FLOW", r"SEARCH runs USING INDEX runs_by_flow \(flow=\? AND state=\? AND rowid<\?\)"),
        ("RUN_IDS_WITH_TAG", r"SEARCH tags USING COVERING INDEX runs_by_tag \(name=\? AND run<\?\)"),
        ("NEWEST_RUN_WITH_STEP", r"SEARCH tasks USING COVERING INDEX tasks_by_step \(step=\? AND run<\?\)"),
        ("FIRST_RUN_SINCE", r"SEARCH runs USING COVERING INDEX runs_by_time"),
        ("COUNT_TAG", r"SEARCH tags USING COVERING INDEX runs_by_tag \(name=\?\)"),
        ("COUNT_STATE", r"SEARCH runs USING COVERING INDEX runs_by_state \(state=\?\)"),
        ("COUNT_FLOW", r"SEARCH runs USING COVERING INDEX runs_by_flow \(flow=\? AND state=\?\)"),
        ("TASKS", r"SEARCH tasks USING PRIMARY KEY \(run=\? AND number<\?\)"),
        ("TASKS_OF_STEP", r"SEARCH tasks USING INDEX tasks_by_step \(step=\? AND run=\? AND number<\?\)"),
    ],
)
def test_searches_walk_an_index_in_its_order(
    store: tuple[Database, list[Made]], name: str, index: str
) -> None:
    statement = getattr(_sqlite, name)
    params = dict.fromkeys(re.findall(r":(\w+)", statement))
    plan = [str(row["detail"]) for row in store[0].all(f"EXPLAIN QUERY PLAN {statement}", params)]
    found = next(line for line in plan if line.startswith(("SEARCH", "SCAN")))
    assert re.match(index, found), plan
    assert not any("TEMP B-TREE" in line for line in plan), plan
    assert [line for line in plan if line.startswith("SCAN") and "wanted" not in line] in (
        [],
        ["SCAN anon_1"],
    ), plan
