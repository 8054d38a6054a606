from __future__ import annotations

import datetime
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import pytest
from instep_proto.v1 import failure_pb2, graph_pb2, task_pb2
from instep_proto.v1 import worker_service_pb2 as worker_pb2
from scripted_orchestrator import (
    LEASE_TOKEN,
    Launcher,
    Orchestrator,
    Run,
    fresh_worker,
    outputs,
    refuse,
    runner,
    task_of,
    transition,
    wait_for,
)

FLOW = """
    import os, random, subprocess, sys, time
    from instep import FlowSpec, current, step

    class Point:
        def __init__(self, x):
            self.x = x
        def __eq__(self, other):
            return isinstance(other, Point) and self.x == other.x
        __hash__ = None

    class Sample(FlowSpec):
        @step
        def start(self):
            self.word = "hello"
            self.numbers = [1, 2, 3]
            self.next(self.work, foreach="numbers")

        @step
        def work(self):
            self.seen = [self.input, self.index, self.foreach_stack()]
            self.next(self.join)

        @step
        def join(self, inputs):
            self.total = sum(one.x for one in inputs)
            self.merge_artifacts(inputs, exclude=["x"])
            self.next(self.end)

        @step
        def choose(self):
            self.next({"a": self.work, "b": self.join}, condition="kind")

        @step
        def end(self):
            pass

        @step
        def forgets(self):
            if self.never:
                self.next(self.end)

        def helper(self):
            return self.word.upper()

    def only_passes(self):
        pass

    def reads(self):
        self.copy = self.word
        self.shout = len(self.numbers)

    def appends(self):
        self.numbers.append(4)

    def only_reads(self):
        self.length = len(self.numbers), self.frame.shape

    def deletes(self):
        del self.word

    def misses(self):
        self.nothing

    def assigns_parameter(self):
        self.folds = 3

    def stores_flow(self):
        self.me = self

    def stores_flow_inside(self):
        self.me = {"deep": [self]}

    def stores_generator(self):
        self.gen = (i for i in range(3))

    def loses(self):
        self.before = list(range(100_000))
        self.notes = {"a": bytearray(b"a"), "b": [bytearray(b"b"), 1]}
        self.small = bytearray(b"c")

    def reads_mars(self):
        self.year = self.when[0].year

    def loses_and_fails(self):
        self.notes = bytearray(b"a")
        self.before = 1
        raise ValueError("the tank is empty")

    def fails(self):
        self.before = 1
        print("about to fail")
        raise ValueError("the tank is empty")

    def exits(self):
        sys.exit(0)

    def waits(self):
        print("waiting")
        try:
            time.sleep(600)
        except KeyboardInterrupt:
            print("interrupted")
            raise

    def interrupts_itself(self):
        os.kill(os.getpid(), 2)
        time.sleep(10)

    def prints(self):
        print("out", end="")
        sys.stderr.write("err")
        os.system("echo child")
        os.write(1, "Grüße\\n".encode())

    def prints_slowly(self):
        print("first")
        time.sleep(1.5)
        print("second")

    def tells_current(self):
        self.told = [current.pathspec, current.retry_count, current.is_running_flow, "run_id" in current]

    def points(self):
        self.same = self.point == Point(2)
        self.another = Point(2)

    def draws(self):
        self.drawn = random.random()

    def registers_exit_function(self):
        import atexit
        atexit.register(print, "exit function")

    def forks(self):
        self.codes = []
        for end in (lambda: None, lambda: sys.exit(3), lambda: 1 / 0):
            child = os.fork()
            if child == 0:
                print("child")
                end()
                return
            self.codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    def large(self):
        self.big = list(range(1_000_000))
        self.text = "x" * 300_000
"""


@pytest.fixture(scope="module")
def flow_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("flow") / "sample.py"
    file.write_text(dedent(FLOW))
    return file


@pytest.fixture(scope="module")
def host(flow_file: Path) -> Iterator[Launcher]:
    launcher = Launcher(flow_file)
    launcher.event("loaded")
    yield launcher
    launcher.close()


