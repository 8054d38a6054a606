"""Runs from code, of flows in both languages."""

from __future__ import annotations

import sys

from project import Project

R = """
    library(instep)

    flow("Folds") |>
      parameter("folds", default = 2L) |>
      parameter("names", separator = ",", default = "a,b") |>
      step("start", \\(self) {
        cat("folds:", self$folds, "\\n")
        self$numbers <- seq_len(self$folds)
      }, next_step = "work", foreach = "numbers") |>
      step("work", \\(self) {
        if (self$input == 4L && !file.exists("repaired")) stop("four is broken")
        self$square <- self$input^2
      }, next_step = "join") |>
      step("join", \\(self, inputs) self$squares <- unlist(gather_inputs(inputs, "square")), next_step = "end") |>
      step("end", \\(self) self$all <- length(self$squares)) |>
      run()
"""


def test_a_flow_in_r_runs_resumes_and_is_refused_from_python(project: Project) -> None:
    project.write("folds.R", R)
    project.write(
        "drive.py",
        """
        from pathlib import Path
        from instep import Runner, errors

        runner = Runner("folds.R", show_output=False)
        done = runner.run(folds=3, names=["p", "q"], tag="first")
        assert (done.status, done.returncode) == ("succeeded", 0), done.stderr
        assert list(done.run.data.squares) == [1, 4, 9]
        assert list(done.run.data.names) == ["p", "q"]
        events = list(done)
        assert [event.text for event in events if event.kind == "output"] == ["folds: 3 "]

        failed = runner.run(folds=4)
        assert failed.status == "failed" and "four is broken" in failed.stderr
        assert next(failed.run["work"].tasks(status="failed")).exception.language == "r"
        Path("repaired").touch()
        resumed = runner.resume()
        assert resumed.status == "succeeded", resumed.stderr
        assert resumed.run.origin_pathspec == failed.run.pathspec
        assert resumed.run["start"].task.origin_pathspec == failed.run["start"].task.pathspec
        assert resumed.run["start"].task.stdout == "folds: 4 \\n"
        assert resumed.run["join"].task.origin_pathspec is None
        assert "origin-task-id" in resumed.run["start"].task.metadata_dict
        assert resumed.run["join"].task.metadata_dict["origin-run-id"] == failed.run.id
        for options, error in (({"folds": "x"}, errors.ParameterInvalidError), ({"nothing": 1}, errors.UsageError)):
            try:
                runner.run(**options)
            except error as caught:
                print(type(caught).__name__, caught)
        """,
    )
    shown = project.call(sys.executable, "drive.py").text
    assert "ParameterInvalidError Option --folds" in shown
    assert "UsageError No such option '--nothing'" in shown
