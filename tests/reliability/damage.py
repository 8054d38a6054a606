"""Bits flipped in everything that a store consists of: objects, logs, the database and its journal."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instep import Task, namespace
from instep._archive import close_all
from instep.errors import InstepError
from instep_server.care.check import Check
from instep_server.db.connection import connect
from instep_server.db.mending import find_damage, mend
from instep_server.errors import StoreError
from instep_server.home import Home
from project import Project

from reliability.report import Tally

TITLE = "Flipped bits"
TEXT = """\
One bit, drawn at random, is flipped in a store that a flow of both languages has left behind: in an object, in a log, in the
file of the database, or in the journal that a killed process leaves beside it. Then everything is read, by clients of Python
and of R, and `instep fsck` looks.

Right is: an object or a log that has another bit is an error of whoever reads it, in both languages, which names the artifact
and the file; all else reads as before. `instep fsck` finds it, names all artifacts that it touches, and after
`instep fsck --repair` and `resume` they are as before. A bit in the database is an error that names the file, or harmless:
all that is read is the same as before; and `--repair` gives all of it back, or names each run that is lost. In the journal,
damage in the very last transaction cannot be told from one that was cut off when its writer was killed: it is undone, and
what comes before is as it was."""
COMMAND = "python -m reliability damage"

OBJECT_FLIPS, LOG_FLIPS, DATABASE_FLIPS, JOURNAL_FLIPS, REPAIRS = 4_000, 1_000, 2_000, 1_000, 40
NAMED = "named on read; all else as before"
HARMLESS = "harmless: all that is read is the same"
FOUND = "found by fsck, with all that it touches"
AGAIN = "as before after fsck --repair and resume"
HEALED = "given back by fsck --repair, bit by bit"
SALVAGED = "all that could be read kept by fsck --repair, all that is lost named"
UNFOUND = "harmless, and not found by fsck: no page that is in use"
UNFINISHED = "the last transaction undone, as one that was cut off"

FLOW = """
    import pandas as pd
    import numpy as np
    from instep import FlowSpec, step

    class Damage(FlowSpec):
        include = ["damage.R"]

        @step
        def start(self):
            self.frame = pd.DataFrame({"x": np.arange(200_000.0), "y": np.arange(200_000.0) ** 0.5})
            self.numbers = [float(n) for n in range(3_000)]
            self.records = [{"name": f"n{n}", "values": [n, n + 1]} for n in range(2_000)]
            self.opened = {1: complex(1, 2), "key": frozenset(range(2_000))}
            self.small = "a short text"
            print("start of it all\\n" * 20)
            self.next("fit")

        @step
        def end(self):
            self.sum = float(sum(self.fitted))
            print("sum", self.sum)

    if __name__ == "__main__":
        Damage()
"""
R_FLOW = """
    library(instep)

    fit <- function(self) {
      self$model <- lm(y ~ x, data = self$frame[1:2000, ])
      self$fitted <- as.numeric(seq_len(150000)) / 3
      self$table <- data.frame(id = 1:4000, word = paste0("word", 1:4000))
      cat("fitted\\n")
    }

    flow("Damage", include = "damage.py") |>
      step("fit", fit, next_step = "end") |>
      run()
"""
R_READER = """
    library(instep)
    set_namespace(NULL)
    questions <- file("stdin", "r")
    repeat {
      words <- strsplit(readLines(questions, 1L), " ")
      if (length(words) == 0L) break
      answer <- tryCatch(
        {
          task <- task_client(words[[1]][[1]])
          name <- words[[1]][[2]]
          value <- if (name == "stdout") task$stdout else task$data[[name]]
          paste("value", if (is.atomic(value) || is.data.frame(value)) rlang::hash(value) else class(value)[[1]])
        },
        error = \\(e) paste("error", gsub("[[:space:]]+", " ", rlang::cnd_message(e)))
      )
      cat(answer, "\\n", sep = "")
    }
