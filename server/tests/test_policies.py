"""Switches, retries, catch, limits and resources, with the real program and scripted workers."""

from __future__ import annotations

import json
import re
import signal
from contextlib import closing
from pathlib import Path

import pytest
from instep_proto.v1 import failure_pb2, log_service_pb2, run_pb2, worker_service_pb2
from instep_server.db.connection import connect
from instep_server.home import Home
from instep_server.machine import find_machine
from rig import Rig, StepDef, decorator, running

SUCCEEDED, FAILED = run_pb2.RUN_STATE_SUCCEEDED, run_pb2.RUN_STATE_FAILED
STDERR = log_service_pb2.LOG_STREAM_STDERR
BOOM = failure_pb2.Failure(
    kind=failure_pb2.FAILURE_KIND_USER_ERROR, classes=["builtins.ValueError"], message="Boom."
)


def line(decorators: dict[str, dict[str, object]], **script: object) -> list[StepDef]:
    return [StepDef("start", ["end"], decorators=decorators, script=script), StepDef("end")]


def states(task: run_pb2.TaskRecord) -> list[str]:
    names = [run_pb2.AttemptState.Name(attempt.state) for attempt in task.attempts]
    return [name.removeprefix("ATTEMPT_STATE_") for name in names]


def waits(rig: Rig, run: run_pb2.Run) -> list[str]:
    """What is told about tasks that wait for another attempt."""
    events = [event for message in rig.watch(run) for event in message.events]
    return [event.text for event in events if event.task_state == run_pb2.TASK_STATE_RETRY_WAIT]


def test_switch_runs_the_chosen_step_only(home: Path) -> None:
    flow = [
        StepDef("start", ["a", "b"], switch="answer", script={"case": 1, "trace": 1}),
        StepDef("a", ["meet"], script={"trace": 1}),
        StepDef("b", ["meet"], script={"trace": 1}),
        StepDef("meet", ["end"], script={"trace": 1}),
        StepDef("end"),
    ]
    with running(home, flow) as rig:
        run = rig.finish(rig.submit())
        assert run.state == SUCCEEDED
        assert [task.step for task in rig.tasks(run)] == ["end", "meet", "b", "start"]
        assert rig.artifacts(run, "3")["trace"] == ">start()>b()>meet()"
        steps = rig.call("ListSteps", flow="Demo", run_id=run.run_id).steps
        assert [step.name for step in steps] == ["end", "meet", "b", "start"]


def test_recursion_in_a_foreach_makes_a_task_per_round(home: Path) -> None:
    flow = [
        StepDef("start", ["again"], foreach="xs", script={"set": {"xs": "x"}, "count": 2}),
        StepDef("again", ["again", "out"], switch="more", script={"rounds": 3}),
        StepDef("out", ["join"]),
        StepDef("join", ["end"], join=True),
        StepDef("end"),
    ]
    with running(home, flow) as rig:
        run = rig.finish(rig.submit())
        assert run.state == SUCCEEDED
        rounds = rig.tasks(run, "again")
        assert sorted(task.index for task in rounds) == [0, 0, 0, 1, 1, 1]
        by_id = {task.task_id: task for task in rig.tasks(run)}
        outs = rig.tasks(run, "out")
        assert {rig.artifacts(run, task.task_id)["rounds"] for task in outs} == {"3"}
        assert {by_id[task.parent_task_ids[0]].step for task in outs} == {"again"}


def test_report_of_a_switch_names_its_case(home: Path, refusal) -> None:
    flow = [StepDef("start", ["a", "end"], switch="x"), StepDef("a", ["end"]), StepDef("end")]
    with running(home, flow, by_hand=True) as rig:
        rig.submit()
        worker = rig.hand.worker()
        worker.register()
        assert refusal(worker.succeed).reason == "MALFORMED"
        assert worker.succeed("again", switch_case=1).disposition
        worker.exit()
        last = rig.hand.worker()
        last.register()
        assert last.task.step == "end"
        last.succeed()
        last.exit()


