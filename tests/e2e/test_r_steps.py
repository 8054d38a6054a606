"""The R package's flow language, as steps of real runs see it."""

from __future__ import annotations

import pytest
from project import Project

NESTED = r"""
    library(instep)

    helper <- function(x) toupper(x)
    known <- list(scale = 10)

    one <- function(self) self$b <- c(10, 20, 30)

    two <- function(self) {
      stack <- self$foreach_stack()
      self$stack <- paste(vapply(stack, \(level) paste(level[[1]], level[[2]], level[[3]]), ""), collapse = "; ")
      self$value <- c(self$input * known$scale, self$index, self$b[[self$index + 1]])
    }

    inner <- function(self, inputs) {
      self$stacks <- unlist(gather_inputs(inputs, "stack"))
      self$sum <- sum(unlist(gather_inputs(inputs, "value")))
      merge_artifacts(self, inputs, include = c("a", "kept"))
      self$letter <- helper(self$input)
    }

    outer <- function(self, inputs) {
      self$letters <- unlist(gather_inputs(inputs, "letter"))
      self$stacks <- unlist(gather_inputs(inputs, "stacks"))
      self$count <- length(inputs)
      self$named <- is.null(names(inputs))
      merge_artifacts(self, inputs, include = "kept")
      self$lost <- is.null(tryCatch(self$a, error = \(e) NULL))
    }

    flow("Nested") |>
      step("start", \(self) { self$a <- c("x", "y"); self$kept <- "before" }, next_step = "one", foreach = "a") |>
      step("one", one, next_step = "two", foreach = "b") |>
      step("two", two, next_step = "inner") |>
      step("inner", inner, next_step = "outer") |>
      step("outer", outer, next_step = "end") |>
      step("end", \(self) self$step <- current("step_name")) |>
      run()
"""

FORMS = r"""
    library(instep)

    `%>%` <- function(lhs, rhs) eval(as.call(append(as.list(substitute(rhs)), substitute(lhs), 1)), parent.frame())

    flow("Forms") %>%
      step(step = "start", r_function = r_function(function(self) {
        self[["unit"]] <- "kg"
        self$cuts <- "Ideal"
        self$missing <- conditionMessage(tryCatch(self$nothing, error = identity))
      }), next_step = c("left", "right")) %>%
      step(step = "left", r_function = function(self) self$n <- 1, next_step = "join") %>%
      step(step = "right", r_function = function(self) self$n <- 2, next_step = "join") %>%
      step(step = "join", r_function = r_function(function(self, inputs) {
        self$conflict <- conditionMessage(tryCatch(merge_artifacts(self, inputs), error = identity))
        self$n <- inputs$left$n + inputs$right$n
        self$names <- names(inputs)
        merge_artifacts(self, inputs)
      }, join_step = TRUE), next_step = "each", foreach = "cuts") %>%
      step(step = "each", r_function = function(self) self$cut <- self$input, next_step = "gather") %>%
      step(step = "gather", r_function = function(self, inputs) {
        merge_artifacts(self, inputs)
        self$count <- length(inputs)
      }, join = TRUE, next_step = "end") %>%
      step(step = "end") %>%
      run()
"""

PARAMETERS = r"""
    library(instep)

    flow("Fixed") |>
      parameter("alpha", default = 0.5, help = "A share.") |>
      parameter("times", default = 2L) |>
      parameter("loud", default = FALSE) |>
      parameter("who", required = TRUE) |>
      step("start", \(self) {
        self$seen <- list(self$alpha, self$times, self$loud, self$who)
        self$types <- vapply(self$seen, typeof, "")
        self$refused <- conditionMessage(tryCatch({ self$alpha <- 1; NULL }, error = identity))
        self$names <- current("parameter_names")
      }, next_step = "end") |>
      step("end", \(self) self$again <- self$who) |>
      run()
"""


def test_nested_foreach_keeps_stacks_order_and_items(project: Project) -> None:
    project.write("nested.R", NESTED)
    project.call("nested.R", "run")
    data = project.read(
        "(lambda d: [list(d.letters), list(d.stacks), int(d.count), d.named, d.kept, d.lost, d.step])"
        "(Flow('Nested').latest_run.data)"
    )
    assert data[0] == ["X", "Y"]
    assert data[1] == [
        f"{i} 2 {letter}; {j} 3 {number}"
        for i, letter in enumerate("xy")
        for j, number in enumerate([10, 20, 30])
    ]
    assert data[2:] == [2, True, "before", True, "end"]


