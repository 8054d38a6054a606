"""Values between steps of both languages, there and back. The whole type table is in tests/values."""

from __future__ import annotations

from project import Project

FROM_PYTHON = """
    import datetime
    import numpy as np
    import pandas as pd
    from instep import FlowSpec, step

    class Unknown:
        def __init__(self):
            self.word = "python only"

    class ThereAndBack(FlowSpec):
        include = ["there_and_back.R"]

        @step
        def start(self):
            self.none = None
            self.flag = True
            self.integer = 7
            self.large = 2**40
            self.number = float("nan")
            self.text = "Grüße, 世界"
            self.bytes = b"\\x00\\xff"
            self.date = datetime.date(2026, 2, 28)
            self.words = ["a", None, "c"]
            self.matrix = np.arange(6.0).reshape(2, 3)
            self.nested = {"a": [1, 2.5, "x"], "b": {"c": None}}
            self.frame = pd.DataFrame(
                {
                    "n": [1, 2, 3],
                    "x": [0.5, None, 2.5],
                    "cut": pd.Categorical(["low", "high", "low"], categories=["low", "high"], ordered=True),
                }
            )
            self.unknown = Unknown()
            self.next("look")

        @step
        def end(self):
            assert self.none is None and self.flag is True and self.integer == 7 and self.large == 2**40
            assert self.number != self.number
            assert self.text == "Grüße, 世界" and self.bytes == b"\\x00\\xff"
            assert self.date == datetime.date(2026, 2, 28) and self.words == ["a", None, "c"]
            assert self.matrix.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
            assert self.nested == {"a": [1, 2.5, "x"], "b": {"c": None}}
            assert self.frame.cut.cat.ordered and list(self.frame.columns) == ["n", "x", "cut"]
            assert self.unknown.word == "python only"
            assert self.handle.word == "python only"
            assert self.sums.tolist() == [3.0, 12.0]
            assert self.model_class == "lm"
            self.ok = True

    if __name__ == "__main__":
        ThereAndBack()
"""

IN_R = """
    library(instep)

    look <- function(self) {
      stopifnot(
        is.null(self$none), isTRUE(self$flag), identical(self$integer, 7L), self$large == 2^40,
        is.nan(self$number), identical(self$text, "Gr\\u00fc\\u00dfe, \\u4e16\\u754c"),
        identical(self$bytes, as.raw(c(0, 255))), identical(self$date, as.Date("2026-02-28")),
        identical(self$words, c("a", NA, "c")), identical(dim(self$matrix), c(2L, 3L)), self$matrix[2, 1] == 3,
        identical(self$nested$a[[3]], "x"), is.null(self$nested$b$c), "c" %in% names(self$nested$b),
        is.ordered(self$frame$cut), identical(levels(self$frame$cut), c("low", "high")), is.na(self$frame$x[2])
      )
      opened <- tryCatch(self$unknown$word, error = conditionMessage)
      stopifnot(grepl("Unknown", opened), grepl("made in Python 3", opened), grepl("as_python", opened))
      self$handle <- self$unknown
      self$sums <- unname(rowSums(self$matrix))
      self$model <- lm(mpg ~ wt, data = mtcars)
      self$model_class <- class(self$model)
    }

    check_model <- function(self) stopifnot(inherits(self$model, "lm"), nobs(self$model) == 32)

    flow("ThereAndBack") |>
      step("look", look, next_step = "check_model") |>
      step("check_model", check_model, next_step = "end") |>
      run()
"""

REFUSED = """
    import threading
    from instep import FlowSpec, step

    class Refused(FlowSpec):
        @step
        def start(self):
            self.lock_artifact = threading.Lock()
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Refused()
"""


def test_values_are_what_the_table_says_in_both_languages(project: Project) -> None:
    project.write("there_and_back.py", FROM_PYTHON)
    project.write("there_and_back.R", IN_R)
    project.call("there_and_back.py", "run")
    assert project.read("Flow('ThereAndBack').latest_run.data.ok") is True


def test_value_passed_on_untouched_is_the_same_object_in_the_store(project: Project) -> None:
    project.write("there_and_back.py", FROM_PYTHON)
    project.write("there_and_back.R", IN_R)
    project.call("there_and_back.py", "run")
    shas = project.read("{s.id: s.task['frame'].sha for s in Flow('ThereAndBack').latest_run}")
    assert len(shas) == 4
    assert len(set(shas.values())) == 1


def test_model_of_r_is_a_handle_in_python_that_says_how_to_use_it(project: Project) -> None:
    project.write("there_and_back.py", FROM_PYTHON)
    project.write("there_and_back.R", IN_R)
    project.call("there_and_back.py", "run")
    project.write(
        "touch.py",
        """
        from instep import Flow

        model = Flow("ThereAndBack").latest_run.data.model
        print(type(model).__name__)
        try:
            model.coefficients
        except Exception as error:
            print(type(error).__name__, error)
        """,
    )
    shown = project.call("touch.py").text
    for word in ("ForeignObject", "OpaqueForeignError", "'lm' of R", "step written in R"):
        assert word in shown


def test_value_that_cannot_be_stored_fails_the_task_with_its_name(project: Project) -> None:
    project.write("refused.py", REFUSED)
    done = project.call("refused.py", "run", expect=1)
    assert "lock_artifact" in done.text
