"""Scarcity: too little disk, too few file descriptors, too little memory, at many points of a run.

Theory of operation. The store lies on a disk of its own: a tmpfs in a mount namespace, which `Disk` makes small or
read-only at any time. A flow is run once with plenty of everything, so that there is something to lose. Then each
injection runs it with a little less or more room, so that another write is the first that fails, looks at what the
command said and at what is stored, gives the room back, and resumes.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import shutil
import sqlite3
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from blake3 import blake3
from instep_server.core.states import RunState
from project import Done, Project, wait_until

from reliability.report import Tally

MOUNT = "/mnt"
PLENTY = 256 * 1024 * 1024
KIB = 1024
LACKS: dict[str, tuple[str, range]] = {
    "disk of the store full": ("", range(0, 1600, 20)),
    "disk of objects full": ("store/objects", range(0, 1000, 50)),
    "disk of logs full": ("store/logs", range(0, 160, 8)),
    "disk of spool files full": ("store/spool", range(0, 160, 8)),
    "disk of temporary files full": ("temporary", range(0, 20, 4)),
    "descriptors": ("", range(6, 110, 4)),
}
"""What is on the disk that has little room, and how much room that is in KiB, from none to enough."""
LANGUAGES = {"python": "scarce.py", "r": "scarce.R"}
PLAIN = re.compile(
    r"is full|No space left|Read-only file system|is read-only|Too many open files|number of open files is too low",
    re.I,
)
"""What a person must be told, in one of these words."""
NOT_PLAIN = re.compile(r"This is a bug|Segmentation|SIGSEGV|SIGBUS|SIGABRT|ended unexpectedly")
"""What nobody should be told: a fault that was not expected."""

_PYTHON = """
import os
from instep import FlowSpec, step


class Scarce(FlowSpec):
    @step
    def start(self):
        self.items = [1, 2, 3]
        self.first = os.urandom(70_000)
        self.next("work", foreach="items")

    @step
    def work(self):
        self.part = os.urandom(100_000)
        print("x" * 30_000)
        self.next("join")

    @step
    def join(self, inputs):
        self.parts = [one.part for one in inputs]
        self.merge_artifacts(inputs, include=["first"])
        self.next("end")

    @step
    def end(self):
        self.total = len(self.first) + sum(map(len, self.parts))


if __name__ == "__main__":
    Scarce()
"""
_R = """
library(instep)

flow("Scarce") |>
  step("start", \\(self) {
    self$items <- 1:3
    self$first <- as.raw(sample(0:255, 70000, TRUE))
  }, next_step = "work", foreach = "items") |>
  step("work", \\(self) {
    self$part <- as.raw(sample(0:255, 100000, TRUE))
    cat(strrep("x", 30000), "\\n")
  }, next_step = "join") |>
  step("join", \\(self, inputs) {
    self$parts <- lapply(inputs, \\(one) one$part)
    merge_artifacts(self, inputs, include = "first")
  }, next_step = "end") |>
  step("end", \\(self) self$total <- length(self$first) + sum(lengths(self$parts))) |>
  run()
"""
TOTAL = 370_000
"""What the flow's artifact `total` is."""