@pytest.fixture
def orchestrator(tmp_path: Path) -> Iterator[Orchestrator]:
    running = Orchestrator(tmp_path)
    yield running
    running.close()


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Orchestrator]:
    """An orchestrator whose store the worker does not share."""
    running = Orchestrator(tmp_path, shares_store=False)
    yield running
    running.close()


@pytest.fixture
def run(host: Launcher, orchestrator: Orchestrator, flow_file: Path) -> Run:
    """Runs one task in a worker and gives its report."""
    return runner(host, orchestrator, flow_file)


# Artifacts.


def test_step_stores_what_it_assigns_and_counts_its_items(orchestrator: Orchestrator, run: Run) -> None:
    report = run("start", transition=transition("FOREACH", "work", foreach="numbers"))

    assert outputs(orchestrator, report) == {"word": "hello", "numbers": [1, 2, 3]}
    assert report.success.foreach_count == 3
    assert report.lease_token == LEASE_TOKEN
    assert orchestrator.names() == ["RegisterWorker", "CompleteTask"]


def test_step_reads_artifacts_and_stores_only_what_it_set(orchestrator: Orchestrator, run: Run) -> None:
    inputs = [orchestrator.put("word", "hi"), orchestrator.put("numbers", [1, 2])]
    report = run(function="reads", inputs=inputs)
    assert outputs(orchestrator, report) == {"copy": "hi", "shout": 2}


def test_manifest_that_had_no_room_in_the_task_is_asked_for(orchestrator: Orchestrator, run: Run) -> None:
    inputs = [orchestrator.put("word", "hi"), orchestrator.put("numbers", [1, 2])]
    for one in inputs:
        one.manifest = b""
    assert outputs(orchestrator, run(function="reads", inputs=inputs)) == {"copy": "hi", "shout": 2}


def test_change_in_place_is_stored(orchestrator: Orchestrator, run: Run) -> None:
    report = run(function="appends", inputs=[orchestrator.put("numbers", [1, 2, 3])])
    assert outputs(orchestrator, report) == {"numbers": [1, 2, 3, 4]}


def test_reading_alone_stores_nothing(orchestrator: Orchestrator, run: Run) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.5, 2.5], "b": ["x", None]})
    inputs = [orchestrator.put("numbers", [1, 2, 3]), orchestrator.put("frame", frame)]
    report = run(function="only_reads", inputs=inputs)
    assert outputs(orchestrator, report) == {"length": (3, (2, 2))}


def test_deleted_artifact_is_reported(orchestrator: Orchestrator, run: Run) -> None:
    report = run(function="deletes", inputs=[orchestrator.put("word", "hi")])
    assert list(report.success.deleted) == ["word"]


def test_only_the_worker_reports_on_a_step_that_forks(orchestrator: Orchestrator, run: Run) -> None:
    report = run(function="forks")
    assert outputs(orchestrator, report) == {"codes": [0, 3, 1]}
    assert orchestrator.logs["STDOUT"] == b"child\n" * 3
    assert orchestrator.logs["STDERR"].startswith(b"Traceback")
    assert len(orchestrator.completed) == 1


def test_large_values_are_stored_as_blobs(orchestrator: Orchestrator, run: Run) -> None:
    report = run(function="large")
    values = outputs(orchestrator, report)
    assert values["big"] == list(range(1_000_000))
    assert values["text"] == "x" * 300_000
    assert all(one.blobs for one in report.success.outputs)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("misses", "Flow 'Sample' has no attribute 'nothing'. No step before 'start' has set it."),
        ("assigns_parameter", "can't modify self.folds: it is a parameter"),
        ("stores_flow", "A flow cannot be stored, and `self` is one."),
    ],
)
def test_misuse_of_self_fails_the_step(
    orchestrator: Orchestrator, run: Run, function: str, message: str
) -> None:
    folds = orchestrator.put("folds", 5, task_pb2.INPUT_KIND_PARAMETER)
    report = run(function=function, inputs=[folds])
    assert message in report.failure.message
    assert report.failure.kind == failure_pb2.FAILURE_KIND_USER_ERROR


