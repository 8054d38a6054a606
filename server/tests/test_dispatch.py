"""Which workers are started, and what they get."""

from __future__ import annotations

from graph_builder import valid
from hypothesis import given
from hypothesis import strategies as st
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


def test_narrow_keeps_to_the_workers_there_are_and_widens_with_each_round() -> None:
    dispatch = Dispatch(4, MACHINE)
    for task in range(12):
        dispatch.put(A, task)
    assert len(dispatch.wanted()) == 4
    for _ in range(2):
        dispatch.arrived(A)
        dispatch.gave_up(A)
    assert dispatch.narrow() == 2
    assert dispatch.wanted() == []
    dispatch.done(A)
    assert len(dispatch.wanted()) == 1
    dispatch.done(A)
    assert len(dispatch.wanted()) == 1, "one more is tried when as many tasks have ended as may run at once"


def test_narrow_leaves_one_place_where_there_is_no_worker() -> None:
    dispatch = Dispatch(4, MACHINE)
    dispatch.put(A, 1)
    dispatch.wanted()
    dispatch.gave_up(A)
    assert dispatch.narrow() == 0
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


def pool(**needs: int) -> PoolKey:
    return PoolKey(
        language="python", file="/a.py", isolation=Isolation.FORK, step="", needs=Resources(**needs)
    )


def test_tasks_wait_for_what_they_need() -> None:
    two_cores = pool(millicpu=2000)
    dispatch = Dispatch(8, MACHINE)
    for task in (1, 2, 3):
        dispatch.put(two_cores, task)
    assert dispatch.wanted() == [two_cores, two_cores]
    assert dispatch.arrived(two_cores) == 1
    assert dispatch.wanted() == []
    dispatch.done(two_cores)
    assert dispatch.wanted() == [two_cores]


def test_everything_that_is_needed_counts() -> None:
    memory, gpu = pool(memory_mb=5000), pool(gpu=1)
    dispatch = Dispatch(8, MACHINE)
    for task, key in enumerate((memory, gpu, memory, gpu)):
        dispatch.put(key, task)
    assert dispatch.wanted() == [memory, gpu]


def test_task_that_waits_is_not_overtaken_but_by_those_that_need_nothing() -> None:
    small, large = pool(millicpu=1000), pool(millicpu=4000)
    dispatch = Dispatch(8, MACHINE)
    for task, key in enumerate((small, large, small, A)):
        dispatch.put(key, task)
    assert dispatch.wanted() == [small, A]
    assert dispatch.arrived(small) == 0
    dispatch.done(small)
    assert dispatch.wanted() == [large]


def test_max_workers_holds_beside_what_the_machine_has() -> None:
    one_core = pool(millicpu=1000)
    dispatch = Dispatch(2, MACHINE)
    for task in (1, 2, 3):
        dispatch.put(one_core, task)
    assert len(dispatch.wanted()) == 2


def test_next_for_waits_for_what_the_task_needs() -> None:
    large, small = pool(millicpu=4000), pool(millicpu=1000)
    dispatch = Dispatch(8, MACHINE)
    dispatch.put(large, 1)
    dispatch.wanted()
    dispatch.arrived(large)
    dispatch.done(large)
    dispatch.put(small, 2)
    dispatch.wanted()
    dispatch.put(large, 3)
    dispatch.arrived(small)
    assert dispatch.next_for(large) is None
    dispatch.done(small)
    assert dispatch.next_for(large) == 3


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=12),
    st.integers(1, 5),
    st.data(),
)
def test_all_tasks_run_and_never_more_than_fit(
    demands: list[tuple[int, int]], max_workers: int, data: st.DataObject
) -> None:
    machine = Resources(millicpu=4, gpu=2)
    dispatch = Dispatch(max_workers, machine)
    keys = [pool(millicpu=cpu, gpu=gpu) for cpu, gpu in demands]
    for task, key in enumerate(keys):
        dispatch.put(key, task)
    running, done = [], 0
    while done < len(keys):
        for key in dispatch.wanted():
            assert dispatch.arrived(key) is not None
            running.append(key)
        assert running, "something can always run"
        assert len(running) <= max_workers
        left = machine
        for key in running:
            left -= key.needs
        assert NOTHING.fits(left)
        dispatch.done(running.pop(data.draw(st.integers(0, len(running) - 1))))
        done += 1
    assert dispatch.wanted() == []
