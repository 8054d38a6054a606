"""Debugging a task of a run that is over: prompts in both languages, and running a step again."""

from __future__ import annotations

import sys

import pytest
from project import Done, Project
from terminal import Terminal

PYTHON = """
    import os
    import pandas as pd
    from instep import FlowSpec, Parameter, environment, step

    def clean(row):
        return float(row["spent"])

    class Churn(FlowSpec):
        include = ["churn.R"]
        scale = Parameter("scale", default=2)

        @step
        def start(self):
            self.cities = ["Oslo", "Bern"]
            self.rows = pd.DataFrame({"city": ["Oslo", "Bern"], "spent": [1.5, 2.5]})
            self.next("fit", foreach="cities")

        @environment(vars={"CHURN_MODE": "strict"})
        @step
        def check(self):
            self.seen = [clean(row) * self.scale for row in self.raw]
            self.next(self.gather)

        @step
        def gather(self, inputs):
            self.total = sum(sum(one.seen) for one in inputs)
            self.next("end")

    if __name__ == "__main__":
        Churn()
"""

R = """
    library(instep)

    too_large <- function(self) {
      self$half <- self$total / 2
      stop(errorCondition(paste("total", self$total, "is too large"), class = "too_large"))
    }

    flow("Churn") |>
      step("fit", \\(self) {
        self$model <- data.frame(city = self$rows$city, spent = self$rows$spent + self$index)
        self$raw <- list(list(spent = "1.5"), list(spent = "2.5"))
      }, next_step = "check") |>
      step("end", too_large) |>
      run()
"""


SMALL = """
    library(instep)
    flow("Small") |> step("start", \\(self) NULL, next_step = "end") |> step("end", \\(self) stop("no")) |> run()
"""


@pytest.fixture
def churn(project: Project) -> Project:
    """A project with a run whose last step, in R, has failed. Its tasks are start 1, fit 2 3, check 4 5, gather 6, end 7."""
    project.write("churn.py", PYTHON)
    project.write("churn.R", R)
    project.call("churn.py", "run", "--max-workers", "1", expect=1)
    return project


def instep(project: Project, *words: str, expect: int = 0) -> Done:
    return project.call(sys.executable, "-m", "instep", *words, expect=expect)


def debug(project: Project, path: str, code: str, expect: int = 0) -> Done:
    return instep(project, "debug", path, "--command", code, expect=expect)


def task_of(project: Project, step: str, position: int = 0) -> str:
    """Names a task of the run for the command line."""
    ids = project.read(f'sorted(int(task.id) for task in Flow("Churn").latest_run["{step}"])')
    return f"1/{step}/{ids[position]}"


def stored(project: Project) -> object:
    """All that the run has stored."""
    return project.read(
        '[[t.pathspec, {n: a.sha for n, a in t.artifacts.items()}] for s in Flow("Churn").latest_run for t in s]'
    )


def test_a_failed_run_names_the_commands_that_go_on(project: Project) -> None:
    project.write("my flows/churn.py", PYTHON)
    project.write("my flows/churn.R", R)
    failed = project.call("my flows/churn.py", "run", expect=1).text
    assert "python 'my flows/churn.py' debug 1/end/7" in failed
    assert "python 'my flows/churn.py' resume" in failed
    resumed = project.call("my flows/churn.py", "resume", expect=1).text
    assert "python 'my flows/churn.py' resume --origin-run-id 2" in resumed
    project.write("my flows/small.R", SMALL)
    failed = project.call("my flows/small.R", "run", expect=1).text
    assert "Rscript 'my flows/small.R' debug 1/end/2" in failed


def test_python_sees_what_the_task_saw(churn: Project) -> None:
    before = stored(churn)
    code = """
print(type(self.model).__name__, list(self.model.spent), self.scale, self.input, self.index)
print(os.environ["CHURN_MODE"], current.step_name if (current := __import__("instep").current) else "")
self.seen = "mine"
fresh()
print(hasattr(self, "seen"))
run_step()
print(self.seen)
def clean(row): return 0.0
run_step()
print(self.seen)
"""
    done = debug(churn, task_of(churn, "check", 1), code)
    assert done.stdout.splitlines() == [
        "DataFrame [2.5, 3.5] 2 Bern 1", "strict check", "False", "[3.0, 5.0]", "[0.0, 0.0]",
    ]  # fmt: skip
    assert stored(churn) == before


def test_a_join_has_its_inputs(churn: Project) -> None:
    path = task_of(churn, "gather")
    done = debug(churn, path, "print(len(inputs), inputs[1].seen, self.gather(inputs), self.total)")
    assert done.stdout == "2 [3.0, 5.0] None 16.0\n"


