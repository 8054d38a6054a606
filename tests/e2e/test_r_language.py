"""What R steps say about how they go on, fail, and what they need, in flows of R and in mixed ones."""

from __future__ import annotations

import json

import pytest
from project import Project

ROUNDS = r"""
    library(instep)

    work <- function(self) {
      self$n <- self$n + 1L
      self$seen <- c(self$index, self$input, self$foreach_stack()[[1]][[2]])
      self$done <- self$n >= self$input
    }

    flow("Rounds") |>
      step("start", \(self) self$items <- c(1L, 3L), next_step = "begin", foreach = "items") |>
      step("begin", \(self) self$n <- 0L, next_step = "work") |>
      step("work", work, next_step = list(TRUE ~ "rest", FALSE ~ "work"), condition = "done") |>
      step("rest", next_step = "gather") |>
      step("gather", \(self, inputs) {
        self$rounds <- unlist(gather_inputs(inputs, "n"))
        self$seen <- unlist(gather_inputs(inputs, "seen"))
        self$answer <- "no"
      }, next_step = "choose") |>
      step("choose", next_step = c(yes = "buy", no = "wait"), condition = "answer") |>
      step("buy", \(self) self$did <- "bought", next_step = "end") |>
      step("wait", \(self) self$did <- "waited", next_step = "end") |>
      step("end") |>
      run()
"""

CHOICE = r"""
    library(instep)
    flow("Choice") |>
      step("start", \(self) {body}, next_step = list(1 ~ "a", "x" ~ "b"), condition = "answer") |>
      step("a", next_step = "end") |>
      step("b", next_step = "end") |>
      step("end") |>
      run()
"""

POLICIES = r"""
    library(instep)

    flaky <- function(self) {
      self$tries <- c(current("retry_count"), if (Sys.getenv("LEVEL") == "TRUE") 1L)
      if (current("retry_count") < 2L) {
        self$lost <- TRUE
        stop(structure(class = c("http_error", "error", "condition"), list(message = "503", call = sys.call())))
      }
    }

    slow <- function(self) {
      self$before <- "kept"
      repeat Sys.sleep(60)
    }

    greedy <- function(self) numeric(1e14)

    dying <- function(self) {
      self$gone <- TRUE
      tools::pskill(Sys.getpid(), tools::SIGKILL)
      Sys.sleep(60)
    }

    flow("Policies") |>
      step("start", flaky, retry(times = 3, on = "http_error"), environment_variables(LEVEL = TRUE),
        next_step = "slow") |>
      step("slow", slow, timeout(seconds = 1), catch(var = "late"), next_step = "waits") |>
      step("waits", \(self) system("sleep 60"), timeout(seconds = 0.5), catch(var = "waited"), next_step = "greedy") |>
      step("greedy", greedy, catch(var = "memory"), next_step = "dying") |>
      step("dying", dying, retry(times = 1), catch(var = "death"), next_step = "well") |>
      step("well", \(self) self$level <- Sys.getenv("LEVEL"), catch(var = "nothing"), next_step = "end") |>
      step("end", \(self) {
        self$types <- c(self$late$type, self$waited$type, self$memory$type, self$death$type)
        self$messages <- c(self$late$exception, self$memory$exception, self$death$exception)
        self$classes <- class(self$late)
        self$none <- is.null(self$nothing)
        self$missing <- inherits(try(self$gone, silent = TRUE), "try-error")
        self$fresh <- inherits(try(self$lost, silent = TRUE), "try-error")
      }) |>
      run()
"""

BAD = {
    "bad.R": r"""
        library(instep)
        flow("Bad", include = "bad.py") |>
          step("start", \(self) NULL,
            retry(tims = 3),
            next_step = c(yes = "other", no = "end")) |>
          step("end", \(self) NULL, decorator("nonsense", a = 1)) |>
          run()
    """,
    "bad.py": r"""
        from instep import FlowSpec, step

        class Bad(FlowSpec):
            include = ["bad.R"]

            @step
            def other(self):
                self.next("end")

        if __name__ == "__main__":
            Bad()
    """,
}

