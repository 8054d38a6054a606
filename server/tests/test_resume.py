"""Runs that resume others, as section 8 of the semantics says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from instep_proto.v1 import control_service_pb2, failure_pb2, graph_pb2, log_service_pb2, run_pb2
from rig import Hands, Rig, StepDef, running, value

STDOUT = log_service_pb2.LOG_STREAM_STDOUT
SUCCEEDED, FAILED = run_pb2.RUN_STATE_SUCCEEDED, run_pb2.RUN_STATE_FAILED
EACH = [
    StepDef("start", ["work"], foreach="xs"),
    StepDef("work", ["tidy"]),
    StepDef("tidy", ["gather"]),
    StepDef("gather", ["end"], join=True),
    StepDef("end"),
]
ITEMS: dict[str, Any] = {"outputs": {"xs": "three items"}, "foreach_count": 3}
LINE = [StepDef("start", ["middle"]), StepDef("middle", ["end"]), StepDef("end")]


@pytest.fixture
def play(home: Path) -> Iterator[Callable[..., tuple[Rig, Hands]]]:
    """Starts a server with a flow whose workers the test plays."""
    opened = []

    def start(steps: Sequence[StepDef], **more: Any) -> tuple[Rig, Hands]:
        context = running(home, steps, by_hand=True, **more)
        rig = context.__enter__()
        opened.append(context)
        return rig, Hands(rig)

    yield start
    for context in opened:
        context.__exit__(None, None, None)


def resume(rig: Rig, origin: str, request_id: str = "resumed", *, step: str = "", **fields: Any) -> Any:
    reuse = control_service_pb2.Reuse(origin_run_id=origin, step=step)
    return rig.submit(request_id, reuse=reuse, max_workers=9, **fields)


def letters(rig: Rig, run: run_pb2.Run) -> dict[str, str]:
    """What became of the tasks of each step, in order of items: C cloned, R run again."""
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for task in rig.tasks(run):
        found[task.step][task.index] = "C" if task.HasField("cloned_from") else "R"
    return {step: "".join(of[index] for index in sorted(of)) for step, of in found.items()}


def run_first(rig: Rig, hands: Hands, case: str) -> Any:
    """Runs the example of the semantics up to where something happened, and ends the run."""
    run = rig.submit("origin", max_workers=9)
    hands.succeed("start", **ITEMS)
    for index in (0, 2, 1):
        if case == "item failed" and index == 1:
            hands.fail("work", 1)
            return rig.finish(run)
        hands.succeed("work", index)
        hands.succeed("tidy", index)
    if case == "join failed":
        hands.fail("gather")
    else:
        hands.succeed("gather")
        hands.succeed("end")
    return rig.finish(run)


@pytest.mark.holds("8.3 8.4 8.5 8.6 8.7", "python", "r", "mixed")
@pytest.mark.parametrize(
    ("case", "step", "expected"),
    [
        ("item failed", "", "start C, work CRC, tidy CRC, gather R, end R"),
        ("join failed", "", "start C, work CCC, tidy CCC, gather R, end R"),
        ("join failed", "tidy", "start C, work CCC, tidy RRR, gather R, end R"),
        ("all succeeded", "", "start C, work CCC, tidy CCC, gather C, end C"),
        ("all succeeded", "gather", "start C, work CCC, tidy CCC, gather R, end R"),
    ],
)
def test_example_of_the_semantics(play, case: str, step: str, expected: str) -> None:
    """The example table."""
    rig, hands = play(EACH)
    origin = run_first(rig, hands, case)
    run = resume(rig, origin.run_id, step=step)
    wanted = dict(part.split() for part in expected.split(", "))
    for name, became in wanted.items():
        for index, letter in enumerate(became):
            if letter == "R":
                hands.succeed(name, *([index] if len(became) == 3 else []))
    run = rig.finish(run)
    assert run.state == SUCCEEDED
    assert letters(rig, run) == wanted
    assert run.origin_run_id == origin.run_id
    assert rig.call("GetRun", flow="Demo", run_id=origin.run_id).run == origin
    for task in rig.tasks(run):
        cloned = task.HasField("cloned_from")
        artifacts = rig.artifacts(run, task.task_id)
        ran_in = origin if cloned else run
        path = list(task.foreach_path)
        assert artifacts["trace"] == f"{task.step}{path} of run {ran_in.run_id}"
        if cloned:
            assert task.cloned_from.run_id == origin.run_id
            assert rig.artifacts(origin, task.cloned_from.task_id) == artifacts


@pytest.mark.holds("8.4 8.9", "python", "r", "mixed")
def test_task_that_runs_sees_what_its_origin_saw(play) -> None:
    """Inputs, foreach frames, joins and the origin's id."""
    rig, hands = play(EACH)
    origin = run_first(rig, hands, "item failed")
    run = resume(rig, origin.run_id)
    task = hands.succeed("work", 1)
    assert task.origin_run_id == origin.run_id
    assert [(frame.index, frame.count, frame.variable, frame.step) for frame in task.foreach] == [
        (1, 3, "xs", "start")
    ]
    hands.succeed("tidy", 1)
    joined = hands.succeed("gather")
    assert [(one.step, one.position) for one in joined.joins] == [("tidy", 0), ("tidy", 1), ("tidy", 2)]
    hands.succeed("end")
    assert rig.finish(run).state == SUCCEEDED