def test_r_sees_what_the_task_saw(churn: Project) -> None:
    before = stored(churn)
    code = """
      self$rows$spent; self$input; self$index
      self$model <- 1; fresh(); tryCatch(self$model, error = \\(e) "none")
      run_step()
      self$model$spent
      run_step(\\(self) self$model <- 7); self$model
    """
    done = debug(churn, task_of(churn, "fit", 1), code)
    expected = ["[1] 1.5 2.5", '[1] "Bern"', "[1] 1", '[1] "none"', "[1] 2.5 3.5", "[1] 7"]
    assert done.stdout.splitlines() == expected
    assert stored(churn) == before


def test_the_failure_comes_again_and_is_the_exit_status(churn: Project) -> None:
    path = task_of(churn, "end")
    done = debug(churn, path, "too_large(self)", expect=1)
    assert (
        "Error in too_large(self) : total 16 is too large" in done.text
        or "total 16 is too large" in done.text
    )
    assert debug(churn, path, "cat(class(tryCatch(run_step(), error = identity))[1])").stdout == "too_large"
    churn.write("churn.py", PYTHON.replace('float(row["spent"])', 'float(row["spend"])'))
    done = debug(churn, task_of(churn, "check"), "self.check()", expect=1)
    assert "KeyError: 'spend'" in done.text
    assert "The code of step 'check' has changed since run 1" in done.text


def test_a_prompt_of_python(churn: Project) -> None:
    churn.write("churn.py", PYTHON.replace('float(row["spent"])', 'float(row["spend"])'))
    command = ("churn.py", "debug", task_of(churn, "check"))
    with Terminal(churn, *command, prompt=">>> ") as terminal:
        banner = terminal.read()
        assert "attempt 0, succeeded" in banner
        assert "what the task saw: cities, model, raw, rows, scale; self.input is item 0 of cities" in banner
        assert "run_step()" in banner
        assert "KeyError: 'spend'" in terminal.type("run_step()")
        assert terminal.type("self.sc\t").endswith("self.scale\n2\n>>> ")
        assert terminal.type("clean = lambda row: 1.0") == "clean = lambda row: 1.0\n>>> "
        terminal.type("run_step()")
        assert "[2.0, 2.0]" in terminal.type("self.seen")
        assert terminal.leave() == 0


def test_a_prompt_of_r(churn: Project) -> None:
    command = ("churn.R", "debug", task_of(churn, "end"))
    with Terminal(churn, *command, prompt="> ") as terminal:
        banner = terminal.read()
        assert "What: too_large: total 16 is too large" in " ".join(banner.split())
        assert "churn.R:5 in too_large()" in banner
        assert "too_large(self)" in banner
        assert "total 16 is too large" in terminal.type("too_large(self)")
        assert "[1] 8" in terminal.type("self$half")
        assert "too_large(self)" in terminal.type("traceback()")
        terminal.type("too_large <- function(self) self$total <- 0")
        terminal.type("too_large(self)")
        assert "[1] 0" in terminal.type("self$total")
        assert terminal.leave() == 0


def test_a_step_runs_again_and_differences_are_told(churn: Project) -> None:
    before = stored(churn)
    assert "Now it failed" in instep(churn, "rerun", task_of(churn, "end"), expect=1).text
    churn.write(
        "churn.R", R.replace("self$index)", "2 * self$index, tall = TRUE)").replace("stop(", "print(")
    )
    text = churn.call("churn.R", "rerun", task_of(churn, "fit", 1)).text
    assert "Now it succeeded" in text
    assert "same raw" in text
    assert "only after: column 'tall'" in text
    assert "column 'spent': 2 of 2 cells differ" in text
    text = churn.call("churn.R", "rerun", task_of(churn, "end")).text
    assert "attempt 0, failed. What: too_large: total 16 is too large" in text
    assert "Now it succeeded" in text
    assert "same half" in text
    churn.write("churn.py", PYTHON.replace("sum(sum(one.seen)", "sum(1 + sum(one.seen)"))
    assert (
        "changed total: 16.0 -> 18.0 (+2)" in churn.call("churn.py", "rerun", task_of(churn, "gather")).text
    )
    assert "same cities same rows" in churn.call("churn.py", "rerun", task_of(churn, "start")).text
    assert stored(churn) == before


def test_a_worker_that_dies_again_is_told_as_that(churn: Project) -> None:
    churn.write("churn.py", PYTHON.replace("self.cities =", "os.kill(os.getpid(), 9); self.cities ="))
    text = churn.call("churn.py", "rerun", task_of(churn, "start"), expect=1).text
    assert "Now it failed." in text
    assert "Its process ended before it reported (signal SIGKILL)." in text
    assert "gone" not in text


def test_what_is_not_there_is_said(churn: Project) -> None:
    assert "Step 'fit' of run Churn/1 has 2 tasks" in instep(churn, "debug", "1/fit", expect=1).text
    assert "has no attempt 3" in instep(churn, "debug", "1/end", "--attempt", "3", expect=1).text
    assert "nosuch" in instep(churn, "rerun", "1/nosuch/1", expect=1).text
    churn.write("churn.py", "1 +")
    assert "can't be loaded" in debug(churn, task_of(churn, "check"), "1", expect=1).text
