"""SIGSTOP, long enough for a lease to end, and SIGCONT: of workers, hosts, orchestrators, and all of them at once."""

from __future__ import annotations

import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from project import Done, wait_until

from reliability.evidence import Outcome
from reliability.family import Family, Role
from reliability.kill import END_SECONDS, LOOK_SECONDS, Storm, differences
from reliability.report import Tally
from reliability.subject import LANGUAGES, RETRIES, Subject, subject, told_done

LEASE_SECONDS = 1.0
PAST_SECONDS = 2.5
"""How long a pause is that no lease survives: the orchestrator looks twice a second."""
BETWEEN_SECONDS = 0.2
"""How long a run goes on between two pauses, at most."""
LAG_SECONDS = 0.3
"""How much later than the first the others go on, at most."""
WIDTH = 12
WORKERS = 4
PAUSES = 6
RUNS = 60
STORMS = 36
LANES = 6
STOP_WIDTH = 24
STOPS = 20
TASK_SECONDS = 0.2
"""How long the tasks take whose workers are stopped."""
ENVIRONMENT = {"INSTEP_LEASE_SECONDS": str(LEASE_SECONDS), "INSTEP_CALL_SECONDS": str(LEASE_SECONDS / 2)}
HOST, ORCHESTRATOR, ALL = "hosts and their workers", "the orchestrator", "all processes"
ROLES: dict[str, tuple[Role, ...]] = {
    HOST: (Role.WORKER, Role.HOST, Role.SESSION),
    ORCHESTRATOR: (Role.ORCHESTRATOR,),
    ALL: (Role.ORCHESTRATOR, Role.WORKER, Role.HOST, Role.SESSION, Role.COMMAND),
}
"""What is stopped, in the order in which it goes on."""
KEEPS_LEASES = (ORCHESTRATOR, ALL)
ENDED = "ended when its lease was over, and tried again; same artifacts"
LOST, KEPT = "given up and tried again; same artifacts", "no lease lost; same artifacts"
SAME = "same artifacts, beside pauses of hosts"
TEXT = """\
Processes of running flows are stopped by SIGSTOP for two and a half leases, and go on by SIGCONT. The lease is one second.
Stopped are workers, which never go on; hosts with their workers, so that nobody can end the workers, and they go on when
their tasks are given up; the orchestrator; and all processes, as in a machine that sleeps, of which the orchestrator wakes
first.

Right is: the run ends well, its artifacts have the same digests as those of a run in peace, and the store has what it has
after kills. A worker that was given up writes no state: its attempt has one end and no artifacts. When the orchestrator
was stopped, or everything, no attempt is given up at all: it lets time in which it could not hear anybody not count."""


@dataclass(slots=True)
class Pauses:
    """A run with pauses.

    Attributes:
        subject: The flow.
        expected: What must come of it.
        targets: What is stopped, one after the other.
        seed: Decides when.
        wrong: What was wrong.
        made: What was stopped.
    """

    subject: Subject
    expected: Outcome
    targets: list[str]
    seed: int
    wrong: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    @property
    def keeps_leases(self) -> bool:
        """Whether nothing was stopped that may cost an attempt."""
        return {*self.made} <= {*KEEPS_LEASES}

    def carry_out(self) -> None:
        """Runs the flow, stops what is to be stopped, and checks."""
        words = (*self.subject.run_words(0), "--max-workers", str(WORKERS))
        retry = f"retry:times={RETRIES},minutes_between_retries=0"
        process = self.subject.project.start(*words, "--with", retry)
        with ThreadPoolExecutor(1) as reader:
            ended = reader.submit(self.subject.project.finish, process, expect=None)
            family, rng = Family(process.pid), random.Random(f"{self.subject.language} {self.seed}")
            for target in self.targets:
                # What has started is worth a pause; before that there is no lease.
                while not ended.done() and not family.members(Role.WORKER):
                    time.sleep(LOOK_SECONDS)
                time.sleep(rng.uniform(0, BETWEEN_SECONDS))
                self._pause(family, target, rng)
            done: Done = ended.result()
        if done.status:
            self.wrong.append(f"the run ended with {done.status}: {done.text[-1500:]}")
        self._check(told_done(done.stdout))

    def _pause(self, family: Family, target: str, rng: random.Random) -> None:
        # Who could end or miss the others stops first, and goes on first.
        pids = [pid for role in ROLES[target] for pid in family.members(role)]
        stopped = family.send(pids[::-1], signal.SIGSTOP)[::-1]
        if stopped:
            self.made.append(target)
            time.sleep(PAST_SECONDS)
            family.send(stopped[:1], signal.SIGCONT)
            time.sleep(rng.uniform(0, LAG_SECONDS))
            family.send(stopped[1:], signal.SIGCONT)

    def _check(self, seen_done: set[tuple[int, int]]) -> None:
        evidence = self.subject.evidence
        wait_until(lambda: not self.subject.project.left_behind(), seconds=END_SECONDS)
        self.wrong += evidence.problems(seen_done)
        self.wrong += differences(evidence.newest().outcome, self.expected)
        lost = evidence.lost_attempts()
        self.wrong += (
            f"I6: attempt {one} was given up, and has artifacts" for one, has in lost.items() if has
        )
        if lost and self.keeps_leases:
            self.wrong.append(f"attempts {sorted(lost)} were given up although only {self.made} were stopped")


