"""Workers and the policies of steps: catch, timeout, environment, memory; and what they report of what was read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from instep import TaskException
from instep_proto.v1 import failure_pb2, graph_pb2, key_value_pb2, task_pb2
from scripted_orchestrator import Launcher, Orchestrator, Run, outputs, runner, transition

FLOW = """
    import os, subprocess, sys, time
    from instep import FlowSpec, current, step

    class Policies(FlowSpec):
        @step
        def start(self):
            self.next(self.end)

        @step
        def again(self):
            self.count += 1
            self.answer = "more" if self.count < 3 else "done"
            self.next({"more": self.again, "done": self.end}, condition="answer")

        @step
        def end(self):
            pass

        @step
        def collect(self, inputs):
            self.total = sum(one.a for one in inputs)
            self.has_b = hasattr(inputs[0], "b")
            self.merge_artifacts(inputs, include=["c"])
            self.next(self.end)

        @step
        def merge(self, inputs):
            self.merge_artifacts(inputs, exclude=["a"])
            self.next(self.end)

    def fails(self):
        self.before = 1
        self.numbers.append(3)
        try:
            int("x")
        except ValueError as err:
            raise RuntimeError("no luck") from err

    def works(self):
        self.before = 1

    def exits(self):
        sys.exit(0)

    def cannot_be_stored(self):
        self.bad = (i for i in range(3))
        raise ValueError("on top of it")

    def is_slow(self):
        self.before = 1
        time.sleep(600)

    def waits_for_a_child(self):
        subprocess.run(["sleep", "600"])

    def is_in_time(self):
        self.before = 1

    def takes_too_much(self):
        self.before = 1
        raise MemoryError

    def looks(self):
        self.kept = self.word
        self.found = hasattr(self, "absent"), getattr(self, "_private", None)
        self.word = "mine"
        self.word
        self.later = self.own_attribute = 1
        self.own_attribute
        self.folds

    def looks_at_names(self):
        self.names = [name for name in dir(self) if name in ("word", "numbers")]

    def deletes(self):
        del self.word

    def shows_variable(self):
        self.seen = os.environ["SHADE"]

    def reads_config(self):
        self.seen = [self.cfg.model.folds, self.cfg["names"][0], "model" in self.cfg, self.cfg.to_dict()]
        try:
            self.cfg.model.folds = 4
        except TypeError as err:
            self.refused = str(err)
        self.part = self.cfg.model

    def changes_config(self):
        self.cfg = 1
