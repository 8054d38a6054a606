"""Workers that take several tasks (`isolation="reuse"`), in both languages: each task finds a process as if it were new."""

from __future__ import annotations

from collections import Counter

import pytest
from project import Project

PYTHON = """
    import os, random, signal, sys, time
    from instep import FlowSpec, catch, current, retry, step, timeout

    class Again(FlowSpec):
        @step
        def start(self):
            self.items = list(range(12))
            self.next(self.work, foreach="items")

        @catch(var="error")
        @timeout(seconds=1)
        @retry(times=1, minutes_between_retries=0)
        @step(isolation="reuse")
        def work(self):
            self.pid, self.random, self.item = os.getpid(), random.random(), self.input
            self.left = [os.environ.get("LEFT"), os.path.basename(os.getcwd())]
            self.known = [current.task_id, current.retry_count, int(current.pathspec.split("/")[-1])]
            print(f"task {self.input} says this", flush=True)
            os.environ["LEFT"] = "by another task"
            del os.environ["HOME"]
            os.chdir("/")
            random.seed(1)
            sys.stdout = sys.stderr
            if self.input == 3 and current.retry_count == 0:
                raise ValueError("for the first time")
            if self.input == 5 and current.retry_count == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.input == 8:
                time.sleep(60)
            self.next(self.join)

        @step
        def join(self, inputs):
            for name in ("pid", "random", "item", "left", "known", "error"):
                setattr(self, name, [getattr(each, name) for each in inputs])
            self.error = [error and error.type for error in self.error]
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Again()
"""

R = r"""
    library(instep)

    work <- function(self) {
      self$pid <- Sys.getpid()
      self$random <- runif(1)
      self$item <- self$input
      left <- c(Sys.getenv("LEFT"), getOption("left", ""), list.files(tempdir()))
      self$left <- list(if (any(nzchar(left))) left, basename(getwd()))
      self$known <- list(current("task_id"), current("retry_count"), as.integer(basename(current("pathspec"))))
      cat("task", self$input, "says this\n")
      Sys.setenv(LEFT = "by another task")
      Sys.unsetenv("HOME")
      options(left = "by another task", digits = 3)
      file.create(tempfile("left"))
      setwd("/")
      set.seed(1, kind = "Wichmann-Hill")
      sink(nullfile())
      if (self$input == 3L && current("retry_count") == 0L) stop("for the first time")
      if (self$input == 5L && current("retry_count") == 0L) tools::pskill(Sys.getpid(), 9L)
      if (self$input == 8L) Sys.sleep(60)
    }

    gather <- function(self, inputs) {
      for (name in c("pid", "random", "item", "left", "known")) self[[name]] <- unname(gather_inputs(inputs, name))
      self$error <- unname(lapply(gather_inputs(inputs, "error"), \(error) error$type))
    }

    flow("Again") |>
      step("start", \(self) self$items <- 0:11, next_step = "work", foreach = "items") |>
      step("work", catch(var = "error"), timeout(seconds = 1), retry(times = 1, minutes_between_retries = 0),
           work, next_step = "join", isolation = "reuse") |>
      step("join", gather, next_step = "end") |>
      step("end") |>
      run()
"""


@pytest.mark.parametrize("file", ["again.py", "again.R"])
def test_tasks_of_one_worker_do_not_see_each_other(project: Project, file: str) -> None:
    """Fresh random numbers, environment, options, directory, `current` and logs; failures hit their own task only."""
    project.write(file, PYTHON if file.endswith(".py") else R)
    project.call(file, "run", "--max-workers", "2")
    data, output = project.read(
        "(lambda run: [{name: [one for one in getattr(run.data, name)]"
        " for name in ('pid', 'random', 'item', 'left', 'known', 'error')},"
        " [task.stdout for task in run['work']]])(Flow('Again').latest_run)"
    )
    assert [int(one) for one in data["item"]] == list(range(12))
    assert all(left == [None, project.folder.name] for left in data["left"])
    assert len(set(map(str, data["random"]))) == 12
    assert [int(task) for task, _, _ in data["known"]] == [int(task) for _, _, task in data["known"]]
    assert [int(tries) for _, tries, _ in data["known"]] == [0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0]
    assert [bool(error) for error in data["error"]] == [number == 8 for number in range(12)]
    assert sorted(output) == sorted(f"task {number} says this\n" for number in range(12))
    workers = Counter(int(pid) for pid in data["pid"])
    assert 2 <= len(workers) <= 4, "two at a time, one more for the one that was killed, and its end"
    assert project.left_behind() == []