def pauses(language: str, expected: Outcome, targets: list[str], seed: int, tally: Tally) -> None:
    """Carries out one run with pauses, and tells the tally."""
    with subject(language, WIDTH) as disturbed:
        disturbed.project.environment |= ENVIRONMENT
        run = Pauses(disturbed, expected, targets, seed)
        run.carry_out()
    for target in run.made:
        outcome = LOST if target == HOST else KEPT if run.keeps_leases else SAME
        tally.add(f"SIGSTOP of {target}, SIGCONT after {PAST_SECONDS:g} leases", LANGUAGES[language], outcome)
    for finding in run.wrong:
        tally.find(f"{language}, seed {seed}, {run.made}: {finding}")


def stops(language: str, expected: Outcome, count: int, seed: int, tally: Tally) -> None:
    """Stops many workers of one run for good, each at a moment of its own, and tells the tally."""
    with subject(language, STOP_WIDTH, seconds=TASK_SECONDS) as disturbed:
        disturbed.project.environment |= ENVIRONMENT

        def stop(family: Family, pids: list[int]) -> list[int]:
            # One that has no task yet has no lease: it is given the time that interpreters may need to start.
            return family.send([*disturbed.evidence.at_work().intersection(pids)], signal.SIGSTOP)

        storm = Storm(disturbed, seed, stop, 1.5 * TASK_SECONDS)
        storm.carry_out(expected, count)
    tally.add("SIGSTOP of a worker", LANGUAGES[language], ENDED, storm.kills)
    for finding in storm.wrong:
        tally.find(f"stops, {language}, seed {seed}: {finding}")


def in_peace(language: str, width: int = WIDTH) -> Outcome:
    """Tells what comes of the flow when nothing disturbs it."""
    with subject(language, width) as peaceful:
        return peaceful.undisturbed(0)


def new_tally() -> Tally:
    """Makes the tally of this chapter."""
    return Tally("pause", "Processes stopped", TEXT, "python -m reliability pause")


def plans(rng: random.Random) -> tuple[list[str], list[str]]:
    """Draws what is stopped in two runs: in one that gives attempts up, and in one that must not."""
    return rng.choices((HOST, HOST, ORCHESTRATOR, ALL), k=PAUSES), rng.choices(KEEPS_LEASES, k=PAUSES)


def campaign(scale: float) -> Tally:
    """Stops some 2,000 processes or groups of them at scale 1. Nearly all of the time is spent in waiting."""
    tally = new_tally()
    expected = {language: in_peace(language) for language in LANGUAGES}
    wide = {language: in_peace(language, STOP_WIDTH) for language in LANGUAGES}
    with ThreadPoolExecutor(LANES) as lanes:
        jobs = [
            lanes.submit(stops, language, wide[language], STOPS, seed, tally)
            for seed in range(max(1, round(STORMS * scale)))
            for language in LANGUAGES
        ]
        jobs += [
            lanes.submit(pauses, language, expected[language], targets, seed, tally)
            for seed in range(max(1, round(RUNS * scale)))
            for language in LANGUAGES
            for targets in plans(random.Random(seed))
        ]
        for job in jobs:
            job.result()
    return tally
