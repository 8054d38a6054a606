"""Resume."""

from __future__ import annotations

import pytest
from bilingual import LANGUAGES, Step, plain, write
from instep import Run
from project import Project


def flow(scale: int) -> dict[str, Step]:
    """The example of section 8, whose middle item fails until a file is there."""
    return {
        "start": Step(py="self.xs = [1, 2, 3]", r="self$xs <- 1:3", next="work", foreach="xs"),
        "work": Step(
            py="""
            print("working on", self.input)
            if self.input == 2 and not os.path.exists("fixed"):
                raise ValueError("broken")
            self.y = self.input * 10
            """,
            r="""
            cat("working on", self$input, "\\n")
            if (self$input == 2L && !file.exists("fixed")) stop("broken")
            self$y <- self$input * 10L
            """,
            next="tidy",
        ),
        "tidy": Step(
            py=f"self.z = self.y * {scale}\nself.origin = current.origin_run_id",
            r=f'self$z <- self$y * {scale}L\nself$origin <- current("origin_run_id")',
            next="gather",
        ),
        "gather": Step(
            py="self.zs = [one.z for one in inputs]\nself.origins = [one.origin for one in inputs]",
            r='self$zs <- unlist(gather_inputs(inputs, "z")); self$origins <- lapply(inputs, \\(one) one$origin)',
            join=True,
            next="end",
        ),
        "end": Step(),
    }


def origins(run: Run) -> dict[str, list[str | None]]:
    """What the tasks of a run came from, by step, in the order of the items."""
    return {
        step.id: [task.origin_pathspec and task.origin_pathspec.split("/", 1)[1] for task in _in_order(step)]
        for step in run
    }


def _in_order(step):
    return sorted(step, key=lambda task: (task.index or 0, int(task.id)))


