"""Instep where people run it: each place in both languages works, or the command says plainly what it needs.

docs/places.md tells the same in words; each place has its name there.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from project import Project, wait_until

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "places.md"
WORD = "grün 水 ✓"
IS_ROOT = os.geteuid() == 0
NAMESPACE = "unshare --mount" if IS_ROOT else "unshare --user --map-root-user --mount"
STRANGER = 54_321
"""A user id without an account."""

_PYTHON = f"""
from instep import FlowSpec, step


class Place(FlowSpec):
    @step
    def start(self):
        self.word = {WORD!r}
        self.items = list(range(6))
        print("says", self.word)
        self.next("work", foreach="items")

    @step
    def work(self):
        self.double = 2 * self.input
        self.next("join")

    @step
    def join(self, inputs):
        self.total = sum(one.double for one in inputs)
        self.merge_artifacts(inputs, include=["word"])
        self.next("end")

    @step
    def end(self):
        assert (self.word, self.total) == ({WORD!r}, 30)


if __name__ == "__main__":
    Place()
"""
_R = f"""
library(instep)

flow("Place") |>
  step("start", \\(self) {{
    self$word <- "{WORD}"
    self$items <- 0:5
    self$größe <- 1
    cat("says", self$word, "\\n")
  }}, next_step = "work", foreach = "items") |>
  step("work", \\(self) self$double <- 2 * self$input, next_step = "join") |>
  step("join", \\(self, inputs) {{
    self$total <- sum(vapply(inputs, \\(one) one$double, 0))
    merge_artifacts(self, inputs, include = "word")
  }}, next_step = "end") |>
  step("end", \\(self) stopifnot(self$word == "{WORD}", self$total == 30)) |>
  run()
"""
_PROFILE = """
cat("the profile prints\\n")
message("and warns")
library(stats4)
options(warn = 2, digits = 3, OutDec = ",", encoding = "latin1", error = quote(cat("handled\\n")))
set.seed(1)
.First <- function() cat("first\\n")
.Last <- function() cat("last\\n")
"""
FILES = {"python": ("flow.py", _PYTHON), "r": ("flow.R", _R)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place.

    Attributes:
        name: As docs/places.md has it.
        shell: What a shell does there; `"$@"` is the command.
        variables: Environment variables; `{folder}` is the flow's folder, `{other}` another one.
        files: Files in the other folder.
        folder: Name of the flow's folder.
        says: What the command says that can't run. Empty: it runs.
        languages: In which languages there is this place.
    """

    name: str
    shell: str = 'exec "$@"'
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    folder: str = "place"
    says: str = ""
    languages: tuple[str, ...] = ("python", "r")


def in_namespace(*mounts: str) -> str:
    """Writes a shell's command that sees other mounts than everybody else."""
    script = " && ".join(["mount --make-rprivate /", *mounts, 'cd "$PWD"', 'exec "$@"'])
    return f"exec {NAMESPACE} sh -c '{script}' sh \"$@\""


def limited(processes: int) -> str:
    """Writes a shell's command for a user of whom so many processes and threads may run. Root is never limited."""
    rights = (
        "-all,+dac_read_search,+dac_override"  # so that the other user finds the interpreters of this one
    )
    ids = f"--reuid {STRANGER} --regid {STRANGER} --clear-groups"
    caps = " ".join(f"--{which}={rights}" for which in ("bounding-set", "inh-caps", "ambient-caps"))
    return f'exec setpriv {ids} {caps} prlimit --nproc={processes} "$@"'


_READ_ONLY_FOLDER = in_namespace("mount --bind . .", "mount -o remount,ro,bind .")
_READ_ONLY_ROOT = in_namespace("mount -t tmpfs none /mnt", "mount -o remount,ro,bind /")
_LONG = "x" * 120

