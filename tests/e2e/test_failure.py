"""Failure: the user's frames first, where it was, where the log is; dead workers are noticed at once."""

from __future__ import annotations

import os
import signal
import time

import pytest
from project import Project, wait_until

AT_ONCE_SECONDS = 20
"""Far less than any time-out, and far more than a loaded machine needs."""

PYTHON = """
    import os, signal, time
    from instep import FlowSpec, step

    def explode():
        raise ValueError("boom on purpose")

    class Failing(FlowSpec):
        @step
        def start(self):
            self.before = "kept"
            print("before the end", flush=False)
            self.next(self.bad)

        @step
        def bad(self):
            self.during = "lost"
            print("last words")
            {what}
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Failing()
"""

R = """
    library(instep)

    explode <- function() stop("boom on purpose")

    flow("Failing") |>
      step("start", \\(self) self$before <- "kept", next_step = "bad") |>
      step("bad", \\(self) {
        self$during <- "lost"
        cat("last words\\n")
        {what}
      }, next_step = "end") |>
      step("end") |>
      run()
"""

STATE = (
    "(lambda run: [run.finished, run.successful, run['start'].task.data.before, run['bad'].task.successful,"
    " run['bad'].task.exception.exception, run['bad'].task.stdout, sorted(step.id for step in run)])"
    "(Flow('Failing').latest_run)"
)


def write(project: Project, file: str, what: str) -> None:
    project.write(file, (PYTHON if file.endswith(".py") else R).replace("{what}", what))


@pytest.mark.holds("7.1 7.2 13.2", "python", "r")
@pytest.mark.parametrize("file", ["failing.py", "failing.R"])
def test_error_in_a_step_shows_the_users_frames_and_where(project: Project, file: str) -> None:
    write(project, file, "explode()")
    done = project.call(file, "run", expect=1)
    task = project.read("Flow('Failing').latest_run['bad'].task.pathspec")
    for word in ("boom on purpose", "explode", "bad", "logs"):
        assert word in done.text
    assert task in done.text or "/".join(task.split("/")[1:]) in done.text
    for framework in ("_worker.py", "_task.py", "worker_main", "instep:::"):
        assert framework not in done.text
    state = project.read(STATE)
    assert state[:4] == [False, False, "kept", False]
    assert "boom on purpose" in state[4]
    assert "last words" in state[5]
    assert state[6] == ["bad", "start"]
    stderr = project.read("Flow('Failing').latest_run['bad'].task.stderr")
    assert "boom on purpose" in stderr
    assert "explode" in stderr


@pytest.mark.holds("7.7 7.8", "python", "r")
@pytest.mark.parametrize(
    ("file", "what", "words"),
    [
        ("failing.py", "os.kill(os.getpid(), signal.SIGKILL)", ["bad", "SIGKILL"]),
        ("failing.py", "import ctypes; ctypes.string_at(0)", ["bad", "egmentation fault"]),
        ("failing.py", "os._exit(3)", ["bad", "3"]),
        ("failing.R", "tools::pskill(Sys.getpid(), 9L); Sys.sleep(60)", ["bad", "SIGKILL"]),
        ("failing.R", "tools::pskill(Sys.getpid(), 11L); Sys.sleep(60)", ["bad", "egmentation fault"]),
    ],
    ids=["Python killed", "Python segfault", "Python exits", "R killed", "R segfault"],
)
def test_worker_that_dies_is_noticed_at_once(
    project: Project, file: str, what: str, words: list[str]
) -> None:
    write(project, file, what)
    start = time.monotonic()
    done = project.call(file, "run", expect=1)
    assert time.monotonic() - start < AT_ONCE_SECONDS
    for word in words:
        assert word in done.text
    state = project.read(STATE)
    assert state[:4] == [False, False, "kept", False]
    if file.endswith(".R"):
        assert "last words" in state[5]


@pytest.mark.holds("7.7", "python", "r")
@pytest.mark.parametrize("file", ["failing.py", "failing.R"])
def test_worker_killed_from_outside_is_noticed_at_once(project: Project, file: str) -> None:
    project_pid = "open('pid', 'w').write(str(os.getpid())); time.sleep(100)"
    write(
        project,
        file,
        project_pid if file.endswith(".py") else 'writeLines(paste(Sys.getpid()), "pid"); Sys.sleep(100)',
    )
    process = project.start(file, "run")
    pid = project.folder / "pid"
    wait_until(lambda: pid.exists() and pid.read_text().strip())
    os.kill(int(pid.read_text()), signal.SIGKILL)
    start = time.monotonic()
    done = project.finish(process, expect=1)
    assert time.monotonic() - start < AT_ONCE_SECONDS
    assert "SIGKILL" in done.text


@pytest.mark.holds("7.19", "python")
def test_step_that_ends_without_its_transition_fails(project: Project) -> None:
    write(project, "failing.py", "import sys; sys.exit(0)")
    assert "bad" in project.call("failing.py", "run", expect=1).text


@pytest.mark.holds("7.2", "python")
def test_other_branch_is_ended_and_nothing_new_starts(project: Project) -> None:
    project.write(
        "branches.py",
        """
        import time
        from pathlib import Path
        from instep import FlowSpec, step

        class Branches(FlowSpec):
            @step
            def start(self):
                self.next(self.slow, self.bad)

            @step
            def slow(self):
                Path("slow-started").touch()
                time.sleep(100)
                self.next(self.after)

            @step
            def after(self):
                self.next(self.join)

            @step
            def bad(self):
                while not Path("slow-started").exists():
                    time.sleep(0.01)
                raise RuntimeError("boom on purpose")
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Branches()
        """,
    )
    start = time.monotonic()
    project.call("branches.py", "run", "--max-workers", "2", expect=1)
    assert time.monotonic() - start < 30
    assert project.read("sorted(step.id for step in Flow('Branches').latest_run)") == ["bad", "slow", "start"]


@pytest.mark.parametrize("file", ["failing.py", "failing.R"])
def test_host_that_is_killed_leaves_no_child_of_a_step(project: Project, file: str) -> None:
    in_python = "__import__('subprocess').Popen(['sleep', '500']); os.kill(os.getppid(), signal.SIGKILL); time.sleep(99)"
    in_r = 'system("sleep 500 &"); system("kill -9 $(ps -o ppid= -p $PPID)"); Sys.sleep(99)'
    write(project, file, in_python if file.endswith(".py") else in_r)
    project.call(file, "run", expect=None)  # in R the host is the command itself
    wait_until(lambda: not project.left_behind())
    assert project.read("Flow('Failing').latest_run.successful") is False
