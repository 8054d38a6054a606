"""Tasks in processes of their own: forked, started afresh, or reused; always with fresh random state."""

from __future__ import annotations

import pytest
from project import Project

PYTHON = """
    import os, random
    from instep import FlowSpec, step

    class Isolation(FlowSpec):
        isolation = "{isolation}"

        @step
        def start(self):
            self.items = list(range(6))
            self.next(self.work, foreach="items")

        @step
        def work(self):
            self.pid = os.getpid()
            self.random = random.random()
            self.next(self.join)

        @step
        def join(self, inputs):
            self.pids = [each.pid for each in inputs]
            self.randoms = [each.random for each in inputs]
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Isolation()
"""

R = """
    library(instep)

    runif(1)
    work <- function(self) {
      self$pid <- Sys.getpid()
      self$random <- runif(1)
    }

    flow("Isolation", isolation = "{isolation}") |>
      step("start", \\(self) self$items <- 0:5, next_step = "work", foreach = "items") |>
      step("work", work, next_step = "join") |>
      step("join", \\(self, inputs) {
        self$pids <- unlist(gather_inputs(inputs, "pid"))
        self$randoms <- unlist(gather_inputs(inputs, "random"))
      }, next_step = "end") |>
      step("end") |>
      run()
"""


@pytest.mark.parametrize("isolation", ["fork", "spawn", "reuse"])
@pytest.mark.parametrize("file", ["isolation.py", "isolation.R"])
def test_tasks_are_isolated_as_the_flow_says(project: Project, file: str, isolation: str) -> None:
    project.write(file, (PYTHON if file.endswith(".py") else R).replace("{isolation}", isolation))
    project.call(file, "run", "--max-workers", "2")
    pids, randoms = project.read(
        "(lambda d: [[int(pid) for pid in d.pids], list(d.randoms)])(Flow('Isolation').latest_run.data)"
    )
    assert len(set(pids)) == 6 if isolation != "reuse" else len(set(pids)) <= 2
    assert len(set(randoms)) == 6