def test_retry_tries_again_with_all_attempts_on_record(home: Path) -> None:
    flow = line({"retry": {"times": 3}}, bad_attempts=2, fail="Boom.", warn="said", set={"x": "1"})
    with running(home, flow) as rig:
        run = rig.finish(rig.submit())
        assert run.state == SUCCEEDED
        task = rig.tasks(run, "start")[0]
        assert states(task) == ["FAILED", "FAILED", "SUCCEEDED"]
        assert [attempt.number for attempt in task.attempts] == [0, 1, 2]
        assert task.attempts[1].failure.message == "Boom."
        assert rig.artifacts(run, task.task_id) == {"x": "1"}
        assert waits(rig, run) == ["Attempt 0 failed; retry at once.", "Attempt 1 failed; retry at once."]


def test_retry_waits_as_long_as_it_says(home: Path) -> None:
    policy: dict[str, object] = {"times": 2, "wait_seconds": 0.05, "backoff": 2}
    with running(home, line({"retry": policy}, fail="Boom.")) as rig:
        run = rig.finish(rig.submit())
        assert (run.state, run.failure.message) == (FAILED, "Boom.")
        assert waits(rig, run) == ["Attempt 0 failed; retry in 0.05 s.", "Attempt 1 failed; retry in 0.1 s."]


def test_cancel_ends_a_wait(home: Path) -> None:
    with running(home, line({"retry": {"times": 1, "wait_seconds": 3600}}, fail="Boom.")) as rig:
        run = rig.submit()
        rig.until(run, task_state=run_pb2.TASK_STATE_RETRY_WAIT)
        rig.call("CancelRun", flow="Demo", run_id=run.run_id)
        assert rig.finish(run).state == run_pb2.RUN_STATE_CANCELLED
        assert rig.tasks(run)[0].state == run_pb2.TASK_STATE_CANCELLED


def test_killed_process_is_retried_like_any_other_failure(home: Path) -> None:
    flow = line({"retry": {"times": 1, "on": "WorkerLost"}}, kill=signal.SIGSEGV, bad_attempts=1)
    with running(home, flow) as rig:
        run = rig.finish(rig.submit())
        task = rig.tasks(run, "start")[0]
        assert (run.state, states(task)) == (SUCCEEDED, ["LOST", "SUCCEEDED"])


def test_on_leaves_other_errors_alone(home: Path) -> None:
    flow = line({"retry": {"times": 1, "on": ["KeyError", "WorkerLost"]}}, fail="Boom.")
    with running(home, flow) as rig:
        run = rig.finish(rig.submit())
        assert (run.state, len(rig.tasks(run)[0].attempts)) == (FAILED, 1)


def test_caught_error_is_on_record_and_the_flow_goes_on(home: Path) -> None:
    flow = line({"catch": {"var": "ex"}, "retry": {"times": 1}}, fail="Boom.")
    with running(home, flow) as rig:
        run = rig.finish(rig.submit())
        assert (run.state, run.caught) == (SUCCEEDED, False)
        task = rig.tasks(run, "start")[0]
        assert states(task) == ["FAILED", "SUCCEEDED"]
        assert [attempt.caught for attempt in task.attempts] == [False, True]
        assert task.attempts[1].failure.message == "Boom."
        assert rig.artifacts(run, "2") == {"ex": "caught: Boom."}


def test_error_caught_in_the_last_step_is_told_of_the_run(home: Path) -> None:
    flow = [StepDef("start", decorators={"catch": {"var": "ex"}}, script={"fail": "Boom."})]
    with running(home, flow) as rig:
        run = rig.finish(rig.submit())
        assert (run.state, run.caught, run.HasField("failure")) == (SUCCEEDED, True, False)
        assert rig.call("ListRuns").runs[0].caught