@pytest.mark.parametrize(
    ("function", "artifact"), [("stores_generator", "gen"), ("stores_flow_inside", "me")]
)
def test_value_that_cannot_be_stored_fails_the_step(run: Run, function: str, artifact: str) -> None:
    failure = run(function=function).failure
    assert failure.kind == failure_pb2.FAILURE_KIND_OUTPUT_ENCODE
    assert artifact in failure.message
    assert {one.key: one.value for one in failure.details} == {"artifact": artifact}


def test_objects_of_the_flows_own_classes_are_instances_when_read(
    orchestrator: Orchestrator, run: Run
) -> None:
    first = run(function="points", inputs=[orchestrator.put("point", None)])
    made = next(one for one in first.success.outputs if one.name == "another")

    point = task_pb2.Input(name="point", artifact=made.artifact, manifest=made.manifest)
    second = run(function="points", inputs=[point])

    assert {one.name: one.artifact for one in second.success.outputs}["another"] == made.artifact
    assert next(orchestrator.value(one) for one in second.success.outputs if one.name == "same") is True


# Foreach, joins, switches.


def test_foreach_body_sees_its_item(orchestrator: Orchestrator, run: Run) -> None:
    letters, numbers = orchestrator.put("letters", ["x", "y"]), orchestrator.put("numbers", [10, 20, 30])
    levels = [
        task_pb2.ForeachFrame(variable="letters", items=letters, index=1, count=2, step="a"),
        task_pb2.ForeachFrame(variable="numbers", items=numbers, index=1, count=3, step="b"),
    ]
    report = run("work", transition=transition("LINEAR", "join"), inputs=[letters, numbers], foreach=levels)
    assert outputs(orchestrator, report) == {"seen": [20, 1, [(1, 2, "y"), (1, 3, 20)]]}


def test_outside_a_foreach_there_is_no_item(orchestrator: Orchestrator, run: Run) -> None:
    report = run("work", transition=transition("LINEAR", "join"))
    assert outputs(orchestrator, report) == {"seen": [None, None, []]}


def test_item_is_none_when_the_list_was_not_carried_on(orchestrator: Orchestrator, run: Run) -> None:
    level = task_pb2.ForeachFrame(
        variable="xs", items=orchestrator.put("xs", ["a"]), index=0, count=1, step="a"
    )
    report = run("work", transition=transition("LINEAR", "join"), foreach=[level])
    assert outputs(orchestrator, report) == {"seen": [None, 0, [(0, 1, None)]]}


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "self.numbers, which produced zero splits"),
        (None, "can't spread the items of self.numbers"),
        (7, "can't spread the items of self.numbers"),
        ({"a": 1}, "can't spread the items of self.numbers"),
    ],
)
def test_split_over_nothing_fails_naming_variable_and_step(
    orchestrator: Orchestrator, run: Run, items: object, message: str
) -> None:
    report = run(
        "prep",
        function="only_passes",
        transition=transition("FOREACH", "work", foreach="numbers"),
        inputs=[orchestrator.put("numbers", items)],
    )
    assert message in report.failure.message
    assert "'prep'" in report.failure.message


def join_inputs(orchestrator: Orchestrator, *values: dict[str, object]) -> list[task_pb2.JoinInput]:
    return [
        task_pb2.JoinInput(
            step="work",
            task_id=str(position),
            position=position,
            artifacts=[orchestrator.put(name, value) for name, value in one.items()],
        )
        for position, one in enumerate(values)
    ]


def test_join_reads_inputs_of_all_pages_and_forwards_what_agrees(
    orchestrator: Orchestrator, run: Run
) -> None:
    joins = join_inputs(orchestrator, {"x": 1, "unit": "kg"}, {"x": 2, "unit": "kg"}, {"x": 4})
    orchestrator.joins = joins

    report = run("join", is_join=True, joins=joins[:1], joins_next=1, transition=transition("LINEAR", "end"))

    assert outputs(orchestrator, report) == {"total": 7}
    assert [(one.name, one.artifact) for one in report.success.forwarded] == [
        ("unit", joins[0].artifacts[1].artifact)
    ]


