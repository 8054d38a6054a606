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


@pytest.mark.holds("5.1 5.4 5.5 5.7 5.8", "r")
def test_rounds_in_a_foreach_and_a_switch_that_meets_again(project: Project) -> None:
    """Each round is a task; targets that are not chosen get none."""
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


@pytest.mark.holds("5.2 5.3", "r")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('self$answer <- "1"', ["self$answer", '"1"', "1L", '"x"']),
        ("self$answer <- c(1, 2)", ["self$answer", "can't be a key"]),
        ("self$other <- 1", ["self$answer", "no step has set it"]),
    ],
)
def test_a_value_that_chooses_nothing_fails_the_task(project: Project, body: str, words: list[str]) -> None:
    """The message has the variable, the value and the keys."""
    project.write("choice.R", CHOICE.replace("{body}", body))
    done = project.call("choice.R", "run", expect=1)
    for word in [*words, "'start'"]:
        assert word in done.text


@pytest.mark.holds("7.3 7.5 7.9 7.10 7.11 7.12 7.15 7.18", "r")
def test_retries_time_limits_and_errors_that_are_handled(project: Project) -> None:
    """As R steps see them."""
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


@pytest.mark.holds("7.17 14.3", "r")
def test_wrong_decorators_and_switches_are_refused_with_their_place(project: Project) -> None:
    """The file and line of the R call, whatever file is run."""
    for name, text in BAD.items():
        project.write(name, text)
    texts = [project.call(name, "run", expect=1).text for name in ("bad.R", "bad.py")]
    for text in texts:
        assert "bad.R:4: The decorator 'retry' of step 'start' has no argument 'tims'." in text
        assert "bad.R:6: The decorator 'nonsense' of step 'end' does not exist." in text
        assert "The switch in 'start' has no condition." in text


@pytest.mark.holds("7.1 7.9", "r")
def test_an_error_of_an_r_step_is_an_object_in_python(project: Project) -> None:
    """What R signalled, with its cause."""
    for name, text in ERRORS.items():
        project.write(name, text)
    project.call("errors.py", "run")
    seen = project.read("Flow('Errors').latest_run.data.seen")
    assert seen == ["fit_error", "high", "r", "low", 5]


@pytest.mark.holds("6.5 6.8 6.11 6.13 6.14 6.16 6.17", "r")
def test_configs_defaults_and_files_of_a_flow_in_r(project: Project) -> None:
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


@pytest.mark.holds("6.18", "r")
def test_a_config_that_cannot_be_read_is_wrong_usage(project: Project) -> None:
    """Exit status 2, with the config named."""
    project.write("settings.R", SETTINGS)
    done = project.call("settings.R", "run", expect=2)
    assert 'Config "settings" can\'t be read' in done.text
    assert "Backtrace" not in done.text


@pytest.mark.holds("6.8", "r")
def test_a_default_that_fails_ends_the_run_before_any_task(project: Project) -> None:
    """With the parameter and the field named."""
    project.write("broken.R", BROKEN_DEFAULT)
    done = project.call("broken.R", "run", expect=1)
    assert "Parameter 'p'" in done.text
    assert "default failed" in done.text
    assert "no network" in done.text
    assert "Task is starting" not in done.text
    project.call("broken.R", "run", "--p", "given")


REUSED = {
    "reused.py": r"""
        from instep import FlowSpec, step

        class Reused(FlowSpec):
            include = ["reused.R"]

            @step
            def start(self):
                self.x = 2
                self.unread = 1
                self.next("double")

            @step
            def end(self):
                print(self.y)

        if __name__ == "__main__":
            Reused()
    """,
    "reused.R": r"""
        library(instep)
        source("helpers.R")

        flow("Reused", include = "reused.py") |>
          step("double", \(self) self$y <- double(self$x), next_step = c("left", "right")) |>
          step("left", \(self) self$kept <- is.null(tryCatch(self$z, error = \(e) NULL)), next_step = "join") |>
          step("right", next_step = "join") |>
          step("join", \(self, inputs) merge_artifacts(self, inputs, include = "y"), next_step = "end") |>
          run()
    """,
    "helpers.R": "double <- function(x) x * factor\nfactor <- 2\n",
}


