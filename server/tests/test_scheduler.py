"""The plan of a run, event by event."""

from __future__ import annotations

import pytest
from graph_builder import valid
from instep_server.core.decorators import with_decorators
from instep_server.core.environment import Artifact
from instep_server.core.failure import Failure, FailureKind
from instep_server.core.graph_types import Decorator
from instep_server.core.planned import (
    Action,
    Outcome,
    RunChanged,
    StopTask,
    TaskChanged,
    TaskMade,
    TaskRetried,
    TasksMade,
)
from instep_server.core.policy import NOTHING
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
SWITCH = {"start": "?a b", "a": "meet", "b": "meet", "meet": "end", "end": ""}
LOOP = {"start": "again", "again": "?again out", "out": "end", "end": ""}
BOOM = Failure(kind=FailureKind.USER_ERROR, message="Boom.", classes=("builtins.ValueError",))
LOST = Failure(kind=FailureKind.WORKER_LOST, message="Killed.", signal=9)


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


def test_switch_makes_the_task_of_the_chosen_step_only() -> None:
    driver = Driver(valid(SWITCH))
    driver.start()
    driver.lease(1)
    assert made(driver.take(driver.plan.succeed(1, Outcome(switch_case=1)))) == ["b"]
    assert made(driver.run(2)) == ["meet"]
    assert driver.plan.tasks[3].parents == (2,)
    driver.run_all()
    assert [task.step.name for task in driver.plan.tasks.values()] == ["start", "b", "meet", "end"]


def test_paths_of_a_switch_meet_with_all_that_the_path_left() -> None:
    driver = Driver(valid(SWITCH))
    driver.start()
    driver.lease(1)
    driver.take(driver.plan.succeed(1, Outcome(outputs=[artifact("before", "1")], switch_case=0)))
    driver.run(2)
    assert {*driver.plan.tasks[3].environment} == {"p", "before", "trace"}


@pytest.mark.parametrize("case", [None, -1, 2])
def test_switch_needs_one_of_its_cases(case: int | None) -> None:
    driver = Driver(valid(SWITCH))
    driver.start()
    driver.lease(1)
    with pytest.raises(OutcomeError, match=r"a switch with 2 cases, so its report needs switch_case"):
        driver.plan.succeed(1, Outcome(switch_case=case))
    assert driver.plan.tasks[1].state is TaskState.ACTIVE


def test_switch_in_a_branch_arrives_at_the_join_by_the_path_it_took() -> None:
    flow = {"start": "s c", "s": "?a b", "a": "j", "b": "j", "c": "j", "j!": "end", "end": ""}
    driver = Driver(valid(flow))
    driver.start()
    driver.run(1)
    driver.lease(2)
    driver.take(driver.plan.succeed(2, Outcome(switch_case=1)))
    driver.run(3)
    assert made(driver.run(4)) == ["j"]
    assert [joined.step.name for joined in driver.plan.tasks[5].joins] == ["b", "c"]


def test_each_item_of_a_foreach_chooses_for_itself() -> None:
    flow = {"start": "*s", "s": "?a b", "a": "j", "b": "j", "j!": "end", "end": ""}
    driver = Driver(valid(flow))
    driver.start()
    driver.run(1)
    for task_id, case in ((2, 1), (3, 0)):
        driver.lease(task_id)
        driver.take(driver.plan.succeed(task_id, Outcome(switch_case=case)))
    driver.run(4)
    driver.run(5)
    assert [joined.step.name for joined in driver.plan.tasks[6].joins] == ["b", "a"]


def test_each_round_of_a_recursion_is_a_task_that_starts_from_the_one_before() -> None:
    driver = Driver(valid(LOOP))
    driver.start()
    driver.run(1)
    for task_id in (2, 3):
        driver.lease(task_id)
        outputs = [artifact("n", str(task_id))]
        driver.take(driver.plan.succeed(task_id, Outcome(outputs=outputs, switch_case=0)))
    last = driver.plan.tasks[4]
    assert (last.step.name, last.parents, last.environment["n"].hash) == ("again", (3,), "3")
    driver.lease(4)
    assert made(driver.take(driver.plan.succeed(4, Outcome(switch_case=1)))) == ["out"]


