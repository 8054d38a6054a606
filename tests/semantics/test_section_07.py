"""Failure: attempts, what they leave, and what is caught."""

from __future__ import annotations

import pytest
from bilingual import LANGUAGES, MIXES, Step, plain, write
from instep import Task
from project import Project

FLOW = {
    "start": Step(py="self.x = [1, 2]", r="self$x <- c(1L, 2L)", next="tries"),
    "tries": Step(
        py="""
        print("attempt", current.retry_count)
        self.fresh = [list(self.x), hasattr(self, "lost")]
        self.x = [*self.x, 3]
        if current.retry_count < 2:
            self.lost = current.retry_count
            raise ValueError(f"no {current.retry_count}")
        """,
        r="""
        cat("attempt", current("retry_count"), "\\n")
        self$fresh <- list(self$x, "lost" %in% names(self))
        self$x <- c(self$x, 3L)
        if (current("retry_count") < 2L) {
          self$lost <- current("retry_count")
          stop(paste("no", current("retry_count")))
        }
        """,
        next="caught",
        py_with="@retry(times=2)",
        r_with="retry(times = 2)",
    ),
    "caught": Step(
        py="self.kept = 4\nraise KeyError('k')",
        r='self$kept <- 4L\nstop("k")',
        next="well",
        py_with="@catch(var='ex')",
        r_with='catch(var = "ex")',
    ),
    "well": Step(
        py="self.told = [self.ex.type, self.ex.exception, bool(self.ex.stacktrace), self.kept]",
        r="self$told <- list(self$ex$type, self$ex$exception, nzchar(self$ex$stacktrace[[1]]), self$kept)",
        next="end",
        py_with="@catch(var='none')",
        r_with='catch(var = "none")',
    ),
    "end": Step(
        py="self.seen = [self.none is None, list(self.x), hasattr(self, 'lost')]",
        r='self$seen <- list(is.null(self$none), self$x, "lost" %in% names(self))',
    ),
}


@pytest.mark.holds("7.1 7.4 7.5 7.6 7.9 7.10 7.13", "python", "r", "mixed")
@pytest.mark.parametrize(("language", "r_steps"), MIXES)
def test_attempts_start_afresh_and_errors_are_objects(
    project: Project, run, data, language: str, r_steps: int
) -> None:
    in_r = language == "r" or (
        language == "mixed" and r_steps == 1
    )  # `tries`; `caught` is in the other language
    file = write(project, language, FLOW, r_steps=r_steps)
    project.call(file, "run")
    tries = run("1")["tries"].task
    assert data("tries", "fresh", "x") == [[[1, 2], False], [1, 2, 3]]
    assert "lost" not in tries.data
    assert [entry.value for entry in tries.metadata if entry.name == "attempt"] in (
        ["0", "1", "2"],
        ["2", "1", "0"],
    )
    assert tries.stdout.split() == ["attempt", "2"]
    first = Task(tries.pathspec, attempt=0)
    assert [plain(first.data.lost), plain(first.data.x), first.stdout.split()] == [
        0,
        [1, 2, 3],
        ["attempt", "0"],
    ]
    assert first.exception is not None
    assert first.exception.exception == "no 0"
    assert first.exception.type == ("simpleError" if in_r else "builtins.ValueError")
    assert "no 0" in first.stderr
    assert not first.successful

    caught = run("1")["caught"].task
    assert [caught.finished, caught.successful, caught.exception] == [True, False, None]
    error_type, message, has_trace, kept = data("well", "told")
    r_error = language == "r" or (language == "mixed" and r_steps == 0)
    assert [error_type, message.strip("'")] == ["simpleError" if r_error else "builtins.KeyError", "k"]
    assert [has_trace, kept] == [True, 4]
    assert "k" in caught.stderr
    assert data("end", "seen") == [True, [1, 2, 3], False]


@pytest.mark.holds("7.2", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_failure_ends_what_runs_and_starts_nothing(project: Project, run, language: str) -> None:
    steps = {
        "start": Step(next="slow bad"),
        "slow": Step(
            py='open("started", "w").close()\ntime.sleep(100)',
            r='file.create("started"); Sys.sleep(100)',
            next="join",
        ),
        "bad": Step(
            py='while not os.path.exists("started"):\n    time.sleep(0.01)\nraise ValueError("on purpose")',
            r='while (!file.exists("started")) Sys.sleep(0.01)\nstop("on purpose")',
            next="join",
        ),
        "join": Step(join=True, next="end"),
        "end": Step(),
    }
    done = project.call(write(project, language, steps), "run", "--max-workers", "2", expect=1)
    assert "'bad'" in done.text
    assert f"task {run('1')['bad'].task.id}" in done.text
    assert sorted(step.id for step in run("1")) == ["bad", "slow", "start"]
    slow = run("1")["slow"].task
    assert not slow.successful
    assert "ancelled" in slow.stderr or "ancelled" in done.text


@pytest.mark.holds("12.6 7.8", "python", "r")
@pytest.mark.parametrize("language", ["python", "r"])
def test_what_was_printed_before_the_end_is_kept(project: Project, run, language: str) -> None:
    steps = {
        "start": Step(
            py="print('before the kill')\nos.kill(os.getpid(), 9)",
            r="cat('before the kill\\n')\ntools::pskill(Sys.getpid(), 9L); Sys.sleep(60)",
            py_with="@catch()", r_with="catch()", next="slow",
        ),
        "slow": Step(
            py="print('before the timeout')\ntime.sleep(60)", r="cat('before the timeout\\n'); Sys.sleep(60)",
            py_with="@catch()\n@timeout(seconds=1)", r_with="catch(), timeout(seconds = 1)", next="crash",
        ),
        "crash": Step(
            py="print('before the crash')\nos.kill(os.getpid(), signal.SIGSEGV)",
            r="cat('before the crash\\n')\ntools::pskill(Sys.getpid(), 11L); Sys.sleep(60)",
            py_with="@catch()", r_with="catch()", next="end",
        ),
        "end": Step(),
    }  # fmt: skip
    project.call(write(project, language, steps), "run")
    for step, attempt, line in [("start", 0, "before the kill"), ("slow", None, "before the timeout"),
                                ("crash", 0, "before the crash")]:  # fmt: skip
        task = Task(run("1")[step].task.pathspec, attempt=attempt)
        assert line in task.stdout.splitlines()
    assert "segmentation fault" in Task(run("1")["crash"].task.pathspec, attempt=0).stderr


@pytest.mark.holds("7.3 7.16", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_with_adds_a_decorator_where_the_code_has_none(project: Project, run, data, language: str) -> None:
    py = "self.tried = current.retry_count\nif current.retry_count < 1:\n    raise ValueError('not yet')"
    r = 'self$tried <- current("retry_count")\nif (current("retry_count") < 1L) stop("not yet")'
    steps = {
        "start": Step(py=py, r=r, next="end"),
        "end": Step(py=py, r=r, py_with="@retry(times=0)", r_with="retry(times = 0)"),
    }
    file = write(project, language, steps)
    project.call(file, "run", expect=1)
    assert [step.id for step in run("1")] == ["start"]
    project.call(file, "run", "--with", "retry:times=1", "--with", "environment:vars={}", expect=1)
    assert data("start", "tried", run_id="2") == 1
    assert [len(list(run("2")[step])) for step in ("start", "end")] == [1, 1]
    assert run("2")["end"].task.current_attempt == 0
