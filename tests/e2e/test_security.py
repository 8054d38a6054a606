"""Local security: what a run shows to its own steps, and to another user of the machine; names and values that attack."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from project import Project, wait_until

NOBODY = 65534
SECRET = re.compile(r"(?<![0-9a-f:/])[0-9a-f]{64}(?![0-9a-f])")
"""What a token looks like in hex. Digests have `b3:` before them, or are paths."""

LOOKS = {
    "look.py": """
        import glob, json, os, subprocess
        from instep import FlowSpec, step

        class Look(FlowSpec):
            @step
            def start(self):
                seen = []
                for pid in glob.glob("/proc/[0-9]*"):
                    try:
                        environ = open(f"{pid}/environ").read()
                        if os.environ["INSTEP_TEST_PROJECT"] in environ:
                            seen += [environ, open(f"{pid}/cmdline").read()]
                    except OSError:
                        pass
                self.seen = "\\n".join(seen)
                self.environment = json.dumps(dict(os.environ))
                self.descriptors = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True).stdout
                print(self.seen)
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Look()
    """,
    "look.R": """
        library(instep)

        read <- function(file) {
          bytes <- readBin(file, "raw", 1e6)
          rawToChar(replace(bytes, bytes == as.raw(0), as.raw(10)))
        }

        start <- function(self) {
          seen <- character()
          for (pid in Sys.glob("/proc/[0-9]*")) {
            environ <- tryCatch(suppressWarnings(read(file.path(pid, "environ"))), error = \\(e) "")
            if (grepl(Sys.getenv("INSTEP_TEST_PROJECT"), environ, fixed = TRUE)) {
              seen <- c(seen, environ, tryCatch(read(file.path(pid, "cmdline")), error = \\(e) ""))
            }
          }
          self$seen <- paste(seen, collapse = "\\n")
          self$environment <- paste(names(Sys.getenv()), Sys.getenv(), collapse = "\\n")
          self$descriptors <- paste(system2("ls", c("-l", "/proc/self/fd"), stdout = TRUE), collapse = "\\n")
          cat(self$seen)
        }

        flow("Look") |>
          step("start", start, next_step = "end") |>
          step("end") |>
          run()
    """,
}


@pytest.mark.parametrize("file", LOOKS)
def test_no_token_is_in_arguments_environments_logs_or_files(project: Project, file: str) -> None:
    """I13. The step looks as its own code can: at all processes of the run, and at what its children inherit."""
    project.write(file, LOOKS[file])
    shown = project.call(file, "run")
    seen, environment, descriptors = (
        project.read(f"Flow('Look').latest_run['start'].task[{name!r}].data")
        for name in ("seen", "environment", "descriptors")
    )
    assert "instep_server" in seen, "the orchestrator's own arguments are among what was seen"
    logs = project.call(file, "logs", "1/start").stdout
    for where, text in {
        "arguments and environments": seen,
        "the step's environment": environment,
        "the terminal": shown.stdout + shown.stderr,
        "the log": logs,
    }.items():
        assert not SECRET.search(text), where
    inherited = re.findall(r" (\d+) -> (\S+)", descriptors)
    # R itself keeps the script open that it runs.
    mine = (str(project.folder / file), "/proc/")
    assert {number for number, target in inherited if not target.startswith(mine)} <= {"0", "1", "2"}, (
        descriptors
    )
    for path in (project.folder / ".instep").rglob("*"):
        if path.is_file() and path.suffix != ".db":
            assert not SECRET.search(path.read_text("latin-1")), path


class Shared:
    """A project in a folder that everybody may enter, as a home directory of old is."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder)
        self.sockets = Path(folder, "runtime")
        self.sockets.mkdir()
        self.sockets.chmod(0o755)
        self.project.environment["XDG_RUNTIME_DIR"] = str(self.sockets)


@pytest.fixture
def shared() -> Iterator[Shared]:
    if os.geteuid() != 0:
        pytest.skip("only root can act as a second user")
    folder = Path(tempfile.mkdtemp(prefix="instep-shared-"))
    folder.chmod(0o755)
    yield Shared(folder)
    shutil.rmtree(folder)