@pytest.mark.holds("15.1 15.3", "r")
def test_other_forms_of_the_pipe_and_of_functions_work(project: Project) -> None:
    # A join cannot split: the foreach leaves from a step of its own.
    text = FORMS.replace(
        'join_step = TRUE), next_step = "each", foreach = "cuts")',
        'join_step = TRUE), next_step = "spread") %>%\n      step(step = "spread", next_step = "each", foreach = "cuts")',
    )
    project.write("forms.R", text)
    project.call("forms.R", "run")
    joined = project.read(
        "(lambda d: [d.n, list(d.names), d.conflict])(Flow('Forms').latest_run['join'].task.data)"
    )
    assert joined[0] == 3
    assert joined[1] == ["left", "right"]
    assert "MergeArtifactsException" in joined[2]
    data = project.read("(lambda d: [d.cut, int(d.count), d.unit, d.missing])(Flow('Forms').latest_run.data)")
    assert data[:3] == ["Ideal", 1, "kg"]
    assert "has no attribute" in data[3]


def test_join_that_splits_is_refused(project: Project) -> None:
    project.write("forms.R", FORMS)
    assert "join" in project.call("forms.R", "check", expect=1).text


@pytest.mark.holds("6.1 6.2 6.3 6.4 6.10", "r")
def test_parameters_have_their_types_and_are_fixed(project: Project) -> None:
    project.write("fixed.R", PARAMETERS)
    assert "who" in project.call("fixed.R", "run", expect=2).text
    assert "times" in project.call("fixed.R", "run", "--who", "Ada", "--times", "two", expect=2).text
    project.call("fixed.R", "run", "--who", "Ada", "--loud", "True", "--alpha", "0.25")
    data = project.read(
        "(lambda d: [list(d.seen), list(d.types), d.refused, list(d.names), d.again])(Flow('Fixed').latest_run.data)"
    )
    assert data[0] == [0.25, 2, True, "Ada"]
    assert data[1] == ["double", "integer", "logical", "character"]
    assert "AttributeError" in data[2]
    assert data[3] == ["alpha", "loud", "times", "who"]
    assert data[4] == "Ada"


@pytest.mark.holds("6.6", "mixed")
def test_json_defaults_are_plain_in_python_and_vectors_in_r(project: Project) -> None:
    project.write(
        "plain.R",
        r"""
        library(instep)

        flow("Plain", include = "plain.py") |>
          parameter("text", type = "json", default = '{"a": [1, 2], "b": [[1], "x", null], "c": [1.5, null]}') |>
          parameter("value", type = "json", default = list(sizes = c(10L, 20L), one = I("x"), none = NULL)) |>
          parameter("words", separator = ",", default = "a") |>
          step("start", \(self) self$types <- c(typeof(self$text$a), typeof(self$value$sizes), typeof(self$text$b)),
            next_step = "end") |>
          run()
        """,
    )
    project.write(
        "plain.py",
        """
        from instep import FlowSpec, step

        class Plain(FlowSpec):
            @step
            def end(self):
                self.seen = repr([self.text, self.value, self.words])
        """,
    )
    project.call("plain.R", "run")
    seen, types = project.read("(lambda d: [d.seen, list(d.types)])(Flow('Plain').latest_run.data)")
    assert seen == repr(
        [
            {"a": [1, 2], "b": [[1], "x", None], "c": [1.5, None]},
            {"sizes": [10, 20], "one": ["x"], "none": None},
            ["a"],
        ]
    )
    assert types == ["integer", "integer", "list"]


@pytest.mark.holds("15.9", "r")
def test_run_in_a_session_returns_the_status(project: Project) -> None:
    project.write(
        "session.R",
        """
        library(instep)
        hello <- flow("Session") |>
          parameter("n", default = 1L) |>
          step("start", \\(self) self$twice <- 2L * self$n, next_step = "end") |>
          step("end")
        if (!interactive()) {
          status <- run(hello, n = 21L)
          cat("status", status, "\\n")
        }
        """,
    )
    assert "status 0" in project.call("session.R").text
    assert project.read("int(Flow('Session').latest_run.data.twice)") == 42


def test_step_hands_models_to_stats(project: Project) -> None:
    shown = project.r(
        """
        model <- step(lm(mpg ~ wt + qsec + drat, data = mtcars), trace = 0)
        cat(class(model))
        """
    )
    assert shown == "lm"
