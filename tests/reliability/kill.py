"""kill -9 of every kind of process, at moments that are spread over the whole life of a run."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from instep_server.core.states import RunState
from project import Done, wait_until

from reliability.evidence import Outcome
from reliability.family import Family, Role
from reliability.report import Tally
from reliability.subject import LANGUAGES, Subject, subject, told_done
from reliability.writes import Writes

WAVES = 6
"""How many trials share a store."""
WIDTH = 6
STORM_WIDTH = 60
LOOK_SECONDS = 0.005
STORM_LOOK_SECONDS = 0.003
RESUME_PART = 0.5
"""What a resume writes, at most, of what a run does: it takes over what was done."""
END_SECONDS = 30
KILL_CHANCE = {"fork": 0.5, "spawn": 0.5, "reuse": 0.9}
"""How likely a worker is killed. Few run all tasks where they are reused."""
TASK_SECONDS = 0.03
"""How long a task of the storm waits."""
WORKER_SECONDS = 0.05
"""How long its worker lives, about."""
ISOLATIONS = ("fork", "fork", "reuse", "fork", "fork", "spawn")
STORM_RUNS = 3
STORM_KILLS = 60
STORMS = 24
TRIALS = 300
LANES = 2
RESUMED = "resumed; same artifacts"
RETRIED = "tried again; same artifacts"
ALL = "command line, orchestrator and hosts at once"
TEXT = """\
Processes of running flows are ended by `kill -9`: the command line, the orchestrator, the hosts, all three at once, and
workers. The flow has a split, a foreach, joins, blobs, retries, and steps that start processes and do not end them. Half
of the moments are drawn by time, half by writes: at the n-th file that is made, written, linked or removed in the store,
from its first directory on. `resume` is killed like `run`, up to three times, so that recovery is, too; some of the time
the next command begins while the last one is still ending. Workers are killed by the dozen within one run.

Right is: `resume` ends well, its artifacts have the same digests as those of a run in peace, and what a command had told
to be done is taken over, not run again; each object has its hash from the moment at which it is seen; all blobs of
tasks that succeeded are there; the database passes its integrity check and each attempt has one end; no process, no
temporary file and no socket is left, also none that a step had started."""
TARGETS: dict[str, tuple[Role, ...]] = {
    "command line": (Role.COMMAND,),
    "orchestrator": (Role.ORCHESTRATOR,),
    "host": (Role.HOST, Role.SESSION),
    ALL: (Role.COMMAND, Role.SESSION, Role.ORCHESTRATOR, Role.HOST),
}
"""What is killed: all processes that do one of these."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill: at the n-th write into the store, or after a time, whichever is given."""

    writes: int | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        return f"at write {self.writes}" if self.writes is not None else f"after {self.seconds:.3f} s"


@dataclass(slots=True)
class Measure:
    """What a command did when nothing disturbed it, from which moments are drawn."""

    writes: int
    seconds: float

    def draw(self, rng: random.Random, command: str) -> Moment:
        """Draws a moment: half of them by writes, half by time."""
        part = rng.uniform(0, RESUME_PART if command == "resume" else 1)
        if rng.random() < 0.5:
            return Moment(writes=round(part * self.writes))
        return Moment(seconds=part * self.seconds)


