"""Steps that are functions of programs in other languages: their errors, and what a step in TypeScript can do."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from project import Project
from typescript import CONFORMANCE, need_build, program

FLOW = """
    from instep import FlowSpec, program_function, r_function, step

    class Programs(FlowSpec):
        @step
        def start(self):
            {start}
            self.next("work")

        {steps}

        @step
        def end(self):
            {end}

    if __name__ == "__main__":
        Programs()
"""
WORK = 'work = step(program_function("steps.js", "work"), next="end")'

REGISTERS_AS_NEWER = f"""\
#!{sys.executable}
import os, struct, sys

import grpc
from instep_proto.v1 import host_pb2, worker_service_pb2, worker_service_pb2_grpc

if pipe := os.environ.get("INSTEP_HOST_FD"):
    loaded = host_pb2.HostLoaded(language="tomorrow", file=os.path.realpath(sys.argv[0]), functions=["work"])
    event = host_pb2.HostEvent(loaded=loaded).SerializeToString()
    os.write(int(pipe), struct.pack("<I", len(event)) + event)
    os.read(int(pipe), 1)
else:
    message = os.read(int(os.environ["INSTEP_BOOTSTRAP_FD"]), 65536)
    bootstrap = host_pb2.WorkerBootstrap.FromString(message[4:])
    channel = grpc.insecure_channel(bootstrap.endpoint, options=[("grpc.enable_http_proxy", 0)])
    request = worker_service_pb2.RegisterWorkerRequest(
        worker_id=bootstrap.worker_id, version_min=99, version_max=99, sdk="tomorrow 1.0"
    )
    metadata = [("authorization", "Bearer " + bootstrap.token.hex())]
    try:
        worker_service_pb2_grpc.WorkerServiceStub(channel).RegisterWorker(request, metadata=metadata)
    except grpc.RpcError as err:
        print(err.details(), file=sys.stderr)
        sys.exit(76)