def _what_became(project: Project, *command: str) -> dict[str, str]:
    """Runs a command and tells of each step whether it was cloned or ran."""
    lines = project.call(*command).stdout.splitlines()
    said = [line.split("Step ", 1)[1].split(": ", 1) for line in lines if " Step " in line]
    return {name: what.split()[0] for name, what in said}


def test_what_reaches_the_same_code_and_inputs_is_taken_over(project: Project) -> None:
    """The code of an R step is its function and what it reaches in the flow's own files; see `run --reuse`."""
    for name, text in REUSED.items():
        project.write(name, text)
    project.call("reused.R", "run")
    steps = ["double", "end", "join", "left", "right", "start"]
    # The file is loaded in another way when the other language is in charge; layout and comments are no code.
    project.write("helpers.R", "# Doubles.\ndouble <- function(x)\n  x * factor\nfactor <- 2\nother <- 1\n")
    assert _what_became(project, "reused.py", "run", "--reuse") == dict.fromkeys(steps, "cloned")
    python = REUSED["reused.py"]
    project.write("reused.py", python.replace("self.unread = 1", "self.unread = 2"))
    assert _what_became(project, "reused.R", "run", "--reuse") == {
        **dict.fromkeys(steps, "cloned"),
        "start": "ran",
    }
    project.write("reused.py", python.replace("self.unread = 1", "self.unread = self.z = 2"))
    became = _what_became(project, "reused.R", "run", "--reuse")
    assert {step for step, what in became.items() if what == "ran"} == {"start", "left"}
    project.write("helpers.R", "double <- function(x) x * factor\nfactor <- 3\n")
    became = _what_became(project, "reused.R", "run", "--reuse")
    assert {step for step, what in became.items() if what == "ran"} == {"double", "join", "end"}
    assert project.read("Flow('Reused').latest_run.data.y") == 6


@pytest.mark.holds("8.3 8.4 8.9 8.10 15.9", "r")
def test_a_failed_run_in_r_is_resumed(project: Project) -> None:
    """With the origin's parameters and configs, from run() as well."""
    project.write(
        "resumed.R",
        r"""
        library(instep)
        settings <- config("settings", default_value = list(n = 1L))
        flow("Resumed", settings) |>
          parameter("p", default = 1L) |>
          step("start", \(self) self$items <- 1:3, next_step = "work", foreach = "items") |>
          step("work", \(self) {
            if (self$input == 2L && !file.exists("fixed")) stop("broken")
            self$value <- self$input * self$settings$n * self$p
            self$origin <- current("origin_run_id", default = "none")
          }, next_step = "join") |>
          step("join", \(self, inputs) {
            self$values <- unlist(gather_inputs(inputs, "value"))
            self$origins <- unlist(gather_inputs(inputs, "origin"))
          }, next_step = "end") |>
          step("end") |>
          run(resume = if (file.exists("fixed")) TRUE)
        """,
    )
    project.call(
        "resumed.R",
        "--config-value",
        "settings",
        '{"n": 10}',
        "run",
        "--p",
        "2",
        "--max-workers",
        "1",
        expect=1,
    )
    project.write("fixed", "")
    done = project.call("resumed.R")
    assert "resumes run 1" in done.text
    data = project.read("(lambda d: [d.values.tolist(), list(d.origins)])(Flow('Resumed').latest_run.data)")
    assert data[0] == [20, 40, 60]
    assert data[1][:2] == ["none", "1"]