class Disk:
    """A disk whose size can be changed: a tmpfs in a mount namespace, which lasts as long as this object.

    Args:
        part: What lies on it, such as `store/logs`. Empty: everything does.
    """

    def __init__(self, part: str = "") -> None:
        self._place = f"{MOUNT}/{part}"
        unshare = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
        mount = f"mount -t tmpfs -o size={PLENTY} none"
        script = f"{mount} {MOUNT} && mkdir -p {self._place} {MOUNT}/temporary && {mount} {self._place}"
        script += " && echo ready && read _"
        self._holder = subprocess.Popen(
            [*unshare, "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            raise RuntimeError("No disk can be mounted here, not even in a namespace of one's own.")
        self.path = Path(f"/proc/{self._holder.pid}/root{MOUNT}")
        """Where the disk can be seen from here."""

    def close(self) -> None:
        """Unmounts the disk."""
        self._holder.communicate()

    def inside(self, folder: Path, *command: str) -> list[str]:
        """Makes a command one that runs where the disk is mounted."""
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", f"--target={self._holder.pid}", "--mount", *user, f"--wd={folder}", "--", *command]

    def leave(self, size: int) -> None:
        """Leaves so many bytes of room."""
        usage = os.statvfs(f"{self.path}{self._place.removeprefix(MOUNT)}")
        used = (usage.f_blocks - usage.f_bfree) * usage.f_frsize
        self.remount(f"size={max(used + size, 4 * KIB)}")  # 0 is no limit

    def remount(self, options: str) -> None:
        """Changes how the disk is mounted."""
        command = self.inside(Path("/"), "mount", "-o", f"remount,{options}", self._place)
        subprocess.run(command, check=True, capture_output=True)


class ScarceProject(Project):
    """A folder in which a user works, with its store on a disk of its own."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        super().__init__(folder)
        self.disk = disk
        self.store = disk.path / "store"
        self.environment["INSTEP_HOME"] = f"{MOUNT}/store"
        self.environment["TMPDIR"] = f"{MOUNT}/temporary"
        self.limits: tuple[str, ...] = ()
        self.write("scarce.py", _PYTHON)
        self.write("scarce.R", _R)

    def _line(self, command: tuple[str, ...]) -> list[str]:
        return self.disk.inside(self.folder, *self.limits, *super()._line(command))


@dataclass(slots=True)
class Outcome:
    """What became of an injection."""

    told: str
    """One of a few sentences, for the report."""
    findings: list[str] = field(default_factory=list)
    """What is wrong."""


def check_store(store: Path) -> list[str]:
    """Finds damage in a store that nobody uses: objects that are not what their names say, and the database."""
    found: list[str] = []
    for file in (store / "objects" / "b3").rglob("*"):
        if file.is_file():
            name = file.parent.name + file.name
            if blake3(file.read_bytes()).hexdigest() != name:
                found.append(f"object {name} has other bytes")
    found += [text for (text,) in query(store, "PRAGMA integrity_check") if text != "ok"]
    return found


def runs_of(store: Path) -> dict[int, RunState]:
    """Reads the states of all runs of a store that nobody uses."""
    if not query(store, "SELECT 1 FROM sqlite_master WHERE name = 'runs'"):
        return {}  # the fault came before there was a table
    return {number: RunState(state) for number, state in query(store, "SELECT number, state FROM runs")}


def query(store: Path, statement: str) -> list[tuple[Any, ...]]:
    """Reads the database of a store, from a copy: SQLite does not find its way to where the disk can be seen."""
    with TemporaryDirectory() as folder:
        for file in store.glob("instep.db*"):
            shutil.copy(file, folder)
        connection = sqlite3.connect(Path(folder) / "instep.db")
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()


def judge(project: ScarceProject, done: Done, file: str, before: dict[int, RunState]) -> Outcome:
    """Looks at what a run with a fault said and left behind, and resumes it. There must be room again."""
    wrong: list[str] = []
    if done.status != 0 and not PLAIN.search(done.text):
        wrong.append(f"it did not say plainly what it lacks: {done.text[-600:]}")
    if bug := NOT_PLAIN.search(done.text):
        wrong.append(f"it said {bug[0]!r}: {done.text[-600:]}")
    wrong += check_store(project.store)
    if left := project.left_behind():
        wrong.append(f"processes were left behind: {left}")
    new = {number: state for number, state in runs_of(project.store).items() if number not in before}
    if done.status == 0:
        told = "there was just enough"
    elif not new:
        told = "told; nothing was recorded yet, and the next run succeeds"
    elif set(new.values()) == {RunState.FAILED}:
        told = "told; the run is recorded as failed, and resume succeeds"
    else:
        told = "told; recorded as failed by the next command, and resume succeeds"
    again = ("resume", "--origin-run-id", str(max(new))) if new else ("run",)
    resumed = project.call(file, *again, expect=None)
    if resumed.status != 0:
        wrong.append(f"{again} failed afterwards: {resumed.text[-600:]}")
    ended = runs_of(project.store)
    wrong += [
        f"run {number} is {ended[number].name}"
        for number in new
        if done.status and ended[number] is not RunState.FAILED
    ]
    wrong += [
        f"run {number} was {state.name} and is {ended[number].name}"
        for number, state in before.items()
        if ended[number] is not state
    ]
    wrong += check_store(project.store)
    return Outcome(told, wrong)


def injection(project: ScarceProject, language: str, lack: str, amount: int) -> Outcome:
    """Runs the flow with too little of something.

    Args:
        project: Where.
        language: Of the flow.
        lack: `descriptors`: each process may have so many; else, so many KiB of room are left on the disk.
        amount: How much there is.
    """
    file = LANGUAGES[language]
    before = runs_of(project.store)
    if lack == "descriptors":
        project.limits = ("prlimit", f"--nofile={amount}")
    else:
        project.disk.leave(amount * KIB)
    try:
        done = project.call(file, "run", expect=None)
        wait_until(lambda: not project.left_behind(), seconds=10)
    finally:
        project.limits = ()
        project.disk.remount(f"size={PLENTY}")
    outcome = judge(project, done, file, before)
    outcome.findings = [f"{language}, {lack} {amount}: {one}" for one in outcome.findings]
    return outcome


def read_only(project: ScarceProject, language: str) -> Outcome:
    """Has the flow run on a store that can only be read, and reads what is there."""
    file = LANGUAGES[language]
    before = runs_of(project.store)
    project.disk.remount("ro")
    try:
        done = project.call(file, "run", expect=None)
        total = project.read("Flow('Scarce').latest_successful_run.data.total")
    finally:
        project.disk.remount("rw")
    outcome = judge(project, done, file, before)
    if total != TOTAL:
        outcome.findings.append(f"{language}, read-only: total is {total}")
    return outcome


def campaign(scale: float) -> Tally:
    """Runs flows of both languages with too little of everything, in steps of a few KiB or one descriptor."""
    tally = Tally(
        "scarce",
        "Scarcity",
        "The store lies on a small disk of its own. Each run has a little more room on it than the one before, or one"
        " more file descriptor, from far too little to enough, so that each write of a run is once the first that"
        " fails. Right is: the command says in plain words what is lacking and ends with status 1; the run is recorded"
        " as failed if anything of it is; every object has the bytes that its name says, and the database is whole;"
        " what succeeded before is still there; no process is left; and with room again, `resume` succeeds.",
        f"make reliability CHAPTER=scarce SCALE={scale:g}",
    )
    draw = random.Random(20)
    for language, (lack, (part, amounts)) in itertools.product(LANGUAGES, LACKS.items()):
        with TemporaryDirectory() as folder:
            disk = Disk(part)
            try:
                project = ScarceProject(Path(folder), disk)
                project.call(LANGUAGES[language], "run")
                count = max(1, round(len(amounts) * scale))
                for amount in sorted(draw.sample(amounts, min(count, len(amounts)))):
                    outcome = injection(project, language, lack, amount)
                    tally.add(
                        "too few file descriptors" if lack == "descriptors" else lack, language, outcome.told
                    )
                    for finding in outcome.findings:
                        tally.find(finding)
                if lack == "disk of the store full":
                    outcome = read_only(project, language)
                    tally.add("store made read-only", language, outcome.told)
                    for finding in outcome.findings:
                        tally.find(finding)
            finally:
                disk.close()
    return tally
