"""What steps lose is told, an error, or ignored: as the run says, else the step, else the flow, in both languages."""

from __future__ import annotations

import pytest
from project import Project

PYTHON = """
    from instep import FlowSpec, step

    class Lossy(FlowSpec):
        {flow}

        @step
        def start(self):
            self.word = "kept"
            self.next(self.work)

        @step({step})
        def work(self):
            self.notes = {"a": bytearray(b"a"), "b": [bytearray(b"b"), 1]}
            self.next(self.end)

        @step
        def end(self): ...

    if __name__ == "__main__":
        Lossy()
"""

R = """
    library(instep)

    flow("Lossy"{flow}) |>
      step("start", \\(self) self$word <- "kept", next_step = "work") |>
      step("work", \\(self) self$notes <- list(a = as.Date("2024-02-29") + 0.5, b = as.Date("2024-02-28") + 0.5),
        next_step = "end"{step}) |>
      step("end") |>
      run()
"""

TOLD = {
    "lossy.py": "Loss BYTES in artifact 'notes' at self.notes[\"a\"]: a bytearray comes back as bytes.\n",
    "lossy.R": "Loss DATE_FRACTION in artifact 'notes' at self$notes$a: "
    "it has dates with a time of day, which is left out.\n",
}
NAMED = {
    "lossy.py": ["'notes' can't be stored without loss", 'BYTES at self.notes["a"]'],
    "lossy.R": ["notes can't be stored without loss", "DATE_FRACTION at self$notes$a"],
}
FILES = pytest.mark.parametrize("file", ["lossy.py", "lossy.R"])


def write(project: Project, file: str, *, flow: str = "", step: str = "") -> None:
    """Writes a flow whose step `work` loses something. `flow` and `step` are what these say about losses."""
    says = 'on_loss="{}"' if file.endswith(".py") else ', on_loss = "{}"'
    text = PYTHON if file.endswith(".py") else R
    text = text.replace("{flow}", says.format(flow) if flow else "")
    project.write(file, text.replace("{step}", says.format(step) if step else ""))


def told(project: Project, step: str = "work") -> str:
    """The log of errors of the latest run's step."""
    text = project.read(f"Flow('Lossy').latest_run[{step!r}].task.stderr")
    assert isinstance(text, str)
    return text


@FILES
def test_losses_are_told_once_for_each_rule_unless_something_else_is_said(
    project: Project, file: str
) -> None:
    write(project, file)
    project.call(file, "run")
    assert told(project) == TOLD[file]


@FILES
def test_step_wins_over_flow_and_run_over_both(project: Project, file: str) -> None:
    write(project, file, flow="error", step="ignore")
    project.call(file, "run")
    assert told(project) == ""
    project.call(file, "run", "--on-loss", "warn")
    assert told(project) == TOLD[file]


@FILES
def test_loss_that_is_an_error_fails_the_step_and_none_of_it_is_stored(project: Project, file: str) -> None:
    write(project, file, flow="error")
    shown = project.call(file, "run", expect=1).text
    for named in NAMED[file]:
        assert named in shown
    assert project.read("[one.id for one in Flow('Lossy').latest_run['work'].task]") == ["word"]
    assert project.call(file, "run", "--on-loss", "ignore").status == 0


MAIN = """
    from instep import FlowSpec, step

    class Lossy(FlowSpec):
        include = ["lossy.R"]
        {flow}

        @step
        def start(self):
            self.first = bytearray(b"a")
            self.next("work")

        @step
        def end(self): ...

    if __name__ == "__main__":
        Lossy()
"""

WORK = """
    library(instep)

    flow("Lossy", on_loss = "error") |>
      step("work", \\(self) self$notes <- list(a = as.Date("2024-02-29") + 0.5), next_step = "end")
"""


def test_flow_says_it_for_the_steps_of_all_its_files(project: Project) -> None:
    project.write("lossy.R", WORK)
    project.write("main.py", MAIN.replace("{flow}", ""))
    assert "BYTES at self.first" in project.call("main.py", "run", expect=1).text
    project.call("main.py", "run", "--on-loss", "warn")
    first = "Loss BYTES in artifact 'first' at self.first: a bytearray comes back as bytes.\n"
    assert [told(project, step) for step in ("start", "work", "end")] == [first, TOLD["lossy.R"], ""]


def test_files_that_differ_are_refused_before_anything_runs(project: Project) -> None:
    project.write("lossy.R", WORK)
    project.write("main.py", MAIN.replace("{flow}", "on_loss = 'warn'"))
    shown = project.call("main.py", "check", expect=1).text
    assert "on_loss is 'warn' in 'main.py' but 'error' in 'lossy.R'." in shown


CONSTANT = """
    from instep import FlowSpec, step

    class Lossy(FlowSpec):
        {flow}
        word = "kept"
        unit = {"kg": bytearray(b"a")}

        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self): ...

    if __name__ == "__main__":
        Lossy()
"""
LOST = "Loss BYTES in constant 'unit' at self.unit[\"kg\"]: a bytearray comes back as bytes.\n"


def test_loss_in_a_constant_is_told_by_the_command_unless_something_else_is_said(project: Project) -> None:
    project.write("lossy.py", CONSTANT.replace("{flow}", ""))
    assert project.call("lossy.py", "run").stderr == LOST
    assert project.call("lossy.py", "run", "--on-loss", "ignore").stderr == ""


def test_loss_in_a_constant_of_r_is_told_or_starts_no_run(project: Project) -> None:
    project.write(
        "lossy.R",
        r"""
        library(instep)

        flow("Lossy") |>
          constant("day", as.Date("2024-02-29") + 0.5) |>
          step("start", \(self) self$seen <- self$day) |>
          run()
        """,
    )
    told = "Loss DATE_FRACTION in constant 'day' at self$day: it has dates with a time of day, which is left out.\n"
    assert project.call("lossy.R", "run").stderr == told
    shown = project.call("lossy.R", "run", "--on-loss", "error", expect=None)
    assert shown.status != 0
    assert "Constant 'day' (lossy.R:4) loses DATE_FRACTION at self$day" in shown.text


def test_loss_in_a_constant_that_is_an_error_starts_no_run(project: Project) -> None:
    project.write("lossy.py", CONSTANT.replace("{flow}", "on_loss = 'error'"))
    shown = project.call("lossy.py", "run", expect=1).text
    assert "Constant 'unit' (lossy.py:6) loses BYTES at self.unit[\"kg\"]" in shown
    project.call("lossy.py", "run", "--on-loss", "warn")
    assert project.read("[run.id for run in Flow('Lossy')]") == ["1"]