def test_death_is_caught_by_an_attempt_that_runs_no_user_code(home: Path) -> None:
    flow = line({"catch": {"var": "ex"}, "retry": {"times": 1}}, kill=signal.SIGKILL)
    with running(home, flow) as rig:
        run = rig.finish(rig.submit())
        assert run.state == SUCCEEDED
        task = rig.tasks(run, "start")[0]
        assert states(task) == ["LOST", "LOST", "SUCCEEDED"]
        assert rig.artifacts(run, "2") == {"ex": "handled: Task start/1 was killed (SIGKILL)."}
        assert waits(rig, run)[-1] == "Attempt 1 failed for good; catch handles it."


def test_error_that_is_not_to_be_retried_is_caught_with_what_was_assigned_before(home: Path) -> None:
    flow = line({"catch": {"var": "ex"}, "retry": {"times": 2, "on": "KeyError"}}, fail="Boom.")
    with running(home, flow) as rig:
        run = rig.finish(rig.submit())
        assert run.state == SUCCEEDED
        assert states(rig.tasks(run, "start")[0]) == ["FAILED", "SUCCEEDED"]
        assert rig.artifacts(run, "2") == {"ex": "handled: Boom.", "half": "done"}


def test_task_tells_what_its_decorators_say(home: Path) -> None:
    decorators: dict[str, dict[str, object]] = {
        "retry": {"times": 1},
        "catch": {"var": "ex", "print_exception": False},
        "timeout": {"minutes": 2},
        "environment": {"vars": {"A": "1", "B": ""}},
    }
    with running(home, line(decorators), by_hand=True) as rig:
        rig.run = rig.submit()
        first = rig.hand.worker()
        first.register()
        task = first.task
        assert (task.attempt, task.max_attempts, task.attempt_timeout_ms) == (0, 2, 120_000)
        assert {entry.key: entry.value for entry in task.env} == {"A": "1", "B": ""}
        assert (task.catch.var, task.catch.print_exception, task.catch.only_handle) == ("ex", False, False)
        assert not task.HasField("previous_failure")
        first.call("CompleteTask", completion_id="c", failure=BOOM)
        first.exit()
        second = rig.hand.worker()
        second.register()
        assert (second.task.attempt, second.task.max_attempts) == (1, 2)
        assert second.task.previous_failure == BOOM
        assert second.task.inputs == task.inputs
        assert second.task.idempotency_key == task.idempotency_key
        second.exit(signal=signal.SIGKILL, code=None)
        third = rig.hand.worker()
        third.register()
        assert (third.task.attempt, third.task.max_attempts, third.task.attempt_timeout_ms) == (2, 3, 0)
        assert third.task.catch.only_handle
        assert third.task.previous_failure.message == "Task start/1 was killed (SIGKILL)."
        third.succeed(caught=third.task.previous_failure)
        third.exit()
        end = rig.hand.worker()
        end.register()
        assert not end.task.HasField("catch")
        end.succeed()
        end.exit()
        assert rig.finish(rig.run).state == SUCCEEDED


def test_attempt_that_does_not_heed_its_limit_is_ended(home: Path) -> None:
    with running(home, line({"timeout": {"seconds": 0.001}}), by_hand=True) as rig:
        rig.run = rig.submit()
        worker = rig.hand.worker()
        worker.register()
        assert rig.hand.signal() == (worker.id, signal.SIGINT)
        message = "Task start/1 was ended: it took longer than 0.001 s, the limit of its step."
        answer = worker.call("Heartbeat", seq=1)
        assert (answer.directive, answer.cancel_reason) == (worker_service_pb2.DIRECTIVE_CANCEL, message)
        cancelled = worker_service_pb2.CancelledOutcome(reason=answer.cancel_reason)
        worker.call("CompleteTask", completion_id="c", cancelled=cancelled)
        worker.exit()
        run = rig.finish(rig.run)
        assert (run.state, run.failure.message) == (FAILED, message)
        assert run.failure.kind == failure_pb2.FAILURE_KIND_ATTEMPT_TIMEOUT
        assert run.failure.classes == ["TimeoutException"]
        assert states(rig.tasks(run)[0]) == ["FAILED"]


