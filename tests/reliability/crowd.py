"""Hundreds of runs of several flows at once against one store, and readers that look at it all the while."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from instep_server.core.states import RunState
from project import Done

from reliability.evidence import Evidence, Outcome
from reliability.kill import differences
from reliability.report import Tally
from reliability.subject import LANGUAGES, Subject, told_done

WIDTH = 3
TASKS = 6 + WIDTH
WAVES = 2
RUNS = 200
RUN_MB = 110
"""What a run takes of memory, with command line, orchestrator, hosts and workers."""
TAGGED = 4
"""Of so many runs one tags the first run of its flow, so that many do so at the same time."""
FLOWS = {"python": "OfPython", "r": "OfR", "mixed": "OfBoth"}
TEXT = """\
Two hundred commands start flows at the same time, a third of them in Python, in R and in both, all against one store;
every fourth adds a tag to the first run of its flow when its own is done. Meanwhile clients in both languages and the
commands `runs` and `show` read the store over and over: the newest runs, their tasks, and the artifacts of tasks that
have succeeded.

Right is: every command ends well, and none says that the database is locked; each run's artifacts have the digests that
its parameters make; the runs of each flow are numbered without a gap, and all tags are there. To every reader, at every
moment, numbers have no gap and no run ever goes back in its state; what has succeeded has all its tasks, and all
artifacts of tasks that succeeded can be read."""

_READER = """
import json, sys, time
from pathlib import Path
from instep import Flow, namespace
from instep.errors import InstepError

stop, flows, tasks = Path(sys.argv[1]), sys.argv[2].split(), int(sys.argv[3])
namespace(None)
rank = {"pending": 0, "running": 1, "succeeded": 2}
seen, full, read, wrong = {}, set(), 0, []
while True:
    is_last = stop.exists()
    for name in flows:
        try:
            runs = list(Flow(name))
        except InstepError:
            continue  # it has no run yet
        if [int(run.id) for run in runs] != list(range(len(runs), 0, -1)):
            wrong.append(f"{name} has the runs {[run.id for run in runs]}")
        for run in [run for run in runs if seen.get(run.pathspec) != "checked"][:8]:
            status = run.status
            if rank.get(status, -1) < rank[seen.get(run.pathspec, "pending")]:
                wrong.append(f"{run.pathspec} was {seen[run.pathspec]} and is {status}")
            found = [task for step in run for task in step]
            done = [task for task in found if task.status == "succeeded"]
            for task in done:
                for artifact in task:
                    artifact.data
                    read += 1
            if status == "succeeded" and (len(done), len(found)) != (tasks, tasks):
                wrong.append(f"{run.pathspec} has succeeded, with {len(done)} tasks of {len(found)}")
            if status == "succeeded":
                full.add(run.pathspec)
            seen[run.pathspec] = status if status != "succeeded" or run.pathspec not in full else "checked"
    if is_last:
        break
