"""merge_artifacts."""

from __future__ import annotations

import pytest
from bilingual import MIXES, Step, write
from project import Project

# In a mixed flow both branches are in one language, and the join in the other.
FLOW = {
    "start": Step(
        py="""
        self.unit, self.n, self.same, self._own = "kg", 0, "old", 0
        try:
            self.merge_artifacts([])
        except Exception as err:
            self.told = str(err)
        """,
        r="""
        self$unit <- "kg"; self$n <- 0L; self$same <- "old"; self$`_own` <- 0L
        self$told <- conditionMessage(tryCatch(merge_artifacts(self, list()), error = identity))
        """,
        next="left right",
    ),
    "left": Step(
        py="self.n, self.a, self.m, self.same, self._own = 1, 5, 'l', [1, 2], 1",
        r='self$n <- 1L; self$a <- 5L; self$m <- "l"; self$same <- c(1L, 2L); self$`_own` <- 1L',
        next="join",
    ),
    "join": Step(
        py="""
        def has():
            return [name for name in ("unit", "same", "a", "n", "m", "_own") if hasattr(self, name)]
        def fails(**options):
            try:
                self.merge_artifacts(inputs, **options)
            except Exception as err:
                return [type(err).__name__ + ": " + str(err), list(getattr(err, "artifact_names", [])), has()]
        steps = [fails(), fails(include=["unit"], exclude=["n"]), fails(include=["unit", "zz"])]
        self.merge_artifacts(inputs, include=["unit"])
        steps.append(has())
        self.merge_artifacts(inputs, exclude=["n", "m"])
        steps.append(has())
        self.n, self.m = inputs.left.n + inputs.right.n, "both"
        self.merge_artifacts(inputs)
        steps.append(has())
        self.steps = steps
        """,
        r="""
        has <- function() as.list(intersect(c("unit", "same", "a", "n", "m", "_own"), names(self)))
        fails <- function(...) {
          error <- tryCatch(merge_artifacts(self, inputs, ...), error = identity)
          list(conditionMessage(error), as.list(error$artifact_names), has())
        }
        steps <- list(fails(), fails(include = "unit", exclude = "n"), fails(include = c("unit", "zz")))
        merge_artifacts(self, inputs, include = "unit")
        steps <- c(steps, list(has()))
        merge_artifacts(self, inputs, exclude = c("n", "m"))
        steps <- c(steps, list(has()))
        self$n <- inputs$left$n + inputs$right$n
        self$m <- "both"
        merge_artifacts(self, inputs)
        steps <- c(steps, list(has()))
        self$steps <- steps
        """,
        join=True,
        next="end",
    ),
    "right": Step(
        py="self.n, self.m, self.same, self._own = 2, 'r', [2 - 1, 2], 2",
        r='self$n <- 2L; self$m <- "r"; self$same <- 1:2; self$`_own` <- 2L',
        next="join",
    ),
    "end": Step(
        py="self.final = [self.unit, self.same, self.a, self.n, self.m]",
        r="self$final <- list(self$unit, self$same, self$a, self$n, self$m)",
    ),
}


@pytest.mark.holds("3.1 3.2 3.3 3.4 3.5 3.6 3.7 3.8 3.9", "python", "r", "mixed")
@pytest.mark.parametrize(("language", "r_steps"), MIXES)
def test_what_agrees_is_merged_and_a_conflict_sets_nothing(
    project: Project, data, language: str, r_steps: int
) -> None:
    project.call(write(project, language, FLOW, r_steps=r_steps), "run")
    told = data("start", "told")
    assert "merge_artifacts" in told
    assert "join" in told
    assert "'start'" in told or "`start`" in told or '"start"' in told
    conflict, both, missing, included, excluded, merged = data("join", "steps")
    assert "MergeArtifacts" in conflict[0]
    assert sorted(conflict[1]) == ["m", "n"]
    assert conflict[2] == both[2] == missing[2] == []
    assert "include" in both[0]
    assert "exclude" in both[0]
    assert "zz" in missing[0]
    assert "'unit'" not in missing[0]
    assert included == ["unit"]
    assert excluded == ["unit", "same", "a"]
    assert merged == ["unit", "same", "a", "n", "m"]
    assert data("end", "final") == ["kg", [1, 2], 5, 3, "both"]