def test_join_conflict_fails_with_the_name(orchestrator: Orchestrator, run: Run) -> None:
    joins = join_inputs(orchestrator, {"x": 1, "n": 1}, {"x": 2, "n": 2})
    report = run("join", is_join=True, joins=joins, transition=transition("LINEAR", "end"))
    assert report.failure.classes[0] == "instep.errors.MergeArtifactsException"
    assert "'n'" in report.failure.message


def switch(orchestrator: Orchestrator) -> graph_pb2.Transition:
    cases = [
        graph_pb2.SwitchCase(key=orchestrator.put("key", key).manifest, target=target)
        for key, target in (("a", "work"), ("b", "join"))
    ]
    return transition("SWITCH", "work", "join", condition="kind", cases=cases)


def test_switch_reports_the_case(orchestrator: Orchestrator, run: Run) -> None:
    report = run("choose", transition=switch(orchestrator), inputs=[orchestrator.put("kind", "b")])
    assert report.success.switch_case == 1


@pytest.mark.parametrize("value", ["c", [1], 1])
def test_switch_without_a_case_tells_variable_value_and_keys(
    orchestrator: Orchestrator, run: Run, value: object
) -> None:
    failure = run("choose", transition=switch(orchestrator), inputs=[orchestrator.put("kind", value)]).failure
    assert "self.kind" in failure.message
    assert "'a', 'b'" in failure.message


def test_step_that_forgets_its_transition_fails(orchestrator: Orchestrator, run: Run) -> None:
    report = run("forgets", transition=transition("LINEAR", "end"), inputs=[orchestrator.put("never", False)])
    assert "ended without its transition. It must call self.next(self.end)" in report.failure.message


# Losses.


@pytest.mark.parametrize("policy", ["UNSPECIFIED", "WARN"])
def test_losses_are_told_once_for_each_artifact_and_rule(
    orchestrator: Orchestrator, run: Run, policy: str
) -> None:
    report = run(function="loses", on_loss=f"LOSS_POLICY_{policy}")
    assert len(outputs(orchestrator, report)) == 3
    assert orchestrator.logs["STDERR"].decode().splitlines() == [
        "Loss BYTES in artifact 'notes' at self.notes[\"a\"]: a bytearray comes back as bytes.",
        "Loss BYTES in artifact 'small' at self.small: a bytearray comes back as bytes.",
    ]


def test_losses_that_are_ignored_are_not_told(orchestrator: Orchestrator, run: Run) -> None:
    report = run(function="loses", on_loss="LOSS_POLICY_IGNORE")
    assert outputs(orchestrator, report)["small"] == b"c"
    assert orchestrator.logs["STDERR"] == b""


def test_losses_that_are_errors_fail_the_attempt_before_anything_is_written(
    orchestrator: Orchestrator, run: Run
) -> None:
    report = run(function="loses", on_loss="LOSS_POLICY_ERROR")
    assert report.failure.kind == failure_pb2.FAILURE_KIND_OUTPUT_ENCODE
    assert report.failure.message == (
        "Artifact 'notes' can't be stored without loss, as on_loss demands. "
        'BYTES at self.notes["a"]: a bytearray comes back as bytes.'
    )
    assert {entry.key: entry.value for entry in report.failure.details} == {"artifact": "notes"}
    assert list(report.partial_outputs) == []
    assert not [file for file in orchestrator.root.rglob("*") if file.is_file()]


def test_losses_that_are_errors_are_not_stored_for_a_step_that_failed(run: Run) -> None:
    report = run(function="loses_and_fails", on_loss="LOSS_POLICY_ERROR")
    assert report.failure.message == "the tank is empty"
    assert [one.name for one in report.partial_outputs] == ["before"]


def mars(orchestrator: Orchestrator) -> task_pb2.Input:
    """A time that was stored in a zone that no machine knows."""
    stored = orchestrator.put("when", [datetime.datetime(2024, 2, 29, tzinfo=ZoneInfo("Europe/Rome"))])
    stored.manifest = stored.manifest.replace(b"Europe/Rome", b"Mars/Marine")
    return stored