def test_reasons_say_why(play) -> None:
    rig, hands = play(EACH)
    origin = run_first(rig, hands, "item failed")
    run = resume(rig, origin.run_id)
    for step, path in (("work", [1]), ("tidy", [1]), ("gather", []), ("end", [])):
        hands.succeed(step, *path)
    run = rig.finish(run)
    reasons = {(task.step, *task.foreach_path): task.reason for task in rig.tasks(run)}
    assert reasons["start",] == reasons["work", 0] == reasons["tidy", 2] == "It succeeded in run 1."
    assert reasons["work", 1] == "It failed in run 1."
    work, tidy = (next(t for t in rig.tasks(run, step) if t.index == 1).task_id for step in ("work", "tidy"))
    assert reasons["tidy", 1] == f"Task work/{work}, before it, ran again."
    assert reasons["gather",] == f"Task tidy/{tidy}, before it, ran again."
    told = [event for message in rig.watch(run) for event in message.events if event.text]
    assert {event.text for event in told} == set(reasons.values())
    clones = [event for event in told if event.HasField("cloned_from")]
    assert len(clones) == 5
    assert all(event.task_state == run_pb2.TASK_STATE_SUCCEEDED for event in clones)


def test_named_step_and_what_follows_say_so(play) -> None:
    rig, hands = play(LINE)
    origin = through(rig, hands, ["start", "middle", "end"])
    run = resume(rig, origin.run_id, step="MIDDLE")
    hands.succeed("middle")
    hands.succeed("end")
    run = rig.finish(run)
    assert [task.reason for task in reversed(rig.tasks(run))] == [
        "It succeeded in run 1.",
        "It is the step to resume from.",
        "It follows step 'middle'.",
    ]


def through(rig: Rig, hands: Hands, steps: Sequence[str], **fields: Any) -> Any:
    """Runs a flow of which these steps succeed, and ends it: by a failure of the next one, if there is one."""
    run = rig.submit("origin", **fields)
    for step in steps:
        hands.succeed(step)
    if steps[-1] != "end":
        hands.fail({"start": "middle", "middle": "end"}[steps[-1]])
    return rig.finish(run)


@pytest.mark.holds("8.16", "python", "r", "mixed")
def test_resumed_run_can_be_resumed(play) -> None:
    """Logs and attempts of clones of clones."""
    rig, hands = play(LINE)
    first = rig.submit("origin")
    worker = hands.take("start")
    worker.write("from the first run\n")
    worker.succeed("a", outputs={"x": "1"})
    worker.exit()
    hands.fail("middle")
    rig.finish(first)
    second = resume(rig, first.run_id, "second")
    hands.succeed("middle")
    hands.fail("end")
    assert rig.finish(second).state == FAILED
    third = resume(rig, second.run_id, "third")
    hands.succeed("end")
    third = rig.finish(third)
    assert third.state == SUCCEEDED
    assert letters(rig, third) == {"start": "C", "middle": "C", "end": "R"}
    start = rig.tasks(third, "start")[0]
    assert (start.cloned_from.run_id, start.cloned_from.task_id) == (second.run_id, "1")
    assert rig.log(third, start.task_id, STDOUT) == "from the first run\n"
    original = rig.tasks(first, "start")[0].attempts[0]
    assert list(start.attempts) == [original]
    assert rig.artifacts(third, start.task_id) == {"x": "1"}


