"""Objects of one language that are used from the other one: by clients, and inside of steps.

The fixture `project` fails a test that leaves a process behind.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from project import Project

IN_PYTHON = """
    import pandas as pd
    from instep import FlowSpec, step
    from instep.errors import RemoteError
    from sklearn.linear_model import LinearRegression

    class Opened(FlowSpec):
        include = ["opened.R"]

        @step
        def start(self):
            self.line = LinearRegression().fit(pd.DataFrame({"x": [0.0, 1.0, 2.0]}), [1.0, 3.0, 5.0])
            self.next("use_line")

        @step
        def end(self):
            with self.fit.open() as fit:
                self.predicted = list(fit.call("predict", newdata=pd.DataFrame({"wt": [3.0]})).values)
                self.residuals = fit.call("residuals")
                self.summary = fit.call("summary")
                try:
                    fit.call("predict", newdata=pd.DataFrame({"other": [3.0]}))
                except RemoteError as error:
                    self.problem = [error.remote_message, error.call, error.classes[0]]

    if __name__ == "__main__":
        Opened()
"""

IN_R = """
    library(instep)

    use_line <- function(self) {
      line <- self$line
      self$expected <- handle_call(line, "predict", data.frame(x = c(3, 4)))
      self$slope <- handle_call(line, "coef_")
      self$copy <- handle_call(line, "sklearn.base.clone")
      problem <- tryCatch(handle_call(line, "predict", "text"), instep_error_remote = identity)
      self$problem_in_python <- c(problem$classes[[1]], problem$language)
      # The process is left open: it ends with the task.
    }

    flow("Opened") |>
      step("use_line", use_line, next_step = "fit_cars") |>
      step("fit_cars", function(self) self$fit <- lm(mpg ~ wt, data = mtcars), next_step = "end") |>
      run()
"""


@pytest.fixture
def finished(project: Project) -> Project:
    """A project in which steps of both languages have used each other's objects."""
    project.write("opened.py", IN_PYTHON)
    project.write("opened.R", IN_R)
    project.call("opened.py", "run")
    return project


def test_steps_use_objects_of_the_other_language(finished: Project) -> None:
    found = finished.read(
        "[(d := Flow('Opened').latest_run.data).expected.round(6).tolist(), float(d.slope), d.problem_in_python,"
        " [round(x, 2) for x in d.predicted], len(d.residuals.values), d.problem, type(d.summary).__name__]"
    )
    expected, slope, in_python, predicted, rows, problem, summary = found
    assert expected == [7.0, 9.0]
    assert slope == pytest.approx(2.0)
    assert in_python == ["builtins.ValueError", "python"]
    assert predicted == [21.25]
    assert rows == 32
    assert problem == ["object 'wt' not found", "eval(predvars, data, env)", "simpleError"]
    assert summary == "ForeignObject"


def test_results_that_only_one_language_opens_are_stored_like_any_other(finished: Project) -> None:
    shown = finished.r(
        """
        data <- flow_client("Opened")$latest_run$data
        cat(class(data$summary), round(data$summary$r.squared, 3), class(data$copy))
        """
    )
    assert shown.split() == ["summary.lm", "0.753", "instep_foreign"]


def test_clients_use_objects_of_the_other_language(finished: Project) -> None:
    shown = finished.r(
        """
        line <- flow_client("Opened")$latest_run$data$line
        cat(with_foreign(line, round(handle_call(line, "predict", data.frame(x = 10)), 6)))
        """
    )
    assert shown.split() == ["21"]
    nobs = finished.read("Flow('Opened').latest_run.data.fit.call('nobs')")
    assert nobs == 32


def test_store_that_is_not_trusted_opens_nothing(finished: Project) -> None:
    finished.environment["INSTEP_ALLOW_OPAQUE"] = "false"
    finished.write(
        "touch.py",
        """
        from instep import Flow

        try:
            Flow("Opened").latest_run.data.fit.call("nobs")
        except Exception as error:
            print(type(error).__name__, error)
        """,
    )
    assert "OpaqueForeignError Opening 'lm' of R, which can run code" in finished.call("touch.py").text
    refused = finished.r(
        """
        line <- flow_client("Opened")$latest_run$data$line
        tryCatch(handle_call(line, "coef_"), instep_error_opaque_foreign = \\(e) cat("refused"))
        """
    )
    assert refused == "refused"


MODEL_IN_PYTHON = """
    import datetime

    import numpy as np
    import pandas as pd
    from instep import FlowSpec, step
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    class Embedded(FlowSpec):
        include = ["embedded.R"]

        @step
        def start(self):
            kinds = pd.Categorical(["a", "b", None, "a"], categories=["b", "a", "unused"])
            self.frame = pd.DataFrame({"kind": kinds, "x": [1.0, 2.0, 3.0, 5.0]})
            encoder = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
            self.model = make_pipeline(encoder, LinearRegression()).fit(self.frame, [2.0, 5.0, 4.0, 6.0])
            self.expected = self.model.predict(self.frame)
            self.numpy = np.__version__
            self.next("use")

        @step
        def end(self):
            self.intercept = self.refit.named_steps["linearregression"].intercept_

    if __name__ == "__main__":
        Embedded()
"""

