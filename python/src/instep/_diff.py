"""How two runs differ: parameters, code, steps, artifacts.

Tasks are compared with those of the same step at the same place in its foreach. A value that differs is told once,
at the first step that has it, and not again at all steps that it was passed on to.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from instep._client import Run, _html
from instep._format import counted, duration
from instep._value_diff import value_changes
from instep.errors import InstepError

if TYPE_CHECKING:
    from instep_proto.v1.run_pb2 import Artifact, Step, TaskRecord

TASKS_SHOWN = 3
"""For how many tasks of a step it is told how an artifact differs."""
LINES_SHOWN = 12
"""How many lines are told of one value."""

Tasks = tuple["TaskRecord", "TaskRecord"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two runs differ."""

    name: str
    """What it is: a parameter, a step, or an artifact with its step and place."""
    before: str
    """What it is in the first run. Empty: it is not there."""
    after: str
    """What it is in the second run. Empty: it is not there."""
    how: tuple[str, ...] = ()
    """How the values differ, line by line. Empty: `before` and `after` say it."""

    def __str__(self) -> str:
        head = f"{self.name}: {self.before or '(absent)'} -> {self.after or '(absent)'}"
        if len(self.how) == 1:
            return f"{self.name}: {self.how[0]}"
        return "\n".join([head, *(f"    {line}" for line in self.how)])