"""


@pytest.fixture(scope="module")
def flow_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("flow") / "policies.py"
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
def run(host: Launcher, orchestrator: Orchestrator, flow_file: Path) -> Run:
    return runner(host, orchestrator, flow_file)


def catching(*, attempt: int = 0, max_attempts: int = 1, **catch: Any) -> dict[str, object]:
    return {
        "attempt": attempt,
        "max_attempts": max_attempts,
        "catch": task_pb2.Catch(**{"var": "problem", "print_exception": True, **catch}),
    }


# Catch (semantics 7.9 to 7.12).


def test_catch_keeps_artifacts_and_stores_the_error(orchestrator: Orchestrator, run: Run) -> None:
    report = run(function="fails", inputs=[orchestrator.put("numbers", [1, 2])], **catching())

    left = outputs(orchestrator, report)
    problem = left.pop("problem")
    assert left == {"before": 1, "numbers": [1, 2, 3]}
    assert isinstance(problem, TaskException)
    assert (problem.exception, problem.type, problem.language) == (
        "no luck",
        "builtins.RuntimeError",
        "python",
    )
    assert "int(" in problem.stacktrace
    assert problem.cause is not None
    assert problem.cause.type == "builtins.ValueError"
    assert report.success.caught.classes[0] == "builtins.RuntimeError"
    assert b"RuntimeError: no luck" in orchestrator.logs["STDERR"]


def test_catch_can_be_silent_and_without_an_artifact(orchestrator: Orchestrator, run: Run) -> None:
    inputs = [orchestrator.put("numbers", [])]
    report = run(function="fails", inputs=inputs, **catching(var="", print_exception=False))
    assert outputs(orchestrator, report) == {"before": 1, "numbers": [3]}
    assert report.success.HasField("caught")
    assert orchestrator.logs["STDERR"] == b""


@pytest.mark.parametrize("attempt", [0, 1])
def test_catch_leaves_none_when_the_step_works(orchestrator: Orchestrator, run: Run, attempt: int) -> None:
    report = run(function="works", **catching(attempt=attempt, max_attempts=2))
    assert outputs(orchestrator, report) == {"before": 1, "problem": None}
    assert not report.success.HasField("caught")


def test_catch_waits_for_the_last_attempt(orchestrator: Orchestrator, run: Run) -> None:
    inputs = [orchestrator.put("numbers", [])]
    report = run(function="fails", inputs=inputs, **catching(attempt=1, max_attempts=3))
    assert report.failure.message == "no luck"


def test_catch_does_not_handle_an_exit_without_transition(run: Run) -> None:
    report = run(function="exits", **catching())
    assert report.failure.classes[0] == "instep.errors.TransitionError"


def test_catch_does_not_hide_that_an_artifact_cannot_be_stored(run: Run) -> None:
    report = run(function="cannot_be_stored", **catching())
    assert report.failure.kind == failure_pb2.FAILURE_KIND_OUTPUT_ENCODE
    assert "'bad'" in report.failure.message


def test_catch_of_deaths_runs_no_user_code(orchestrator: Orchestrator, run: Run) -> None:
    died = failure_pb2.Failure(kind="FAILURE_KIND_WORKER_LOST", message="The process was killed by SIGKILL.")
    report = run(
        function="fails", previous_failure=died, **catching(attempt=2, max_attempts=2, only_handle=True)
    )
    left = outputs(orchestrator, report)
    problem = left.pop("problem")
    assert left == {}
    assert isinstance(problem, TaskException)
    assert problem.type == "instep.errors.FailureHandledByCatch"
    assert "2 attempts" in problem.exception
    assert problem.cause is not None
    assert "SIGKILL" in problem.cause.exception


def test_catch_of_an_error_that_is_not_to_be_retried_gives_that_error(
    orchestrator: Orchestrator, run: Run
) -> None:
    raised = failure_pb2.Failure(
        kind="FAILURE_KIND_USER_ERROR", language="r", classes=["http_500", "error"], message="No."
    )
    report = run(
        function="fails", previous_failure=raised, **catching(attempt=1, max_attempts=2, only_handle=True)
    )
    problem = outputs(orchestrator, report)["problem"]
    assert isinstance(problem, TaskException)
    assert (problem.type, problem.exception) == ("http_500", "No.")
    assert report.success.caught.classes == raised.classes


# Timeout, memory, environment.


@pytest.mark.parametrize("function", ["is_slow", "waits_for_a_child"])
def test_timeout_raises_in_user_code(run: Run, function: str) -> None:
    report = run(function=function, attempt_timeout_ms=300)
    assert report.failure.kind == failure_pb2.FAILURE_KIND_ATTEMPT_TIMEOUT
    assert report.failure.classes[0].endswith("TimeoutException")
    assert "builtins.TimeoutError" in report.failure.classes
    assert report.failure.message == "Step 'start' took longer than its timeout of 0.30 s."


def test_timeout_can_be_caught(orchestrator: Orchestrator, run: Run) -> None:
    left = outputs(orchestrator, run(function="is_slow", attempt_timeout_ms=300, **catching()))
    assert left["before"] == 1
    problem = left["problem"]
    assert isinstance(problem, TaskException)
    assert problem.type.endswith("TimeoutException")


def test_step_in_time_is_left_alone(orchestrator: Orchestrator, run: Run) -> None:
    report = run(function="is_in_time", attempt_timeout_ms=60_000)
    assert outputs(orchestrator, report) == {"before": 1}


def test_memory_error_is_out_of_memory(run: Run) -> None:
    report = run(function="takes_too_much")
    assert report.failure.kind == failure_pb2.FAILURE_KIND_OUT_OF_MEMORY
    assert [one.name for one in report.partial_outputs] == ["before"]


def test_environment_is_set_before_user_code(orchestrator: Orchestrator, run: Run) -> None:
    env = [key_value_pb2.KeyValue(key="SHADE", value="blue")]
    assert outputs(orchestrator, run(function="shows_variable", env=env)) == {"seen": "blue"}


# What was read.


def test_reads_name_what_was_looked_at_and_looked_for(orchestrator: Orchestrator, run: Run) -> None:
    inputs = [
        orchestrator.put("word", "hi"),
        orchestrator.put("numbers", [1]),
        orchestrator.put("folds", 5, task_pb2.INPUT_KIND_PARAMETER),
    ]
    report = run(function="looks", inputs=inputs)
    assert list(report.success.reads) == ["_private", "absent", "folds", "word"]


def test_reads_name_all_when_all_names_are_listed(orchestrator: Orchestrator, run: Run) -> None:
    inputs = [orchestrator.put("word", "hi"), orchestrator.put("numbers", [1])]
    report = run(function="looks_at_names", inputs=inputs)
    assert list(report.success.reads) == ["*"]


def test_reads_count_deleting_and_the_transition(orchestrator: Orchestrator, run: Run) -> None:
    assert list(run(function="deletes", inputs=[orchestrator.put("word", 1)]).success.reads) == ["word"]
    spread = graph_pb2.Transition(kind="TRANSITION_KIND_FOREACH", targets=["x"], foreach="numbers")
    inputs = [orchestrator.put("numbers", [1, 2])]
    assert list(run(function="works", inputs=inputs, transition=spread).success.reads) == ["numbers"]


def joined(orchestrator: Orchestrator, **artifacts: object) -> task_pb2.JoinInput:
    return task_pb2.JoinInput(
        step="a", task_id="1", artifacts=[orchestrator.put(name, value) for name, value in artifacts.items()]
    )


def test_reads_of_a_join_name_what_it_looked_at_on_any_input(orchestrator: Orchestrator, run: Run) -> None:
    joins = [joined(orchestrator, a=1, c=3, unread=1), joined(orchestrator, a=2, c=3, b=1)]
    report = run("collect", is_join=True, joins=joins, transition=transition("LINEAR", "end"))
    assert outputs(orchestrator, report) == {"total": 3, "has_b": False}
    assert list(report.success.reads) == ["a", "b", "c"]


def test_reads_of_merge_artifacts_are_all_that_there_is(orchestrator: Orchestrator, run: Run) -> None:
    joins = [joined(orchestrator, a=1, c=3), joined(orchestrator, a=2, d=1)]
    report = run("merge", is_join=True, joins=joins, transition=transition("LINEAR", "end"))
    assert list(report.success.reads) == ["*"]


# Recursion and configs.


@pytest.mark.parametrize(("count", "case"), [(0, 0), (2, 1)])
def test_switch_can_name_its_own_step(orchestrator: Orchestrator, run: Run, count: int, case: int) -> None:
    keys = [graph_pb2.SwitchCase(key=orchestrator.put("k", key).manifest) for key in ("more", "done")]
    loop = graph_pb2.Transition(
        kind="TRANSITION_KIND_SWITCH", targets=["again", "end"], condition="answer", cases=keys
    )
    report = run("again", transition=loop, inputs=[orchestrator.put("count", count)])
    assert report.success.switch_case == case
    assert outputs(orchestrator, report)["count"] == count + 1


def test_config_is_read_by_key_and_attribute_and_cannot_change(orchestrator: Orchestrator, run: Run) -> None:
    config = {"model": {"folds": 5}, "names": ["a", "b"]}
    inputs = [orchestrator.put("cfg", config, task_pb2.INPUT_KIND_CONFIG)]
    left = outputs(orchestrator, run(function="reads_config", inputs=inputs))
    assert left["seen"] == [5, "a", True, config]
    assert left["part"] == {"folds": 5}
    assert str(left["refused"]).startswith("A config cannot be changed.")

    report = run(function="changes_config", inputs=inputs)
    assert "cannot be modified" in report.failure.message
    assert "builtins.AttributeError" in report.failure.classes