@dataclass(slots=True)
class Trial:
    """One run that is killed, its resumes that are killed as well, and the resume that is let be.

    Attributes:
        subject: The flow.
        wave: Value of its parameter.
        expected: What must come of it.
        seed: Decides what is killed, and when.
        seen_done: Tasks that commands have told to be done, in the whole store.
        log: What was done, for findings.
    """

    subject: Subject
    wave: int
    expected: Outcome
    seed: int
    measure: Measure
    seen_done: set[tuple[int, int]]
    log: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    kills: list[tuple[str, str]] = field(default_factory=list)
    """What was killed, and in which command."""

    def carry_out(self) -> None:
        """Kills, resumes and checks."""
        rng = random.Random(f"{self.subject.language} {self.seed}")
        evidence = self.subject.evidence
        before = evidence.last_run()
        stale = self.subject.age()
        for _ in range(rng.choice((1, 2, 2, 3))):
            words = self._words(rng, before)
            target = rng.choice(list(TARGETS))
            if self._disturbed(words, target, self.measure.draw(rng, words[1])):
                self.kills.append((target, words[1]))
            if rng.random() < 0.7 and target != ALL:
                # Otherwise the next command begins while what was hit is still ending.
                self._wait_for_the_end()
        words = self._words(rng, before)
        done = self.subject.project.call(*words, expect=None)
        self._took_part(done)
        if done.status:
            self.wrong.append(f"{' '.join(words[1:])} ended with {done.status}: {done.text[-800:]}")
        self._wait_for_the_end()
        self._check(words, stale)

    def _words(self, rng: random.Random, before: int) -> tuple[str, ...]:
        """Chooses the next command: `run` as long as no run was recorded, `resume` after that."""
        last = self.subject.evidence.last_run()
        if last == before:
            return self.subject.run_words(self.wave)
        origin = ("--origin-run-id", str(last)) if rng.random() < 0.5 else ()
        return (self.subject.file, "resume", "--max-workers", "3", *origin)

    def _disturbed(self, words: tuple[str, ...], target: str, moment: Moment) -> bool:
        """Runs a command and kills something of it. Tells whether anything was killed."""
        project, objects = self.subject.project, self.subject.home / "objects"

        def look_at(path: Path) -> None:
            if path.is_relative_to(objects):
                self.wrong += self.subject.evidence.object_problems(path)

        hit: list[int] = []
        with closing(Writes(self.subject.home, look_at)) as writes:
            process = project.start(*words)
            family, begin = Family(process.pid), time.monotonic()
            victims: list[int] = []
            looked = 0.0
            while process.poll() is None and not hit:
                writes.wait(LOOK_SECONDS)
                now = time.monotonic()
                if now > looked + 2 * LOOK_SECONDS or not victims:
                    victims = [pid for role in TARGETS[target] for pid in family.members(role)]
                    looked = now
                due = (
                    writes.count >= moment.writes
                    if moment.writes is not None
                    else now - begin >= (moment.seconds or 0)
                )
                if due and victims:
                    hit = family.strike(victims)
            done = project.finish(process, expect=None)
            while writes.wait(0):
                pass
        how = f"killed {moment}" if hit else "over before"
        self.log.append(f"{' '.join(words[1:])}: {target} {how}, status {done.status}")
        self._took_part(done)
        return bool(hit)

    def _took_part(self, done: Done) -> None:
        self.seen_done |= told_done(done.stdout)

    def _wait_for_the_end(self) -> None:
        """Waits until nothing runs any more."""
        project = self.subject.project
        try:
            wait_until(lambda: not project.left_behind(), seconds=END_SECONDS)
        except TimeoutError:
            left = project.left_behind()
            self.wrong.append(f"left running: {'; '.join(left)}")
            for line in left:
                with suppress(ProcessLookupError):
                    os.kill(int(line.split()[0]), signal.SIGKILL)

    def _check(self, words: tuple[str, ...], stale: list[Path]) -> None:
        """Checks the store, what came of the run, and that nothing is left."""
        self.wrong += self.subject.evidence.problems(self.seen_done)
        self.wrong += (f"{path} was left" for path in stale if path.exists())
        ended = self.subject.evidence.newest()
        if ended.state is not RunState.SUCCEEDED:
            self.wrong.append(f"run {ended.number} is {ended.state.name}")
        self.wrong += differences(ended.outcome, self.expected)
        if "--origin-run-id" in words:
            origin = int(words[-1])
            lost = {task for task in self.seen_done if task[0] == origin} - ended.origins
            self.wrong += (f"task {task} of run {run} was done, and was not taken over" for run, task in lost)


def differences(found: Outcome, expected: Outcome) -> Iterator[str]:
    """Compares what came of a run with what should."""
    for task in sorted(found.keys() | expected.keys()):
        if found.get(task) != expected.get(task):
            yield f"{task} has the artifacts {found.get(task)}, not {expected.get(task)}"


class Storm:
    """Kills workers of one run, as many as come, each at a moment of its own.

    Args:
        subject: The flow, whose foreach is wide.
        seed: Decides which worker is killed, and how long after it was found.
        strike: Does so, and tells which were struck.
        seconds: How long a worker lives, about.
        chance: How likely each is killed.
    """

    def __init__(
        self,
        subject: Subject,
        seed: int,
        strike: Callable[[Family, list[int]], list[int]] = Family.strike,
        seconds: float = WORKER_SECONDS,
        chance: float = KILL_CHANCE["fork"],
    ) -> None:
        self.subject = subject
        self.kills = 0
        self._chance = chance
        self._strike = strike
        self._seconds = seconds
        self.wrong: list[str] = []
        self._rng = random.Random(f"{subject.language} {seed}")

    def carry_out(self, expected: Outcome, kills: int) -> None:
        """Kills so many workers, or as many as come, resumes until the run is done, and checks."""
        seen_done: set[tuple[int, int]] = set()
        words = self.subject.run_words(0)
        for _ in range(STORM_RUNS):
            done = self._disturbed(words, kills)
            seen_done |= told_done(done.stdout)
            if self.subject.evidence.last_run():
                words = (self.subject.file, "resume", "--max-workers", "3")
            if done.status == 0:
                break
        else:
            done = self.subject.project.call(*words, expect=None)
            seen_done |= told_done(done.stdout)
        if done.status:
            self.wrong.append(f"the run ended with {done.status}: {done.text[-800:]}")
        wait_until(lambda: not self.subject.project.left_behind(), seconds=END_SECONDS)
        stale = self.subject.age()
        self.subject.project.call("instep", "runs")  # its server removes what is old
        self.wrong += (f"{path} was left" for path in stale if path.exists())
        self.wrong += self.subject.evidence.problems(seen_done)
        self.wrong += differences(self.subject.evidence.newest().outcome, expected)

    def _disturbed(self, words: tuple[str, ...], kills: int) -> Done:
        project = self.subject.project
        process = project.start(*words)
        family = Family(process.pid)
        known: set[int] = set()
        due: list[tuple[float, int]] = []
        with ThreadPoolExecutor(1) as reader:
            done = reader.submit(project.finish, process, expect=None)
            while not done.done() and self.kills < kills:
                now = time.monotonic()
                new = {*family.members(Role.WORKER)} - known
                due += (
                    (now + self._rng.uniform(0, self._seconds), pid) for pid in sorted(new) if self._is_next()
                )
                known |= new
                self.kills += len(self._strike(family, [pid for at, pid in due if at <= now]))
                due = [one for one in due if one[0] > now]
                time.sleep(STORM_LOOK_SECONDS)
            return done.result()

    def _is_next(self) -> bool:
        return self._rng.random() < self._chance