PLACES = (
    Place(name="cron", variables={"SHELL": "/bin/sh", "LOGNAME": "somebody"}),
    Place(name="no HOME", shell='unset HOME; exec "$@"'),
    Place(name="LANG=C", variables={"LANG": "C"}),
    Place(name="LC_ALL=POSIX", variables={"LC_ALL": "POSIX"}),
    Place(name="spaces, quotes and letters beyond ASCII in paths", folder='my place\'s "ünï" 水 $HOME'),
    Place(name="a read-only folder", shell=_READ_ONLY_FOLDER, variables={"INSTEP_HOME": "{other}/store"}),
    Place(
        name="a read-only folder without INSTEP_HOME",
        shell=_READ_ONLY_FOLDER,
        says="INSTEP_HOME to a directory",
    ),
    Place(
        name="a proxy",
        variables=dict.fromkeys(
            ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY"),
            "http://127.0.0.1:9",
        ),
    ),
    Place(name="no TMPDIR", variables={"TMPDIR": "/nonexistent"}),
    Place(
        name="a long TMPDIR",
        shell='mkdir -p "$TMPDIR"; exec "$@"',
        variables={"TMPDIR": f"{{other}}/{_LONG}", "XDG_RUNTIME_DIR": f"{{other}}/{_LONG}"},
    ),
    Place(name="umask 077", shell='umask 077; exec "$@"'),
    Place(name="umask 000", shell='umask 000; exec "$@"'),
    Place(name="closed streams", shell='exec "$@" <&- >&- 2>&-'),
    Place(name="a full output", shell='exec "$@" >/dev/full', says="Can't write the output"),
    Place(name="a broken pipe", shell='{ "$@"; echo "status $?" >&2; } | head -1', says="status 1"),
    Place(name="a container", shell='exec unshare --user --map-root-user --pid --fork --mount-proc "$@"'),
    Place(
        name="no /proc", shell=f'exec {NAMESPACE} --pid --fork sh -c \'umount -l /proc; exec "$@"\' sh "$@"'
    ),
    Place(
        name="a read-only root",
        shell=_READ_ONLY_ROOT,
        variables={"INSTEP_HOME": "/mnt/store", "TMPDIR": "/mnt"},
    ),
    Place(name="no /dev/shm", shell=in_namespace("mount -t tmpfs -o ro none /dev/shm")),
    Place(name="a user without an account", shell=f'exec unshare --user --map-user={STRANGER + 1} "$@"'),
    Place(name="64 processes", shell=limited(64), variables={"INSTEP_HOME": "{other}/store"}),
    Place(
        name="12 processes",
        shell=limited(12),
        variables={"INSTEP_HOME": "{other}/store"},
        says="processes and threads are allowed here (ulimit -u), which leaves room for",
    ),
    Place(
        name="an R profile",
        variables={"R_PROFILE_USER": "{other}/profile.R"},
        files={"profile.R": _PROFILE},
        languages=("r",),
    ),
    Place(
        name="a sitecustomize that prints",
        variables={"PYTHONPATH": "{other}"},
        files={"sitecustomize.py": "import sys\nprint('out')\nprint('err', file=sys.stderr)\n"},
    ),
    Place(
        name="a module of Python's that is shadowed",
        variables={"PYTHONPATH": "{other}"},
        files={"json.py": "mine = 1\n"},
        says="json.py stands in for the module 'json', which Instep needs. Rename the file",
    ),
    Place(
        name="a library that is shadowed",
        variables={"PYTHONPATH": "{other}"},
        files={"numpy.py": "mine = 1\n", "platform_.py": "", "flow_helpers.py": ""},
    ),
    Place(name="a small terminal", variables={"COLUMNS": "3", "LINES": "2", "TERM": "dumb", "NO_COLOR": "1"}),
)
CASES = [
    pytest.param(place, language, id=f"{place.name}-{language}")
    for place in PLACES
    for language in place.languages
]


@cache
def r_libraries() -> str:
    """Finds where R has its packages here: without HOME it does not know."""
    asked = subprocess.run(
        ["Rscript", "-e", 'cat(.libPaths(), sep = ":")'], capture_output=True, text=True, check=True
    )
    return asked.stdout