ERRORS = {
    "errors.py": r"""
        from instep import FlowSpec, step

        class Errors(FlowSpec):
            include = ["errors.R"]

            @step
            def start(self):
                self.next("fail")

            @step
            def look(self):
                error = self.problem
                self.seen = [error.type, error.exception, error.language, error.cause.exception, self.before]
                self.next("end")

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Errors()
    """,
    "errors.R": r"""
        library(instep)

        fail <- function(self) {
          self$before <- 5L
          tryCatch(stop("low"), error = \(e) rlang::abort("high", class = "fit_error", parent = e))
        }

        flow("Errors", include = "errors.py") |>
          step("fail", fail, catch(var = "problem", print_exception = FALSE), next_step = "look") |>
          run()
    """,
}

SETTINGS = r"""
    library(instep)

    settings <- config("settings", default = "settings.json")

    flow("Settings", settings, project(name = settings$project)) |>
      constant("unit", "kg") |>
      parameter("folds", default = settings$model$folds) |>
      parameter("who", default = \(context) paste(context$parameter_name, current("branch_name"))) |>
      parameter("cuts", default = "a,b", separator = ",") |>
      include_file("text", default = "words.txt") |>
      step("start", \(self) {
        if (current("retry_count") < settings$model$times) stop("again")
        self$seen <- list(self$folds, self$who, self$cuts, self$text, self$settings$model$folds)
        self$part <- self$settings$model
        self$refused <- conditionMessage(tryCatch(self$settings$model$folds <- 1, error = identity))
        self$fixed <- conditionMessage(tryCatch(self$unit <- "g", error = identity))
        self$names <- current("parameter_names")
      }, retry(times = settings$model$times), next_step = "end") |>
      step("end") |>
      run()
"""

BROKEN_DEFAULT = r"""
    library(instep)
    flow("Broken") |>
      parameter("p", default = \(context) stop("no network")) |>
      step("start", next_step = "end") |>
      step("end") |>
      run()
"""


def test_rounds_in_a_foreach_and_a_switch_that_meets_again(project: Project) -> None:
    """5.1, 5.4, 5.5, 5.7, 5.8: each round is a task; targets that are not chosen get none."""
    project.write("rounds.R", ROUNDS)
    project.call("rounds.R", "run")
    data = project.read(
        "(lambda run: [run.data.rounds.tolist(), run.data.seen.tolist(), run.data.did, len(list(run['work'])),"
        " sorted(step.id for step in run)])(Flow('Rounds').latest_run)"
    )
    assert data[0] == [1, 3]
    assert data[1] == [0, 1, 2, 1, 3, 2]
    assert data[2:4] == ["waited", 4]
    assert data[4] == ["begin", "choose", "end", "gather", "rest", "start", "wait", "work"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('self$answer <- "1"', ["self$answer", '"1"', "1L", '"x"']),
        ("self$answer <- c(1, 2)", ["self$answer", "can't be a key"]),
        ("self$other <- 1", ["no artifact", '"answer"']),
    ],
)
def test_a_value_that_chooses_nothing_fails_the_task(project: Project, body: str, words: list[str]) -> None:
    """5.2, 5.3: the message has the variable, the value and the keys."""
    project.write("choice.R", CHOICE.replace("{body}", body))
    done = project.call("choice.R", "run", expect=1)
    for word in [*words, "'start'"]:
        assert word in done.text


