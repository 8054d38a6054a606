"""The flow that is disturbed, in either language or both, and what comes of it when nothing disturbs it.

It has a split, a foreach, joins, artifacts that are blobs, steps that are tried again, and processes that steps start and
do not end. All that it makes depends on the parameter `wave`: with a new wave every blob is new to the store.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bilingual import Step, write
from instep_server.core.states import RunState
from project import Project

from reliability.evidence import Evidence, Outcome

LANGUAGES = {"python": "Python", "r": "R", "mixed": "both"}
"""How reports call the languages of flows."""
RETRIES = 4
_DONE = re.compile(r"\[(\d+)/\w+/(\d+) \(pid \d+\)\] Task finished successfully")


def steps(width: int, seconds: float) -> dict[str, Step]:
    """Gives the steps of the flow, whose foreach has so many tasks that wait for so long."""
    return {
        "start": Step(
            py=f"self.numbers = [float(self.wave + i) for i in range(2000)]\nself.items = list(range(1, {width + 1}))",
            r=f"self$numbers <- as.numeric(self$wave + 0:1999)\nself$items <- seq_len({width}L)",
            next="left right",
        ),
        "left": Step(next="work", foreach="items"),
        "work": Step(
            py=f"""
            if self.input % 3 == 0:
                __import__("subprocess").Popen(["sleep", "600"])
            time.sleep({seconds})
            self.product = [x * self.input for x in self.numbers]
            """,
            r=f"""
            if (self$input %% 3L == 0L) system("sleep 600", wait = FALSE)
            Sys.sleep({seconds})
            self$product <- self$numbers * self$input
            """,
            next="gather",
            py_with=f"@retry(times={RETRIES}, minutes_between_retries=0)",
            r_with=f"retry(times = {RETRIES}, minutes_between_retries = 0)",
        ),
        "gather": Step(
            py="self.total = [sum(one.product) for one in inputs]",
            r="self$total <- vapply(inputs, \\(one) sum(one$product), 0)",
            join=True,
            next="both",
        ),
        "right": Step(
            py='__import__("subprocess").Popen(["sleep", "600"])\n'
            'self.text = [f"row {self.wave + i}" for i in range(1000)]',
            r='system("sleep 600", wait = FALSE)\nself$text <- paste("row", self$wave + 0:999)',
            next="both",
        ),
        "both": Step(
            py="self.total = inputs.gather.total\nself.text = inputs.right.text",
            r="self$total <- inputs$gather$total\nself$text <- inputs$right$text",
            join=True,
            next="end",
        ),
        "end": Step(py="self.sum = sum(self.total)", r="self$sum <- sum(self$total)"),
    }


class Subject:
    """The flow in a folder with a store of its own.

    Args:
        folder: The folder.
        language: A language of `LANGUAGES`.
        width: How many tasks its foreach has.
        isolation: How processes of tasks are made.
        seconds: How long each of these tasks waits.
    """

    def __init__(
        self, folder: Path, language: str, width: int, isolation: str = "fork", seconds: float = 0
    ) -> None:
        self.project = Project(folder)
        self.language = language
        # Servers put their sockets here. /tmp has room for the few bytes that a socket's path may have.
        self.sockets = Path(tempfile.mkdtemp(prefix="instep-", dir="/tmp"))
        self.project.environment["XDG_RUNTIME_DIR"] = str(self.sockets)
        self.home = folder / ".instep"
        self.home.mkdir(mode=0o700)
        self.evidence = Evidence(self.home)
        self.file = write(
            self.project,
            language,
            steps(width, seconds),
            py=f'isolation = "{isolation}"\nwave = Parameter("wave", default=0)',
            r='parameter("wave", default = 0L)',
        )
        if language == "r":
            text = (folder / self.file).read_text()
            self.project.write(
                self.file, text.replace('flow("Sample"', f'flow("Sample", isolation = "{isolation}"')
            )

    def run_words(self, wave: int) -> tuple[str, ...]:
        """Gives the command that runs the flow."""
        return (self.file, "run", "--wave", str(wave), "--max-workers", "3")

    def age(self) -> list[Path]:
        """Makes the sockets and unfinished files that are there old, so that the next server must remove them.

        Returns:
            Those that nobody uses, if no process runs any more.
        """
        left = [
            *self.sockets.rglob("*.sock"),
            *(self.home / "objects" / "tmp").glob("*"),
            *self.home.rglob("*.new"),
        ]
        for path in left:
            os.utime(path, (0, 0))
        return left

    def undisturbed(self, wave: int) -> Outcome:
        """Runs the flow in peace, and tells what came of it."""
        self.project.call(*self.run_words(wave))
        ended = self.evidence.newest()
        assert ended.state is RunState.SUCCEEDED
        return ended.outcome


@contextmanager
def subject(language: str, width: int, isolation: str = "fork", seconds: float = 0) -> Iterator[Subject]:
    """Makes a flow in a new folder, which is removed when all that it did is over."""
    folder = Path(tempfile.mkdtemp(prefix="instep-subject-"))
    made = Subject(folder, language, width, isolation, seconds)
    try:
        yield made
    finally:
        shutil.rmtree(made.sockets, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def told_done(output: str) -> set[tuple[int, int]]:
    """Tells which tasks a command has told to be done: the number of the run and that of the task."""
    return {(int(run), int(task)) for run, task in _DONE.findall(output)}
