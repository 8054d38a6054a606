"""The flow language in Python, in real runs: switches, policies, parameters, configs, resume. Numbers are those of the
statements in the design's semantics."""

from __future__ import annotations

import pickle
from pathlib import Path
from textwrap import dedent

import pytest
from project import Project

HEAD = """
import os, signal, sys, time
from instep import (Config, FlowSpec, IncludeFile, JSONType, Parameter, catch, config_expr, current, environment,
                    project, resources, retry, step, timeout)
"""


def flow(project: Project, body: str, *, file: str = "flow.py", name: str = "Sample") -> str:
    """Writes a flow file whose classes are given; the last one is the flow."""
    project.write(file, f'{HEAD}\n{dedent(body)}\nif __name__ == "__main__":\n    {name}()\n')
    return file


def data(project: Project, path: str, *names: str) -> list[object]:
    """Reads artifacts of a task."""
    found: list[object] = project.read(f"[getattr(Task('{path}').data, name) for name in {names!r}]")
    return found


# Switch and recursion (5).

ROUNDS = """
class Sample(FlowSpec):
    goals = [1, 3, 2]

    @step
    def start(self):
        self.next(self.item, foreach="goals")

    @step
    def item(self):
        self.count, self.seen = 0, []
        self.next(self.round)

    @step
    def round(self):
        self.count += 1
        self.seen.append((self.input, self.index, self.foreach_stack()))
        self.more = self.count < self.input
        self.next({True: self.round, False: self.choose}, condition="more")

    @step
    def choose(self):
        self.kind = "odd" if self.input % 2 else "even"
        self.next({"odd": self.odd, "even": self.even}, condition="kind")

    @step
    def odd(self):
        self.parity = 1
        self.next(self.meet)

    @step
    def even(self):
        self.parity = 0
        self.next(self.meet)

    @step
    def meet(self):
        self.met = self.parity, self.count
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.all = [one.met for one in inputs]
        self.right = all(
            (item, stack) == (self.goals[index], [(index, 3, item)])
            for one in inputs for item, index, stack in one.seen
        )
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.mark.holds("5.1 5.4 5.5 5.7 5.8", "python")
def test_rounds_and_switches_in_a_foreach(project: Project) -> None:
    project.call(flow(project, ROUNDS), "run")
    assert project.read("Run('Sample/1').data.all") == [[1, 1], [1, 3], [0, 2]]
    assert project.read("Run('Sample/1').data.right") is True
    assert project.read("{step.id: len(list(step)) for step in Run('Sample/1')}") == {
        "start": 1, "item": 3, "round": 6, "choose": 3, "odd": 2, "even": 1, "meet": 3, "gather": 1, "end": 1,
    }  # fmt: skip


SWITCH = """
class Sample(FlowSpec):
    @step
    def start(self):
        {body}
        self.next({{"yes": self.a, "no": self.b}}, condition="answer")
    @step
    def a(self):
        self.next(self.end)
    @step
    def b(self):
        self.next(self.end)
    @step
    def end(self):
        pass