"""


def write_program(project: Project, text: str, *, mode: int = 0o755) -> None:
    project.write("steps.js", text).chmod(mode)


def write_flow(
    project: Project, *, start: str = "pass", steps: str = WORK, end: str = "pass", work: str = ""
) -> None:
    """Writes a flow, and the program whose function `work` is its second step."""
    project.write("flow.py", FLOW.format(start=start, steps=steps, end=end))
    if work:
        need_build()
        write_program(project, program(work))


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("#!/bin/sh\n", 0o644, "must be executable: chmod +x"),
        ("no first line\n", 0o755, "its first line names its interpreter, after #!"),
        ("#!/no/such/interpreter\n", 0o755, "its first line names its interpreter, after #!"),
        (
            "#!/usr/bin/env no-such-interpreter\n",
            0o755,
            "interpreter that its first line names is not installed",
        ),
        ("#!/bin/sh\nexit 3\n", 0o755, "ended before it had loaded it (exit code 3)"),
        (
            "#!/bin/bash\necho hello there >&$INSTEP_HOST_FD\nsleep 1000\n",
            0o755,
            "what is no message of a host",
        ),
        (
            "#!/bin/bash\nprintf '\\002\\0\\0\\0\\377\\377' >&$INSTEP_HOST_FD\nsleep 1000\n",
            0o755,
            "what is no message of a host",
        ),
    ],
    ids=["mode", "no line", "no file", "no interpreter", "exits", "text", "bytes"],
)
def test_program_that_is_no_host_is_refused_before_anything_runs(
    project: Project, text: str, mode: int, said: str
) -> None:
    write_flow(project)
    write_program(project, text, mode=mode)
    refused = project.call("flow.py", "check", expect=1)
    assert said in refused.text
    assert "steps.js" in refused.text
    assert "flow.py:" in refused.text
    assert not project.left_behind()


def test_program_that_is_not_there_is_refused_by_name(project: Project) -> None:
    write_flow(project)
    assert "steps.js can't be read: No such file" in project.call("flow.py", "run", expect=1).text


def test_worker_of_another_protocol_version_fails_its_task_and_says_why(project: Project) -> None:
    write_flow(project)
    write_program(project, REGISTERS_AS_NEWER)
    failed = project.call("flow.py", "run", expect=1)
    assert "3 steps (2 py, 1 tomorrow)" in failed.text
    assert "Task work/2 can't be started. Its process ended (exit code 76)" in failed.text
    assert "speaks protocol versions 1-1, and tomorrow 1.0 speaks 99-99" in failed.text


def test_function_that_the_program_does_not_offer_is_refused_with_those_that_it_does(
    project: Project,
) -> None:
    write_flow(project, work="render() {}")
    refused = project.call("flow.py", "check", expect=1)
    assert "runs the function 'work', which the file 'steps.js' does not define" in refused.text
    assert "'render'" in refused.text


def test_flow_in_r_names_a_step_in_typescript(project: Project) -> None:
    need_build()
    write_program(
        project, program("work(self) { self.twice = self.numbers.map((x) => x && 2 * x); self.none = null; }")
    )
    project.write(
        "flow.R",
        """
        library(instep)
        flow("Programs") |>
          step("start", \\(self) self$numbers <- c(1.5, NA, 3), next_step = "work") |>
          step("work", program_function("steps.js", "work"), next_step = "end") |>
          step("end", \\(self) self$seen <- list(self$twice, is.null(self$none))) |>
          run()
        """,
    )
    assert "1 typescript" in project.call("flow.R", "check").text
    project.call("flow.R", "run")
    assert project.read("Flow('Programs').latest_run.data.twice") == [3, None, 6]
    seen = project.r("str(flow_client('Programs')$latest_run$data$seen)")
    assert " ".join(seen.split()) == "List of 2 $ : int [1:3] 3 NA 6 $ : logi TRUE"


def test_values_of_all_kinds_come_back_from_typescript(project: Project) -> None:
    write_flow(
        project,
        start="""
            import datetime, pandas as pd
            self.given = {
                "text": "grün", "none": None, "whole": 3, "big": 2**60, "huge": 2**70, "float": 2.5, "yes": True,
                "list": [1, None, 3], "mixed": [1, "a", [None]], "bytes": b"ab", "empty": [],
                "when": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
            }
            self.frame = pd.DataFrame({"x": [1.5, None], "n": [1, 2], "k": pd.Categorical(["u", "v"])})
        """.strip(),
        work="work(self) { self.back = { ...self.given }; self.table = self.frame.slice(); }",
        end="""
            assert {**self.back, "whole": 3} == self.given, self.back
            assert self.table.to_dict("list")["n"] == [1, 2] and self.table["k"].tolist() == ["u", "v"]
            assert self.table["x"].isna().tolist() == [False, True]
        """.strip(),
    )
    project.call("flow.py", "run")


def test_value_that_cannot_be_stored_is_refused_with_its_path(project: Project) -> None:
    write_flow(project, work="work(self) { self.bad = { deep: [1, { f: () => 1 }] }; }")
    failed = project.call("flow.py", "run", expect=1)
    assert "Artifact 'bad' can't be stored: self.bad.deep[1].f is a function" in failed.text


def test_value_that_typescript_does_not_read_is_refused_with_its_path(project: Project) -> None:
    write_flow(
        project,
        start='import numpy as np; self.grid = {"cells": np.zeros((2, 2))}',
        work="work(self) { self.seen = self.grid; }",
    )
    failed = project.call("flow.py", "run", expect=1)
    assert "Can't read the artifact 'grid': at self.grid.cells, it is an array with dimensions" in failed.text


def test_what_typescript_changes_in_place_is_stored_and_what_it_only_reads_is_not(project: Project) -> None:
    write_flow(
        project,
        start="self.changed, self.read = [1, 2], [1, 2]",
        work="work(self) { self.changed.push(3 + self.read.length); }",
        end="assert (self.changed, self.read) == ([1, 2, 5], [1, 2])",
    )
    run = project.call("flow.py", "run")
    (finished,) = (line for line in run.stdout.splitlines() if "/work/" in line and "finished" in line)
    assert " 1 artifact," in finished


def test_foreach_join_and_switch_are_decided_in_typescript(project: Project) -> None:
    steps = """
        work = step(program_function("steps.js", "work"), next="each", foreach="items")
        each = step(program_function("steps.js", "each"), next="gather")
        gather = step(program_function("steps.js", "gather"), next="end", join=True)
    """.strip()
    write_flow(
        project,
        start="self.title = 'squares'",
        steps=steps,
        work="""
            work(self) { self.items = [1, 2, 3]; },
            each(self) { self.square = self.input ** 2 + self.index; },
            gather(self, inputs) {
                self.squares = [...inputs].map((input) => input.square);
                mergeArtifacts(self, inputs, ["square"]);
            },
        """,
        end="assert (self.squares, self.title) == ([1, 5, 11], 'squares')",
    )
    project.call("flow.py", "run")


def test_error_tells_its_place_in_the_typescript_source(project: Project) -> None:
    need_build()
    steps = f'work = step(program_function({str(CONFORMANCE)!r}, "fail"), next="end")'
    write_flow(project, start="self.message, self.times = 'no luck', 1", steps=steps)
    failed = project.call("flow.py", "run", expect=1)
    assert "in step 'work' (typescript)" in failed.text
    assert f"at fail ({CONFORMANCE.with_suffix('.ts')}:" in failed.text
    assert "/typescript/src/" not in failed.text
    assert "rerun 1/work/2" in failed.text
    assert "Error: no luck" in project.call("flow.py", "rerun", "1/work/2", expect=None).text
    refused = project.call("flow.py", "debug", "1/work/2", expect=1)
    assert "There is no prompt of typescript" in refused.text


def test_failed_step_is_tried_again_and_its_last_error_caught(project: Project) -> None:
    write_flow(
        project,
        work="work(self) { throw new RangeError(`attempt ${current().attempt}`, { cause: new Error('deep') }); }",
        end="""
            problem = self.problem
            assert (problem.type, problem.exception, problem.language) == ("RangeError", "attempt 1", "typescript")
            assert problem.cause.exception == "deep" and "at work" in problem.stacktrace
        """.strip(),
    )
    run = project.call(
        "flow.py", "run", "--with", "retry:times=1,minutes_between_retries=0", "--with", "catch:var=problem"
    )
    assert "(attempt 1)" in run.text


def test_resume_takes_over_unchanged_typescript_and_runs_a_changed_program_again(project: Project) -> None:
    write_flow(
        project, start="self.x = 1", work="work(self) { self.y = self.x + 1; }", end="print('y is', self.y)"
    )
    project.call("flow.py", "run")
    again = project.call("flow.py", "run", "--reuse")
    assert "Step work: cloned 1 task" in again.text
    write_program(project, program("work(self) { self.y = self.x + 2; }"))
    changed = project.call("flow.py", "run", "--reuse")
    assert "Step work: ran 1 task" in changed.text
    assert "y is 3" in changed.text


def test_interrupt_cancels_a_step_in_typescript_and_leaves_nothing_running(project: Project) -> None:
    waits = """
        async work(self) {
            console.log("waiting");
            await new Promise((resolve) => setTimeout(resolve, 1e6));
        }
    """
    write_flow(project, work=waits)
    process = project.start("flow.py", "run")
    assert process.stdout is not None
    for line in process.stdout:
        if "waiting" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    ended = project.finish(process, expect=130)
    assert "cancelled" in ended.text
    assert not project.left_behind()


def test_step_that_takes_too_long_is_stopped(project: Project) -> None:
    write_flow(project, work="async work(self) { await new Promise(() => {}); }")
    failed = project.call("flow.py", "run", "--with", "timeout:seconds=1", expect=1)
    assert "TimeoutException: Step 'work' took longer than 1 s, its limit." in failed.text
    assert not project.left_behind()


def test_step_that_computes_keeps_its_lease_while_node_has_no_time_for_events(project: Project) -> None:
    project.environment["INSTEP_LEASE_SECONDS"] = "1"
    write_flow(
        project,
        work="work(self) { const end = Date.now() + 3000; while (Date.now() < end); self.done = true; }",
    )
    run = project.call("flow.py", "run")
    assert "again" not in run.text
    assert project.read("Flow('Programs').latest_run.data.done") is True


def test_one_process_runs_several_tasks(project: Project) -> None:
    steps = """
        work = step(program_function("steps.js", "work"), next="each", foreach="items")
        each = step(program_function("steps.js", "each"), next="gather", isolation="reuse")

        @step
        def gather(self, inputs):
            self.processes = {one.pid for one in inputs}
            self.clean = all(one.clean for one in inputs)
            self.next("end")
    """.strip()
    write_flow(
        project,
        steps=steps,
        work="""
            work(self) { self.items = [1, 2, 3, 4]; },
            each(self) {
                console.log(self.input);
                self.pid = process.pid;
                self.clean = process.env.LEFT === undefined;
                process.env.LEFT = "behind";
            },
        """,
        end="assert len(self.processes) == 1 and self.clean",
    )
    run = project.call("flow.py", "run", "--max-workers", "1")
    assert [line for line in run.stdout.splitlines() if line.endswith("] 3")]


def test_program_that_a_person_starts_says_what_it_is_for(project: Project) -> None:
    need_build()
    write_program(project, program("work() {}"))
    told = project.call(str(Path(project.folder, "steps.js")), expect=64)
    assert "program_function(" in told.stderr