def settle(project: Project, place: Place, language: str) -> list[str]:
    """Makes a place of a project.

    Returns:
        The command line that runs the flow there.
    """
    name, text = FILES[language]
    other = project.folder / "other"
    other.mkdir(mode=0o777)
    other.chmod(0o777)
    for file, content in place.files.items():
        (other / file).write_text(content)
    project.folder /= place.folder
    project.write(name, text)
    given = {key: value.format(folder=project.folder, other=other) for key, value in place.variables.items()}
    rscript = shutil.which("Rscript")
    assert rscript is not None
    mine = {key: project.environment[key] for key in ("INSTEP_PYTHON", "INSTEP_TEST_PROJECT")}
    project.environment = {
        **mine,
        "PATH": f"{Path(rscript).parent}:/usr/bin:/bin",
        "HOME": os.environ.get("HOME", "/"),
        "R_LIBS": r_libraries(),
        **given,
    }
    interpreter = sys.executable if language == "python" else rscript
    return ["sh", "-c", place.shell, "sh", interpreter, name, "run", "--max-workers", "6"]


@pytest.mark.parametrize(("place", "language"), CASES)
def test_a_flow_runs_in_each_place_or_says_what_it_needs(
    project: Project, place: Place, language: str
) -> None:
    if "setpriv" in place.shell and not IS_ROOT:
        pytest.skip("only root can become another user, and limits count all processes of a user")
    command = settle(project, place, language)
    done = project.call(*command, expect=None)
    assert "Traceback" not in done.stderr or place.files
    if place.says:
        assert place.says in done.text
        assert done.status in (1, 0 if "status 1" in place.says else 1)
        return
    assert done.status == 0, done.text
    if place.shell != _READ_ONLY_ROOT:  # its store is gone with its namespace
        home = Path(project.environment.get("INSTEP_HOME") or project.folder / ".instep")
        log = home / "logs" / "Place" / "1" / "1.0.stdout"
        assert log.read_text(encoding="utf-8").strip() == f"says {WORD}"


@pytest.mark.parametrize("language", ["python", "r"])
def test_few_processes_make_a_wide_foreach_narrow_and_say_so(project: Project, language: str) -> None:
    if not IS_ROOT:
        pytest.skip("only root can become another user, and limits count all processes of a user")
    place = Place(name="64 processes", shell=limited(64), variables={"INSTEP_HOME": "{other}/store"})
    done = project.call(*settle(project, place, language)[:-1], "64")
    assert re.search(
        r"No more than \d of 64 tasks run at once: 64 processes and threads are allowed here", done.text
    )


@pytest.mark.parametrize("language", ["python", "r"])
def test_printed_commands_can_be_pasted_whatever_the_path(project: Project, language: str) -> None:
    name, text = FILES[language]
    file = project.write(f'my place\'s "ünï" 水 $HOME/{name}', text.replace("30", "31"))
    done = project.call(str(file), "run", expect=1)
    printed = re.search(r"To see what the task wrote:\s+(.*)", done.stderr)
    assert printed is not None
    pasted = project.call("sh", "-c", printed[1])
    assert "Log of Place/1/end/" in pasted.stdout


@pytest.mark.parametrize("language", ["python", "r"])
def test_a_connection_that_ends_cancels_the_run(project: Project, language: str) -> None:
    """As over ssh without a terminal: stdin is closed, and SIGHUP comes to the session."""
    name, text = FILES[language]
    endless = {"python": "import time; time.sleep(600)", "r": "Sys.sleep(600)"}[language]
    project.write(
        name,
        re.sub(
            r"self.double = .*" if language == "python" else r"self\$double <- 2 \* self\$input",
            endless,
            text,
        ),
    )
    process = project.start(name, "run")
    log = project.folder / ".instep" / "logs" / "Place" / "1" / "1.0.stdout"
    wait_until(log.exists)
    os.killpg(process.pid, signal.SIGHUP)
    project.finish(process, expect=128 + signal.SIGHUP if language == "python" else None)
    assert project.read("Flow('Place').latest_run.status") == "cancelled"


def test_each_place_is_documented() -> None:
    rows = re.findall(r"^\| ([^|]+?) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert [place.name for place in PLACES] == rows[1:]
