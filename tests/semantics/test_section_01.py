"""Artifacts along one path, constants and content ids."""

from __future__ import annotations

import pytest
from bilingual import LANGUAGES, Step, plain, write
from project import Project

PATH = {
    "start": Step(
        py="""
        self.x, self.xs, self.word, self._hidden = 1, [1, 2], "kilo", "h"
        self.seen = self.table["a"]
        self.table["a"].append(2)
        """,
        r="""
        self$x <- 1L
        self$xs <- c(1L, 2L)
        self$word <- "kilo"
        self$`_hidden` <- "h"
        self$seen <- self$table$a
        """,
        next="change",
    ),
    "change": Step(
        py="""
        self.xs = list(self.xs)
        self.xs.append(3)
        self.missing = [hasattr(self, "nothing"), getattr(self, "nothing", "default")]
        try:
            self.nothing
        except AttributeError as err:
            self.told = str(err)
        """,
        r="""
        self$xs[[3]] <- 3L
        self$missing <- list("nothing" %in% names(self), "default")
        self$told <- conditionMessage(tryCatch(self$nothing, error = identity))
        """,
        next="assign",
    ),
    "assign": Step(
        py="""
        self.x = self.x + 10
        self.again, self.other = "ki" + "lo", "kila"
        self.refused = []
        try:
            self.unit = "g"
        except AttributeError as err:
            self.refused = "AttributeError: " + str(err)
        """,
        r="""
        self$x <- self$x + 10L
        self$again <- paste0("ki", "lo")
        self$other <- "kila"
        self$refused <- conditionMessage(tryCatch(self$unit <- "g", error = identity))
        """,
        next="end",
    ),
    "end": Step(
        py="""
        self.final = [self.x, list(self.xs), self._hidden, self.unit, self.table]
        self.names = list(current.parameter_names)
        """,
        r="""
        self$final <- list(self$x, self$xs, self$`_hidden`, self$unit, self$table)
        self$names <- as.list(current("parameter_names"))
        """,
    ),
}
CONSTANTS = """
unit = "kg"
table = {"a": [1, 5]}
p = Parameter("p", default=3)
"""
R_CONSTANTS = (
    'constant("unit", "kg") |> constant("table", list(a = c(1L, 5L))) |> parameter("p", default = 3L)'
)


@pytest.mark.holds("1.1 1.2 1.3 1.4 1.5 1.8 1.9", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_artifacts_and_constants_on_their_path(project: Project, run, data, language: str) -> None:
    file = write(project, language, PATH, py=CONSTANTS, r=R_CONSTANTS)
    project.call(file, "run")
    assert [data(step, "x") for step in PATH] == [1, 1, 11, 11]
    assert [data(step, "xs") for step in PATH] == [[1, 2], [1, 2, 3], [1, 2, 3], [1, 2, 3]]
    assert data("end", "final") == [11, [1, 2, 3], "h", "kg", {"a": [1, 5]}]
    assert data("change", "missing") == [False, "default"]
    assert "has no attribute" in data("change", "told")
    assert "nothing" in data("change", "told")
    assert "AttributeError" in data("assign", "refused")

    one = run("1")
    for step in PATH:
        task = one[step].task
        assert [plain(task.data.unit), plain(task.data.table), task.data.p] == ["kg", {"a": [1, 5]}, 3]
        assert "_hidden" not in {artifact.id for artifact in task}
        assert task["_hidden"].data == "h"
    assert data("end", "names") == ["p"]
    assert one["assign"].task["again"].sha == one["start"].task["word"].sha
    assert one["assign"].task["other"].sha != one["start"].task["word"].sha
    dumped = [project.call(file, "dump", "1/end", *more).stdout for more in ([], ["--private"])]
    assert ["_hidden" in text for text in dumped] == [False, True]


UNSTORABLE = {
    "start": Step(
        py="""
        try:
            self.me = self
            self.told = ""
        except Exception as err:
            self.told = str(err)
        """,
        r="""
        self$told <- conditionMessage(tryCatch(self$me <- self, error = identity))
        """,
        next="a b",
    ),
    "a": Step(next="join"),
    "b": Step(next="join"),
    "join": Step(
        py="""
        try:
            self.one = inputs[0]
            self.told = ""
        except Exception as err:
            self.told = str(err)
        """,
        r="""
        self$told <- conditionMessage(tryCatch(self$one <- inputs[[1]], error = identity))
        """,
        join=True,
        next="bad",
    ),
    "bad": Step(
        py="self.stream = (one for one in [])",
        r='self$stream <- textConnection("text")',
        next="end",
    ),
    "end": Step(),
}


@pytest.mark.holds("1.7", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_cannot_be_stored_is_named(project: Project, data, language: str) -> None:
    done = project.call(write(project, language, UNSTORABLE), "run", expect=1)
    assert "'bad'" in done.text
    assert "stream" in done.text
    for step in ("start", "join"):
        told = data(step, "told")
        assert "flow" in told
        assert "cannot be stored" in told or "can't be stored" in told
        assert "attributes" in told