@dataclass(frozen=True, slots=True)
class RunDiff:
    """How two runs differ. Each part is empty where they do not."""

    before: Run
    """The first run."""
    after: Run
    """The second run."""
    run: list[Difference] = field(default_factory=list)
    """Status and user tags."""
    parameters: list[Difference] = field(default_factory=list)
    """Parameters, configs and constants."""
    code: list[Difference] = field(default_factory=list)
    """Steps whose code differs, and files that do."""
    steps: list[Difference] = field(default_factory=list)
    """All steps of either run, with tasks, status and duration. They are listed also when they are alike."""
    artifacts: list[Difference] = field(default_factory=list)
    """Artifacts that differ, by step."""

    def _parts(self) -> list[tuple[str, list[Difference]]]:
        return [
            ("Run", self.run),
            ("Parameters", self.parameters),
            ("Code", self.code),
            ("Steps", self.steps),
            ("Artifacts", self.artifacts),
        ]

    def __str__(self) -> str:
        lines = [f"{self.before.pathspec} -> {self.after.pathspec}"]
        for title, differences in self._parts():
            lines += ["", title]
            text = "\n".join(map(str, differences)) or "no difference"
            lines += [f"  {line}" for line in text.splitlines()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        counts = [f"{title.lower()} {len(found)}" for title, found in self._parts() if title != "Steps"]
        return f"<RunDiff {self.before.pathspec} -> {self.after.pathspec}: {', '.join(counts)}>"

    def _repr_html_(self) -> str:
        head = ["", self.before.pathspec, self.after.pathspec, "how"]
        tables = (
            _html.block(
                title,
                "",
                "" if found else "no difference",
                _html.Table(head, [[one.name, one.before, one.after, "\n".join(one.how)] for one in found]),
            )
            for title, found in self._parts()
        )
        return "".join(tables)


def diff(before: Run, after: Run) -> RunDiff:
    """Finds how two runs differ.

    Args:
        before: The first run.
        after: The second run, of the same flow or of another one.
    """
    return _Comparison(before, after).result()


class _Comparison:
    def __init__(self, before: Run, after: Run) -> None:
        self._runs = before, after
        self._graphs = tuple(run._archive.run(*run._parts).graph for run in self._runs)
        self._seen: set[tuple[str, str, str]] = set()

    def result(self) -> RunDiff:
        before, after = self._runs
        steps = tuple({step.name: step for step in run._archive.steps(*run._parts)} for run in self._runs)
        names = _ordered([one.name for graph in self._graphs for one in graph.steps], steps[0], steps[1])
        tasks = {name: list(self._pairs(name, steps[0], steps[1])) for name in names}
        first = next((pair for pairs in tasks.values() for pair in pairs), None)
        return RunDiff(
            before,
            after,
            run=list(_told(_run_facts(before), _run_facts(after))),
            parameters=list(self._inputs(first)),
            code=list(self._code()),
            steps=[
                Difference(name, _step_text(steps[0].get(name)), _step_text(steps[1].get(name)))
                for name in names
            ],
            artifacts=[found for name in names for found in self._artifacts(name, tasks[name])],
        )

    def _pairs(self, step: str, before: dict[str, Step], after: dict[str, Step]) -> Iterator[Tasks]:
        """Yields the tasks of a step that both runs have, oldest first."""
        if step not in before or step not in after:
            return
        found = []
        for run in self._runs:
            by_place: dict[tuple[int, ...], list[TaskRecord]] = defaultdict(list)
            for task in reversed(list(run._archive.tasks(*_ids(run), step))):
                by_place[tuple(task.foreach_path)].append(task)
            found.append(by_place)
        for place, tasks in found[0].items():
            yield from zip(tasks, found[1].get(place, ()), strict=False)

    def _inputs(self, tasks: Tasks | None) -> Iterator[Difference]:
        inputs = tuple({one.name: one for one in run._record.inputs} for run in self._runs)
        for name in sorted({*inputs[0], *inputs[1]}):
            pair = inputs[0].get(name), inputs[1].get(name)
            if self._is_new(name, *pair):
                yield self._difference(name, name, *pair, tasks)

    def _code(self) -> Iterator[Difference]:
        codes = [{step.name: step.code for step in graph.steps} for graph in self._graphs]
        places = [
            {step.name: _place(step.entry_point.file) for step in graph.steps} for graph in self._graphs
        ]
        for name in _ordered([step.name for graph in self._graphs for step in graph.steps], *codes):
            old, new = codes[0].get(name), codes[1].get(name)
            if old != new:
                how = ("its code differs",) if name in codes[0] and name in codes[1] else ()
                yield Difference(name, places[0].get(name, ""), places[1].get(name, ""), how)
        files = [{_place(file.file): file.digest for file in graph.files} for graph in self._graphs]
        for name in sorted({*files[0], *files[1]}):
            old, new = files[0].get(name), files[1].get(name)
            if old != new:
                yield Difference(f"file {name}", (old or "")[:15], (new or "")[:15])

    def _artifacts(self, step: str, tasks: Sequence[Tasks]) -> Iterator[Difference]:
        told: dict[str, int] = defaultdict(int)
        for pair in tasks:
            found = tuple(
                {one.name: one for one in run._archive.artifacts(*_ids(run), task.task_id, None)}
                for run, task in zip(self._runs, pair, strict=True)
            )
            place = "".join(f"[{index}]" for index in pair[0].foreach_path)
            for name in sorted({*found[0], *found[1]}):
                old, new = found[0].get(name), found[1].get(name)
                if not self._is_new(name, old, new):
                    continue
                told[name] += 1
                if told[name] <= TASKS_SHOWN:
                    yield self._difference(f"{step}{place} {name}", name, old, new, pair)
        for name, count in told.items():
            if count > TASKS_SHOWN:
                more = f"differs in {count - TASKS_SHOWN:,} more of {counted(len(tasks), 'task')}"
                yield Difference(f"{step} {name}", "", "", (more,))

    def _is_new(self, name: str, old: Artifact | None, new: Artifact | None) -> bool:
        """Tells whether a difference is one, and was not told before."""
        key = name, old.digest.hash if old else "", new.digest.hash if new else ""
        if key[1] == key[2] or key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _difference(
        self, title: str, name: str, old: Artifact | None, new: Artifact | None, tasks: Tasks | None
    ) -> Difference:
        if old is None or new is None or tasks is None:
            return Difference(title, _artifact_text(old), _artifact_text(new))
        values = []
        for run, task in zip(self._runs, tasks, strict=True):
            reader = run._archive.reader
            try:
                values.append(reader.value(reader.get(*_ids(run), task.task_id, name), allow_opaque=False))
            except InstepError as err:
                return Difference(
                    title, _artifact_text(old), _artifact_text(new), (f"can't be read: {err.message}",)
                )
        lines = value_changes(*values) or ["equal here, but not stored alike"]
        if len(lines) > LINES_SHOWN:
            lines[LINES_SHOWN:] = [f"... and {len(lines) - LINES_SHOWN:,} more lines"]
        return Difference(title, _artifact_text(old), _artifact_text(new), tuple(lines))


def _ordered(names: Iterable[str], *wanted: Iterable[str]) -> list[str]:
    """Gives names that are wanted, each once, in the order in which they come."""
    chosen = {name for some in wanted for name in some}
    return [name for name in dict.fromkeys(names) if name in chosen]


def _run_facts(run: Run) -> dict[str, str]:
    return {"status": run.status, "tags": ", ".join(sorted(run.user_tags))}


def _told(before: dict[str, str], after: dict[str, str]) -> Iterator[Difference]:
    for name, old in before.items():
        if old != after[name]:
            yield Difference(name, old, after[name])


def _step_text(step: Step | None) -> str:
    if step is None:
        return ""
    counts = {"succeeded": step.succeeded, "failed": step.failed}
    facts = [counted(step.tasks, "task"), *(f"{count:,} {name}" for name, count in counts.items() if count)]
    if step.HasField("finished_unix_ms"):
        facts.append(duration((step.finished_unix_ms - step.created_unix_ms) / 1000))
    return ", ".join(facts)


def _artifact_text(artifact: Artifact | None) -> str:
    return "" if artifact is None else artifact.summary or artifact.type


def _ids(run: Run) -> tuple[str, str]:
    return run._parts[0], run._parts[1]


def _place(file: str) -> str:
    return os.path.basename(file)
