"""The plan of a run, event by event."""

from __future__ import annotations

import pytest
from graph_builder import valid
from instep_server.core.environment import Artifact
from instep_server.core.failure import Failure, FailureKind
from instep_server.core.planned import Outcome, RunChanged, StopTask, TaskChanged, TaskMade, TasksMade
from instep_server.core.scheduler import MAX_RELEASES, OutcomeError, Plan
from instep_server.core.states import IllegalTransitionError, RunState, TaskState
from plan_driver import Driver, artifact

LINE = {"start": "end", "end": ""}
BRANCHES = {"start": "a b", "a": "join", "b": "join", "join!": "end", "end": ""}
EACH = {"start": "*work", "work": "join", "join!": "end", "end": ""}
NESTED = {
    "start": "*outer",
    "outer": "*inner",
    "inner": "one two",
    "one": "both",
    "two": "both",
    "both!": "close_inner",
    "close_inner!": "after",
    "after": "close_outer",
    "close_outer!": "end",
    "end": "",
}
BOOM = Failure(kind=FailureKind.USER_ERROR, message="Boom.")


def made(actions) -> list[str]:
    return [action.task.step.name for action in actions if isinstance(action, TaskMade)]


def test_start_makes_the_first_task_from_the_inputs() -> None:
    driver = Driver(valid(LINE))
    actions = driver.start()
    assert isinstance(actions[0], RunChanged)
    assert actions[0].state is RunState.RUNNING
    assert made(actions) == ["start"]
    task = driver.plan.tasks[1]
    assert task.environment is driver.plan.inputs
    assert (task.inherits, task.parents, task.frames, task.foreach_path) == (None, (), (), ())


def test_linear_hands_the_environment_on() -> None:
    driver = Driver(valid(LINE))
    driver.start()
    assert made(driver.run(1)) == ["end"]
    end = driver.plan.tasks[2]
    assert {name: one.hash for name, one in end.environment.items()} == {"p": "parameter", "trace": "start"}
    assert (end.parents, end.inherits) == ((1,), 1)
    assert driver.run(2) == [TaskChanged(end, TaskState.SUCCEEDED)]
    assert driver.plan.is_settled
    assert driver.take(driver.plan.finish()) == [RunChanged(RunState.SUCCEEDED)]
    assert not driver.plan.is_settled


def test_single_step_flow_is_start_and_end() -> None:
    driver = Driver(valid({"start": ""}))
    driver.start()
    driver.run_all()
    assert driver.run_states == ["RUNNING", "SUCCEEDED"]


def test_task_that_changes_nothing_shares_its_environment() -> None:
    driver = Driver(valid(LINE))
    driver.start()
    driver.lease(1)
    driver.take(driver.plan.succeed(1, Outcome()))
    assert driver.plan.tasks[2].environment is driver.plan.inputs


def test_deleted_artifact_is_gone_for_later_tasks() -> None:
    driver = Driver(valid({"start": "mid", "mid": "end", "end": ""}))
    driver.start()
    driver.run(1)
    driver.lease(2)
    driver.take(driver.plan.succeed(2, Outcome(deleted=["trace"])))
    assert set(driver.plan.tasks[3].environment) == {"p"}


def test_join_takes_inputs_in_order_of_branches_whatever_finishes_first() -> None:
    driver = Driver(valid(BRANCHES))
    driver.start()
    assert made(driver.run(1)) == ["a", "b"]
    assert made(driver.run(3)) == []
    assert made(driver.run(2)) == ["join"]
    join = driver.plan.tasks[4]
    assert [joined.step.name for joined in join.joins] == ["a", "b"]
    assert join.parents == (2, 3)
    assert join.inherits is None
    assert join.environment is driver.plan.inputs


def test_join_leaves_only_what_it_assigned_and_the_inputs() -> None:
    driver = Driver(valid(BRANCHES))
    driver.start()
    for task_id in (1, 2, 3):
        driver.run(task_id)
    driver.lease(4)
    driver.take(driver.plan.succeed(4, Outcome(outputs=[artifact("kept", "x")])))
    assert set(driver.plan.tasks[5].environment) == {"p", "kept"}