def measured(subject: Subject, wave: int) -> tuple[Measure, Outcome]:
    """Runs a flow in peace, and tells what it wrote, how long it took, and what came of it."""
    with closing(Writes(subject.home)) as writes:
        begin = time.monotonic()
        with ThreadPoolExecutor(1) as runner:
            outcome = runner.submit(subject.undisturbed, wave)
            while not outcome.done():
                writes.wait(LOOK_SECONDS)
        return Measure(writes.count, time.monotonic() - begin), outcome.result()


@dataclass(frozen=True, slots=True)
class Peace:
    """What the flow does in peace, by wave."""

    measures: list[Measure]
    outcomes: list[Outcome]


def peace(language: str, waves: int = WAVES, width: int = WIDTH) -> Peace:
    """Runs a flow in peace, once for each wave."""
    with subject(language, width) as peaceful:
        found = [measured(peaceful, wave) for wave in range(waves)]
    return Peace([measure for measure, _ in found], [outcome for _, outcome in found])


def trials(language: str, known: Peace, seeds: range, tally: Tally) -> None:
    """Carries out trials of one language in one store, a wave each, and tells the tally."""
    with subject(language, WIDTH) as disturbed:
        seen_done: set[tuple[int, int]] = set()
        for wave, seed in enumerate(seeds):
            measure, expected = known.measures[wave], known.outcomes[wave]
            trial = Trial(disturbed, wave, expected, seed, measure, seen_done)
            trial.carry_out()
            for target, command in trial.kills:
                tally.add(f"kill -9 of {target}, in `{command}`", LANGUAGES[language], RESUMED)
            for finding in trial.wrong:
                tally.find(f"{language}, seed {seed}: {finding} ({'; '.join(trial.log)})")
            if trial.wrong:
                return  # what follows in this store would say it again


def storm(language: str, known: Peace, seed: int, kills: int, tally: Tally) -> None:
    """Kills many workers of one run, and tells the tally."""
    isolation = ISOLATIONS[seed % len(ISOLATIONS)]
    with subject(language, STORM_WIDTH, isolation, TASK_SECONDS) as disturbed:
        blown = Storm(disturbed, seed, chance=KILL_CHANCE[isolation])
        blown.carry_out(known.outcomes[0], kills)
    tally.add(f"kill -9 of a worker, {isolation}", LANGUAGES[language], RETRIED, blown.kills)
    for finding in blown.wrong:
        tally.find(f"storm, {language}, seed {seed}: {finding}")


def new_tally() -> Tally:
    """Makes the tally of this chapter."""
    return Tally("kill", "Processes killed", TEXT, "python -m reliability kill")


def campaign(scale: float) -> Tally:
    """Kills some 5,000 processes at scale 1."""
    tally = new_tally()
    # Each run waits a lot: for interpreters that start, and for what ends. Two at a time keep two cores busy.
    with ThreadPoolExecutor(LANES) as lanes:
        stormy = {language: peace(language, 1, STORM_WIDTH) for language in LANGUAGES}
        known = {language: peace(language) for language in LANGUAGES}
        jobs = [
            lanes.submit(storm, language, stormy[language], seed, STORM_KILLS, tally)
            for seed in range(max(1, round(STORMS * scale)))
            for language in LANGUAGES
        ]
        jobs += [
            lanes.submit(trials, language, known[language], range(begin, begin + WAVES), tally)
            for begin in range(0, max(1, round(TRIALS * scale)), WAVES)
            for language in LANGUAGES
        ]
        for job in jobs:
            job.result()
    return tally
