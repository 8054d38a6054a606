"""Splits and joins."""

from __future__ import annotations

import pytest
from bilingual import LANGUAGES, Step, write
from project import Project

# The first item of the foreach is done last: it waits for the file that the last one leaves.
FLOW = {
    "start": Step(
        py="self.before, self.n = 'kg', 0",
        r='self$before <- "kg"; self$n <- 0L',
        next="left right",
    ),
    "left": Step(py="self.n, self.a = 1, 5", r="self$n <- 1L; self$a <- 5L", next="last"),
    "last": Step(
        py="self.saw = [self.before, self.n, hasattr(self, 'b')]",
        r='self$saw <- list(self$before, self$n, "b" %in% names(self))',
        next="outer",
    ),
    "right": Step(
        py="self.b, self.saw = 7, [self.before, self.n, hasattr(self, 'a')]",
        r='self$b <- 7L; self$saw <- list(self$before, self$n, "a" %in% names(self))',
        next="deep other",
    ),
    "deep": Step(py="self.d = self.b + 1", r="self$d <- self$b + 1L", next="inner"),
    "other": Step(py="self.d = self.b + 2", r="self$d <- self$b + 2L", next="inner"),
    "inner": Step(
        py="self.d, self.b = [inputs.deep.d, inputs.other.d], inputs[0].b",
        r="self$d <- list(inputs$deep$d, inputs$other$d); self$b <- inputs[[1]]$b",
        join=True,
        next="outer",
    ),
    "outer": Step(
        py="""
        self.nothing = [hasattr(self, name) for name in ("before", "n", "a", "b", "d")]
        self.fixed = [self.p, self.unit]
        self.count = len(inputs)
        self.in_order = [inputs[0].saw[0], inputs[0].a, inputs[1].b]
        self.by_name = [inputs.last.a, list(inputs.inner.d)]
        inputs.last.a = 99
        self.kept = True
        self.theirs = [one.unit for one in inputs] + [one.p for one in inputs]
        """,
        r="""
        self$nothing <- lapply(c("before", "n", "a", "b", "d"), \\(name) name %in% names(self))
        self$fixed <- list(self$p, self$unit)
        self$count <- length(inputs)
        self$in_order <- list(inputs[[1]]$saw[[1]], inputs[[1]]$a, inputs[[2]]$b)
        self$by_name <- list(inputs$last$a, inputs$inner$d)
        try(inputs$last$a <- 99, silent = TRUE)
        self$kept <- TRUE
        self$theirs <- c(lapply(inputs, \\(one) one$unit), lapply(inputs, \\(one) one$p)) |> unname()
        """,
        join=True,
        next="wide",
    ),
    "wide": Step(
        py="""
        self.gone = [hasattr(self, name) for name in ("before", "a", "d", "kept")]
        self.items = ["p", "q", "r"]
        """,
        r="""
        self$gone <- lapply(c("before", "a", "d", "kept"), \\(name) name %in% names(self))
        self$items <- c("p", "q", "r")
        """,
        next="each",
        foreach="items",
    ),
    "each": Step(
        py="""
        while self.index == 0 and not os.path.exists("last"):
            time.sleep(0.01)
        if self.index == 2:
            open("last", "w").close()
        self.mine = self.input + str(self.index)
        """,
        r="""
        while (self$index == 0 && !file.exists("last")) Sys.sleep(0.01)
        if (self$index == 2) file.create("last")
        self$mine <- paste0(self$input, self$index)
        """,
        next="gather",
    ),
    "gather": Step(
        py="""
        self.all = [one.mine for one in inputs]
        self.first = [len(inputs), inputs[0].mine, inputs[2].mine]
        """,
        r="""
        self$all <- unlist(gather_inputs(inputs, "mine"))
        self$first <- list(length(inputs), inputs[[1]]$mine, inputs[[3]]$mine)
        """,
        join=True,
        next="end",
    ),
    "end": Step(py="self.seen = [list(self.all), hasattr(self, 'items')]",
                r='self$seen <- list(self$all, "items" %in% names(self))'),
}  # fmt: skip


@pytest.mark.holds("2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_splits_nest_and_joins_start_empty(project: Project, run, data, language: str) -> None:
    file = write(
        project,
        language,
        FLOW,
        py='unit = "cm"\np = Parameter("p", default=4)',
        r='constant("unit", "cm") |> parameter("p", default = 4L)',
    )
    project.call(file, "run", "--max-workers", "3")
    assert data("last", "saw") == ["kg", 1, False]
    assert data("right", "saw") == ["kg", 0, False]
    assert data("outer", "nothing") == [False] * 5
    assert data("outer", "fixed", "count") == [[4, "cm"], 2]
    assert data("outer", "in_order", "by_name") == [["kg", 5, 7], [5, [8, 9]]]
    assert data("last", "a") == 5  # the join has assigned to it
    assert data("outer", "theirs") == ["cm", "cm", 4, 4]
    assert data("wide", "gone") == [False, False, False, True]
    assert data("gather", "all", "first") == [["p0", "q1", "r2"], [3, "p0", "r2"]]
    assert data("end", "seen") == [["p0", "q1", "r2"], False]
    assert [len(list(run("1")[step])) for step in ("inner", "outer", "each", "gather")] == [1, 1, 3, 1]
