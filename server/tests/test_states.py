"""The lifecycles, whole: every pair of state and event, legal or not."""

from __future__ import annotations

from typing import Any

import pytest
from instep_proto.v1 import run_pb2
from instep_server.core import states
from instep_server.core.states import IllegalTransitionError, advance

TABLES: dict[str, tuple[Any, Any, Any, Any]] = {
    "run": (states.RUN, states.RunState, states.RunEvent, states.RUN_ENDS),
    "task": (states.TASK, states.TaskState, states.TaskEvent, states.TASK_ENDS),
    "attempt": (states.ATTEMPT, states.AttemptState, states.AttemptEvent, states.ATTEMPT_ENDS),
    "worker": (states.WORKER, states.WorkerState, states.WorkerEvent, {states.WorkerState.EXITED}),
}


@pytest.mark.parametrize("name", TABLES)
def test_table_every_pair_moves_or_raises(name: str) -> None:
    table, all_states, all_events, _ = TABLES[name]
    for state in all_states:
        for event in all_events:
            if (state, event) in table:
                assert advance(table, state, event) is table[state, event]
            else:
                with pytest.raises(IllegalTransitionError, match=f"{state.name} .*{event.name}"):
                    advance(table, state, event)


@pytest.mark.parametrize("name", TABLES)
def test_table_ends_are_final_and_all_else_goes_on(name: str) -> None:
    table, all_states, _, ends = TABLES[name]
    goes_on = {state for state, _ in table}
    assert goes_on == set(all_states) - set(ends)


@pytest.mark.parametrize("name", TABLES)
def test_table_every_state_but_the_first_is_reached(name: str) -> None:
    table, all_states, _, _ = TABLES[name]
    first = next(iter(all_states))
    reached, todo = {first}, [first]
    while todo:
        state = todo.pop()
        for (before, _), after in table.items():
            if before is state and after not in reached:
                reached.add(after)
                todo.append(after)
    assert reached == set(all_states)


@pytest.mark.parametrize(
    ("ours", "theirs", "prefix"),
    [
        (states.RunState, run_pb2.RunState, "RUN_STATE_"),
        (states.TaskState, run_pb2.TaskState, "TASK_STATE_"),
        (states.AttemptState, run_pb2.AttemptState, "ATTEMPT_STATE_"),
    ],
)
def test_numbers_are_those_of_the_protocol(ours, theirs, prefix) -> None:
    assert {prefix + state.name: int(state) for state in ours} | {prefix + "UNSPECIFIED": 0} == dict(
        theirs.items()
    )
