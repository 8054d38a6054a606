"""Ctrl-C ends a run cleanly: exit code 130, recorded as cancelled, no process left."""

from __future__ import annotations

import os
import signal
import time

import pytest
from project import Project, wait_until

PYTHON = """
    import subprocess, time
    from instep import FlowSpec, step

    class Slow(FlowSpec):
        @step
        def start(self):
            self.items = [1, 2]
            self.next(self.work, foreach="items")

        @step
        def work(self):
            child = subprocess.Popen(["sleep", "100"])
            open(f"started-{self.index}", "w").close()
            time.sleep(100)
            self.next(self.join)

        @step
        def join(self, inputs):
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Slow()
"""

R = """
    library(instep)

    work <- function(self) {
      system("sleep 100", wait = FALSE)
      file.create(paste0("started-", self$index))
      Sys.sleep(100)
    }

    flow("Slow") |>
      step("start", \\(self) self$items <- 1:2, next_step = "work", foreach = "items") |>
      step("work", work, next_step = "join") |>
      step("join", \\(self, inputs) NULL, next_step = "end") |>
      step("end") |>
      run()
"""

STUBBORN = """
    import time
    from instep import FlowSpec, step

    class Slow(FlowSpec):
        @step
        def start(self):
            open("started-0", "w").close()
            open("started-1", "w").close()
            while True:
                try:
                    time.sleep(100)
                except BaseException:
                    pass
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Slow()
"""


def started(project: Project) -> bool:
    return all((project.folder / f"started-{index}").exists() for index in range(2))


@pytest.mark.parametrize(("file", "text"), [("slow.py", PYTHON), ("slow.R", R)], ids=["Python", "R"])
def test_interrupt_cancels_the_run_and_leaves_no_process(project: Project, file: str, text: str) -> None:
    project.write(file, text)
    process = project.start(file, "run", "--max-workers", "2")
    wait_until(lambda: started(project))
    begin = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does
    done = project.finish(process, expect=130)
    assert time.monotonic() - begin < 20
    assert "Traceback" not in done.stderr
    wait_until(lambda: not project.left_behind(), seconds=5)
    run = "(lambda run: [run.finished, run.successful, run.status])(Flow('Slow').latest_run)"
    finished, successful, state = project.read(run)
    assert not finished
    assert not successful
    assert "cancel" in state


def test_command_that_is_killed_leaves_no_process_and_a_failed_run(project: Project) -> None:
    project.write("slow.py", PYTHON)
    process = project.start("slow.py", "run", "--max-workers", "2")
    wait_until(lambda: started(project))
    os.kill(process.pid, signal.SIGKILL)
    project.finish(process, expect=None)
    wait_until(lambda: not project.left_behind(), seconds=20)
    assert project.read("Flow('Slow').latest_run.successful") is False


def test_step_that_ignores_the_interrupt_is_ended_after_the_grace_time(project: Project) -> None:
    project.write("slow.py", STUBBORN)
    process = project.start("slow.py", "run")
    wait_until(lambda: started(project))
    os.killpg(process.pid, signal.SIGINT)
    project.finish(process, expect=130)
    wait_until(lambda: not project.left_behind(), seconds=5)