@pytest.mark.holds("8.7", "python", "r", "mixed")
def test_clone_has_the_last_attempt_of_its_origin(play) -> None:
    """One attempt, that which succeeded."""
    rig, hands = play([StepDef("start", ["end"], decorators={"retry": {"times": 2}}), StepDef("end")])
    origin = rig.submit("origin")
    hands.fail("start")
    worker = hands.take("start")
    worker.write("second try\n")
    worker.succeed("a", outputs={"x": "1"})
    worker.exit()
    hands.fail("end")
    rig.finish(origin)
    run = resume(rig, origin.run_id)
    hands.succeed("end")
    start = rig.tasks(rig.finish(run), "start")[0]
    assert [attempt.number for attempt in start.attempts] == [0]
    assert rig.log(run, start.task_id, STDOUT) == "second try\n"


@pytest.mark.holds("8.13", "python", "r", "mixed")
def test_caught_task_counts_as_succeeded(play) -> None:
    flow = [
        StepDef("start", ["middle"]),
        StepDef("middle", ["end"], decorators={"catch": {"var": "ex"}}),
        StepDef("end"),
    ]
    rig, hands = play(flow)
    origin = rig.submit("origin")
    hands.succeed("start")
    hands.succeed("middle", outputs={"ex": "an error"}, caught=failure_pb2.Failure(message="no"))
    hands.fail("end")
    rig.finish(origin)
    run = resume(rig, origin.run_id)
    hands.succeed("end")
    middle = rig.tasks(rig.finish(run), "middle")[0]
    assert middle.reason == "Its error was handled in run 1."
    assert middle.attempts[0].caught
    assert rig.artifacts(run, middle.task_id)["ex"] == "an error"


LOOP = [
    StepDef("start", ["loop"], foreach="xs"),
    StepDef("loop", ["loop", "out"], switch="again"),
    StepDef("out", ["join"]),
    StepDef("join", ["end"], join=True),
    StepDef("end"),
]


@pytest.mark.holds("8.14", "python", "r", "mixed")
def test_rounds_of_a_recursion_are_cloned_one_by_one(play) -> None:
    rig, hands = play(LOOP)
    origin = rig.submit("origin", max_workers=9)
    hands.succeed("start", outputs={"xs": "two"}, foreach_count=2)
    hands.succeed("loop", 0, switch_case=1)
    hands.succeed("out", 0)
    hands.succeed("loop", 1, switch_case=0)
    hands.succeed("loop", 1, switch_case=0)
    hands.fail("loop", 1)
    rig.finish(origin)
    run = resume(rig, origin.run_id)
    hands.succeed("loop", 1, switch_case=0)
    hands.succeed("loop", 1, switch_case=1)
    hands.succeed("out", 1)
    hands.succeed("join")
    hands.succeed("end")
    run = rig.finish(run)
    assert run.state == SUCCEEDED
    became = [
        (task.step, list(task.foreach_path), task.HasField("cloned_from"))
        for task in sorted(rig.tasks(run), key=lambda task: int(task.task_id))
    ]
    assert became.count(("loop", [0], True)) == became.count(("out", [0], True)) == 1
    assert became.count(("loop", [1], True)) == 2
    assert became.count(("loop", [1], False)) == 2
    assert ("out", [1], False) in became