def as_another_user(act: Callable[[], object]) -> object:
    """Does something in a process of another user, and gives what it found, as JSON can hold it."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child makes system calls and no more
        pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(write, json.dumps(act()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        found = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(found)


def _tried(act: Callable[..., object], *arguments: object) -> str:
    try:
        act(*arguments)
    except PermissionError:
        return "refused"
    except ProcessLookupError:
        return "not there"
    return "done"


def _connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(str(path))


def test_another_user_can_neither_run_read_nor_end_anything(shared: Shared) -> None:
    """While a run is under way: its sockets, its store, its processes."""
    project = shared.project
    project.write(
        "wait.py",
        """
        import pathlib, time
        from instep import FlowSpec, step

        class Wait(FlowSpec):
            @step
            def start(self):
                self.secret = "x" * 10_000
                print("secret")
                self.next(self.end)

            @step
            def end(self):
                pathlib.Path("running").touch()
                while not pathlib.Path("go").exists():
                    time.sleep(0.01)

        if __name__ == "__main__":
            Wait()
        """,
    )
    run = project.start("wait.py", "run")
    wait_until(lambda: (project.folder / "running").exists())
    store = project.folder / ".instep"
    sockets = list(shared.sockets.rglob("*.sock"))
    files = [path for path in store.rglob("*") if path.is_file()]
    pids = [int(line.split()[0]) for line in project.left_behind()]
    assert sockets
    assert len(files) >= 3
    assert len(pids) >= 3

    def attack() -> dict[str, list[str]]:
        return {
            "connect to a socket": [_tried(_connect, path) for path in sockets],
            "list the sockets": [_tried(os.listdir, sockets[0].parent)],
            "list the store": [_tried(os.listdir, store)],
            "read a file of the store": [_tried(open, path, "rb") for path in files],
            "write a file of the store": [_tried(open, path, "ab") for path in files],
            "make a file in the store": [_tried(open, store / "objects" / "x", "xb")],
            "end a process": [_tried(os.kill, pid, signal.SIGTERM) for pid in pids],
            "read an environment": [_tried(open, f"/proc/{pid}/environ", "rb") for pid in pids],
            "read memory": [_tried(open, f"/proc/{pid}/mem", "rb") for pid in pids],
            "list descriptors": [_tried(os.listdir, f"/proc/{pid}/fd") for pid in pids],
        }

    found = as_another_user(attack)
    assert isinstance(found, dict)
    assert {what: set(outcomes) for what, outcomes in found.items()} == {what: {"refused"} for what in found}
    (project.folder / "go").touch()
    project.finish(run)
    assert project.read("Flow('Wait').latest_run.successful")


def test_a_folder_for_sockets_that_is_another_users_is_not_used(shared: Shared) -> None:
    """One who makes it first could otherwise be asked for the token."""
    project = shared.project
    project.write(
        "line.py",
        "from instep import FlowSpec, step\n\nclass Line(FlowSpec):\n    @step\n    def start(self):\n        pass\n\nif __name__ == '__main__':\n    Line()\n",
    )
    folder = shared.sockets / "instep"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    refused = project.call("line.py", "run", expect=1)
    assert f"{folder} does not belong to you." in refused.text


TEXTS = [
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned",
    "'\"; touch pwned #",
    "a\nb",
    "-x",
    "~/*",
    "é\\n%s",
    "|touch pwned",
]
ECHO = {
    "echo.py": """
        from instep import FlowSpec, Parameter, step

        class Echo(FlowSpec):
            text = Parameter("text", default="")

            @step
            def start(self):
                self.heard = self.text
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Echo()
    """,
    "echo.R": """
        library(instep)

        flow("Echo") |>
          parameter("text", default = "") |>
          step("start", \\(self) self$heard <- self$text, next_step = "end") |>
          step("end") |>
          run()
    """,
}


@pytest.mark.parametrize("file", ECHO)
def test_values_of_parameters_never_reach_a_shell(project: Project, file: str) -> None:
    project.write(file, ECHO[file])
    for text in TEXTS:
        project.call(file, "run", f"--text={text}", "--tag", f"t{text.strip()}")
    heard = project.read("[run.data.heard for run in Flow('Echo')]")
    assert heard[::-1] == TEXTS
    assert not list(project.folder.rglob("pwned"))


NAMES = {
    "names.py": """
        from instep import FlowSpec, step

        class Names(FlowSpec):
            @step
            def start(self):
                for name in ("../../../pwned", "/tmp/instep-pwned-by-artifact", "..", "a/b", "pwned\\0x"):
                    setattr(self, name, "pwned" * 2000)
                self.next(self.end)

            @step
            def end(self):
                pass

        if __name__ == "__main__":
            Names()
    """,
    "names.R": """
        library(instep)

        start <- function(self) {
          for (name in c("../../../pwned", "/tmp/instep-pwned-by-artifact", "..", "a/b")) {
            self[[name]] <- strrep("pwned", 2000)
          }
        }

        flow("Names") |>
          step("start", start, next_step = "end") |>
          step("end") |>
          run()
    """,
}


@pytest.mark.parametrize("file", NAMES)
def test_names_of_artifacts_can_not_leave_the_store(project: Project, file: str) -> None:
    """They are refused, or are names like any other; no file has them."""
    project.write(file, NAMES[file])
    project.call(file, "run", expect=None)
    outside = [path for path in project.folder.rglob("*") if ".instep" not in path.parts]
    assert {path.name for path in outside} <= {file, ".client.R", "__pycache__"}
    assert not Path("/tmp/instep-pwned-by-artifact").exists()


@pytest.mark.parametrize(
    "name", ["../pwned", "/tmp/instep-pwned-by-flow", "a/b", "..", "", "x" * 300, "a\\nb"]
)
def test_names_of_flows_and_steps_can_not_leave_the_store(project: Project, name: str) -> None:
    """A class of Python can have any name, when it is made by hand; R's are text."""
    project.write(
        "made.py",
        f"""
        from instep import FlowSpec, step

        @step
        def start(self):
            pass

        Made = type({name!r}.replace("\\\\n", "\\n"), (FlowSpec,), {{"start": start, "__module__": "__main__"}})
        if __name__ == "__main__":
            Made()
        """,
    )
    project.write("made.R", f'library(instep)\nflow("{name}") |> step("start") |> run()\n')
    project.write(
        "steps.R",
        f'library(instep)\nflow("Made") |> step("start", next_step = "{name}") |> step("{name}") |> run()\n',
    )
    for file in ("made.py", "made.R", "steps.R"):
        refused = project.call(file, "run", expect=None)
        assert refused.status != 0, file
        assert "Error" in refused.stderr, file
        assert "Traceback" not in refused.stderr, file
    assert not Path("/tmp/instep-pwned-by-flow").exists()
    assert {path.name for path in project.folder.iterdir()} <= {
        "made.py",
        "made.R",
        "steps.R",
        ".instep",
        "__pycache__",
    }
