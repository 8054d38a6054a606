"""The command line: the same commands, messages and exit codes for both languages, and the program `instep`."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import pytest
from project import Done, Project

PYTHON = '''
    import sys
    from instep import FlowSpec, Parameter, step

    class Small(FlowSpec):
        """Shows what the command line does."""

        size = Parameter("size", default=3, help="How many.")

        @step
        def start(self):
            """Makes numbers."""
            self.numbers = list(range(self.size))
            self._hidden = "secret"
            print("to stdout")
            print("to stderr", file=sys.stderr)
            self.next(self.end)

        @step
        def end(self):
            """Sums them."""
            self.total = sum(self.numbers)

    if __name__ == "__main__":
        Small()
'''

R = """
    library(instep)

    flow("Small", doc = "Shows what the command line does.") |>
      parameter("size", default = 3L, help = "How many.") |>
      step("start", \\(self) {
        self$numbers <- seq_len(self$size) - 1L
        self$`_hidden` <- "secret"
        cat("to stdout\\n")
        message("to stderr")
      }, next_step = "end") |>
      step("end", \\(self) self$total <- sum(self$numbers)) |>
      run()
"""

FILES = ["small.py", "small.R"]


@pytest.fixture(params=FILES)
def file(project: Project, request: pytest.FixtureRequest) -> str:
    """A flow file, in either language."""
    project.write("small.py", PYTHON)
    project.write("small.R", R)
    return str(request.param)


def instep(project: Project, *words: str, expect: int = 0) -> Done:
    return project.call(sys.executable, "-m", "instep", *words, expect=expect)


@pytest.mark.holds("13.1", "python", "r")
def test_no_command_checks_the_graph_and_tells_what_can_be_done(project: Project, file: str) -> None:
    done = project.call(file)
    for word in ("run", "show", "help"):
        assert f"{file} {word}" in done.text


@pytest.mark.holds("13.1", "python", "r")
def test_help_lists_commands_and_parameters(project: Project, file: str) -> None:
    listed = project.call(file, "help").text
    for word in ("run", "show", "check", "dump", "logs", "help"):
        assert word in listed
    text = project.call(file, "run", "--help").text
    assert "--size" in text
    assert "How many." in text


@pytest.mark.holds("13.9", "python", "r")
def test_show_prints_steps_with_documentation_and_targets(project: Project, file: str) -> None:
    text = project.call(file, "show").text
    assert "Shows what the command line does." in text
    assert text.index("start") < text.index("end")
    if file.endswith(".py"):
        assert "Makes numbers." in text


def test_check_passes_a_good_graph(project: Project, file: str) -> None:
    assert project.call(file, "check").text


@pytest.mark.holds("13.2", "python", "r")
@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        (["rnu"], "run"),
        (["run", "--sise", "4"], "--size"),
    ],
)
def test_unknown_command_or_option_is_refused_with_a_suggestion(
    project: Project, file: str, words: list[str], suggestion: str
) -> None:
    done = project.call(file, *words, expect=2)
    assert suggestion in done.stderr
    assert words[-1 if len(words) == 1 else 1] in done.stderr


@pytest.mark.holds("6.2 13.2", "python", "r")
def test_value_that_does_not_convert_is_a_usage_error(project: Project, file: str) -> None:
    done = project.call(file, "run", "--size", "many", expect=2)
    assert "size" in done.stderr
    assert "many" in done.stderr


def test_run_writes_plain_lines_and_the_run_id(project: Project, file: str) -> None:
    done = project.call(file, "run", "--size", "5", "--run-id-file", "id.txt", "--tag", "nightly")
    run_id = (project.folder / "id.txt").read_text()
    assert run_id == project.read("Flow('Small').latest_run.id")
    assert run_id in done.text
    assert "\x1b" not in done.stdout + done.stderr
    assert "to stdout" in done.text
    assert project.read("int(Flow('Small').latest_run.data.total)") == 10
    assert "nightly" in project.read("list(Flow('Small').latest_run.user_tags)")


@pytest.mark.holds("13.10", "python", "r")
def test_quiet_run_prints_no_progress(project: Project, file: str) -> None:
    done = project.call(file, "--quiet", "run")
    assert done.stdout == ""


@pytest.mark.parametrize("closed", ["<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_run_needs_no_open_streams(project: Project, file: str, closed: str) -> None:
    project.call("sh", "-c", f"{interpreter(file)} {file} run {closed}")
    assert project.read("int(Flow('Small').latest_run.data.total)") == 3
    assert "to stdout" in project.read("Flow('Small').latest_run['start'].task.stdout")


def test_logs_keep_the_colors_that_a_task_wrote(project: Project) -> None:
    project.write("small.py", PYTHON.replace("to stdout", "\\x1b[31mred\\x1b[0m"))
    project.call("small.py", "run")
    assert project.call("small.py", "--quiet", "logs", "1/start", "--stdout").stdout == "\x1b[31mred\x1b[0m\n"


@pytest.mark.holds("12.4", "python", "r")
def test_logs_prints_what_tasks_wrote(project: Project, file: str) -> None:
    project.call(file, "run", "--run-id-file", "id.txt")
    run_id = (project.folder / "id.txt").read_text()
    assert project.call(file, "--quiet", "logs", f"{run_id}/start", "--stdout").stdout.strip() == "to stdout"
    assert project.call(file, "--quiet", "logs", f"{run_id}/start", "--stderr").stdout.strip() == "to stderr"
    assert "nowhere" in project.call(file, "logs", f"{run_id}/nowhere", expect=1).text


@pytest.mark.holds("1.5 13.7", "python", "r")
def test_dump_prints_artifacts_and_hides_private_ones(project: Project, file: str) -> None:
    project.call(file, "run", "--run-id-file", "id.txt")
    run_id = (project.folder / "id.txt").read_text()
    text = project.call(file, "dump", f"{run_id}/start").text
    assert "numbers" in text
    assert "_hidden" not in text
    assert "_hidden" in project.call(file, "dump", f"{run_id}/start", "--private").text
    only = project.call(file, "dump", f"{run_id}/end", "--include", "total").text
    assert "total" in only
    assert "numbers" not in only
    project.call(file, "dump", "a/b/c/d/e/f", expect=1)


def test_program_instep_needs_no_flow_file(project: Project, file: str) -> None:
    project.call(file, "run", "--run-id-file", "id.txt")
    run_id = (project.folder / "id.txt").read_text()
    assert run_id in instep(project, "runs").text
    shown = instep(project, "show", f"Small/{run_id}").text
    assert "start" in shown
    assert "end" in shown
    assert "to stdout" in instep(project, "logs", f"Small/{run_id}/start").text
    assert "total" in instep(project, "dump", f"Small/{run_id}/end").text
    assert "unknown" in instep(project, "show", "Small/unknown", expect=1).text
    assert "runs" in instep(project, "runz", expect=2).stderr


def test_client_without_a_store_says_where_it_looked(project: Project) -> None:
    done = instep(project, "runs", expect=1)
    assert "INSTEP_HOME" in done.text
    assert "Traceback" not in done.text


@pytest.mark.holds("13.1", "python")
def test_importing_a_python_flow_file_runs_nothing(project: Project) -> None:
    project.write("small.py", PYTHON)
    done = project.call(sys.executable, "-c", "import small; print(small.Small.__name__)")
    assert done.stdout == "Small\n"
    assert not (project.folder / ".instep").exists()


@pytest.mark.holds("13.5", "python", "r")
def test_tasks_run_where_the_command_was_called(project: Project, file: str) -> None:
    (project.folder / "elsewhere").mkdir()
    call = "__import__('os').getcwd()" if file.endswith(".py") else "normalizePath(getwd())"
    path = project.folder / file
    path.write_text(path.read_text().replace("sum(self.numbers)", call).replace("sum(self$numbers)", call))
    project.call("sh", "-c", f"cd elsewhere && {interpreter(file)} ../{file} run")
    assert project.read("Flow('Small').latest_run.data.total") == str(project.folder / "elsewhere")


@pytest.mark.holds("13.4", "python", "r")
def test_two_runs_at_once_share_a_store(project: Project, file: str) -> None:
    both = [project.start(file, "run", "--size", str(size)) for size in (4, 5)]
    for process in both:
        project.finish(process)
    assert sorted(int(total) for total in project.read("[run.data.total for run in Flow('Small')]")) == [
        6,
        10,
    ]


def test_progress_on_a_terminal_shows_what_runs_and_leaves_a_summary(project: Project, file: str) -> None:
    main, terminal = os.openpty()
    command = [*interpreter(file).split(), file, "run"]
    environment = {**project.environment, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        command, cwd=project.folder, env=environment, stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # reading ends so when the last process has closed the terminal
        while piece := os.read(main, 65536):
            shown += piece
    os.close(main)
    assert process.wait() == 0
    text = shown.decode()
    assert "\x1b[" in text
    for word in ("start", "end", "to stdout", "Done"):
        assert word in text


def test_branch_in_the_environment_is_for_flows_with_a_project(project: Project, file: str) -> None:
    project.environment |= {"INSTEP_BRANCH": "b", "INSTEP_PRODUCTION": "1"}
    project.call(file, "run")
    refused = project.call(file, "--branch", "c", "run", expect=2)
    assert "The flow belongs to no project, so that --branch c means nothing." in refused.text


def interpreter(file: str) -> str:
    return sys.executable if file.endswith(".py") else "Rscript"