@pytest.mark.holds("8.15", "python", "r", "mixed")
def test_split_that_runs_again_runs_all_its_items_again(play) -> None:
    rig, hands = play(EACH)
    origin = run_first(rig, hands, "join failed")
    run = resume(rig, origin.run_id, step="start")
    hands.succeed("start", **ITEMS)
    for index in range(3):
        hands.succeed("work", index)
        hands.succeed("tidy", index)
    hands.succeed("gather")
    hands.succeed("end")
    assert letters(rig, rig.finish(run)) == dict.fromkeys(["start", "gather", "end"], "R") | {
        "work": "RRR",
        "tidy": "RRR",
    }


@pytest.mark.holds("8.10 8.11", "python", "r", "mixed")
def test_parameters_and_tags_are_those_of_the_origin(play, refusal) -> None:
    parameter = graph_pb2.ParameterSpec(name="p", variable="p", default=value("default"))
    rig, hands = play(LINE, parameters=[parameter])
    given = [control_service_pb2.ParameterValue(name="p", manifest=value("given"))]
    origin = through(rig, hands, ["start"], parameters=given, tags=["a", "b"], max_num_splits=7)
    refused = refusal(resume, rig, origin.run_id, parameters=given)
    assert (refused.reason, refused.facts) == ("PARAMETER_INVALID", {"parameter": "p"})
    run = resume(rig, origin.run_id, tags=["b", "c"])
    assert list(run.user_tags) == ["a", "b", "c"]
    assert {entry.name: entry.kind for entry in hands.succeed("middle").inputs} == {"p": 2, "trace": 1}
    hands.succeed("end")
    assert {rig.artifacts(run, task.task_id)["p"] for task in rig.tasks(rig.finish(run))} == {"given"}


@pytest.mark.holds("8.2 8.5", "python", "r", "mixed")
def test_unknown_origin_or_step_is_refused(play, refusal) -> None:
    rig, hands = play(LINE)
    for unknown in ("1", "x", "-1"):
        refused = refusal(resume, rig, unknown)
        assert (refused.code, refused.reason) == ("NOT_FOUND", "ORIGIN_UNKNOWN")
        assert refused.text == f"Flow 'Demo' has no run '{unknown}' to resume."
    origin = through(rig, hands, ["start"])
    refused = refusal(resume, rig, origin.run_id, step="work")
    assert refused.reason == "ORIGIN_UNKNOWN"
    assert refused.text == (
        "Flow 'Demo' has no step 'work' to resume from. Its steps are 'start', 'middle' and 'end'."
    )
    assert [run.run_id for run in rig.call("ListRuns").runs] == [origin.run_id]


@pytest.mark.holds("4.10", "python", "r", "mixed")
def test_too_many_items_can_be_allowed_when_resumed(play) -> None:
    """The split itself succeeded, so that it is cloned."""
    rig, hands = play(EACH)
    origin = rig.submit("origin", max_num_splits=2)
    hands.succeed("start", **ITEMS)
    assert rig.finish(origin).state == FAILED
    still = rig.finish(resume(rig, origin.run_id, "still"))
    assert still.state == FAILED
    assert letters(rig, still) == {"start": "C"}
    run = resume(rig, origin.run_id, "more", max_num_splits=3)
    for index in range(3):
        hands.succeed("work", index)
        hands.succeed("tidy", index)
    hands.succeed("gather")
    hands.succeed("end")
    run = rig.finish(run)
    assert (run.state, letters(rig, run)["start"]) == (SUCCEEDED, "C")


def test_forwarded_artifacts_of_a_cloned_join_keep_their_producer(play) -> None:
    flow = [
        StepDef("start", ["a", "b"]),
        StepDef("a", ["join"]),
        StepDef("b", ["join"]),
        StepDef("join", ["end"], join=True),
        StepDef("end"),
    ]
    rig, hands = play(flow)
    origin = rig.submit("origin", max_workers=9)
    hands.succeed("start")
    hands.succeed("b", outputs={"x": "from b"})
    hands.succeed("a")
    worker = hands.take("join")
    entry = next(one for join in worker.task.joins for one in join.artifacts if one.name == "x")
    worker.call("CompleteTask", completion_id="j", success={"forwarded": [entry_of(entry)]})
    worker.exit()
    hands.fail("end")
    rig.finish(origin)
    run = resume(rig, origin.run_id)
    hands.succeed("end")
    rig.finish(run)
    task_ids = {task.step: task.task_id for task in rig.tasks(run)}
    listed = rig.call("ListArtifacts", flow="Demo", run_id=run.run_id, task_id=task_ids["end"]).artifacts
    found = {one.name: (one.producer_step, one.producer_task_id) for one in listed}
    assert found == {"x": ("b", task_ids["b"]), "trace": ("end", task_ids["end"])}