def test_loss_in_reading_is_told(orchestrator: Orchestrator, run: Run) -> None:
    assert outputs(orchestrator, run(function="reads_mars", inputs=[mars(orchestrator)])) == {"year": 2024}
    assert orchestrator.logs["STDERR"].decode() == (
        "Loss ZONE_UNKNOWN in artifact 'when' at self.when[0]: "
        "time zone 'Mars/Marine' is not known here, so times are read in UTC.\n"
    )


def test_loss_in_reading_that_is_an_error_names_artifact_path_and_rule(
    orchestrator: Orchestrator, run: Run
) -> None:
    failure = run(function="reads_mars", inputs=[mars(orchestrator)], on_loss="LOSS_POLICY_ERROR").failure
    assert failure.kind == failure_pb2.FAILURE_KIND_INPUT_DECODE
    assert failure.message == (
        "Can't read the artifact 'when'. It can't be read without loss, as on_loss demands. "
        "ZONE_UNKNOWN at self.when[0]: time zone 'Mars/Marine' is not known here, so times are read in UTC."
    )


# Failures.


def test_failure_carries_the_users_traceback_and_goes_to_the_log(
    orchestrator: Orchestrator, run: Run, flow_file: Path
) -> None:
    report = run(function="fails")

    failure = report.failure
    assert failure.kind == failure_pb2.FAILURE_KIND_USER_ERROR
    assert failure.classes[0] == "builtins.ValueError"
    assert failure.message == "the tank is empty"
    assert [frame.function for frame in failure.frames] == ["fails"]
    assert failure.frames[0].file == str(flow_file)
    assert failure.traceback.splitlines()[1].startswith(f'  File "{flow_file}", line ')
    assert orchestrator.logs["STDERR"].decode() == failure.traceback
    assert orchestrator.logs["STDOUT"] == b"about to fail\n"
    assert [one.name for one in report.partial_outputs] == ["before"]


def test_exit_of_the_process_is_a_failure_that_tells_what_was_expected(run: Run) -> None:
    failure = run(function="exits").failure
    assert "sys.exit(0)" in failure.message
    assert "'start'" in failure.message


def test_missing_step_is_a_failure_to_load(run: Run) -> None:
    failure = run("nowhere").failure
    assert failure.kind == failure_pb2.FAILURE_KIND_CODE_LOAD
    assert "declares no step 'nowhere'" in failure.message


def test_missing_blob_is_reported_as_such(orchestrator: Orchestrator, run: Run) -> None:
    numbers = orchestrator.put("numbers", list(range(100_000)))
    for file in orchestrator.root.rglob("*"):
        if file.is_file():
            file.unlink()
    failure = run(function="reads", inputs=[orchestrator.put("word", "hi"), numbers]).failure
    assert failure.kind == failure_pb2.FAILURE_KIND_INPUT_MISSING


# Cancelling.


def cancel(request: Any, context: Any) -> worker_pb2.HeartbeatResponse:
    return worker_pb2.HeartbeatResponse(
        ttl_ms=30_000, heartbeat_ms=100, directive=worker_pb2.DIRECTIVE_CANCEL, cancel_reason="enough"
    )


def test_cancel_directive_interrupts_user_code(orchestrator: Orchestrator, run: Run) -> None:
    orchestrator.before["Heartbeat"] = cancel
    report = run(function="waits")
    assert report.cancelled.reason == "enough"
    assert orchestrator.logs["STDOUT"] == b"waiting\ninterrupted\n"
    assert b"was cancelled: enough" in orchestrator.logs["STDERR"]


def test_interrupt_of_a_cancelled_run_asks_for_the_reason(
    host: Launcher, orchestrator: Orchestrator, flow_file: Path
) -> None:
    orchestrator.before["Heartbeat"] = cancel
    orchestrator.tasks.append(task_of(flow_file, "start", function="waits"))
    host.fork(orchestrator)
    wait_for(
        lambda: orchestrator.spool["STDOUT"].exists() and b"wait" in orchestrator.spool["STDOUT"].read_bytes()
    )

    host.signal(signal.SIGINT)

    assert host.event("exited").exit_code == 0
    assert orchestrator.completed[0].cancelled.reason == "enough"


