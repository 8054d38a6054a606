"""Parameters, include files and configs, as every step reads them."""

from __future__ import annotations

import pytest
from bilingual import LANGUAGES, Step, write
from project import Project

SEEN = Step(
    py="self.seen = [self.n, self.with_dash, self.text, self.cfg.a.b, self.cfg['l'][0]['x'], 'a' in self.cfg]",
    r='self$seen <- list(self$n, self$with_dash, self$text, self$cfg$a$b, self$cfg[["l"]][[1]]$x, "a" %in% names(self$cfg))',
)
FLOW = {
    "start": Step(
        py=f"""
        {SEEN.py}
        self.whole = self.cfg
        try:
            self.cfg["a"] = 1
        except TypeError as err:
            self.refused = "TypeError " + str(err)
        """,
        r=f"""
        {SEEN.r}
        self$whole <- self$cfg
        self$refused <- conditionMessage(tryCatch(self$cfg$a <- 1, error = identity))
        """,
        next="left right",
    ),
    "left": Step(
        py=f"""
        {SEEN.py}
        self.fixed = []
        for change in (lambda: setattr(self, "n", 2), lambda: setattr(self, "text", ""), lambda: delattr(self, "n")):
            try:
                change()
            except AttributeError as err:
                self.fixed = [*self.fixed, "AttributeError " + str(err)]
        """,
        r=f"""
        {SEEN.r}
        told <- \\(code) conditionMessage(tryCatch(code, error = identity))
        self$fixed <- list(told(self$n <- 2L), told(self$text <- ""), told(self$n <- NULL))
        """,
        next="join",
    ),
    "join": Step(py=SEEN.py, r=SEEN.r, join=True, next="end"),
    "right": Step(py=SEEN.py, r=SEEN.r, next="join"),
    "end": Step(py=f"{SEEN.py}\nself.names = list(current.parameter_names)",
                r=f'{SEEN.r}\nself$names <- current("parameter_names")'),
}  # fmt: skip
PYTHON = """
n = Parameter("n", default=1)
with_dash = Parameter("with-dash", default="d")
text = IncludeFile("text", default="words.txt")
cfg = Config("cfg", default_value={"a": {"b": 5}, "l": [{"x": "deep"}]})
unit = "kg"
"""
R = """parameter("n", default = 1L) |> parameter("with-dash", default = "d") |>
  include_file("text", default = "words.txt") |> constant("unit", "kg")"""


@pytest.mark.holds("6.1 6.7 6.9 6.10 6.11 6.13 6.16 8.10", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_settings_are_the_same_in_every_task(project: Project, run, data, language: str) -> None:
    project.write("words.txt", "zwölf")
    file = write(project, language, FLOW, py=PYTHON, r=R)
    if language == "r":
        path = project.folder / file
        text = path.read_text().replace('flow("Sample")', 'flow("Sample", cfg)')
        path.write_text(text.replace(
            "library(instep)\n",
            "library(instep)\ncfg <- config('cfg', default_value = list(a = list(b = 5L), l = list(list(x = 'deep'))))\n",
        ))  # fmt: skip
    project.environment |= {"INSTEP_RUN_N": "7", "INSTEP_RUN_WITH_DASH": "environment"}
    project.call(file, "run", "--n", "8")
    expected = [8, "environment", "zwölf", 5, "deep", True]
    assert [data(step, "seen") for step in FLOW] == [expected] * 5
    assert [run("1")[step].task.data.with_dash for step in FLOW] == ["environment"] * 5
    assert all("AttributeError" in one for one in data("left", "fixed"))
    assert len(data("left", "fixed")) == 3
    assert "cannot be modified" in data("left", "fixed")[0] or "can't be modified" in data("left", "fixed")[0]
    assert "TypeError" in data("start", "refused")
    assert data("start", "whole") == {"a": {"b": 5}, "l": [{"x": "deep"}]}
    assert data("end", "names") == ["cfg", "n", "text", "with_dash"]

    (project.folder / "words.txt").unlink()
    project.environment |= {"INSTEP_RUN_N": "9"}
    project.call(file, "resume", "join")
    assert [data(step, "seen", run_id="2") for step in FLOW] == [expected] * 5
