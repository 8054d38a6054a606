"""Runs that take over what earlier runs did, over steps of both languages, at the terminal."""

from __future__ import annotations

import re

import pytest
from project import Project

PYTHON = """
    from instep import FlowSpec, Parameter, step

    FACTOR = 2

    def scaled(value):
        return FACTOR * value

    class Mixed(FlowSpec):
        include = ["mixed.R"]
        offset = Parameter("offset", default=1)

        @step
        def start(self):
            print("started")
            self.xs = [1, 2, 3]
            self.next("each", foreach="xs")

        @step
        def end(self):
            self.final = scaled(self.total)

    if __name__ == "__main__":
        Mixed()
"""

R = """
    library(instep)

    shift <- function(x, by) x + by

    flow("Mixed", include = "mixed.py") |>
      step("each", \\(self) {
        if (self$index == 1 && file.exists("fail")) stop("no")
        self$y <- shift(self$input, self$offset)
      }, next_step = "gather") |>
      step("gather", \\(self, inputs) self$total <- sum(unlist(gather_inputs(inputs, "y"))), next_step = "end") |>
      run()
"""


@pytest.fixture
def mixed(project: Project) -> Project:
    """A folder with a flow in two files that has run once."""
    project.write("mixed.py", PYTHON)
    project.write("mixed.R", R)
    return project


def became(text: str) -> dict[str, str]:
    """What became of the tasks of each step, and why, as the command says."""
    told = re.findall(r"Step (\w+): (cloned|ran) (\d) tasks?\. (?:Each: )?(.*?\.)(?= \d{4}-| *$)", text)
    return {step: f"{what} {count}: {why}" for step, what, count, why in told}


SAME = "Its code and what it reads are as in run 1."
ALL = {
    "start": f"cloned 1: {SAME}",
    "each": f"cloned 3: {SAME}",
    "gather": f"cloned 1: {SAME}",
    "end": f"cloned 1: {SAME}",
}
CHANGED = "Its code has changed since run 1."


@pytest.mark.parametrize("file", ["mixed.py", "mixed.R"])
@pytest.mark.parametrize(
    ("name", "old", "new", "ran"),
    [
        ("mixed.R", "library(instep)", "# a comment\nlibrary(instep)", {}),
        ("mixed.py", "import FlowSpec", "import  FlowSpec", {}),
        ("mixed.R", "x + by", "by + x", {"each": f"ran 3: {CHANGED}"}),
        ("mixed.py", "FACTOR = 2", "FACTOR = 3", {"end": f"ran 1: {CHANGED}"}),
    ],
)
def test_only_what_changed_runs_again(
    mixed: Project, file: str, name: str, old: str, new: str, ran: dict[str, str]
) -> None:
    mixed.call(file, "run")
    source = mixed.folder / name
    source.write_text(source.read_text().replace(old, new))
    done = mixed.call(file, "run", "--reuse")
    assert became(done.text) == {**ALL, **ran}
    assert mixed.read("Flow('Mixed').latest_run.data.final") == (27 if "FACTOR = 3" in new else 18)


def test_other_parameter_runs_what_reads_it(mixed: Project) -> None:
    mixed.call("mixed.py", "run")
    done = mixed.call("mixed.py", "run", "--reuse", "--offset", "2")
    assert became(done.text) == {
        **ALL,
        "each": "ran 3: What it reads has changed since run 1: 'offset'.",
        "gather": "ran 1: What it reads has changed since run 1: 'y'.",
        "end": "ran 1: What it reads has changed since run 1: 'total'.",
    }


@pytest.mark.parametrize("file", ["mixed.py", "mixed.R"])
def test_resumed_run_runs_what_failed_and_shows_logs_of_clones(mixed: Project, file: str) -> None:
    (mixed.folder / "fail").touch()
    mixed.call(file, "run", "--max-workers", "1", "--offset", "5", expect=1)
    (mixed.folder / "fail").unlink()
    done = mixed.call(file, "resume")
    assert "Step start: cloned 1 task. It succeeded in run 1." in done.text
    assert "Step each: ran 1 task. It failed in run 1." in done.text
    assert "started" in mixed.call(file, "logs", "2/start").stdout
    assert mixed.read("Flow('Mixed').latest_run.data.final") == 42