def test_interrupt_by_the_user_is_a_failure(run: Run) -> None:
    failure = run(function="interrupts_itself").failure
    assert failure.classes[0] == "builtins.KeyboardInterrupt"


# Logs.


def test_all_that_is_written_is_in_the_log(orchestrator: Orchestrator, run: Run) -> None:
    report = run(function="prints")
    assert orchestrator.logs["STDOUT"].decode() == "outchild\nGrüße\n"
    assert orchestrator.logs["STDERR"] == b"err"
    assert (report.stdout_end, report.stderr_end) == (len(orchestrator.logs["STDOUT"]), 3)


def test_logs_are_sent_while_the_task_runs(orchestrator: Orchestrator, run: Run) -> None:
    run(function="prints_slowly")
    sent = [request.data for name, request in orchestrator.calls if name == "AppendLogs"]
    assert sent[:1] == [b"first\n"]


def test_heartbeats_keep_a_long_task(orchestrator: Orchestrator, run: Run) -> None:
    run(function="prints_slowly")
    beats = [request for name, request in orchestrator.calls if name == "Heartbeat"]
    assert [one.seq for one in beats[:3]] == [1, 2, 3]
    assert beats[0].rss_bytes > 1_000_000
    assert beats[0].phase == worker_pb2.ATTEMPT_PHASE_RUNNING


# Trouble on the way.


def test_lost_answers_are_asked_for_again_with_the_same_ids(orchestrator: Orchestrator, run: Run) -> None:
    def lose_once(name: str) -> Callable[[Any, Any], None]:
        def lose(request: Any, context: grpc.ServicerContext) -> None:
            del orchestrator.before[name]
            context.abort(grpc.StatusCode.UNAVAILABLE, "lost")

        return lose

    orchestrator.before["RegisterWorker"] = lose_once("RegisterWorker")
    orchestrator.before["CompleteTask"] = lose_once("CompleteTask")

    run(function="draws")

    assert orchestrator.names() == ["RegisterWorker", "RegisterWorker", "CompleteTask", "CompleteTask"]
    registered = [request for name, request in orchestrator.calls if name == "RegisterWorker"]
    completed = [request for name, request in orchestrator.calls if name == "CompleteTask"]
    assert registered[0] == registered[1]
    assert completed[0] == completed[1]


@pytest.mark.parametrize(
    ("call", "code", "reason", "exit_code"),
    [
        ("RegisterWorker", grpc.StatusCode.UNAUTHENTICATED, "TOKEN_UNKNOWN", 75),
        ("RegisterWorker", grpc.StatusCode.FAILED_PRECONDITION, "VERSION_UNSUPPORTED", 76),
        ("CompleteTask", grpc.StatusCode.FAILED_PRECONDITION, "LEASE_LOST", 74),
        ("Heartbeat", grpc.StatusCode.FAILED_PRECONDITION, "LEASE_LOST", 74),
    ],
)
def test_verdicts_end_the_worker(
    host: Launcher,
    orchestrator: Orchestrator,
    flow_file: Path,
    call: str,
    code: grpc.StatusCode,
    reason: str,
    exit_code: int,
) -> None:
    orchestrator.before[call] = lambda request, context: refuse(context, code, reason)
    orchestrator.tasks.append(task_of(flow_file, "start", function="prints_slowly"))
    host.fork(orchestrator)
    assert host.event("exited").exit_code == exit_code


def test_missing_blobs_are_stored_again(orchestrator: Orchestrator, run: Run) -> None:
    def lose_objects(request: Any, context: grpc.ServicerContext) -> None:
        del orchestrator.before["CompleteTask"]
        for file in orchestrator.root.rglob("*"):
            if file.is_file():
                file.unlink()
        refuse(context, grpc.StatusCode.FAILED_PRECONDITION, "BLOB_MISSING", digests="b3:...")

    orchestrator.before["CompleteTask"] = lose_objects

    report = run(function="large")

    assert outputs(orchestrator, report)["text"] == "x" * 300_000


