"""Which workers are started, and what they get."""

from __future__ import annotations

from graph_builder import valid
from instep_server.core.dispatch import Dispatch, PoolKey, pool_of
from instep_server.core.graph_types import Isolation
from instep_server.core.policy import NOTHING, Resources

MACHINE = Resources(millicpu=4000, memory_mb=8000, gpu=1)
A = PoolKey(language="python", file="/a.py", isolation=Isolation.FORK, step="")
B = PoolKey(language="r", file="/b.R", isolation=Isolation.FORK, step="")


def test_wanted_is_a_worker_per_ready_task_up_to_the_limit() -> None:
    dispatch = Dispatch(2, MACHINE)
    for task in (1, 2, 3):
        dispatch.put(A, task)
    assert dispatch.wanted() == [A, A]
    assert dispatch.wanted() == []


def test_between_pools_the_oldest_task_goes_first() -> None:
    dispatch = Dispatch(3, MACHINE)
    dispatch.put(B, 1)
    dispatch.put(A, 2)
    dispatch.put(B, 3)
    assert dispatch.wanted() == [B, A, B]


def test_arrived_takes_the_oldest_task_and_its_place() -> None:
    dispatch = Dispatch(1, MACHINE)
    dispatch.put(A, 1)
    dispatch.put(A, 2)
    dispatch.wanted()
    assert dispatch.arrived(A) == 1
    assert dispatch.wanted() == []
    dispatch.done(A)
    assert dispatch.wanted() == [A]


def test_arrived_finds_nothing_after_clear() -> None:
    dispatch = Dispatch(1, MACHINE)
    dispatch.put(A, 1)
    dispatch.wanted()
    dispatch.clear()
    assert dispatch.arrived(A) is None
    assert dispatch.wanted() == []


def test_gave_up_frees_the_place() -> None:
    dispatch = Dispatch(1, MACHINE)
    dispatch.put(A, 1)
    assert dispatch.wanted() == [A]
    dispatch.gave_up(A)
    assert dispatch.wanted() == [A]


def test_next_for_goes_on_with_the_own_pool() -> None:
    dispatch = Dispatch(1, MACHINE)
    dispatch.put(A, 1)
    dispatch.put(A, 2)
    dispatch.wanted()
    dispatch.arrived(A)
    assert dispatch.next_for(A) is None, "the place is still taken"
    dispatch.done(A)
    assert dispatch.next_for(A) == 2
    dispatch.done(A)
    assert dispatch.next_for(A) is None


def test_next_for_lets_another_pool_go_first_when_its_task_waited_longer() -> None:
    dispatch = Dispatch(1, MACHINE)
    dispatch.put(A, 1)
    dispatch.put(B, 2)
    dispatch.put(A, 3)
    dispatch.wanted()
    dispatch.arrived(A)
    dispatch.done(A)
    assert dispatch.next_for(A) is None
    assert dispatch.wanted() == [B]


def test_next_for_leaves_tasks_to_those_that_come_for_them() -> None:
    dispatch = Dispatch(2, MACHINE)
    dispatch.put(A, 1)
    dispatch.put(A, 2)
    dispatch.wanted()
    dispatch.arrived(A)
    dispatch.done(A)
    assert dispatch.next_for(A) is None


def test_oldest_gives_a_task_up() -> None:
    dispatch = Dispatch(1, MACHINE)
    dispatch.put(A, 1)
    assert dispatch.oldest(A) == 1
    assert dispatch.oldest(A) is None


def test_pool_of_ties_reuse_to_its_step() -> None:
    step = valid({"start": ""}).step("start")
    assert pool_of(step, NOTHING).step == ""
    assert pool_of(step, NOTHING).isolation is Isolation.FORK
