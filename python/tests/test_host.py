from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from instep.values import decode
from instep_proto.v1 import host_pb2, task_pb2
from scripted_orchestrator import Launcher, Orchestrator, is_running, task_of, wait_for

FLOW = """
    import os, signal, subprocess, sys, time
    from instep import FlowSpec, step

    print("the file is loaded")

    class Sample(FlowSpec):
        @step
        def start(self):
            self.x = 1
            self.next(self.end)

        @step
        def end(self):
            pass

    class _Helper:
        pass

    def exits(self):
        os._exit(3)

    def crashes(self):
        print("before the crash")
        import faulthandler
        faulthandler._sigsegv()

    def waits(self):
        print("waiting")
        time.sleep(600)

    def leaves_child(self):
        child = subprocess.Popen(["sleep", "600"])
        print(child.pid)

    if __name__ == "__main__":
        raise SystemExit("the file must not run as a program")
"""


@pytest.fixture
def flow_file(tmp_path: Path) -> Path:
    file = tmp_path / "sample.py"
    file.write_text(dedent(FLOW))
    return file


@pytest.fixture
def host(flow_file: Path) -> Iterator[Launcher]:
    launcher = Launcher(flow_file)
    yield launcher
    launcher.close()


@pytest.fixture
def orchestrator(tmp_path: Path) -> Iterator[Orchestrator]:
    running = Orchestrator(tmp_path)
    yield running
    running.close()


def run_function(host: Launcher, orchestrator: Orchestrator, file: Path, function: str) -> int:
    orchestrator.tasks.append(task_of(file, "start", function=function))
    host.event("loaded")
    return host.fork(orchestrator)


def stdout_of(orchestrator: Orchestrator) -> str:
    file = orchestrator.spool["STDOUT"]
    return file.read_text() if file.exists() else ""


def test_host_says_what_it_loaded(host: Launcher, flow_file: Path) -> None:
    loaded: host_pb2.HostLoaded = host.event("loaded")

    assert loaded.language == "python"
    assert loaded.file == str(flow_file)
    assert loaded.pid == host.process.pid
    assert loaded.fragment.flow == "Sample"
    assert [one.name for one in loaded.fragment.steps] == ["start", "end"]
    assert {"exits", "waits"} <= set(loaded.functions)
    assert loaded.can_fork
    assert not loaded.HasField("problem")


@pytest.mark.parametrize(
    "text",
    [
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n",
        "import polars\npolars.DataFrame({'a': [1, 2]}).lazy().group_by('a').agg(polars.len()).collect()\n",
    ],
)
def test_host_with_threads_says_that_it_cannot_fork(tmp_path: Path, text: str) -> None:
    file = tmp_path / "threads.py"
    file.write_text(text)
    host = Launcher(file)
    assert not host.event("loaded").can_fork
    host.close()


def test_host_ends_when_the_pipe_is_closed(host: Launcher) -> None:
    host.event("loaded")
    assert host.close() == 0


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("x = 1\n\ndef broken(:\n    pass\n", 3, "SyntaxError: invalid syntax"),
        ("x = 1\ny = xx\n", 2, "NameError: name 'xx' is not defined"),
        ("import sys\n\n\nsys.exit(4)\n", 4, "SystemExit: 4"),
        ("import no_such_module\n", 1, "No module named 'no_such_module'"),
        (
            "from instep import FlowSpec\nclass A(FlowSpec): pass\nclass B(FlowSpec): pass\n",
            3,
            "declares several flows: A, B",
        ),
    ],
)
def test_host_tells_why_a_file_cannot_be_loaded(tmp_path: Path, text: str, line: int, message: str) -> None:
    file = tmp_path / "bad.py"
    file.write_text(text)
    host = Launcher(file)

    problem = host.event("loaded").problem

    assert message in problem.message
    assert "bad.py" in problem.message
    assert [(place.file, place.line) for place in problem.locations] == [(str(file), line)]
    assert host.close() == 0


def test_host_tells_the_place_in_a_module_that_the_file_imports(tmp_path: Path) -> None:
    (tmp_path / "helper_of_flow.py").write_text("a = 1\nb = 1 / 0\n")
    file = tmp_path / "flow.py"
    file.write_text("import helper_of_flow\n")
    host = Launcher(file)

    problem = host.event("loaded").problem

    assert "ZeroDivisionError" in problem.message
    assert [(place.file, place.line) for place in problem.locations] == [
        (str(tmp_path / "helper_of_flow.py"), 2)
    ]
    host.close()


def test_host_of_a_missing_file_says_so(tmp_path: Path) -> None:
    host = Launcher(tmp_path / "none.py")
    assert "No such file" in host.event("loaded").problem.message
    host.close()


def test_worker_leads_its_own_group_and_its_end_is_reported(
    host: Launcher, orchestrator: Orchestrator, flow_file: Path
) -> None:
    pid = run_function(host, orchestrator, flow_file, "exits")

    exited: host_pb2.WorkerExited = host.event("exited")

    assert pid != host.process.pid
    assert exited.worker_id == "w1"
    assert exited.exit_code == 3
    assert not exited.HasField("signal")
    assert exited.max_rss_bytes > 1_000_000