@pytest.mark.holds("10.1 10.2 10.4 10.5", "r")
def test_a_step_in_r_knows_its_task(project: Project) -> None:
    """As the client shows it later."""
    project.write(
        "known.R",
        r"""
        library(instep)
        flow("Known", project(name = "atlas", branch = "blue")) |>
          parameter("p", default = 1L) |>
          step("start", \(self) {
            names <- c("flow_name", "run_id", "step_name", "task_id", "pathspec", "username", "tags", "project_name",
              "branch_name", "project_flow_name")
            self$facts <- sapply(names, current, simplify = FALSE)
            self$production <- c(current("is_production"), current("is_user_branch"), current("is_running_flow"))
            self$missing <- c(is.null(current("origin_run_id")), current("none", default = TRUE))
            self$graph <- current("graph")
            self$task <- current("task")
          }, next_step = "end") |>
          step("end", \(self) self$again <- c(self$task$pathspec, self$task$parent$id, current("run")$pathspec)) |>
          run()
        """,
    )
    project.environment["INSTEP_USER"] = "ada"
    project.call("known.R", "run", "--tag", "mine")
    facts = project.read("dict(Flow('Known').latest_run['start'].task.data.facts)")
    path = project.read("Flow('Known').latest_run['start'].task.pathspec")
    flow, run, step, task = path.split("/")
    assert facts == {
        "flow_name": flow,
        "run_id": run,
        "step_name": step,
        "task_id": task,
        "pathspec": path,
        "username": "ada",
        "tags": "mine",
        "project_name": "atlas",
        "branch_name": "test.blue",
        "project_flow_name": "atlas.test.blue.Known",
    }
    data = project.read(
        "(lambda d: [d.production.tolist(), d.missing.tolist(), dict(d.graph['steps'])['start']['next_step'],"
        " d.graph['start'], list(d.again)])(Flow('Known').latest_run.data)"
    )
    assert data == [[False, False, True], [True, True], "end", "start", [path, "start", f"Known/{run}"]]


@pytest.mark.holds("13.2", "r")
def test_what_a_script_cannot_start_is_said_without_a_backtrace(project: Project) -> None:
    """Exit status 1."""
    project.write("choice.R", CHOICE.replace("{body}", "NULL"))
    project.environment["INSTEP_PYTHON"] = "/nowhere/python"
    done = project.call("choice.R", "run", expect=1)
    assert "Error: Instep's orchestrator can't be started with '/nowhere/python'." in done.text
    assert "instep:::" not in done.text
    assert "Backtrace" not in done.text


def test_a_flow_without_a_file_names_none_in_its_hints(project: Project) -> None:
    """A flow that was typed at R's prompt is looked at from there."""
    code = """
        library(instep)
        flow("Typed") |> step("start", \\(self) stop("no"), next_step = "end") |> step("end") |> run()
    """
    done = project.call("R", "--no-echo", "--no-save", "-e", " ; ".join(code.split("\n")[1:3]), expect=1)
    assert 'cat(task_client("Typed/1/start/1")$stderr)' in done.text
    assert "Typed.R logs" not in done.text


@pytest.mark.holds("7.7 7.8 7.12", "r")
def test_a_step_that_crashes_leaves_its_host_as_it_was(project: Project) -> None:
    """The steps after it are forked as before, and have what the file made when it was loaded."""
    project.write(
        "crash.R",
        r"""
        library(instep)
        made <- tempfile()
        writeLines("made once", made)

        flow("Crash") |>
          step("start", \(self) {
            cat("printed before\n")
            tools::pskill(Sys.getpid(), 11L)
            Sys.sleep(60)
          }, catch(var = "error"), next_step = "end") |>
          step("end", \(self) {
            self$text <- readLines(made)
            self$own <- dir.exists(tempdir())
          }) |>
          run()
        """,
    )
    done = project.call("crash.R", "run")
    assert "did not come up" not in done.text
    assert project.read("[Flow('Crash').latest_run.data.text, Flow('Crash').latest_run.data.own]") == [
        "made once",
        True,
    ]
    log = project.call("crash.R", "logs", "1/start", "--attempt", "0").text
    assert "printed before" in log
    assert "segmentation fault" in log