def test_retries_time_limits_and_errors_that_are_handled(project: Project) -> None:
    """7.3, 7.5, 7.9 to 7.12, 7.15, 7.18, as R steps see them."""
    project.write("policies.R", POLICIES)
    project.call("policies.R", "run")
    data = project.read(
        "(lambda d: [d.tries.tolist(), d.before, list(d.types), list(d.messages), d.classes, d.none, d.missing,"
        " d.fresh, d.level])(Flow('Policies').latest_run.data)"
    )
    assert data[0] == [2, 1]
    assert data[1] == "kept"
    late, waited, memory, death = data[2]
    assert waited == late
    assert late.endswith("TimeoutException")
    assert memory == "simpleError"
    assert death.endswith("FailureHandledByCatch")
    assert "'slow' took longer than its timeout of 1.0 s" in data[3][0]
    assert "cannot allocate" in data[3][1]
    assert "2 attempts" in data[3][2]
    assert data[4:] == ["instep_exception", True, True, True, ""]


def test_wrong_decorators_and_switches_are_refused_with_their_place(project: Project) -> None:
    """7.17, 14.3: the file and line of the R call, whatever file is run."""
    for name, text in BAD.items():
        project.write(name, text)
    texts = [project.call(name, "run", expect=1).text for name in ("bad.R", "bad.py")]
    for text in texts:
        assert "bad.R:4: The decorator 'retry' of step 'start' has no argument 'tims'." in text
        assert "bad.R:6: The decorator 'nonsense' of step 'end' does not exist." in text
        assert "The switch in 'start' has no condition." in text


def test_an_error_of_an_r_step_is_an_object_in_python(project: Project) -> None:
    """7.1, 7.9: what R signalled, with its cause."""
    for name, text in ERRORS.items():
        project.write(name, text)
    project.call("errors.py", "run")
    seen = project.read("Flow('Errors').latest_run.data.seen")
    assert seen == ["fit_error", "high", "r", "low", 5]


def test_configs_defaults_and_files_of_a_flow_in_r(project: Project) -> None:
    """6.5, 6.8, 6.11, 6.13, 6.14, 6.16, 6.17."""
    project.write("settings.R", SETTINGS)
    project.write("settings.json", json.dumps({"project": "diamonds", "model": {"folds": 5, "times": 1}}))
    project.write("other.json", json.dumps({"project": "diamonds", "model": {"folds": 7, "times": 0}}))
    project.write("words.txt", "in step")
    project.environment["INSTEP_USER"] = "ada"
    project.call("settings.R", "run")
    seen = "(lambda d: [*d.seen[:2], list(d.seen[2]), *d.seen[3:], d.part, d.names])(Flow('Settings').latest_run.data)"
    names = ["cuts", "folds", "settings", "text", "who"]
    data = project.read(seen.replace("d.names", "list(d.names)"))
    assert data == [5, "who user.ada", ["a", "b"], "in step", 5, {"folds": 5, "times": 1}, names]
    assert "TypeError" in project.read("Flow('Settings').latest_run.data.refused")
    assert project.read("Flow('Settings').latest_run.data.unit") == "kg"
    assert "AttributeError" in project.read("Flow('Settings').latest_run.data.fixed")
    project.call("settings.R", "--config", "settings", "other.json", "run", "--who", "me")
    data = project.read(seen.replace("d.names", "list(d.names)"))
    assert data == [7, "me", ["a", "b"], "in step", 7, {"folds": 7, "times": 0}, names]


def test_a_config_that_cannot_be_read_is_wrong_usage(project: Project) -> None:
    """6.18: exit status 2, with the config named."""
    project.write("settings.R", SETTINGS)
    done = project.call("settings.R", "run", expect=2)
    assert 'Config "settings" can\'t be read' in done.text
    assert "Backtrace" not in done.text


def test_a_default_that_fails_ends_the_run_before_any_task(project: Project) -> None:
    """6.8: with the parameter and the field named."""
    project.write("broken.R", BROKEN_DEFAULT)
    done = project.call("broken.R", "run", expect=1)
    assert "default of parameter 'p'" in done.text
    assert "no network" in done.text
    assert "Task is starting" not in done.text
    project.call("broken.R", "run", "--p", "given")
