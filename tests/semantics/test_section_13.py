"""What is seen from outside of a run: ids, tags, logs, commands."""

from __future__ import annotations

import re

import pytest
from bilingual import LANGUAGES, Step, write
from instep import Flow, Instep
from project import Project, wait_until

PRINTS = {
    "start": Step(py="self.xs = list(range(24))", r="self$xs <- 0:23", next="work", foreach="xs"),
    "work": Step(
        py="""
        for number in range(200):
            print(f"task {self.index} line {number}")
        print("größe", file=sys.stderr, flush=True)
        sys.stdout.flush()
        os.system("echo of a child")
        os.write(2, b"of the file\\n")
        self._own, self.own = 1, 2
        """,
        r="""
        for (number in 0:199) cat("task ", self$index, " line ", number, "\\n", sep = "")
        message("größe")
        system("echo of a child")
        cat("of the file\\n", file = stderr())
        self$`_own` <- 1
        self$own <- 2
        """,
        next="join",
    ),
    "join": Step(join=True, next="end"),
    "end": Step(),
}


@pytest.mark.holds("11.15 12.1 12.2 12.5 13.4", "python", "r")
@pytest.mark.parametrize("language", ["python", "r"])
def test_logs_are_complete_and_those_of_their_task(project: Project, run, language: str) -> None:
    done = project.call(write(project, language, PRINTS), "run", "--max-workers", "4")
    ids = [task.id for step in run("1") for task in step]
    assert len(set(ids)) == len(ids) == 27
    tasks = list(run("1")["work"])
    assert len(tasks) == 24
    for task in tasks:
        lines = [f"task {task.index} line {number}" for number in range(200)]
        assert task.stdout == "\n".join([*lines, "of a child"]) + "\n"
        assert task.stderr == "größe\nof the file\n"
        entries = list(task.loglines("stdout"))
        assert [line for _, line in entries] == [*lines, "of a child"]
        assert [time for time, _ in entries] == sorted(time for time, _ in entries)
        assert [artifact.id for artifact in task if artifact.id.endswith("own")] == ["own"]
    shown = [line for line in done.stdout.splitlines() if "of a child" in line]
    assert len(shown) == 24
    assert all(
        re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \[1/work/\d+ \(pid \d+\)\] of a child", line)
        for line in shown
    )


CUT = {
    "start": Step(
        py="for number in range(30):\n    print(f'{number:06d}', 'x' * 99_992)",
        r='for (number in 1:30) cat(number, strrep("x", 99992), "\\n")',
        next="end",
    ),
    "end": Step(),
}


@pytest.mark.holds("12.3", "python", "r")
@pytest.mark.parametrize("language", ["python", "r"])
def test_long_logs_are_cut_with_a_line_that_says_so(project: Project, run, language: str) -> None:
    project.call(write(project, language, CUT), "--quiet", "run", "--max-log-size", "1")
    lines = run("1")["start"].task.stdout.splitlines()
    assert len(lines) < 15
    assert any("cut" in line for line in lines)


WAITS = {
    "start": Step(
        py="""
        self.run_id = current.run_id
        self.file = open("id").read()
        while not os.path.exists("go"):
            time.sleep(0.01)
        self.text = open("words.txt").read().strip()
        """,
        r="""
        self$run_id <- current("run_id")
        self$file <- readLines("id", warn = FALSE)
        while (!file.exists("go")) Sys.sleep(0.01)
        self$text <- readLines("words.txt")
        """,
        next="end",
    ),
    "end": Step(
        py="self.place = [current.project_name, current.branch_name, current.is_production, current.project_flow_name]",
        r='self$place <- lapply(c("project_name", "branch_name", "is_production", "project_flow_name"), current)',
    ),
}