def test_foreach_makes_a_task_per_item_with_its_frame() -> None:
    driver = Driver(valid(EACH), lambda _: 3)
    driver.start()
    actions = driver.run(1)
    announced = [action for action in actions if isinstance(action, TasksMade)]
    assert [(one.step.name, one.count, one.splitter.id) for one in announced] == [("work", 3, 1)]
    frames = [task.frames for task in driver.ready.values()]
    assert [len(one) for one in frames] == [1, 1, 1]
    assert [(one[0].index, one[0].count, one[0].variable, one[0].step) for one in frames] == [
        (0, 3, "items", "start"),
        (1, 3, "items", "start"),
        (2, 3, "items", "start"),
    ]
    assert frames[0][0].items.hash == "items of start"


def test_foreach_join_is_in_order_of_items_and_closes_the_level() -> None:
    driver = Driver(valid(EACH), lambda _: 3)
    driver.start()
    driver.run(1)
    for task_id in (4, 2):
        assert made(driver.run(task_id)) == []
    assert made(driver.run(3)) == ["join"]
    join = driver.plan.tasks[5]
    assert join.parents == (2, 3, 4)
    assert join.frames == ()


def test_nested_levels_close_one_by_one() -> None:
    driver = Driver(valid(NESTED), lambda task: 2 if task.step.name == "start" else 3)
    driver.start()
    driver.run_all(max)
    tasks = list(driver.plan.tasks.values())
    by_step = {
        name: sorted(task.foreach_path for task in tasks if task.step.name == name)
        for name in ("outer", "inner", "both", "close_inner", "after", "close_outer")
    }
    six = [(i, j) for i in range(2) for j in range(3)]
    assert by_step == {
        "outer": [(0,), (1,)],
        "inner": six,
        "both": six,
        "close_inner": [(0,), (1,)],
        "after": [(0,), (1,)],
        "close_outer": [()],
    }
    assert driver.plan.state is RunState.SUCCEEDED


def test_too_many_items_fail_the_run_but_not_the_task() -> None:
    driver = Driver(valid(EACH), lambda _: 11, max_num_splits=10)
    driver.start()
    driver.run(1)
    assert driver.plan.tasks[1].state is TaskState.SUCCEEDED
    assert driver.plan.is_settled
    (ended,) = driver.plan.finish()
    assert isinstance(ended, RunChanged)
    assert ended.state is RunState.FAILED
    assert ended.failed_task is None
    assert ended.failure is not None
    assert "'start' splits over 11 items of 'items'" in ended.failure.message
    assert "--max-num-splits 11" in ended.failure.message


@pytest.mark.parametrize("count", [None, 0, -1])
def test_foreach_without_a_count_is_refused_and_nothing_changes(count: int | None) -> None:
    driver = Driver(valid(EACH))
    driver.start()
    driver.lease(1)
    with pytest.raises(OutcomeError, match="foreach_count of at least 1"):
        driver.plan.succeed(1, Outcome(outputs=[artifact("items", "x")], foreach_count=count))
    assert driver.plan.tasks[1].state is TaskState.ACTIVE
    driver.succeed(1)


def test_foreach_over_a_name_that_is_not_there_is_refused() -> None:
    driver = Driver(valid(EACH))
    driver.start()
    driver.lease(1)
    with pytest.raises(OutcomeError, match="'items', which it neither assigned nor inherited"):
        driver.plan.succeed(1, Outcome(foreach_count=2))


def test_failure_ends_the_run_fast() -> None:
    driver = Driver(valid(EACH), lambda _: 3)
    driver.start()
    driver.run(1)
    driver.lease(2)
    driver.lease(3)
    actions = driver.take(driver.plan.fail(2, BOOM))
    failed, three, four = (driver.plan.tasks[number] for number in (2, 3, 4))
    assert actions == [
        TaskChanged(failed, TaskState.FAILED, BOOM),
        RunChanged(RunState.CANCELLING, BOOM, failed),
        TaskChanged(four, TaskState.CANCELLED),
        StopTask(three, "Task work/2 failed."),
    ]
    assert not driver.plan.is_settled
    assert driver.succeed(3) == [TaskChanged(three, TaskState.CANCELLED)]
    assert driver.take(driver.plan.finish()) == [RunChanged(RunState.FAILED, BOOM, failed)]


