"""Objects of one language that are used from the other one: by clients, and inside of steps.

The fixture `project` fails a test that leaves a process behind.
"""

from __future__ import annotations

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
