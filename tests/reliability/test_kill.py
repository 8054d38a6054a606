"""A few of the kills of the campaign, and what the campaign has found."""

from __future__ import annotations

import sys

import pytest
from project import Project, wait_until

from reliability import kill
from reliability.family import Family, Role
from reliability.subject import LANGUAGES

SEEDS = {"python": range(12), "r": range(6), "mixed": range(6)}

PYTHON = """
    import os, signal, subprocess, sys, time
    from pathlib import Path
    from instep import FlowSpec, retry, step

    class Doomed(FlowSpec):
        isolation = "{isolation}"

        @retry(times=2, minutes_between_retries=0)
        @step
        def start(self):
            {what}
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Doomed()
"""
R = """
    library(instep)

    flow("Doomed", isolation = "{isolation}") |>
      step("start", \\(self) {
        {what}
      }, retry(times = 2, minutes_between_retries = 0), next_step = "end") |>
      step("end") |>
      run()
"""
STARTS = {
    # One by a program, one by a fork without a program, whose environment nobody can read.
    "doomed.py": "subprocess.Popen(['sleep', '600']); os.fork() or time.sleep(600);"
    " Path('started').touch(); time.sleep(600)",
    "doomed.R": 'system("sleep 600", wait = FALSE); parallel::mcparallel(Sys.sleep(600)); file.create("started");'
    " Sys.sleep(600)",
}


def write(project: Project, file: str, what: str, isolation: str = "fork") -> None:
    text = PYTHON if file.endswith(".py") else R
    project.write(file, text.replace("{what}", what).replace("{isolation}", isolation))


@pytest.mark.parametrize("language", LANGUAGES)
def test_kills_lose_nothing(language: str) -> None:
    """I1, I8, I9: the command line, the orchestrator, the hosts or all of them are killed, also in `resume`."""
    tally = kill.new_tally()
    seeds = SEEDS[language]
    known = kill.peace(language)
    for begin in range(seeds.start, seeds.stop, kill.WAVES):
        kill.trials(language, known, range(begin, begin + kill.WAVES), tally)
    assert not tally.findings
    assert tally.as_json()["faults"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_killed_workers_are_replaced(language: str) -> None:
    """I1, I8: workers are killed by the dozen."""
    tally = kill.new_tally()
    known = kill.peace(language, 1, kill.STORM_WIDTH)
    for seed in (1, 2):  # forked workers, and workers that are reused
        kill.storm(language, known, seed, kill.STORM_KILLS, tally)
    assert not tally.findings
    assert tally.as_json()["faults"]


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("doomed.py", "os.kill(os.getpid(), signal.SIGKILL)"),
        ("doomed.R", "tools::pskill(Sys.getpid(), 9L); Sys.sleep(60)"),
    ],
)
def test_step_that_kills_its_process_is_not_tried_for_ever(project: Project, file: str, what: str) -> None:
    """I14: a process that is lost counts as an attempt, and there are as many as `retry` says."""
    write(project, file, what)
    assert "SIGKILL" in project.call(file, "run", expect=1).text

    attempts = "Flow('Doomed').latest_run['start'].task.current_attempt"
    assert project.read(attempts) == 2


@pytest.mark.parametrize("file", STARTS)
def test_what_steps_start_is_ended_when_all_of_instep_is_killed_at_once(project: Project, file: str) -> None:
    """Nobody is left to do it: the next command does."""
    write(project, file, STARTS[file])
    process = project.start(file, "run")
    wait_until((project.folder / "started").exists)
    family = Family(process.pid)
    roles = (Role.COMMAND, Role.SESSION, Role.ORCHESTRATOR, Role.HOST, Role.WORKER)
    family.strike([pid for role in roles for pid in family.members(role)])
    process.communicate()
    assert project.left_behind()
    project.call("instep", "runs")
    wait_until(lambda: not project.left_behind())
    assert project.read("Flow('Doomed').latest_run.successful") is False


@pytest.mark.parametrize(
    ("file", "caller"),
    [
        ("doomed.py", (sys.executable, "-c", "from instep import Runner; Runner('doomed.py').run()")),
        ("doomed.R", ("Rscript", "-e", "instep::run('doomed.R')")),
    ],
)
def test_program_that_is_killed_takes_the_run_along_that_it_started(
    project: Project, file: str, caller: tuple[str, ...]
) -> None:
    """A run from a notebook, or from the console of R, does not outlive it."""
    write(project, file, STARTS[file])
    process = project.start(*caller)
    wait_until((project.folder / "started").exists)
    process.kill()
    process.communicate()
    wait_until(lambda: not project.left_behind())
    assert project.read("Flow('Doomed').latest_run.status") == "cancelled"


@pytest.mark.parametrize("file", STARTS)
def test_worker_of_a_fresh_process_ends_with_the_orchestrator(project: Project, file: str) -> None:
    write(project, file, "Path('started').touch(); time.sleep(600)" if file.endswith(".py") else
          'file.create("started"); Sys.sleep(600)', "spawn")  # fmt: skip
    process = project.start(file, "run")
    wait_until((project.folder / "started").exists)
    family = Family(process.pid)
    family.strike(family.members(Role.ORCHESTRATOR))
    project.finish(process, expect=1)
    wait_until(lambda: not project.left_behind(), seconds=10)
