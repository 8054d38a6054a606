"""One graph over files of both languages: it runs from either file, and a bad one is refused before anything runs."""

from __future__ import annotations

import pytest
from project import Project

PYTHON = """
    from instep import FlowSpec, step

    class Mixed(FlowSpec):
        include = ["mixed.R"]

        @step
        def start(self):
            self.number = 20
            self.next("twice", "thrice")

        @step
        def thrice(self):
            self.result = 3 * self.number
            self.next("join")

        @step
        def end(self):
            self.final = [int(value) for value in self.sums]
"""

MAIN = """
    if __name__ == "__main__":
        Mixed()
"""

R = """
    library(instep)

    flow("Mixed"{include}) |>
      step("twice", \\(self) self$result <- 2L * self$number, next_step = "join") |>
      step("join", \\(self, inputs) self$xs <- c(inputs$twice$result, inputs$thrice$result), next_step = "spread") |>
      step("spread", next_step = "each", foreach = "xs") |>
      step("each", \\(self) self$plus <- self$input + self$index, next_step = "gather") |>
      step("gather", \\(self, inputs) self$sums <- unlist(gather_inputs(inputs, "plus")), next_step = "end") |>
      run()
"""

SUMS = "Flow('Mixed').latest_run.data.final"


def write_both(project: Project, *, r_includes: bool = True) -> None:
    project.write("mixed.py", PYTHON + MAIN)
    project.write("mixed.R", R.replace("{include}", ', include = "mixed.py"' if r_includes else ""))


def test_same_graph_runs_from_either_file(project: Project) -> None:
    write_both(project)
    shown = [project.call(file, "show").stdout for file in ("mixed.py", "mixed.R")]
    assert shown[0] == shown[1]
    for step in ("start", "twice", "thrice", "join", "spread", "each", "gather", "end"):
        assert step in shown[0]
    for file in ("mixed.py", "mixed.R"):
        project.call(file, "run")
        assert project.read(SUMS) == [40, 61]
    assert project.read("len(list(Flow('Mixed')))") == 2


def test_functions_of_the_other_language_are_steps(project: Project) -> None:
    project.write("models.R", "fit <- function(self) self$fitted <- self$x * 2\n")
    project.write(
        "prep.py", "def prep(self):\n    self.x = 21\n\ndef total(self, inputs):\n    self.n = len(inputs)\n"
    )
    project.write(
        "refs.py",
        """
        from instep import FlowSpec, py_function, r_function, step

        class Refs(FlowSpec):
            start = step(py_function("prep.py", "prep"), next="fit")
            fit = step(r_function("models.R", "fit"), next="end")

            @step
            def end(self):
                self.result = int(self.fitted)

        if __name__ == "__main__":
            Refs()
        """,
    )
    project.write(
        "refs.R",
        """
        library(instep)
        flow("RefsR") |>
          step("start", py_function("prep.py", "prep"), next_step = "split") |>
          step("split", \\(self) self$items <- 1:3, next_step = "each", foreach = "items") |>
          step("each", r_function("models.R", "fit"), next_step = "join") |>
          step("join", py_function("prep.py", "total", join_step = TRUE), next_step = "end") |>
          step("end") |>
          run()
        """,
    )
    project.call("refs.py", "run")
    assert project.read("Flow('Refs').latest_run.data.result") == 42
    project.call("refs.R", "run")
    assert project.read("Flow('RefsR').latest_run.data.n") == 3


TWICE = ('step("twice"', 'step("thrice"')
NOWHERE = ('next_step = "spread"', 'next_step = "nowhere"')
BROKEN = ("library(instep)", "library(instep)\nstop('broken on purpose')")


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        pytest.param(
            "mixed.py", TWICE, ["thrice", "mixed.py", "mixed.R"], id="a step defined twice, from Python"
        ),
        pytest.param("mixed.R", TWICE, ["thrice", "mixed.py", "mixed.R"], id="a step defined twice, from R"),
        pytest.param(
            "mixed.py", NOWHERE, ["nowhere", "join", "mixed.R"], id="a target defined nowhere, from Python"
        ),
        pytest.param(
            "mixed.R", NOWHERE, ["nowhere", "join", "mixed.R"], id="a target defined nowhere, from R"
        ),
        pytest.param("mixed.py", BROKEN, ["mixed.R", "broken on purpose"], id="a file that does not load"),
    ],
)
def test_bad_graph_is_refused_before_anything_runs(
    project: Project, file: str, change: tuple[str, str], words: list[str]
) -> None:
    write_both(project)
    path = project.folder / "mixed.R"
    path.write_text(path.read_text().replace(*change))
    for command in ("check", "run"):
        done = project.call(file, command, expect=1)
        for word in words:
            assert word in done.text
        assert "Traceback" not in done.stderr
    assert not any((project.folder / ".instep" / "logs").glob("Mixed/*"))


def test_refusal_names_file_and_line(project: Project) -> None:
    write_both(project)
    path = project.folder / "mixed.py"
    path.write_text(path.read_text().replace('self.next("join")', 'self.next("nowhere")'))
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "nowhere" in text)
    for file in ("mixed.py", "mixed.R"):
        text = project.call(file, "check", expect=1).text
        assert "nowhere" in text
        assert f"mixed.py:{line}" in text


def test_include_that_does_not_exist_is_named(project: Project) -> None:
    write_both(project)
    (project.folder / "mixed.R").unlink()
    assert "mixed.R" in project.call("mixed.py", "check", expect=1).text


def test_a_file_whose_interpreter_ends_is_refused_with_how_it_ended(project: Project) -> None:
    write_both(project)
    project.write("mixed.R", "quit(save = 'no', status = 7L)")
    done = project.call("mixed.py", "check", expect=1)
    assert "mixed.R ended before it had loaded it (exit code 7)." in done.text


def test_an_r_without_the_package_is_told_how_to_get_it(project: Project) -> None:
    write_both(project)
    empty = project.folder / "library"
    empty.mkdir()
    # R has no switch for its site library; a start-up file can hide it.
    project.write(
        "profile.R", f'assign(".lib.loc", c("{empty}", .Library), envir = environment(.libPaths))\n'
    )
    project.environment["R_PROFILE_USER"] = str(project.folder / "profile.R")
    done = project.call("mixed.py", "check", expect=1)
    assert "mixed.R can't be loaded, because R has no package instep; `make setup`" in done.text


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_files_with_any_names_run_in_any_locale(project: Project, locale: str) -> None:
    project.environment["LC_ALL"] = locale
    folder = "größe it's"
    project.write(f"{folder}/der plan.py", (PYTHON + MAIN).replace("mixed.R", "größen für R.R"))
    project.write(f"{folder}/größen für R.R", R.replace("{include}", ', include = "der plan.py"'))
    for file in ("der plan.py", "größen für R.R"):
        done = project.call(f"{folder}/{file}", "run")
        assert "Done!" in done.stdout