def test_attempt_that_takes_more_memory_than_declared_is_killed(home: Path) -> None:
    decorators: dict[str, dict[str, object]] = {"resources": {"memory": [200, 300]}, "retry": {"times": 1}}
    flow = line(decorators, grow=400 * 2**20, bad_attempts=1)
    with running(home, flow) as rig:
        run = rig.finish(rig.submit())
        assert run.state == SUCCEEDED, run.failure
        first, second = rig.tasks(run, "start")[0].attempts
        assert first.failure.kind == failure_pb2.FAILURE_KIND_OUT_OF_MEMORY
        told = r"Task start/1 was killed \(SIGKILL\): it took [234]\d\d MB of memory, and its step declares memory=200\."
        assert re.fullmatch(told, first.failure.message)
        assert second.state == run_pb2.ATTEMPT_STATE_SUCCEEDED


def test_with_adds_decorators_to_steps_that_lack_them(home: Path) -> None:
    flow = line({"retry": {"times": 0}}, set={"x": "1"})
    flow[1].script.update(fail="Boom.", bad_attempts=1)
    with running(home, flow) as rig:
        run = rig.finish(rig.submit(decorators=[decorator("retry", times=2)]))
        assert run.state == SUCCEEDED
        graph = rig.call("GetRun", flow="Demo").graph
        assert [[one.arguments for one in step.decorators] for step in graph.steps] == [
            ['{"times": 0}'],
            ['{"times": 2}'],
        ]


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (
            decorator("retry", times=9),
            "The decorator 'retry' of --with has times=9. 'times' is a whole number from 0 to 4.",
        ),
        (decorator("nap"), "The decorator 'nap' of --with does not exist."),
    ],
)
def test_wrong_with_is_a_usage_error_and_makes_no_run(home: Path, refusal, wrong, text: str) -> None:
    with running(home, line({})) as rig:
        refused = refusal(rig.submit, decorators=[wrong])
        assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "DECORATOR_INVALID")
        assert refused.text.startswith(text)
        assert not rig.call("ListRuns").runs


def test_step_that_needs_more_than_the_machine_has_is_refused(home: Path, refusal) -> None:
    with running(home, line({"resources": {"memory": [1, 10**9]}})) as rig:
        refused = refusal(rig.submit)
        assert refused.reason == "GRAPH_INVALID"
        assert refused.text.startswith(
            f"Step 'start' ({rig.flow}:1) needs cpu=1, memory=1000000000, and this"
        )


def test_resources_keep_tasks_from_running_at_once(home: Path) -> None:
    more_than_half = find_machine().memory_mb // 2 + 1
    flow = [
        StepDef("start", ["work"], foreach="xs", script={"set": {"xs": "x"}, "count": 4}),
        StepDef("work", ["join"], decorators={"resources": {"memory": more_than_half}}),
        StepDef("join", ["end"], join=True),
        StepDef("end"),
    ]
    with running(home, flow) as rig:
        run = rig.submit(max_workers=4)
        running_now = most = 0
        for message in rig.watch(run):
            for event in message.events:
                running_now += {1: 1, 3: -1}.get(event.attempt_state, 0)
                most = max(most, running_now)
        assert most == 1
        assert rig.finish(run).state == SUCCEEDED


def test_what_an_attempt_looked_at_is_on_record(home: Path) -> None:
    with running(home, line({}, reads=["a b", "x"])) as rig:
        rig.finish(rig.submit())
    with closing(connect(Home(home).database)) as connection:
        rows = connection.rows("SELECT reads FROM attempts ORDER BY task")
    assert [sorted(json.loads(row["reads"])) for row in rows] == [["a b", "x"], []]