def test_items_may_take_different_numbers_of_rounds() -> None:
    flow = {"start": "*again", "again": "?again out", "out": "j", "j!": "end", "end": ""}
    driver = Driver(valid(flow))
    driver.start()
    driver.run(1)
    for task_id, case in ((2, 0), (3, 1), (4, 0), (6, 1)):
        driver.lease(task_id)
        driver.take(driver.plan.succeed(task_id, Outcome(switch_case=case)))
    rounds = [task.foreach_path for task in driver.plan.tasks.values() if task.step.name == "again"]
    assert rounds == [(0,), (1,), (0,), (0,)]
    driver.run(5)
    driver.run(7)
    assert [joined.foreach_path for joined in driver.plan.tasks[8].joins] == [(0,), (1,)]


def decorated(flow: dict[str, str], **decorators: str) -> Driver:
    """A plan that has started, whose steps all have these decorators."""
    extra = [Decorator(name=name, arguments=arguments) for name, arguments in decorators.items()]
    graph, problems = with_decorators(valid(flow), extra)
    assert problems == ()
    driver = Driver(graph)
    driver.start()
    return driver


def try_once(driver: Driver, failure: Failure = BOOM) -> list[Action]:
    """Fails an attempt of the first task, and ends its wait."""
    driver.lease(1)
    actions = [*driver.take(driver.plan.fail(1, failure))]
    driver.take(driver.plan.retry(1))
    return actions


def test_failed_attempt_is_followed_by_another_with_the_same_inputs() -> None:
    driver = decorated(LINE, retry='{"times": 1}')
    task = driver.plan.tasks[1]
    assert task.max_attempts == 2
    assert try_once(driver) == [TaskRetried(task, BOOM, 0)]
    assert (task.state, task.failure, task.environment) == (TaskState.READY, BOOM, driver.plan.inputs)
    driver.run(1)
    assert (task.attempts, task.state, task.failure) == (2, TaskState.SUCCEEDED, None)


def test_last_attempt_fails_the_run() -> None:
    driver = decorated(LINE, retry='{"times": 1}')
    try_once(driver)
    assert try_once(driver)[0] == TaskChanged(driver.plan.tasks[1], TaskState.FAILED, BOOM)
    assert driver.plan.is_settled


def test_waits_grow_with_each_attempt() -> None:
    driver = decorated(LINE, retry='{"times": 3, "wait_seconds": 2, "backoff": 2, "jitter": 0.5}')
    waits = [
        action.wait_ms for _ in range(3) for action in try_once(driver) if isinstance(action, TaskRetried)
    ]
    assert waits == [3000, 6000, 12_000]


def test_attempts_that_never_began_cost_no_retry() -> None:
    driver = decorated(LINE, retry='{"times": 1}')
    task = driver.plan.tasks[1]
    driver.lease(1)
    driver.take(driver.plan.release(1, "Lost."))
    try_once(driver)
    assert (task.attempts, task.tries, task.max_attempts) == (2, 1, 3)
    driver.lease(1)
    assert task.attempts == task.max_attempts


def test_on_keeps_other_failures_from_being_retried() -> None:
    driver = decorated(LINE, retry='{"times": 2, "on": "WorkerLost"}')
    assert isinstance(try_once(driver, LOST)[0], TaskRetried)
    assert try_once(driver, BOOM)[0] == TaskChanged(driver.plan.tasks[1], TaskState.FAILED, BOOM)


def test_caught_error_goes_on_like_a_success_and_is_told_at_the_end() -> None:
    driver = decorated({"start": ""}, catch="{}")
    driver.lease(1)
    driver.take(driver.plan.succeed(1, Outcome(caught=True)))
    assert driver.take(driver.plan.finish()) == [RunChanged(RunState.SUCCEEDED, caught=True)]


