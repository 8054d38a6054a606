"""`run()` from R's console: a real R at a real terminal, with what is shown, Ctrl-C, and flows built at the prompt."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from console import RConsole
from project import Project, wait_until

FLOW = """
    library(instep)

    twice <- function(x) x * 2L

    work <- function(self) {
      cat("working with", self$folds, "folds\\n")
      self$doubled <- twice(self$folds)
    }

    from_file <- flow("FromFile") |>
      parameter("folds", default = 3L) |>
      step("start", work, next_step = "end") |>
      step("end", \\(self) print(self$doubled))
"""

SLOW = """
    from instep import FlowSpec, step

    class Slow(FlowSpec):
        @step
        def start(self):
            import time
            print("begun", flush=True)
            time.sleep(600)
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Slow()
"""


@pytest.fixture
def console(project: Project) -> Iterator[RConsole]:
    """An R console with the package attached."""
    with RConsole(project) as console:
        console.call("library(instep)")
        yield console


def test_flow_of_a_saved_script_runs_from_that_script(project: Project, console: RConsole) -> None:
    project.write("from_file.R", FLOW)
    console.call('source("from_file.R")')
    shown = console.call("r <- run(from_file, folds = 4)")
    assert "from_file.R" in shown
    assert "working with 4 folds" in shown
    assert "Done!" in shown
    assert not (project.folder / ".instep" / "session").exists()
    assert "[1] 8" in console.call("r$data$doubled")
    assert "[1] 0" in console.call("as.integer(r)")
    assert "<instep run FromFile/1" in console.call("r")


def test_flow_built_at_the_prompt_takes_along_what_it_reaches(project: Project, console: RConsole) -> None:
    for line in (
        "library(splines)",
        "rate <- 0.5",
        "unused <- new.env()",
        "half <- function(x) x * rate",
        "format.money <- function(x, ...) paste0('$', unclass(x))",
        "setClass('Box', representation(size = 'numeric'))",
        "setGeneric('volume', function(x) standardGeneric('volume'))",
        "setMethod('volume', 'Box', function(x) x@size^3)",
        "captured <- local({ n <- 5; function() n })",
        "begin <- function(self) {"
        " self$seen <- c(half(8), captured(), volume(new('Box', size = 2)), ncol(bs(1:9)));"
        " self$text <- format(structure(3, class = 'money')); self$others <- exists(paste0('unu', 'sed')) }",
        "typed <- flow('Typed') |> step('start', begin, next_step = 'end') |> step('end', \\(self) NULL)",
    ):
        console.call(line)
    shown = console.call("r <- run(typed)")
    assert "Done!" in shown, shown
    assert "[1] 4 5 8 3" in console.call("r$data$seen")
    assert '[1] "$3"' in console.call("r$data$text")
    assert "[1] FALSE" in console.call("r$data$others")

    # The script that was written is a flow file as any: it can be run again.
    (script,) = (project.folder / ".instep" / "session").glob("Typed-*/flow.R")
    assert "Run Typed/2 starts." in project.call(str(script), "run").stdout

    # Changed in the session, it is another one; the same again is not written again.
    console.call("rate <- 0.25")
    console.call("r <- run(typed, quiet = TRUE)")
    assert "[1] 2 5 8 3" in console.call("r$data$seen")
    console.call("r <- run(typed, quiet = TRUE)")
    assert len(list((project.folder / ".instep" / "session").iterdir())) == 2


def test_flow_changed_since_it_was_sourced_runs_as_the_session_has_it(
    project: Project, console: RConsole
) -> None:
    project.write("from_file.R", FLOW)
    console.call('source("from_file.R")')
    console.call("twice <- function(x) 100L")
    shown = console.call("r <- run(from_file)")
    assert "from_file.R differs from the session" in shown
    assert "[1] 100" in console.call("r$data$doubled")


def test_run_goes_on_with_what_was_mended_in_the_session(project: Project, console: RConsole) -> None:
    """15.9 and 8.12, for a flow that has no file."""
    console.call("begin <- function(self) { file.create(tempfile('ran-', '.')); self$x <- 1 }")
    console.call("train <- function(self) stop('oops')")
    console.call(
        "mend <- function() flow('Mend') |> step('start', begin, next_step = 'train') |>"
        " step('train', train, next_step = 'end') |> step('end', \\(self) NULL)"
    )
    assert "failed in step 'train'" in console.call("run(mend())")
    console.call("train <- function(self) self$y <- self$x + 1")
    assert "resumes run 1" in console.call("r <- run(mend(), resume = TRUE)")
    assert "[1] 2" in console.call("r$data$y")
    assert '"Mend/1/start/1"' in console.call("r$step('start')$task$origin_pathspec")
    assert len(list(project.folder.glob("ran-*"))) == 1
    console.call("begin <- function(self) self$x <- 10")
    console.call("r <- run(mend(), resume = TRUE, changed = TRUE, quiet = TRUE)")
    assert "[1] 11" in console.call("r$data$y")


def test_large_objects_that_go_along_are_told(project: Project, console: RConsole) -> None:
    console.call("set.seed(1); big <- rnorm(3e5)")
    console.call(
        "large <- flow('Large') |> step('start', \\(self) self$n <- length(big), next_step = 'end') |>"
        " step('end', \\(self) NULL)"
    )
    shown = " ".join(console.call("r <- run(large)").split())
    assert "2.3 MB of the session" in shown, shown
    assert '"big"' in shown
    assert "[1] 300000" in console.call("r$data$n")


def test_failure_is_a_condition_with_run_step_and_task(project: Project, console: RConsole) -> None:
    console.call("broken <- function(self) stop(errorCondition('no data', class = 'no_data'))")
    console.call("f <- flow('Broken') |> step('start', broken, next_step = 'end') |> step('end')")
    shown = console.call("run(f)")
    assert "Run Broken/1 failed in step 'start' (R), task 1." in shown
    assert "no data" in shown
    # What the last hint names is there.
    hint = 'cat(task_client("Broken/1/start/1")$stderr)'
    assert hint in shown
    assert "no data" in console.call(hint)
    console.call("e <- tryCatch(run(f, quiet = TRUE), instep_error_run_failed = identity)")
    assert "2 start 1 no data no_data TRUE" in console.call(
        "cat(e$run_id, e$step, e$task, e$exception$exception, e$exception$type, inherits(e$parent, 'no_data'), '')"
    )


def test_wrong_parameters_are_errors_that_name_them(project: Project, console: RConsole) -> None:
    project.write("from_file.R", FLOW)
    console.call('source("from_file.R")')
    classes = (
        "cat(class(tryCatch(run(from_file, {}), error = \\(e) {{ message(conditionMessage(e)); e }}))[[1]])"
    )
    for given, kind, named in (
        ("fold = 4", "argument", "--fold"),
        ("folds = 'many'", "parameter_invalid", "folds"),
        ("folds = NA", "argument", "folds"),
    ):
        shown = console.call(classes.format(given))
        assert f"instep_error_{kind}" in shown, shown
        assert named in shown
    assert not project.read("[flow.id for flow in Instep()]")


def test_graph_that_cannot_run_is_refused_with_its_problems(project: Project, console: RConsole) -> None:
    console.call("f <- flow('Bad') |> step('start', \\(self) NULL, next_step = 'nowhere')")
    shown = console.call("run(f)")
    assert "Step 'start' leads to 'nowhere', which is no step." in shown
    assert "TRUE" in console.call(
        "inherits(tryCatch(run(f), error = identity), 'instep_error_graph_invalid')"
    )
    assert not project.read("[flow.id for flow in Instep()]")


def test_python_file_runs_from_r(project: Project, console: RConsole) -> None:
    project.write(
        "py.py",
        """
        from instep import FlowSpec, Parameter, step

        class Py(FlowSpec):
            n = Parameter("n", default=2)

            @step
            def start(self):
                self.xs = list(range(self.n))
                self.next(self.end)

            @step
            def end(self):
                self.total = sum(self.xs)

        if __name__ == "__main__":
            Py()
        """,
    )
    assert "Done!" in console.call('r <- run("py.py", n = 4)')
    assert "[1] 6" in console.call("r$data$total")


def test_progress_goes_the_way_of_the_sessions_output(project: Project, console: RConsole) -> None:
    """As in RStudio and notebooks, where a program that R starts has no terminal to draw on."""
    project.write("from_file.R", FLOW)
    console.call('source("from_file.R")')
    assert "Done!" not in console.call("lines <- capture.output(r <- run(from_file))")
    shown = console.call("writeLines(lines)")
    assert "Run FromFile/1 starts." in shown
    assert "working with 3 folds" in shown
    assert "Done!" in shown


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ('run("slow.py")', "Run was cancelled."),
        ('capture.output(run("slow.py"))', ""),
        ('run("slow.py", quiet = TRUE)', "Run Slow/1 was cancelled."),
    ],
)
def test_interrupt_cancels_the_run_and_leaves_the_session(
    project: Project, console: RConsole, code: str, told: str
) -> None:
    project.write("slow.py", SLOW)
    console.type(code)
    logs = project.folder / ".instep" / "logs"
    wait_until(lambda: any(file.read_text() == "begun\n" for file in logs.rglob("*.stdout")), seconds=60)
    console.press_interrupt()
    assert told in console.prompt()
    assert "cancelled" in console.call('run_client("Slow/1")$status')
    assert "[1] 3" in console.call("1 + 2")


def test_interrupt_is_a_condition(project: Project, console: RConsole) -> None:
    project.write("slow.py", SLOW)
    console.type('tryCatch(run("slow.py"), interrupt = \\(i) cat("was interrupted\\n"))')
    console.wait("begun")
    console.press_interrupt()
    console.wait("was interrupted")
    console.prompt()


def test_end_of_the_session_ends_the_run(project: Project, console: RConsole) -> None:
    project.write("slow.py", SLOW)
    console.type('run("slow.py")')
    console.wait("begun")
    os.kill(console.pid, signal.SIGKILL)
    wait_until(lambda: not project.left_behind(), seconds=30)
    assert project.read("Flow('Slow').latest_run.status") in ("cancelled", "failed")


def test_lines_fit_a_terminal_of_80_columns(project: Project, console: RConsole) -> None:
    project.write("from_file.R", FLOW)
    console.call('source("from_file.R")')
    shown = console.call("r <- run(from_file)") + console.call("r")
    assert max(len(line) for line in shown.splitlines()) <= 80, shown