def entry_of(entry: Any) -> dict[str, Any]:
    return {"name": entry.name, "artifact": entry.artifact}


def test_task_is_shown_as_its_worker_got_it(play) -> None:
    """GetTask: of joins, of foreach tasks, of retries, and of clones."""
    rig, hands = play(
        [
            EACH[0],
            StepDef("work", ["tidy"], decorators={"retry": {"times": 1}, "timeout": {"seconds": 60}}),
            *EACH[2:],
        ]
    )
    origin = rig.submit("origin", max_workers=9, tags=["t"])
    seen = [hands.succeed("start", **ITEMS)]
    hands.fail("work", 1)
    for index in range(3):
        seen += [hands.succeed("work", index), hands.succeed("tidy", index)]
    seen.append(hands.succeed("gather"))
    hands.fail("end")
    rig.finish(origin)
    for task in seen:
        got = rig.call("GetTask", flow="Demo", run_id=origin.run_id, task_id=task.task_id)
        assert got.working_directory == str(rig.home.parent)
        task.ClearField("lease")
        task.queued_unix_ms = got.task.queued_unix_ms
        assert got.task == task
    run = resume(rig, origin.run_id)
    hands.succeed("end")
    rig.finish(run)
    ids = {(task.step, task.index): task.task_id for task in rig.tasks(run)}
    got = rig.call("GetTask", flow="Demo", run_id=run.run_id, task_id=ids["work", 1]).task
    assert [(frame.index, frame.count) for frame in got.foreach] == [(1, 3)]
    assert (got.run_id, got.origin_run_id) == (run.run_id, origin.run_id)


def test_each_attempt_is_shown_as_its_worker_got_it(play) -> None:
    """GetTask of an attempt after a failure, and of one that only handles it."""
    flow = [
        StepDef("start", ["end"], decorators={"retry": {"times": 1}, "catch": {"var": "ex"}}),
        StepDef("end"),
    ]
    rig, hands = play(flow)
    run = rig.submit("origin")
    seen = []
    for outcome in ("fail", "die", "handle"):
        worker = hands.take("start")
        seen.append(worker.task)
        if outcome == "fail":
            failure = failure_pb2.Failure(kind="FAILURE_KIND_USER_ERROR", message="no")
            worker.call("CompleteTask", completion_id="f", failure=failure)
        elif outcome == "handle":
            worker.succeed("h", outputs={"ex": "died"}, caught=worker.task.previous_failure)
        worker.exit(None if outcome == "die" else 0, signal=9 if outcome == "die" else None)
    hands.succeed("end")
    rig.finish(run)
    assert [task.catch.only_handle for task in seen] == [False, False, True]
    for task in seen:
        got = rig.call("GetTask", flow="Demo", run_id=run.run_id, task_id="1", attempt=task.attempt).task
        task.ClearField("lease")
        task.queued_unix_ms = got.queued_unix_ms
        assert got == task


def test_run_of_a_server_that_was_killed_can_be_resumed(home: Path) -> None:
    with running(home, LINE, by_hand=True) as rig:
        hands = Hands(rig)
        origin = rig.submit("origin")
        hands.succeed("start")
        hands.take("middle")
        rig.process.kill()
        rig.process.wait()
    with running(home, LINE, by_hand=True) as rig:
        hands = Hands(rig)
        run = resume(rig, origin.run_id)
        hands.succeed("middle")
        hands.succeed("end")
        run = rig.finish(run)
        assert run.state == SUCCEEDED
        assert letters(rig, run) == {"start": "C", "middle": "R", "end": "R"}
        assert rig.tasks(run, "middle")[0].reason == "It did not end in run 1."