def test_worker_that_crashes_keeps_its_output(
    host: Launcher, orchestrator: Orchestrator, flow_file: Path
) -> None:
    run_function(host, orchestrator, flow_file, "crashes")

    assert host.event("exited").signal == signal.SIGSEGV
    assert stdout_of(orchestrator) == "before the crash\n"
    assert "Segmentation fault" in orchestrator.spool["STDERR"].read_text()


def test_signal_reaches_the_worker(host: Launcher, orchestrator: Orchestrator, flow_file: Path) -> None:
    run_function(host, orchestrator, flow_file, "waits")
    wait_for(lambda: stdout_of(orchestrator) == "waiting\n")

    host.signal(signal.SIGTERM)

    assert host.event("exited").signal == signal.SIGTERM
    host.signal(signal.SIGTERM)  # a worker that has ended is ignored


def test_what_a_worker_leaves_behind_is_ended(
    host: Launcher, orchestrator: Orchestrator, flow_file: Path
) -> None:
    run_function(host, orchestrator, flow_file, "leaves_child")

    assert host.event("exited").exit_code == 0
    child = int(stdout_of(orchestrator))
    wait_for(lambda: not is_running(child))


def test_workers_end_with_the_pipe(host: Launcher, orchestrator: Orchestrator, flow_file: Path) -> None:
    pid = run_function(host, orchestrator, flow_file, "waits")
    wait_for(lambda: stdout_of(orchestrator) == "waiting\n")

    assert host.close() == 0

    assert not is_running(pid)


def test_workers_end_with_their_host(host: Launcher, orchestrator: Orchestrator, flow_file: Path) -> None:
    pid = run_function(host, orchestrator, flow_file, "waits")
    wait_for(lambda: stdout_of(orchestrator) == "waiting\n")

    os.kill(host.process.pid, signal.SIGKILL)

    wait_for(lambda: not is_running(pid))


def test_host_and_its_workers_ignore_an_interrupt_of_the_terminal(host: Launcher) -> None:
    host.event("loaded")
    os.killpg(host.process.pid, signal.SIGINT)
    assert host.close() == 0


DEFAULTS = """
    import os
    from instep import Config, FlowSpec, JSONType, Parameter, current, step

    def greeting(context):
        print("called")
        return f"{context.flow_name} {context.user_name} {context.parameter_name} {context.configs.cfg.a}"

    def fails(context):
        raise KeyError("prices")

    class Sample(FlowSpec):
        cfg = Config("cfg", default_value={"a": 1})
        greeting = Parameter("the-greeting", default=greeting)
        big = Parameter("big", default=lambda context: list(range(100_000)), type=JSONType)
        text = Parameter("text", default=lambda context: "[" + "1, " * 99_999 + "1]", type=JSONType)
        branch = Parameter("branch-name", default=lambda context: current.project_flow_name)
        here = Parameter("here", default=lambda context: os.getcwd())
        fails = Parameter("fails", default=fails)
        wrong = Parameter("wrong", default=lambda context: "a", type=int)
        dies = Parameter("dies", default=lambda context: os._exit(3))

        @step
        def start(self):
            pass
"""


@pytest.fixture
def defaults(tmp_path: Path) -> Iterator[Launcher]:
    file = tmp_path / "defaults.py"
    file.write_text(dedent(DEFAULTS))
    launcher = Launcher(file)
    launcher.event("loaded")
    yield launcher
    launcher.close()


def evaluate(launcher: Launcher, folder: Path, *names: str) -> host_pb2.DefaultsEvaluated:
    question = host_pb2.EvaluateDefaults(
        id="q1",
        parameters=names,
        user="ada",
        working_directory=str(folder),
        project=task_pb2.Project(name="pricing", branch="user.ada"),
    )
    launcher.send(host_pb2.HostCommand(evaluate=question))
    answer: host_pb2.DefaultsEvaluated = launcher.event("evaluated")
    assert answer.id == "q1"
    return answer


def test_functions_give_defaults(defaults: Launcher, tmp_path: Path) -> None:
    answer = evaluate(defaults, tmp_path, "the-greeting", "text", "branch-name", "here")
    assert not answer.HasField("failure")
    values = {
        one.parameter: decode(one.manifest, lambda hash, size: pytest.fail(hash)) for one in answer.values
    }
    assert values == {
        "the-greeting": "Sample ada the-greeting 1",
        "text": [1] * 100_000,
        "branch-name": "pricing.user.ada.Sample",
        "here": str(tmp_path),
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fails", "KeyError: 'prices'"),
        ("wrong", "It returned 'a' (str), but must return a whole number."),
        ("big", "It returned [0, 1, "),
        ("dies", "Its process ended with exit code 3."),
    ],
)
def test_function_that_fails_is_reported_and_the_host_goes_on(
    defaults: Launcher, tmp_path: Path, name: str, message: str
) -> None:
    answer = evaluate(defaults, tmp_path, name, "here")
    assert answer.failure.message.startswith(message)
    assert not answer.values
    assert [one.parameter for one in evaluate(defaults, tmp_path, "here").values] == ["here"]