print(json.dumps({"read": read, "wrong": wrong}))
"""
_R_READER = """
library(instep)
arguments <- commandArgs(TRUE)
flows <- strsplit(arguments[[2]], " ")[[1]]
set_namespace(NULL)
read <- 0L
wrong <- character()
ended <- list()
repeat {
  is_last <- file.exists(arguments[[1]])
  for (name in flows) {
    table <- tryCatch(runs(name), instep_error_flow_unknown = \\(e) NULL)
    if (is.null(table)) next
    if (!identical(table$id, as.character(rev(seq_len(nrow(table)))))) {
      wrong <- c(wrong, paste(name, "has the runs", toString(table$id)))
    }
    before <- ended[[name]]
    ended[[name]] <- table$id[table$status == "succeeded"]
    if (length(back <- setdiff(before, ended[[name]])) > 0L) {
      wrong <- c(wrong, paste(name, toString(back), "had succeeded, and have not"))
    }
    if (length(ended[[name]]) > 0L) {
      total <- run_client(paste0(name, "/", ended[[name]][[1L]]))$data$sum
      read <- read + 1L
      if (!is.numeric(total)) wrong <- c(wrong, paste(name, ended[[name]][[1L]], "has no sum"))
    }
  }
  if (is_last) break
}
cat(sprintf('{"read": %d, "wrong": [%s]}\\n', read, paste(dQuote(wrong, FALSE), collapse = ", ")))
"""


@dataclass(slots=True)
class Crowd:
    """Runs of three flows at once.

    Attributes:
        subjects: The flows by language. They share a store.
        expected: What must come of a flow, by language and wave.
        wrong: What was wrong.
        looks: How often something was read, by reader.
    """

    subjects: dict[str, Subject]
    expected: dict[str, list[Outcome]]
    wrong: list[str] = field(default_factory=list)
    looks: dict[str, int] = field(default_factory=dict)

    def carry_out(self, count: int, at_once: int) -> None:
        """Starts so many runs, at most so many at once, reads meanwhile, and checks."""
        stop = self._any.home.parent / "stop"
        with ThreadPoolExecutor(3) as readers, ThreadPoolExecutor(at_once) as runners:
            looking = [readers.submit(look, stop) for look in (self._read, self._read_in_r, self._look)]
            done = list(runners.map(self._one, range(count)))
            stop.touch()
            for reader in looking:
                reader.result()
        told = set().union(*(told_done(one.stdout) for one in done))
        self._check(count, bool(told))

    @property
    def _any(self) -> Subject:
        return next(iter(self.subjects.values()))

    def _one(self, number: int) -> Done:
        """Runs a flow, and perhaps tags the first run of it."""
        language = [*FLOWS][number % len(FLOWS)]
        subject = self.subjects[language]
        words = [subject.run_words(number // len(FLOWS) % WAVES)]
        if number % TAGGED == 0:
            words.append((subject.file, "tag", "add", "--run-id", "1", f"tag-{number}"))
        for one in words:
            done = subject.project.call(*one, expect=None)
            if done.status or "lock" in done.text:
                self.wrong.append(
                    f"{language} {' '.join(one[1:])} ended with {done.status}: {done.text[-600:]}"
                )
        return done

    def _read(self, stop: Path) -> None:
        done = self._any.project.call(
            sys.executable, "-c", _READER, str(stop), " ".join(FLOWS.values()), str(TASKS), expect=None
        )
        self._take("Python", done)

    def _read_in_r(self, stop: Path) -> None:
        script = self._any.project.write("reader.R", _R_READER)
        done = self._any.project.call(
            "Rscript", str(script), str(stop), " ".join(FLOWS.values()), expect=None
        )
        self._take("R", done)

    def _take(self, language: str, done: Done) -> None:
        if done.status:
            self.wrong.append(f"the reader in {language} ended with {done.status}: {done.text[-1500:]}")
            return
        found = json.loads(done.stdout)
        self.looks[f"artifact or run read by a client in {language}"] = found["read"]
        self.wrong += (f"the reader in {language}: {finding}" for finding in found["wrong"][:5])

    def _look(self, stop: Path) -> None:
        count = 0
        while not stop.exists():
            for words in (("runs",), *(("show", flow) for flow in FLOWS.values())):
                done = self._any.project.call("instep", *words, expect=None)
                unknown = words[0] == "show" and "has no flow" in done.text
                if (done.status and not unknown) or "lock" in done.text:
                    self.wrong.append(
                        f"instep {' '.join(words)} ended with {done.status}: {done.text[-600:]}"
                    )
                count += 1
        self.looks["command `runs` or `show`"] = count

    def _check(self, count: int, has_told: bool) -> None:
        evidence = self._any.evidence
        self.wrong += evidence.problems(set())
        if not has_told:
            self.wrong.append("no command told of a task that was done")
        runs = evidence.runs()
        for position, (language, flow) in enumerate(FLOWS.items()):
            numbers = [run.number for run in runs if run.flow == flow]
            if numbers != list(range(1, len(range(position, count, len(FLOWS))) + 1)):
                self.wrong.append(f"{flow} has the runs {numbers}")
            wanted = {
                f"tag-{number}" for number in range(position, count, len(FLOWS)) if number % TAGGED == 0
            }
            if lost := wanted - evidence.tags(flow, 1):
                self.wrong.append(f"{flow}/1 lacks the tags {lost}")
            for run in runs:
                if run.flow == flow:
                    self._check_run(run.outcome, run.state, language, f"{flow}/{run.number}")

    def _check_run(self, outcome: Outcome, state: RunState, language: str, name: str) -> None:
        if state is not RunState.SUCCEEDED:
            self.wrong.append(f"{name} is {state.name}")
        elif outcome not in self.expected[language]:
            first = next(differences(outcome, self.expected[language][0]))
            self.wrong.append(f"{name} has the artifacts of no wave; {first}")


@contextmanager
def store() -> Iterator[dict[str, Subject]]:
    """Makes the three flows with one store, which is removed in the end."""
    with (
        tempfile.TemporaryDirectory(prefix="instep-crowd-") as folder,
        tempfile.TemporaryDirectory(dir="/tmp") as sockets,
    ):
        home = Path(folder) / ".instep"
        home.mkdir(mode=0o700)
        made: dict[str, Subject] = {}
        for language, flow in FLOWS.items():
            one = Path(folder) / language
            one.mkdir()
            made[language] = Subject(one, language, WIDTH)
            for file in one.glob("flow.*"):
                file.write_text(file.read_text().replace("Sample", flow))
            made[language].project.environment |= {"INSTEP_HOME": str(home), "XDG_RUNTIME_DIR": sockets}
            made[language].evidence = Evidence(home)
        yield made


def outcomes() -> dict[str, list[Outcome]]:
    """Tells what comes of each flow in peace, wave by wave."""
    with store() as peaceful:
        return {
            language: [one.undisturbed(wave) for wave in range(WAVES)] for language, one in peaceful.items()
        }


def crowd(expected: dict[str, list[Outcome]], count: int, at_once: int, tally: Tally) -> None:
    """Has a crowd in one store, and tells the tally."""
    with store() as shared:
        one = Crowd(shared, expected)
        one.carry_out(count, at_once)
    for position, language in enumerate(FLOWS):
        times = len(range(position, count, len(FLOWS)))
        tally.add(
            f"run beside {at_once - 1} others", LANGUAGES[language], "ended well; same artifacts", times
        )
    for what, times in one.looks.items():
        tally.add(what, "both", "consistent", times)
    for finding in one.wrong:
        tally.find(finding)


def new_tally() -> Tally:
    """Makes the tally of this chapter."""
    return Tally("crowd", "Many runs at once", TEXT, "python -m reliability crowd")


def campaign(scale: float) -> Tally:
    """Has 200 runs at once in one store at scale 1, as far as there is memory for them."""
    tally = new_tally()
    count = max(len(FLOWS), round(RUNS * scale))
    crowd(outcomes(), count, min(count, _room()), tally)
    return tally


def _room() -> int:
    """Tells how many runs the memory of this machine has room for at once."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    return available // 1024 // RUN_MB