"""


@pytest.mark.holds("5.2 5.3", "python")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("self.answer = 'perhaps'", ["self.answer", "'perhaps'", "'yes', 'no'"]),
        ("self.answer = ['yes']", ["self.answer", "a value of type list"]),
        ("pass", ["self.answer", "no step has set it"]),
    ],
)
def test_value_that_chooses_nothing_fails_the_task(project: Project, body: str, words: list[str]) -> None:
    done = project.call(flow(project, SWITCH.format(body=body)), "run", expect=1)
    for word in words:
        assert word in done.text


@pytest.mark.holds("5.1", "python")
def test_steps_of_paths_not_taken_are_not_listed(project: Project) -> None:
    project.call(flow(project, SWITCH.format(body="self.answer = 'no'")), "run")
    assert project.read("[step.id for step in Run('Sample/1')]") == ["end", "b", "start"]


# Failure (7).

POLICIES = """
class Sample(FlowSpec):
    @step
    def start(self):
        self.next(self.tries)

    @retry(times=2, on=[ConnectionError])
    @catch(var="none", print_exception=False)
    @step
    def tries(self):
        print("attempt", current.retry_count)
        self.before = getattr(self, "attempt", "nothing")
        self.attempt = current.retry_count
        if self.attempt < 2:
            raise ConnectionError(f"no net {self.attempt}")
        self.next(self.fails)

    @catch(var="problem")
    @environment(vars={"SHADE": "blue", "EMPTY": ""})
    @step
    def fails(self):
        self.kept = os.environ["SHADE"] + os.environ["EMPTY"]
        {}["key"]
        self.next(self.slow)

    @timeout(seconds=1)
    @step
    @catch(var="late")
    def slow(self):
        self.early = "SHADE" in os.environ
        time.sleep(600)
        self.next(self.dies)

    @retry(times=1)
    @catch(var="death")
    @step
    def dies(self):
        print("last words", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        self.next(self.end)

    @step
    def end(self):
        self.types = [one and one.type for one in (self.none, self.problem, self.late, self.death)]
"""


@pytest.mark.holds("7.3 7.4 7.5 7.7 7.9 7.10 7.11 7.12 7.15 7.18", "python")
def test_retries_limits_and_errors_that_are_handled(project: Project) -> None:
    done = project.call(flow(project, POLICIES), "run")
    assert "Task failed, and the error was caught: KeyError: 'key'" in done.text
    assert "Task failed after" in done.text
    assert project.read("Run('Sample/1').data.types") == [
        None, "builtins.KeyError", "instep.errors.TimeoutException", "instep.errors.FailureHandledByCatch",
    ]  # fmt: skip
    assert project.read("[Run('Sample/1').data.before, Run('Sample/1').data.attempt]") == ["nothing", 2]
    assert project.read("[Run('Sample/1').data.kept, Run('Sample/1').data.early]") == ["blue", False]
    assert "took longer than its timeout of 1.0 s" in project.read("Run('Sample/1').data.late.exception")
    assert "2 attempts" in project.read("Run('Sample/1').data.death.exception")
    assert project.read("[attempt.number for attempt in Step('Sample/1/dies').task._last.attempts]") == [
        0,
        1,
        2,
    ]
    assert "attempt 1\n" in project.call("flow.py", "--quiet", "logs", "1/tries", "--attempt", "1").stdout
    assert project.call("flow.py", "--quiet", "logs", "1/tries", "--stdout").stdout == "attempt 2\n"
    assert "last words" in project.call("flow.py", "logs", "1/dies", "--attempt", "0").stdout
    beyond = project.call("flow.py", "logs", "1/tries", "--attempt", "7", expect=1)
    assert "has no attempt 7" in beyond.text


PLAIN = """
class Sample(FlowSpec):
    {decorators}
    @step
    def start(self):
        if current.retry_count < 1 and os.path.exists("fail"):
            raise ValueError("for now")
        self.attempt = current.retry_count
        self.next(self.end)
    @step
    def end(self):
        pass
"""


@pytest.mark.holds("7.16", "python")
def test_with_adds_a_decorator_to_steps_without_it(project: Project) -> None:
    project.write("fail", "")
    file = flow(project, PLAIN.format(decorators=""))
    project.call(file, "run", expect=1)
    project.call(file, "run", "--with", "retry:times=1,wait_seconds=0")
    assert data(project, "Sample/2/start/1", "attempt") == [1]
    project.call(
        flow(project, PLAIN.format(decorators="@retry(times=0)")), "run", "--with", "retry", expect=1
    )


@pytest.mark.holds("7.3 7.15 7.17", "python")
@pytest.mark.parametrize(
    ("decorators", "words"),
    [
        ("@retry(times=9)", ["'retry'", "'start'", "flow.py:7"]),
        ("@retry(tries=2)", ["'retry'", "'tries'", "'times'"]),
        ("@retry\n    @retry", ["'retry'", "'start'"]),
        ("@timeout()", ["'timeout'", "'start'"]),
        ("@catch(var=3)", ["'catch'", "'var'"]),
        ("@project(name='x')", ["'project'"]),
    ],
)
def test_wrong_decorators_are_refused_with_their_place(
    project: Project, decorators: str, words: list[str]
) -> None:
    done = project.call(flow(project, PLAIN.format(decorators=decorators)), "check", expect=1)
    for word in words:
        assert word in done.text


# Parameters, include files, configs, inheritance (6).

SETTINGS = """
class Base(FlowSpec):
    cfg = Config("cfg", default="cfg.json")
    unit = "kg"

    @step
    def start(self):
        self.kind = "from the base"
        self.next({self.cfg.choice: self.middle, "other": self.end}, condition="key")

    @retry(times=1)
    @step
    def middle(self):
        self.next(self.end)

@project(name=config_expr("cfg.project"))
class Sample(Base):
    folds = Parameter("folds", default=config_expr("cfg.folds * 2"))
    who = Parameter("with-dash", default=lambda context: "/".join(
        [context.flow_name, context.user_name, context.parameter_name, context.configs.cfg.project, current.branch_name]))
    options = Parameter("options", type=JSONType, default={"a": 1})
    prices = IncludeFile("prices", default="prices.csv")
    raw = IncludeFile("raw", is_text=False)
    table = {"a": [1]}

    @step
    def start(self):
        self.kind = "overridden"
        self.key = self.cfg.choice
        self.table["a"].append(2)
        self.names = current.parameter_names
        self.place = [current.project_flow_name, current.is_production, current.project_name]
        self.next({self.cfg.choice: self.middle, "other": self.end}, condition="key")

    @step
    def end(self):
        self.seen = [self.folds, self.who, self.options, self.prices, self.raw and self.raw.decode(), self.table, self.unit]
        self.refused = []
        for name in ("folds", "cfg", "prices", "unit"):
            try:
                setattr(self, name, 1)
            except AttributeError as err:
                self.refused.append("cannot be modified" in str(err))
        try:
            self.cfg.deep.list[0]["x"] = 2
        except TypeError as err:
            self.refused.append(str(err).startswith("A config cannot be changed."))
        self.config = self.cfg
"""


@pytest.mark.holds("1.8 6.1 6.8 6.9 6.10 6.11 6.13 6.14 6.16 6.17 6.19 9.12", "python")
def test_settings_of_a_flow(project: Project) -> None:
    project.environment["INSTEP_USER"] = "ada"
    project.write("cfg.json", '{"project": "pr", "folds": 3, "choice": "go", "deep": {"list": [{"x": 1}]}}')
    project.write("prices.csv", "1,2")
    (project.folder / "raw.bin").write_bytes(b"bytes" * 100_000)
    file = flow(project, SETTINGS)
    project.call(file, "run", "--raw", "raw.bin")
    (project.folder / "prices.csv").unlink()

    seen = project.read("Run('Sample/1').data.seen")
    assert seen[4] == "bytes" * 100_000
    assert seen[:4] + seen[5:] == [
        6, "Sample/ada/with-dash/pr/user.ada", {"a": 1}, "1,2", {"a": [1]}, "kg",
    ]  # fmt: skip
    assert project.read("Run('Sample/1').data.refused") == [True] * 5
    assert project.read("Run('Sample/1').data.config['deep']") == {"list": [{"x": 1}]}
    assert project.read("Run('Sample/1').data.kind") == "overridden"
    assert project.read("Run('Sample/1').data.names") == ["cfg", "folds", "options", "prices", "raw", "who"]
    assert project.read("Run('Sample/1').data.place") == ["pr.user.ada.Sample", False, "pr"]

    (project.folder / "cfg.json").write_text("{}")  # what a resumed run has comes from its origin
    project.call(file, "resume", "end")
    assert project.read("Run('Sample/2').data.config['folds']") == 3
    assert project.read("Run('Sample/2').data.seen")[:4] == seen[:4]


@pytest.mark.holds("6.13 6.18", "python")
@pytest.mark.parametrize(
    ("top", "arguments", "words"),
    [
        (["--config", "cfg", "missing.json"], [], ["'cfg'", "'missing.json'", "No such file"]),
        (["--config-value", "cfg", "{"], [], ["'cfg'", "must be a JSON object"]),
        (["--config-value", "unknown", "{}"], [], ["has no config 'unknown'", "'cfg'"]),
        ([], ["--prices", "missing.csv"], ["'missing.csv'", "--prices", "No such file"]),
    ],
)
def test_settings_that_cannot_be_read_are_wrong_usage(
    project: Project, top: list[str], arguments: list[str], words: list[str]
) -> None:
    project.write("cfg.json", '{"project": "pr", "folds": 3, "choice": "go"}')
    project.write("prices.csv", "1,2")
    file = flow(project, SETTINGS)
    done = project.call(file, *top, "run", *arguments, expect=2)
    for word in words:
        assert word in done.text
    assert not project.read("list(Instep())")


BY_FUNCTION = """
class Sample(FlowSpec):
    folds = Parameter("folds", type=int, default=lambda context: {body})
    @step
    def start(self):
        pass
"""


@pytest.mark.holds("6.8", "python")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("1 / 0", ["'folds'", "ZeroDivisionError: division by zero", "default"]),
        ("'many'", ["'folds'", "It returned 'many' (str), but must return a whole number."]),
        ("os._exit(3)", ["'folds'", "ended with exit code 3"]),
    ],
)
def test_default_that_fails_ends_the_run_before_any_task(
    project: Project, body: str, words: list[str]
) -> None:
    file = flow(project, BY_FUNCTION.format(body=body))
    done = project.call(file, "run", expect=1)
    for word in words:
        assert word in done.text
    assert not project.read("list(Instep())")
    project.call(file, "run", "--folds", "3")
    project.call(file, "resume")  # never called again


@pytest.mark.holds("6.14 6.18", "python")
def test_config_that_the_class_body_needs_is_wrong_usage_when_missing(project: Project) -> None:
    body = """
    class Sample(FlowSpec):
        cfg = Config("cfg", required=True)
        folds = Parameter("folds", default=cfg.model.folds)
        @step
        def start(self):
            pass
    """
    file = flow(project, body)
    done = project.call(file, "run", expect=2)
    assert done.stderr.startswith("Error: Config 'cfg' is required, but has no value. Give --config cfg FILE")
    project.call(file, "--config-value", "cfg", '{"model": {"folds": 3}}', "run")
    project.environment["INSTEP_FLOW_CONFIG_VALUE"] = '{"cfg": {"model": {"folds": 4}}}'
    project.call(file, "run")
    assert project.read("[run['start'].task.data.folds for run in Flow('Sample')]") == [4, 3]
    del project.environment["INSTEP_FLOW_CONFIG_VALUE"]
    project.call(file, "resume", "start")
    assert project.read("Run('Sample/3')['start'].task.data.folds") == 4


@pytest.mark.holds("6.14 8.10", "python")
def test_resumed_run_has_the_configs_of_its_origin(project: Project) -> None:
    body = """
    class Sample(FlowSpec):
        cfg = Config("cfg", default_value={"folds": 3})
        @step
        def start(self):
            self.folds = self.cfg.folds
    """
    file = flow(project, body)
    project.call(file, "run")
    flow(project, body.replace("3", "4"))
    project.call(file, "resume", "start")
    project.call(file, "--config-value", "cfg", '{"folds": 5}', "resume", "start")
    project.call(file, "run")
    assert project.read("[run['start'].task.data.folds for run in Flow('Sample')]") == [4, 5, 3, 3]


# Resume (8), and what --changed and --reuse add.

WORK = """
def bonus():
    return 1

class Sample(FlowSpec):
    folds = Parameter("folds", default=2)

    @step
    def start(self):
        self.items = [1, 2, 3]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        print("working on", self.input)
        if self.input == 2 and os.path.exists("fail"):
            raise ValueError("not 2")
        self.x = self.input * self.folds
        self.next(self.tidy)

    @step
    def tidy(self):
        self.y = self.x + bonus()
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.ys = [one.y for one in inputs]
        self.next(self.end)

    @step
    def end(self):
        self.origin = current.origin_run_id
"""


@pytest.mark.holds("8.1 8.2 8.3 8.4 8.5 8.9 8.10 8.11 8.16", "python")
def test_resume_runs_what_failed_and_what_follows(project: Project) -> None:
    project.write("fail", "")
    file = flow(project, WORK)
    project.call(file, "run", "--tag", "mine", "--folds", "10", "--max-workers", "1", expect=1)
    project.call(file, "resume", "--run-id-file", "id", expect=1)
    (project.folder / "fail").unlink()
    done = project.call(file, "resume", "--origin-run-id", "2", "--tag", "again")
    assert "Step start: cloned 1 task. It succeeded in run 2." in done.stdout
    assert "ran 1 task. It failed in run 2." in done.stdout
    assert (project.folder / "id").read_text() == "2"
    assert project.read("Run('Sample/3').data.ys") == [11, 21, 31]
    assert project.read("Run('Sample/3').data.origin") == "2"
    assert project.read("sorted(Run('Sample/3').user_tags)") == ["again", "mine"]
    log = project.call(file, "--quiet", "logs", "3/work").stdout
    assert log.splitlines() == ["working on 1", "working on 2", "working on 3"]

    done = project.call(file, "resume", "tidy", "--origin-run-id", "3")
    assert "Step work: cloned 3 tasks." in done.stdout
    assert "Step tidy: ran 3 tasks." in done.stdout
    assert project.read("Run('Sample/4').data.ys") == [11, 21, 31]


@pytest.mark.holds("8.2 8.5 8.10", "python")
def test_resume_refuses_what_is_not_there(project: Project) -> None:
    file = flow(project, WORK)
    assert "There is no run of flow 'Sample' to resume." in project.call(file, "resume", expect=1).stderr
    project.call(file, "run")
    assert "'99'" in project.call(file, "resume", "--origin-run-id", "99", expect=1).stderr
    unknown = project.call(file, "resume", "nothing", expect=1)
    assert "'nothing'" in unknown.stderr
    assert "'gather'" in unknown.stderr
    assert "takes no parameters" in project.call(file, "resume", "--folds", "3", expect=2).text
    assert project.read("len(list(Flow('Sample')))") == 1


def test_what_changed_runs_again_and_says_why(project: Project) -> None:
    file = flow(project, WORK)
    project.call(file, "run")
    flow(project, WORK.replace("return 1", "return 5  # more").replace("def bonus", "# Why.\ndef bonus"))
    done = project.call(file, "resume", "--changed")
    assert "Step work: cloned 3 tasks. Each: Its code and what it reads are as in run 1." in done.stdout
    assert "Step tidy: ran 3 tasks. Each: Its code has changed since run 1." in done.stdout
    assert project.read("Run('Sample/2').data.ys") == [7, 9, 11]

    done = project.call(file, "run", "--reuse", "--folds", "3")
    assert "Step start: cloned 1 task." in done.stdout
    assert "Step work: ran 3 tasks. Each: What it reads has changed since run 2: 'folds'." in done.stdout
    assert project.read("Run('Sample/3').data.ys") == [8, 11, 14]
    done = project.call(file, "run", "--reuse", "--folds", "3")
    assert "ran " not in done.stdout


def test_what_changed_in_a_function_of_the_other_language_runs_again(project: Project) -> None:
    def models(number: int) -> None:
        project.write(
            "models.R",
            f"helper <- function(x) x + {number}\nfit <- function(self) self$y <- helper(self$x)\n",
        )

    models(1)
    file = project.write(
        "mixed.py",
        """
        from instep import FlowSpec, r_function, step

        class Mixed(FlowSpec):
            @step
            def start(self):
                self.x = 1.0
                self.next("fit")

            fit = step(r_function("models.R", "fit"), next="end")

            @step
            def end(self):
                self.z = self.y

        if __name__ == "__main__":
            Mixed()
        """,
    ).name
    project.call(file, "run")
    assert "ran " not in project.call(file, "run", "--reuse").stdout
    models(2)
    done = project.call(file, "run", "--reuse")
    assert "Step start: cloned 1 task." in done.stdout
    assert "Step fit: ran 1 task. Its code has changed since run 2." in done.stdout
    assert project.read("Run('Mixed/3').data.z") == 3.0


# Tags (9), logs (12), dump (13).


@pytest.mark.holds("9.3 9.4 9.5 9.6 9.7 9.8 13.8", "python")
def test_tags_change_on_the_command_line(project: Project) -> None:
    project.environment["INSTEP_USER"] = "ada"
    file = flow(project, PLAIN.format(decorators=""))
    project.call(file, "run", "--tag", "a b", "--tag", "ü", "--tag", "ü")
    project.call(file, "tag", "add", "--run-id", "1", "new", "user:ada")
    project.call(file, "tag", "replace", "--run-id", "1", "--remove", "a b", "--add", "c")
    project.call(file, "tag", "remove", "--run-id", "1", "new", "absent")
    flat = project.call(file, "tag", "list", "--run-id", "1", "--flat", "--hide-system-tags").stdout
    assert flat == "c\nü\n"
    assert "user:ada" in project.call(file, "tag", "list", "--run-id", "1").stdout
    refused = project.call(file, "tag", "remove", "--run-id", "1", "c", "user:ada", expect=1)
    assert "'user:ada' is a system tag" in refused.text
    assert project.call(file, "tag", "list", "--run-id", "1", "--flat", "--hide-system-tags").stdout == flat
    assert "The latest run of Sample is 1." in project.call(file, "tag", "add", "x", expect=1).text
    assert "is not in the namespace 'other'" in project.call(
        file, "tag", "add", "--run-id", "1", "--namespace", "other", "x", expect=1
    ).text  # fmt: skip
    project.call(file, "tag", "add", "--run-id", "1", "", expect=1)


@pytest.mark.holds("12.3", "python")
def test_log_that_is_too_long_is_cut_with_a_line_that_says_so(project: Project) -> None:
    body = """
    class Sample(FlowSpec):
        @step
        def start(self):
            for number in range(30):
                print(f"{number:06d}", "x" * 99_992)
    """
    project.call(flow(project, body), "--quiet", "run", "--max-log-size", "1")
    lines = project.call("flow.py", "--quiet", "logs", "1/start").stdout.splitlines()
    assert len(lines) < 15
    assert any("cut" in line for line in lines)


@pytest.mark.holds("13.7", "python")
def test_dump_writes_a_dictionary_with_an_entry_for_each_task(project: Project) -> None:
    file = flow(project, WORK)
    project.call(file, "run")
    project.call(file, "dump", "1/work", "--include", "x,absent", "--file", "out.pickle")
    with Path(project.folder / "out.pickle").open("rb") as opened:
        assert sorted(pickle.load(opened).values(), key=str) == [{"x": 2}, {"x": 4}, {"x": 6}]
    project.call(file, "dump", "1/work", "--include", "absent", "--file", "out.pickle")
    with Path(project.folder / "out.pickle").open("rb") as opened:
        assert list(pickle.load(opened).values()) == [{}, {}, {}]
    project.call(file, "dump", "1", expect=1)


def test_output_that_cannot_be_written_is_told(project: Project) -> None:
    file = flow(project, PLAIN.format(decorators=""))
    done = project.call("bash", "-c", f"python {file} show > /dev/full", expect=1)
    assert done.stderr == "Error: Can't write the output: No space left on device.\n"


@pytest.mark.holds("10.1 10.2 10.4", "python")
def test_current_tells_of_the_run_and_gives_client_objects(project: Project) -> None:
    body = """
    class Sample(FlowSpec):
        folds = Parameter("folds", default=2)
        @step
        def start(self):
            self.task, self.run = current.task, current.run
            self.told = [current.flow_name, current.run_id, current.step_name, current.task_id, current.retry_count,
                         current.origin_run_id, current.namespace, current.username, sorted(current.tags),
                         current.parameter_names, current.pathspec, current.is_running_flow,
                         "origin_run_id" in current, current.get("nothing", 3), os.path.isdir(current.tempdir),
                         current.graph["steps"]["start"]["next"], hasattr(current, "project_name")]
            self.next(self.end)
        @step
        def end(self):
            self.same = [self.task.id, self.task.parent.parent == self.run, self.run.id]
    """
    project.environment["INSTEP_USER"] = "ada"
    project.call(flow(project, body), "run", "--tag", "t")
    assert project.read("Run('Sample/1').data.told") == [
        "Sample", "1", "start", "1", 0, None, "user:ada", "ada", ["t"], ["folds"], "Sample/1/start/1", True,
        False, 3, True, ["end"], False,
    ]  # fmt: skip
    assert project.read("Run('Sample/1').data.same") == ["1", True, "1"]