def test_report_that_is_refused_becomes_a_failure(orchestrator: Orchestrator, run: Run) -> None:
    def refuse_success(request: worker_pb2.CompleteTaskRequest, context: grpc.ServicerContext) -> None:
        if request.HasField("success"):
            refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "LIMIT_EXCEEDED")

    orchestrator.before["CompleteTask"] = refuse_success
    assert run(function="draws").failure.kind == failure_pb2.FAILURE_KIND_INTERNAL


# Processes.


def test_reused_worker_runs_tasks_until_it_is_drained(
    host: Launcher, orchestrator: Orchestrator, flow_file: Path
) -> None:
    names = ["draws", "prints", "draws"]
    orchestrator.tasks += [task_of(flow_file, "start", function=name) for name in names]

    host.fork(orchestrator, reuse=True)

    assert host.event("exited").exit_code == 0
    assert orchestrator.names() == ["RegisterWorker"] + ["CompleteTask"] * 3
    assert [one.stdout_end for one in orchestrator.completed] == [0, 17, 0]
    drawn = [outputs(orchestrator, orchestrator.completed[one])["drawn"] for one in (0, 2)]
    assert drawn[0] != drawn[1]


def test_random_numbers_differ_between_tasks(orchestrator: Orchestrator, run: Run) -> None:
    assert outputs(orchestrator, run(function="draws")) != outputs(orchestrator, run(function="draws"))


def test_exit_functions_of_the_step_run(orchestrator: Orchestrator, run: Run) -> None:
    run(function="registers_exit_function")
    assert orchestrator.spool["STDOUT"].read_text() == "exit function\n"


def test_current_tells_the_place(orchestrator: Orchestrator, run: Run) -> None:
    report = run(function="tells_current", attempt=2)
    assert outputs(orchestrator, report) == {"told": ["Sample/7/start/3", 2, True, True]}


def test_fresh_worker_loads_the_file_itself(orchestrator: Orchestrator, flow_file: Path) -> None:
    orchestrator.tasks.append(
        task_of(flow_file, "start", transition=transition("FOREACH", "work", foreach="numbers"))
    )
    with fresh_worker(orchestrator, flow_file) as process:
        pass
    assert process.returncode == 0
    assert outputs(orchestrator, orchestrator.completed[0]) == {"word": "hello", "numbers": [1, 2, 3]}


def test_fresh_worker_reports_a_file_that_cannot_be_loaded(
    orchestrator: Orchestrator, tmp_path: Path
) -> None:
    file = tmp_path / "bad.py"
    file.write_text("1 / 0\n")
    orchestrator.tasks.append(task_of(file, "start"))
    with fresh_worker(orchestrator, file):
        pass
    failure = orchestrator.completed[0].failure
    assert failure.kind == failure_pb2.FAILURE_KIND_CODE_LOAD
    assert "ZeroDivisionError" in failure.message
    assert f'File "{file}", line 1' in failure.traceback


# A store that the worker does not share.


def test_blobs_and_logs_travel_through_the_orchestrator(
    host: Launcher, remote: Orchestrator, flow_file: Path
) -> None:
    report = runner(host, remote, flow_file)(function="large")
    assert outputs(remote, report)["big"] == list(range(1_000_000))
    assert not [file for file in remote.root.rglob("*") if file.is_file()]

    numbers = remote.put("numbers", list(range(100_000)))
    report = runner(host, remote, flow_file)(function="reads", inputs=[remote.put("word", "hi"), numbers])
    assert outputs(remote, report)["shout"] == 100_000


def test_logs_are_complete_before_the_report(host: Launcher, remote: Orchestrator, flow_file: Path) -> None:
    runner(host, remote, flow_file)(function="prints")
    assert remote.logs["STDOUT"].decode() == "outchild\nGrüße\n"
    assert remote.names()[-1] == "CompleteTask"