def test_only_the_last_step_tells_whether_the_run_was_caught() -> None:
    driver = decorated(LINE, catch="{}")
    driver.lease(1)
    driver.take(driver.plan.succeed(1, Outcome(caught=True)))
    driver.run_all()
    assert driver.actions[-1] == RunChanged(RunState.SUCCEEDED)


def test_death_on_the_last_attempt_is_caught_by_one_more() -> None:
    driver = decorated(LINE, retry='{"times": 1}', catch="{}")
    task = driver.plan.tasks[1]
    try_once(driver, LOST)
    assert (task.only_handles, task.max_attempts) == (False, 2)
    assert try_once(driver, LOST) == [TaskRetried(task, LOST, 0)]
    assert (task.only_handles, task.max_attempts, task.failure) == (True, 3, LOST)
    driver.run(1)
    assert (task.state, task.attempts) == (TaskState.SUCCEEDED, 3)


def test_catch_that_fails_too_fails_the_run() -> None:
    driver = decorated(LINE, catch="{}")
    try_once(driver, LOST)
    assert try_once(driver, LOST)[0] == TaskChanged(driver.plan.tasks[1], TaskState.FAILED, LOST)


def test_error_that_the_last_attempt_reports_is_none_for_catch() -> None:
    driver = decorated(LINE, catch="{}")
    assert try_once(driver, BOOM)[0] == TaskChanged(driver.plan.tasks[1], TaskState.FAILED, BOOM)


def test_error_that_is_not_to_be_retried_is_caught_with_what_was_assigned() -> None:
    driver = decorated(LINE, retry='{"times": 2, "on": "KeyError"}', catch="{}")
    driver.lease(1)
    task, half_done = driver.plan.tasks[1], artifact("x", "half done")
    assert driver.plan.fail(1, BOOM, [half_done]) == [TaskRetried(task, BOOM, 0)]
    assert (task.only_handles, task.kept) == (True, (half_done,))


def test_attempt_that_only_handles_needs_nothing() -> None:
    driver = decorated(LINE, catch="{}", resources='{"cpu": 2}')
    assert driver.plan.tasks[1].needs.millicpu == 2000
    try_once(driver, LOST)
    assert driver.plan.tasks[1].needs == NOTHING


def test_task_that_waits_is_cancelled_when_the_run_ends() -> None:
    driver = decorated(BRANCHES, retry='{"times": 1}')
    driver.run(1)
    driver.lease(2)
    driver.take(driver.plan.fail(2, BOOM))
    driver.take(driver.plan.cancel("Enough."))
    assert driver.plan.tasks[2].state is TaskState.CANCELLED
    assert driver.plan.retry(2) == []
    assert driver.plan.is_settled


def test_failure_while_the_run_ends_is_not_retried() -> None:
    driver = decorated(BRANCHES, retry='{"times": 1}')
    driver.run(1)
    driver.lease(2)
    driver.take(driver.plan.cancel("Enough."))
    assert driver.take(driver.plan.fail(2, BOOM)) == [TaskChanged(driver.plan.tasks[2], TaskState.CANCELLED)]


def test_task_that_cannot_be_begun_is_not_retried() -> None:
    driver = decorated(LINE, retry='{"times": 1}')
    assert driver.take(driver.plan.fail(1, BOOM))[0] == TaskChanged(
        driver.plan.tasks[1], TaskState.FAILED, BOOM
    )


def test_ten_thousand_items_join_in_order() -> None:
    driver = Driver(valid(EACH), lambda _: 10_000, max_num_splits=10_000)
    driver.start()
    driver.run_all(max)
    join = next(task for task in driver.plan.tasks.values() if task.step.is_join)
    assert join.parents == tuple(range(2, 10_002))