@pytest.mark.holds("8.1 8.3 8.4 8.5 8.6 8.7 8.8 8.9 8.11 8.12", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_resumed_runs_clone_what_is_done_and_run_the_rest(project: Project, run, data, language: str) -> None:
    file = write(project, language, flow(1))
    project.call(file, "run", "--max-workers", "1", "--tag", "mine", expect=1)
    before = {task.pathspec: task.finished_at for step in run("1") for task in step}
    project.write("fixed", "")
    write(project, language, flow(2))  # code is today's
    project.call(file, "resume", "--tag", "again")
    assert {task.pathspec: task.finished_at for step in run("1") for task in step} == before
    assert run("2").origin_pathspec == "Sample/1"
    assert sorted(run("2").user_tags) == ["again", "mine"]
    found = origins(run("2"))
    assert found["start"] == ["1/start/1"]
    assert found["work"][1] is None
    assert found["gather"] == found["end"] == [None]
    assert found["work"][0] is not None
    assert len(set(data("gather", "zs", run_id="2"))) == 3
    assert data("gather", "zs", run_id="2")[1] == 40
    assert data("gather", "origins", run_id="2")[1] == "1"

    clone = _in_order(run("2")["work"])[0]
    original = _in_order(run("1")["work"])[0]
    assert clone.origin_pathspec == original.pathspec
    assert clone["y"].sha == original["y"].sha
    assert clone.stdout.split() == ["working", "on", "1"]
    assert {name: clone.metadata_dict[name] for name in ("origin-run-id", "origin-task-id")} == {
        "origin-run-id": "1",
        "origin-task-id": original.id,
    }
    again = _in_order(run("2")["work"])[1].metadata_dict
    assert [again["origin-run-id"], "origin-task-id" in again] == ["1", False]
    assert "origin-run-id" not in original.metadata_dict
    assert [run("1").origin_pathspec, run("1")["start"].origin_pathspec] == [None, None]
    assert run("2")["start"].origin_pathspec == "Sample/1/start"

    project.call(file, "resume", "--origin-run-id", "2")  # all of it succeeded
    assert None not in [one for step in origins(run("3")).values() for one in step]
    assert data("gather", "zs", run_id="3") == data("gather", "zs", run_id="2")
    project.call(file, "resume", "tidy", "--origin-run-id", "3")
    found = origins(run("4"))
    assert [len([one for one in found[step] if one]) for step in ("start", "work", "tidy", "gather", "end")] == [
        1, 3, 0, 0, 0,
    ]  # fmt: skip
    assert plain(run("4")["gather"].task.data.zs) == [20, 40, 60]
    assert "'gather'" in project.call(file, "resume", "nothing", expect=1).stderr


ROUNDS = {
    "start": Step(py="self.goals = [1, 3]", r="self$goals <- c(1L, 3L)", next="begin", foreach="goals"),
    "round": Step(
        py="""
        self.n = self.n + 1
        if self.n == 2 and not os.path.exists("fixed"):
            raise ValueError("broken")
        self.more = self.n < self.input
        """,
        r="""
        self$n <- self$n + 1L
        if (self$n == 2L && !file.exists("fixed")) stop("broken")
        self$more <- self$n < self$input
        """,
        next={True: "round", False: "leave"},
        condition="more",
    ),
    "begin": Step(py="self.n = 0", r="self$n <- 0L", next="round"),
    "gather": Step(
        py="self.all = [one.n for one in inputs]", r='self$all <- unlist(gather_inputs(inputs, "n"))', join=True,
        next="caught",
    ),
    "leave": Step(next="gather"),
    "caught": Step(
        py="if not os.path.exists('later'):\n    raise ValueError('caught')",
        r='if (!file.exists("later")) stop("caught")',
        py_with="@catch(var='ex')", r_with='catch(var = "ex")', next="end",
    ),
    "end": Step(
        py="if not os.path.exists('later'):\n    raise ValueError('again')",
        r='if (!file.exists("later")) stop("again")',
    ),
}  # fmt: skip


@pytest.mark.holds("8.4 8.13 8.14 8.16", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_rounds_and_caught_tasks_are_cloned(project: Project, run, data, language: str) -> None:
    file = write(project, language, ROUNDS)
    project.call(file, "run", "--max-workers", "1", expect=1)
    project.write("fixed", "")
    project.call(file, "resume", expect=1)
    # One round of each item is done; what follows from the one that failed runs.
    assert data("gather", "all", run_id="2") == [1, 3]
    assert sorted(task.origin_pathspec is None for task in run("2")["round"]) == [False, False, True, True]
    project.write("later", "")
    project.call(file, "resume", "--origin-run-id", "2")
    found = origins(run("3"))
    assert found["end"] == [None]
    assert None not in [one for name, step in found.items() if name != "end" for one in step]
    assert len(found["round"]) == 4
    assert run("3").successful
    assert data("end", "ex", run_id="3").exception in ("caught", "'caught'")


SPLITS = {
    "start": Step(next="spread"),
    "spread": Step(
        py="self.xs = [1, 2]\nself.empty = [] if not os.path.exists('split') else [1, 2]",
        r='self$xs <- 1:2; self$empty <- if (file.exists("split")) 1:2 else integer()',
        next="work",
        foreach="empty",
    ),
    "join": Step(
        py="if not os.path.exists('joined'):\n    raise ValueError('join')\nself.n = len(inputs)",
        r='if (!file.exists("joined")) stop("join")\nself$n <- length(inputs)',
        join=True,
        next="end",
    ),
    "work": Step(next="join"),
    "end": Step(),
}


@pytest.mark.holds("8.2 8.15", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_failed_splits_run_with_all_items_and_failed_joins_with_none(
    project: Project, run, language: str
) -> None:
    file = write(project, language, SPLITS)
    assert "no run" in project.call(file, "resume", expect=1).text
    project.call(file, "run", expect=1)
    assert "'77'" in project.call(file, "resume", "--origin-run-id", "77", expect=1).text
    project.write("split", "")
    project.call(file, "resume", expect=1)
    assert origins(run("2")) == {
        "start": ["1/start/1"],
        "spread": [None],
        "work": [None, None],
        "join": [None],
    }
    project.call(file, "run", expect=1)
    project.write("joined", "")
    project.call(file, "resume")  # the last run that `run` started
    assert run("4").origin_pathspec == "Sample/3"
    found = origins(run("4"))
    assert [len([one for one in found[step] if one]) for step in ("spread", "work", "join")] == [1, 2, 0]
    project.call(file, "resume")  # again that run, and not the one that resumed it
    assert run("5").origin_pathspec == "Sample/3"
