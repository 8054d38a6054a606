"""What the orchestrator does about failures and resources, in one flow whose steps are in both languages."""

from __future__ import annotations

import pytest
from project import Project

PYTHON_STEPS = """
    import os, signal
    from instep import FlowSpec, catch, current, resources, retry, step

    class Policies(FlowSpec):
        include = ["policies.R"]

        @catch(var="error")
        @retry(times=3, on="KeyError")
        @step
        def start(self):
            self.half = "done"
            raise ValueError("not to be retried")
            self.next("picky")

        @retry(times=1, on="WorkerLost")
        @step
        def crash(self):
            if current.retry_count == 0:
                print("said before", flush=True)
                os.kill(os.getpid(), signal.SIGSEGV)
            self.next("crash_r")

        @resources(memory=[150, 1000])
        @retry(times=1, on="OutOfMemory")
        @step
        def large(self):
            if current.retry_count == 0:
                grown = bytearray(400 * 2**20)
                grown[::4096] = b"x" * len(grown[::4096])
                signal.pause()
            self.tries = [current.retry_count]
            self.next("large_r")

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Policies()
"""

R_STEPS = r"""
    library(instep)

    flow("Policies") |>
      step("picky", catch(var = "error_r"), retry(times = 3, on = "http_500"), \(self) {
        self$half_r <- "done"
        stop(errorCondition("not to be retried", class = c("http_404", "http_error")))
      }, next_step = "crash") |>
      step("crash_r", retry(times = 1, on = "WorkerLost"), \(self) {
        if (current("retry_count") == 0L) {
          tools::pskill(Sys.getpid(), 11L)
          Sys.sleep(60)
        }
      }, next_step = "large") |>
      step("large_r", resources(memory = c(200, 1000)), retry(times = 1, on = "OutOfMemory"), \(self) {
        if (current("retry_count") == 0L) {
          grown <- rep(1, 400 * 2^17)
          Sys.sleep(60)
        }
        self$tries <- c(self$tries, current("retry_count"))
      }, next_step = "end")
"""


@pytest.mark.holds("7.3 7.4 7.7 7.8 7.9", "python", "r")
def test_each_failure_is_what_it_was_and_policies_may_name_it(project: Project) -> None:
    """Errors by class, crashes and want of memory, in both languages."""
    file = project.write("policies.py", PYTHON_STEPS)
    project.write("policies.R", R_STEPS)
    done = project.call(file.name, "run")
    assert "Attempt 0 failed; retry at once." in done.text
    assert "Attempt 0 failed for good; catch handles it." in done.text
    data, crashes, kinds = project.read(
        "(lambda run: [[run.data.error.type, run.data.error_r.type, run.data.half, run.data.half_r,"
        " [int(one) for one in run.data.tries]],"
        " [Task(run[step].task.pathspec, attempt=0).stderr for step in ('crash', 'crash_r')],"
        " [Task(run[step].task.pathspec, attempt=0).exception.exception for step in ('large', 'large_r')]])"
        "(Flow('Policies').latest_run)"
    )
    assert data == ["builtins.ValueError", "http_404", "done", "done", [1, 1]]
    assert all("segmentation fault (SIGSEGV)" in text for text in crashes)
    for text, declared in zip(kinds, (150, 200), strict=True):
        assert text.endswith(f" MB of memory, and its step declares memory={declared}.")


@pytest.mark.holds("7.16 7.17 4.11", "python", "r")
@pytest.mark.parametrize(
    ("option", "status", "text"),
    [
        ("resources:cpu=10000", 1, "It could never start."),
        ("retry:times=9", 2, "The decorator 'retry' of --with has times=9."),
        ("nap", 2, "The decorator 'nap' of --with does not exist."),
    ],
)
def test_with_that_cannot_be_is_refused_before_the_run(
    project: Project, option: str, status: int, text: str
) -> None:
    """Nothing is recorded."""
    file = project.write("policies.py", PYTHON_STEPS)
    project.write("policies.R", R_STEPS)
    done = project.call(file.name, "run", "--with", option, "--run-id-file", "id", expect=status)
    assert text in done.text
    assert not (project.folder / "id").exists()