@pytest.mark.holds("9.1 9.11 9.12 11.14 11.16 13.3 13.4 13.5 13.6", "python", "r")
@pytest.mark.holds("15.10", "r")
@pytest.mark.parametrize("language", ["python", "r"])
def test_run_is_seen_while_it_runs(project: Project, run, data, language: str) -> None:
    file = write(project, language, WAITS, py_flow="@project(name='atlas')")
    if language == "r":
        path = project.folder / file
        path.write_text(path.read_text().replace('flow("Sample")', 'flow("Sample", project(name = "atlas"))'))
    project.write("words.txt", "from beside")
    project.write("id", "overwritten")
    project.environment |= {"INSTEP_USER": "ada", "INSTEP_RUN_TAG": "environment", "INSTEP_BRANCH": "b"}
    process = project.start(file, "run", "--run-id-file", "id", "--tag", "ü", "--tag", "ü")
    wait_until(lambda: (project.folder / "id").read_text() != "overwritten")
    run_id = (project.folder / "id").read_text()
    assert run_id == "1"
    wait_until(lambda: list(run("1")["start"]) if "start" in run("1") else [])
    now = run("1")
    assert [now.finished, now.successful, now.finished_at, now.end_task, now.data] == [
        False,
        False,
        None,
        None,
        None,
    ]
    assert now.user_tags == {"ü"}
    assert {"user:ada", "project:atlas", "project_branch:test.b"} <= now.system_tags
    assert now.tags == now.user_tags | now.system_tags
    assert isinstance(now.tags, frozenset)
    assert [flow.id for flow in Instep()] == ["Sample"]
    project.write("go", "")
    project.finish(process)
    assert data("start", "run_id", "file", "text") == ["1", "1", "from beside"]
    assert data("end", "place") == ["atlas", "test.b", False, "atlas.test.b.Sample"]
    project.environment.pop("INSTEP_BRANCH")
    project.call(file, "--production", "run", "--run-id-file", "id")
    assert (project.folder / "id").read_text() == "2"
    assert data("end", "place", run_id="2") == ["atlas", "prod", True, "atlas.prod.Sample"]
    project.call(file, "--production", "--branch", "b", "run")
    project.call(file, "run")
    assert [run(number).user_tags for number in "34"] == [{"environment"}] * 2
    assert data("end", "place", run_id="3") == ["atlas", "prod.b", True, "atlas.prod.b.Sample"]
    assert data("end", "place", run_id="4") == ["atlas", "user.ada", False, "atlas.user.ada.Sample"]
    assert [one.id for one in Flow("Sample")] == ["4", "3", "2", "1"]


@pytest.mark.holds("13.8 9.6 9.7", "python", "r")
@pytest.mark.parametrize("language", ["python", "r"])
def test_tags_change_on_the_command_line(project: Project, run, language: str) -> None:
    file = write(project, language, {"start": Step(next="end"), "end": Step()})
    project.call(file, "run", "--tag", "a")
    project.call(file, "tag", "add", "--run-id", "1", "b", "two words")
    project.call(file, "tag", "remove", "--run-id", "1", "two words")
    project.call(file, "tag", "replace", "--run-id", "1", "--remove", "a", "--add", "c")
    assert run("1").user_tags == {"b", "c"}
    flat = project.call(file, "tag", "list", "--run-id", "1", "--flat", "--hide-system-tags").stdout
    assert flat.split() == ["b", "c"]
    assert "1" in project.call(file, "tag", "add", "x", expect=1).text
    project.call(file, "tag", "add", "--run-id", "1", "kept out", "x" * 501, expect=1)
    project.call(file, "tag", "add", "--run-id", "1", *(f"t{number}" for number in range(49)), expect=1)
    project.call(file, "tag", "replace", "--run-id", "1", "--remove", "b", expect=2)
    assert run("1").user_tags == {"b", "c"}
    project.call(file, "run", "--tag", "x" * 501, expect=2)
    assert [one.id for one in Flow("Sample")] == ["1"]


@pytest.mark.holds("13.9 14.2", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_show_prints_steps_in_order_with_targets(project: Project, language: str) -> None:
    file = write(project, language, PRINTS)
    shown = project.call(file, "show").stdout
    places = [shown.index(name) for name in PRINTS]
    assert places == sorted(places)
    assert "xs" in shown
    project.call(file, "check")
    assert not list((project.folder / ".instep").glob("logs/Sample"))
