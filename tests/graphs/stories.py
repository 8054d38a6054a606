"""What becomes of a graph's runs, and what the last of them must be."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from instep import Run
from project import Project, wait_until

from graphs import recorded
from graphs.drawing import draw
from graphs.graph import Graph
from graphs.python_file import python_file
from graphs.r_file import r_file
from graphs.reference import interpret

LINES_PER_TASK = 2.5
"""About how many lines are shown of a task."""
HEAD_LINES = 4
"""Lines that are shown before the first task starts."""
MISTAKES_SHOWN = 20


@dataclass
class Story:
    """A graph and what becomes of it.

    Args:
        seed: Tells both.
        folder: Where the store is; the graph's files are written below.
        kind: Name of the story. Empty: drawn.
    """

    seed: int
    folder: Path
    kind: str = ""
    graph: Graph = field(init=False)
    project: Project = field(init=False)
    told: list[str] = field(init=False, default_factory=list)
    """What happened, for people."""
    mistakes: list[str] = field(init=False, default_factory=list)
    """What is not as it should be."""

    def __post_init__(self) -> None:
        self.graph = draw(self.seed)
        self._rng = Random(f"story {self.seed}")
        drawn = self._rng.choices([*STORIES], [weight for weight, _ in STORIES.values()])[0]
        self.kind = self.kind or drawn
        own = self.folder / f"graph{self.seed}"
        own.mkdir()
        self.project = Project(own)
        self._expected = interpret(self.graph)
        self._unchanging: dict[str, dict[str, object]] = {}

    def play(self) -> list[str]:
        """Plays it.

        Returns:
            What is not as it should be; nothing when all is well.
        """
        self._write()
        try:
            STORIES[self.kind][1](self)
        except AssertionError as error:  # a command did not end as it should
            self.mistakes.append(str(error))
            return self.mistakes
        runs = recorded.runs(self.graph.name)
        self.mistakes += recorded.differences(runs[-1], self._expected)
        for run in runs:
            self._note_unchanged(run)
        wait_until(lambda: not self.project.left_behind(), seconds=20)
        return self.mistakes

    def report(self) -> str:
        """Tells what is not as it should be, what happened, and how to see it again."""
        files = ", ".join(
            str(self.project.folder / self.graph.file(one)) for one in sorted(self.graph.languages)
        )
        return "\n".join(
            [
                f"Graph {self.seed} (p = {self.graph.p}) {self.kind}:",
                *self.mistakes[:MISTAKES_SHOWN],
                *([f"and {more} more"] if (more := len(self.mistakes) - MISTAKES_SHOWN) > 0 else []),
                f"Commands: {'; '.join(self.told)}.",
                f"Files: {files}",
                f"Again: cd tests && ../.venv/bin/python -m graphs --seed {self.seed}",
            ]
        )

    def goes_well(self) -> None:
        """A run, and nothing else."""
        self._command("run", *self._parameters())

    def is_killed(self) -> None:
        """A run is killed at a random moment and resumed. Now and then the resumed one is killed as well."""
        self._kill("run", *self._parameters())
        while self._rng.random() < 0.25 and self._has_run():
            self._kill(*self._draw_resume()[0])
        if self._has_run():
            self._resume()
        else:
            self._command("run", *self._parameters())

    def fails(self) -> None:
        """A random task fails; when the cause is gone the run is resumed."""
        self._fail()
        self._resume()

    def changes(self) -> None:
        """A run ends well or not; then a step is changed, or none, and what is as before is reused."""
        how = self._rng.choice([self.goes_well, self._fail, lambda: self._kill("run", *self._parameters())])
        how()
        changed = self._change_a_step()
        if not self._has_run():
            self._command("run", *self._parameters())
            return
        again = (
            ["run", "--reuse", *self._parameters()] if self._rng.random() < 0.3 else ["resume", "--changed"]
        )
        self._command(*again)
        last = recorded.runs(self.graph.name)[-1]
        self.mistakes += [
            f"{task.pathspec} was reused, though the code of its step is another"
            for step in last
            for task in step
            if step.id == changed and task.origin_pathspec
        ]
        if how == self.goes_well and changed is None and len(recorded.cloned(last)) != len(self._expected):
            self.mistakes.append("Nothing has changed, but not everything was reused.")

    def _write(self) -> None:
        for language in self.graph.languages:
            text = python_file(self.graph) if language == "python" else r_file(self.graph)
            (self.project.folder / self.graph.file(language)).write_text(text, encoding="utf-8")

    def _parameters(self) -> list[str]:
        return [] if self.graph.p is None else ["--p", str(self.graph.p)]

    def _command(self, *words: str, expect: int = 0, fail: str = "") -> None:
        self.told.append(f"{f'FAIL={fail} ' if fail else ''}{' '.join(words)}")
        self.project.environment["FAIL"] = fail
        self.project.call(self.graph.file(self.graph.main), *words, expect=expect)

    def _fail(self) -> None:
        # An error that is caught fails nothing.
        keys = [key for key, task in self._expected.items() if not self.graph.steps[task.step].catches]
        if keys:
            self._command("run", *self._parameters(), expect=1, fail=self._rng.choice(keys))
        else:
            self._command("run", *self._parameters())
        self._note(recorded.runs(self.graph.name)[-1])

    def _kill(self, *words: str) -> None:
        """Kills a command, and all that it has started, when it has shown a random number of lines."""
        lines = self._rng.randint(1, HEAD_LINES + round(LINES_PER_TASK * len(self._expected)))
        self.told.append(f"{' '.join(words)}, killed after line {lines}")
        self.project.environment["FAIL"] = ""
        process = self.project.start(self.graph.file(self.graph.main), *words)
        assert process.stdout is not None
        for _ in range(lines):
            if not process.stdout.readline():
                break
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        wait_until(lambda: not self.project.left_behind(), seconds=20)
        if self._has_run():
            self._note(recorded.runs(self.graph.name)[-1])

    def _has_run(self) -> bool:
        """Whether a run was recorded before a kill."""
        return bool(recorded.runs(self.graph.name))

    def _resume(self) -> None:
        words, origin, step = self._draw_resume()
        expected = recorded.to_be_cloned(origin, self._from(step) if step else set())
        self._command(*words)
        found = recorded.cloned(recorded.runs(self.graph.name)[-1])
        if found != expected:
            self.mistakes.append(
                f"cloned, but must not be: {sorted(found - expected)}; not cloned: {sorted(expected - found)}"
            )

    def _draw_resume(self) -> tuple[list[str], Run, str]:
        """Draws a command that resumes the first run, which is the default, or the last, all of it or from a step.

        Returns:
            The command, the run and the step; that is empty for none.
        """
        runs = recorded.runs(self.graph.name)
        step = self._rng.choice([*self.graph.steps]) if self._rng.random() < 0.25 else ""
        words = ["resume", *([step] if step else [])]
        if self._rng.random() < 0.5:
            return words, runs[0], step
        return [*words, "--origin-run-id", runs[-1].id], runs[-1], step

    def _from(self, step: str) -> set[str]:
        """Lists a step and all that can be reached from it."""
        found, new = set[str](), {step}
        while new:
            found |= new
            new = {target for name in new for target in self.graph.steps[name].targets} - found
        return found

    def _note(self, run: Run) -> None:
        self._unchanging[run.id] = recorded.content(run)

    def _note_unchanged(self, run: Run) -> None:
        if (before := self._unchanging.get(run.id)) is not None and before != recorded.content(run):
            self.mistakes.append(f"{run.pathspec} has changed since it was over.")

    def _change_a_step(self) -> str | None:
        if self._rng.random() < 0.25:
            return None
        name = self._rng.choice([*self.graph.steps])
        steps = {
            **self.graph.steps,
            name: replace(self.graph.steps[name], number=self.graph.steps[name].number + 1),
        }
        self.graph = replace(self.graph, steps=steps)
        self._expected = interpret(self.graph)
        self._write()
        self.told.append(f"step {name} changed")
        return name


STORIES: dict[str, tuple[int, Callable[[Story], None]]] = {
    "goes well": (34, Story.goes_well),
    "is killed": (41, Story.is_killed),
    "fails": (10, Story.fails),
    "changes": (15, Story.changes),
}
"""Of a hundred graphs, how many have each story."""


def play_all(seeds: Iterable[int], folder: Path, kind: str = "") -> Iterator[Story]:
    """Plays the stories of seeds, as many at once as there are cores, and yields each when it is over, in order.

    Args:
        seeds: The seeds.
        folder: An empty folder for the store and the files.
        kind: Name of the story. Empty: drawn from each seed.
    """

    def play(seed: int) -> Story:
        story = Story(seed, folder, kind)
        story.play()
        return story

    with recorded.store(folder), ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(play, seeds)