"""


@dataclass(frozen=True, slots=True)
class Flip:
    """A flipped bit."""

    path: Path
    place: int
    bit: int

    def __str__(self) -> str:
        return f"bit {self.bit} of byte {self.place} of {self.path}"

    def apply(self) -> None:
        """Flips it. Done twice it is as before."""
        mode = self.path.stat().st_mode
        self.path.chmod(0o600)
        with self.path.open("r+b") as file:
            file.seek(self.place)
            byte = file.read(1)[0]
            file.seek(self.place)
            file.write(bytes([byte ^ 1 << self.bit]))
        self.path.chmod(mode)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Flips it for a while."""
        self.apply()
        try:
            yield
        finally:
            self.apply()


def draw(rng: random.Random, paths: list[Path]) -> Flip:
    """Draws a bit: any file is as likely as any other."""
    path = rng.choice(paths)
    return Flip(path, rng.randrange(path.stat().st_size), rng.randrange(8))


class Subject:
    """A store with one run, and what is in it."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder)
        self.project.write("damage.py", FLOW)
        self.project.write("damage.R", R_FLOW)
        self.project.call("damage.py", "run")
        self.home = Home(folder / ".instep")
        self.database = self.home.database.read_bytes()
        found = self.fsck_facts()
        assert found["is_whole"], found
        self.places = [
            f"Damage/1/{task} {name}"
            for task, names in {
                "start/1": "frame numbers records opened small stdout",
                "fit/2": "model fitted table stdout",
                "end/3": "sum stdout",
            }.items()
            for name in names.split()
        ]
        with self.python():
            self.as_python = {place: read_python(place) for place in self.places}
        assert not any(text.startswith("error") for text in self.as_python.values()), self.as_python

    def objects(self) -> list[Path]:
        return sorted((self.home.objects / "b3").glob("*/*"))

    def logs(self) -> list[Path]:
        return sorted(path for path in self.home.logs.glob("*/*/*") if path.stat().st_size)

    def fsck_facts(self, *options: str) -> Any:
        """What `instep fsck --json` says."""
        done = self.project.call("instep", "fsck", "--json", *options, expect=None)
        facts = json.loads(done.stdout)
        assert done.status == (0 if facts["is_whole"] else 1)
        return facts

    @contextmanager
    def python(self) -> Iterator[None]:
        """Reads this store with the client of this process, through an orchestrator of its own."""
        os.environ["INSTEP_HOME"] = str(self.home.root)
        namespace(None)
        try:
            yield
        finally:
            close_all()
            del os.environ["INSTEP_HOME"]

    @contextmanager
    def r(self) -> Iterator[RReader]:
        """Reads this store with a client in R."""
        reader = RReader(self.project)
        try:
            yield reader
        finally:
            reader.close()


def read_python(place: str) -> str:
    """Reads an artifact or a log: a digest of the value, or the error."""
    task, name = place.split(" ")
    try:
        found = Task(task)
        value = found.stdout if name == "stdout" else found[name].data
        # Handles of R's objects know the store that they come from.
        return f"value {type(value) if name == 'model' else hashlib.sha256(pickle.dumps(value)).hexdigest()}"
    except InstepError as err:
        return f"error {err.message}"


class RReader:
    """A session of R that reads what it is told to."""

    def __init__(self, project: Project) -> None:
        script = project.write("reader.R", R_READER)
        self._process = subprocess.Popen(
            ["Rscript", str(script)],
            cwd=project.folder,
            env=project.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def read(self, place: str) -> str:
        """As `read_python`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(place + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        """Ends the session."""
        self._process.communicate(timeout=30)


def flip_objects_and_logs(
    subject: Subject, tally: Tally, rng: random.Random, objects: int, logs: int
) -> None:
    """Flips bits under the hands of clients of both languages, which have the store open."""
    with subject.python(), subject.r() as reader:
        as_r = {place: reader.read(place) for place in subject.places}
        assert not any(text.startswith("error") for text in as_r.values()), as_r
        readers = {"Python": (read_python, subject.as_python), "R": (reader.read, as_r)}
        for what, paths, count in (("object", subject.objects(), objects), ("log", subject.logs(), logs)):
            for number in range(count):
                flip = draw(rng, paths)
                language = ("Python", "R")[number % 2]
                read, before = readers[language]
                with flip.applied():
                    after = {place: read(place) for place in subject.places}
                    if after == before:  # what only the other language opens is for it to notice
                        language = "R" if language == "Python" else "Python"
                        read, before = readers[language]
                        after = {place: read(place) for place in subject.places}
                changed = [place for place in subject.places if after[place] != before[place]]
                problem = _unnamed(flip, changed, after)
                if problem:
                    tally.find(f"{language}: {flip}: {problem}")
                else:
                    tally.add(
                        f"a bit of an {what}" if what == "object" else "a bit of a log", language, NAMED
                    )


def _unnamed(flip: Flip, changed: list[str], after: dict[str, str]) -> str:
    """Says what is wrong about how damage was told. Empty: nothing."""
    if not changed:
        return "nobody noticed"
    for place in changed:
        text = after[place].replace(" ", "")  # R breaks lines in paths
        name = place.split(" ")[1]
        digest = f"{flip.path.parent.name}{flip.path.name}"
        names_file = str(flip.path) in text or digest in text
        if not text.startswith("error") or not names_file or "instepfsck" not in text:
            return f"{place} gave {after[place]!r}"
        if name != "stdout" and name not in text:
            return f"{place} is not named: {after[place]!r}"
    return ""


def flip_database(subject: Subject, tally: Tally, rng: random.Random, count: int) -> None:
    """Flips bits of the database at rest. Each time a new orchestrator reads it, for clients of the two languages in turn."""
    path = subject.home.database
    with subject.r() as reader:
        as_r = {place: reader.read(place) for place in subject.places}
    for number in range(count):
        place = rng.randrange(100) if number % 20 == 0 else rng.randrange(len(subject.database))
        flip = Flip(path, place, rng.randrange(8))
        _restore(subject)
        flip.apply()
        language = "R" if number % 10 == 0 else "Python"
        if language == "R":
            with subject.r() as reader:
                after, before = {one: reader.read(one) for one in subject.places}, as_r
        else:
            with subject.python():
                after, before = {one: read_python(one) for one in subject.places}, subject.as_python
        changed = {place: text for place, text in after.items() if text != before[place]}
        bad = [text for text in changed.values() if not _names_database(text)]
        if bad:
            tally.find(f"{language}: {flip}: {bad[0]!r}")
        else:
            tally.add("a bit of the database", language, NAMED if changed else HARMLESS)
        _check_and_mend(subject, tally, flip, is_harmless=not changed)
    _restore(subject)


def _names_database(text: str) -> bool:
    together = text.replace(" ", "")
    return text.startswith("error") and "instep.db" in together and "isdamaged" in together


def _check_and_mend(subject: Subject, tally: Tally, flip: Flip, *, is_harmless: bool) -> None:
    """Looks and mends as `instep fsck --repair` does."""
    _restore(subject)
    flip.apply()
    findings = find_damage(subject.home)
    if not findings:
        if is_harmless:
            tally.add("a bit of the database", "fsck", UNFOUND)
        else:
            tally.find(f"fsck finds nothing: {flip}")
        return
    tally.add("a bit of the database", "fsck", FOUND)
    try:
        mend(subject.home, findings[0])
    except StoreError as err:
        tally.find(f"can't be mended: {flip}: {err}")
        return
    with subject.python():
        after = {place: read_python(place) for place in subject.places}
    if after == subject.as_python:
        tally.add("a bit of the database", "fsck --repair", HEALED)
        return
    with closing(connect(subject.home.database)) as connection:
        rest = Check(connection, subject.home, repair=False, progress=lambda *_: None).findings()
        touched = {one for finding in (*findings, *rest) for one in finding.touches}
    wrong = {place: text for place, text in after.items() if text != subject.as_python[place]}
    run_is_lost = any(one.startswith("Damage/1:") for one in touched)
    unnamed = [one for one in wrong if one.replace(" ", " artifact ") not in touched and not run_is_lost]
    if unnamed:
        tally.find(f"mended, and {unnamed} not the same: {flip}: {touched} {wrong}")
    else:
        tally.add("a bit of the database", "fsck --repair", SALVAGED)


def _restore(subject: Subject) -> None:
    """Puts the database back as it was."""
    for path in subject.home.root.glob("instep.db-*"):
        path.unlink()
    subject.home.database.write_bytes(subject.database)
    shutil.rmtree(subject.home.damaged, ignore_errors=True)


def flip_journal(subject: Subject, tally: Tally, rng: random.Random, count: int) -> None:
    """Flips bits of the journal that is left when a writer is killed."""
    path, scratch = subject.home.database, subject.home.root / "scratch"
    scratch.mkdir()
    _restore(subject)
    with closing(connect(path)) as connection:
        for number in range(12):
            with connection:
                connection.execute(
                    "INSERT INTO manifests VALUES (?, ?)", (f"b3:{number}", rng.randbytes(3_000))
                )
        for name in ("instep.db", "instep.db-wal"):
            subprocess.run(["cp", path.with_name(name), scratch], check=True)  # as it is after kill -9
    journal = (scratch / "instep.db-wal").read_bytes()
    home = Home(scratch)
    for _ in range(count):
        shutil.copy(scratch / "instep.db", scratch / "whole.db")
        flip = Flip(scratch / "instep.db-wal", rng.randrange(len(journal)), rng.randrange(8))
        flip.apply()
        findings = find_damage(home)
        with closing(connect(home.database)) as connection:
            rows = connection.value("SELECT count(*) FROM manifests WHERE hash < 'b3:a' AND length(hash) < 6")
        if findings and findings[0].kind == "journal":
            tally.add("a bit of the journal of a killed process", "fsck", "named on read, and found by fsck")
        elif not findings and rows == 12:
            tally.add("a bit of the journal of a killed process", "fsck", HARMLESS)
        elif not findings and rows == 11:
            tally.add("a bit of the journal of a killed process", "fsck", UNFINISHED)
        else:
            tally.find(f"{flip}: {rows} of 12 transactions, {findings}")
        for one in scratch.glob("instep.db*"):
            one.unlink()
        shutil.copy(scratch / "whole.db", scratch / "instep.db")
        (scratch / "instep.db-wal").write_bytes(journal)
    shutil.rmtree(scratch)
    _restore(subject)


def repair(subject: Subject, tally: Tally, rng: random.Random, count: int) -> None:
    """Flips a bit in several objects and a log at once, has it mended, and goes on from there."""
    for _ in range(count):
        flips = {flip.path: flip for flip in (draw(rng, subject.objects()) for _ in range(3))}
        for flip in flips.values():
            flip.apply()
        found = {finding["digest"]: finding for finding in subject.fsck_facts()["findings"]}
        named = {f"b3:{path.parent.name}{path.name}" for path in flips}
        # What a damaged manifest consists of is not known any more, so one of several may touch nothing that is known.
        if set(found) != named or not any(finding["touches"] for finding in found.values()):
            tally.find(f"fsck found {sorted(found)} of {sorted(named)}")
            continue
        tally.add("a bit of an object", "fsck", FOUND, len(flips))
        mended = subject.fsck_facts("--repair")
        subject.project.call("damage.py", "resume", "--origin-run-id", "1")
        with subject.python():
            after = {place: read_python(place) for place in subject.places}
        if after != subject.as_python or not subject.fsck_facts()["is_whole"] or mended["is_whole"]:
            wrong = {place: text for place, text in after.items() if text != subject.as_python[place]}
            tally.find(f"after repair and resume of {sorted(named)}: {wrong}")
        else:
            tally.add("a bit of an object", "fsck --repair", AGAIN, len(flips))
    _restore(subject)


def campaign(scale: float, *, seed: int = 5) -> Tally:
    """Flips bits.

    Args:
        scale: How many, 1 being all.
        seed: Decides which.
    """
    tally = Tally("damage", TITLE, TEXT, COMMAND)
    rng = random.Random(seed)

    def share(count: int) -> int:
        return max(2, round(scale * count))

    with tempfile.TemporaryDirectory(prefix="instep-damage-") as folder:
        subject = Subject(Path(folder))
        flip_objects_and_logs(subject, tally, rng, share(OBJECT_FLIPS), share(LOG_FLIPS))
        flip_database(subject, tally, rng, share(DATABASE_FLIPS))
        flip_journal(subject, tally, rng, share(JOURNAL_FLIPS))
        repair(subject, tally, rng, share(REPAIRS))
    return tally
