"""How two runs differ, with steps of both languages."""

from __future__ import annotations

from project import Project

PYTHON = """
    from instep import FlowSpec, Parameter, step

    class Pricing(FlowSpec):
        include = ["pricing.R"]
        folds = Parameter("folds", default=2)

        @step
        def start(self):
            self.same = "unchanged"
            self.items = list(range(5))
            self.next("fit", foreach="items")

        @step
        def end(self):
            LAST

    if __name__ == "__main__":
        Pricing()
"""

R = """
    library(instep)

    flow("Pricing", include = "pricing.py") |>
      step("fit", \\(self) {
        self$frame <- data.frame(x = c(1, NA, 3) * self$folds, word = c("a", "b", "c"))
        self$model <- lm(y ~ x, data.frame(x = 1:5, y = (1:5)^self$folds))
      }, next_step = "join") |>
      step("join", \\(self, inputs) {
        self$frame <- inputs[[1]]$frame
        self$score <- self$folds / 10
      }, next_step = "end") |>
      run()
"""


def test_runs_are_compared_whatever_language_wrote_them(project: Project) -> None:
    project.write("pricing.R", R)
    project.write("pricing.py", PYTHON.replace("LAST", "pass"))
    project.call("pricing.py", "run")
    project.write("pricing.py", PYTHON.replace("LAST", "self.late = 1"))
    project.call("pricing.py", "run", "--folds", "3", "--tag", "new")
    lines = [line.strip() for line in project.call("instep", "diff", "Pricing/1", "2").stdout.splitlines()]
    assert lines[0] == "Pricing/1 -> Pricing/2"
    for expected in (
        "tags: (absent) -> new",
        "folds: 2 -> 3 (+1)",
        "end: its code differs",
        "fit[0] frame: data.frame 3 x 2 -> data.frame 3 x 2",
        "column 'x': 2 of 3 cells differ",
        "column 'x': row 0: 2.0 -> 3.0",
        "fit[0] model: lm (R only) -> lm (R only)",
        "join score: 0.2 -> 0.3 (+0.1)",
        "end late: (absent) -> int 1",
    ):
        assert expected in lines, (expected, lines)
    html = project.read("Run('Pricing/1').diff(Run('Pricing/2'))._repr_html_()")
    assert "0.2 -&gt; 0.3 (+0.1)" in html
    told = [line for line in lines if "frame:" in line]
    assert len(told) == 1, "the same change of five tasks, and what the join passed on, is told once"
    assert not [
        line for line in lines if "same" in line or (line.startswith(("start:", "fit:")) and "code" in line)
    ]


def test_a_run_does_not_differ_from_itself(project: Project) -> None:
    project.write("pricing.R", R)
    project.write("pricing.py", PYTHON.replace("LAST", "pass"))
    project.call("pricing.py", "run")
    shown = project.call("instep", "diff", "1", "1").text
    assert shown.count("no difference") == 4
    assert "has no run '9'" in project.call("instep", "diff", "1", "9", expect=1).text
    assert "names no run" in project.call("instep", "diff", "1", "1/start", expect=1).text
    project.call("instep", "diff", "1", expect=2)