USE_IN_R = """
    library(instep)
    library(reticulate)

    use <- function(self) {
      frame <- data.frame(
        kind = factor(c("a", "b", NA, "a"), levels = c("b", "a", "unused")), x = c(1, 2, 3, 5)
      )
      model <- self$model$as_python()
      self$predicted <- model$predict(frame)
      self$same <- identical(model$predict(self$frame), self$expected)
      self$weights <- model$named_steps$linearregression$coef_
      model$set_params(linearregression__fit_intercept = FALSE)$fit(frame, c(2, 5, 4, 6))
      self$refit <- model # stored when the step has ended, so it is not closed
    }

    flow("Embedded") |> step("use", use, next_step = "end") |> run()
"""


def has_reticulate() -> bool:
    """Tells whether R has reticulate, which is not needed to use Instep."""
    if shutil.which("Rscript") is None:
        return False
    return (
        subprocess.run(["Rscript", "-e", "loadNamespace('reticulate')"], capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not has_reticulate(), reason="R has no reticulate")
def test_model_of_python_is_used_through_reticulate_in_steps_and_clients(project: Project) -> None:
    project.environment["RETICULATE_PYTHON"] = sys.executable
    project.write("embedded.py", MODEL_IN_PYTHON)
    project.write("embedded.R", USE_IN_R)
    project.call("embedded.py", "run")
    told = project.read("Flow('Embedded').latest_run['use'].task.stderr")
    assert "in this process, through reticulate" in " ".join(told.split())
    predicted, expected, same, weights, intercept, numpy = project.read(
        "[(d := Flow('Embedded').latest_run.data).predicted.round(6).tolist(), d.expected.round(6).tolist(), d.same,"
        " len(d.weights), d.intercept, d.numpy]"
    )
    assert predicted == expected
    assert same is True
    assert weights == 4
    assert intercept == 0.0
    assert int(numpy.split(".")[0]) >= 2
    shown = project.r(
        """
        model <- flow_client("Embedded")$latest_run[["start"]]$task[["model"]]$as_python()
        steps <- model$steps
        cat(class(steps[[2]][[2]]), format(steps[[2]][[2]]$as_python()), length(model$predict(data.frame(
          kind = factor("a"), x = 1))))
        """
    )
    assert shown.split() == ["instep_foreign", "<Python", "sklearn.linear_model._base.LinearRegression>", "1"]


LOSSES = """
    from instep import FlowSpec, step
    from sklearn.linear_model import LinearRegression

    class Lossy(FlowSpec):
        include = ["lossy.R"]

        @step
        def start(self):
            self.model = LinearRegression()
            self.next("fit")

        @step{0}
        def end(self):
            with self.fit.open() as fit:
                for _ in range(2):
                    fit.call("getElement", "when")
                    fit.call("all.equal", current=bytearray(b"a"))

    if __name__ == "__main__":
        Lossy()
"""

LOSSES_IN_R = """
    library(instep)

    fit <- function(self) {
      late <- as.Date("2024-02-29") + 0.5
      for (i in 1:2) {
        handle_call(self$model, "builtins.isinstance", list(late)) |> try(silent = TRUE)
        handle_call(self$model, "builtins.getattr", "fit_intercept", late)
      }
      fit <- lm(dist ~ speed, cars)
      fit$when <- late
      self$fit <- fit
    }

    flow("Lossy") |> step("fit", fit, next_step = "end"{0}) |> run()
"""


def run_lossy(project: Project, step: str, policy: str, status: int = 0) -> str:
    """Runs a flow that loses something in calls, with what one step says of it. Gives that step's errors."""
    in_python = f'(on_loss="{policy}")' if step == "end" else ""
    in_r = f', on_loss = "{policy}"' if step == "fit" else ""
    project.write("lossy.py", LOSSES.replace("{0}", in_python))
    project.write("lossy.R", LOSSES_IN_R.replace("{0}", in_r))
    project.call("lossy.py", "run", expect=status)
    text = project.read(f"Flow('Lossy').latest_run[{step!r}].task.stderr")
    assert isinstance(text, str)
    return text


def test_calls_lose_as_the_step_says(project: Project) -> None:
    told = run_lossy(project, "end", "warn")
    assert told.count("Loss DATE_FRACTION in the result of getElement() at result: it has dates") == 1
    assert told.count("Loss BYTES in argument 'current' of all.equal() at current:") == 1
    told = run_lossy(project, "fit", "warn")
    assert (
        told.count("Loss DATE_FRACTION in an argument of builtins.getattr() at argument: it has dates") == 1
    )
    assert "Loss" not in run_lossy(project, "end", "ignore")
    assert "Loss" not in run_lossy(project, "fit", "ignore")


@pytest.mark.parametrize(
    ("step", "rule"), [("end", "DATE_FRACTION at result"), ("fit", "DATE_FRACTION at argument")]
)
def test_calls_that_must_lose_nothing_fail_the_step(project: Project, step: str, rule: str) -> None:
    said = " ".join(run_lossy(project, step, "error", status=1).split())
    assert "without loss, as" in said
    assert rule in said