def test_failure_of_the_only_task_does_not_pass_through_cancelling() -> None:
    driver = Driver(valid(LINE))
    driver.start()
    driver.lease(1)
    driver.take(driver.plan.fail(1, BOOM))
    driver.take(driver.plan.finish())
    assert driver.run_states == ["RUNNING", "FAILED"]


def test_first_failure_is_the_one_that_counts() -> None:
    driver = Driver(valid(BRANCHES))
    driver.start()
    driver.run(1)
    driver.lease(2)
    driver.lease(3)
    driver.take(driver.plan.fail(3, BOOM))
    other = Failure(kind=FailureKind.WORKER_LOST, message="Gone.")
    assert driver.plan.fail(2, other) == [TaskChanged(driver.plan.tasks[2], TaskState.CANCELLED)]
    assert driver.plan.finish() == [RunChanged(RunState.FAILED, BOOM, driver.plan.tasks[3])]


def test_cancel_stops_what_runs_and_drops_what_waits() -> None:
    driver = Driver(valid(EACH), lambda _: 2)
    driver.start()
    driver.run(1)
    driver.lease(2)
    actions = driver.take(driver.plan.cancel("Enough."))
    assert actions[0] == RunChanged(RunState.CANCELLING)
    assert StopTask(driver.plan.tasks[2], "Enough.") in actions
    assert driver.plan.tasks[3].state is TaskState.CANCELLED
    assert driver.plan.cancel("Again.") == []
    driver.take(driver.plan.cancelled(2))
    assert driver.plan.finish() == [RunChanged(RunState.CANCELLED)]
    assert driver.plan.cancel("Too late.") == []


def test_cancel_before_the_start() -> None:
    plan = Plan(valid(LINE), {}, max_num_splits=1, chance=float)
    assert plan.cancel("Never mind.") == [RunChanged(RunState.CANCELLING)]
    assert plan.is_settled
    assert plan.finish() == [RunChanged(RunState.CANCELLED)]


def test_release_makes_a_task_ready_again_but_not_for_ever() -> None:
    driver = Driver(valid(LINE))
    driver.start()
    for _ in range(MAX_RELEASES):
        driver.lease(1)
        assert driver.take(driver.plan.release(1, "Lost."))[-1] == TaskChanged(
            driver.plan.tasks[1], TaskState.READY
        )
    driver.lease(1)
    driver.take(driver.plan.release(1, "Lost."))
    assert driver.plan.tasks[1].state is TaskState.FAILED
    (ended,) = driver.plan.finish()
    assert isinstance(ended, RunChanged)
    assert ended.failure is not None
    assert ended.failure.message == "Task start/1 could not be begun 4 times. Lost."


def test_release_while_ending_cancels() -> None:
    driver = Driver(valid(LINE))
    driver.start()
    driver.lease(1)
    driver.take(driver.plan.cancel("Enough."))
    driver.take(driver.plan.release(1, "Lost."))
    assert driver.plan.tasks[1].state is TaskState.CANCELLED


def test_ready_task_can_fail() -> None:
    driver = Driver(valid(LINE))
    driver.start()
    driver.take(driver.plan.fail(1, BOOM))
    driver.take(driver.plan.finish())
    assert driver.plan.state is RunState.FAILED


def test_what_is_not_needed_any_more_is_let_go() -> None:
    driver = Driver(valid(BRANCHES))
    driver.start()
    driver.run_all()
    assert all(not task.environment and not task.joins for task in driver.plan.tasks.values())
    assert driver.plan.tasks[2].left == {}


def test_events_at_the_wrong_time_are_bugs() -> None:
    driver = Driver(valid(LINE))
    with pytest.raises(RuntimeError, match="not settled"):
        driver.plan.finish()
    driver.start()
    with pytest.raises(IllegalTransitionError):
        driver.plan.start()
    with pytest.raises(KeyError):
        driver.plan.succeed(1, Outcome())


def test_artifact_of_a_task_knows_its_producer() -> None:
    one = Artifact(name="x", hash="h", manifest_size=1, producer=3, producer_step="a")
    assert (one.producer, one.producer_step) == (3, "a")
