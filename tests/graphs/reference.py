"""What tasks a graph has, and what each of them must leave behind: computed here, without Instep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphs.graph import DEFAULT_P, ITEMS, PRIME, Graph, Language, Merge, Step

UNIT = "kg"
FIXED = ("p", "unit")
"""The parameter and the constant."""
ERRORS: dict[Language, str] = {"python": "builtins.ValueError", "r": "simpleError"}


@dataclass(frozen=True, slots=True)
class Value:
    """An artifact. Content is equal only when the same language wrote the same: R has no scalars, for one."""

    writer: Language
    data: object


@dataclass(frozen=True, slots=True)
class Error:
    """A caught error."""

    type: str
    message: str


@dataclass(frozen=True, slots=True)
class Level:
    """An open foreach."""

    variable: str
    index: int
    total: int


@dataclass(frozen=True, slots=True)
class Task:
    """What a task must be."""

    step: str
    key: str
    index: int | None
    """Of the innermost foreach."""
    parents: tuple[str, ...]
    """Keys of the tasks that it took its input from, in order."""
    attempts: int
    values: dict[str, Value]

    @property
    def artifacts(self) -> dict[str, object]:
        """Its artifacts."""
        return {name: value.data for name, value in self.values.items()}


def interpret(graph: Graph) -> dict[str, Task]:
    """Computes all tasks of a run, by key."""
    interpreter = _Interpreter(graph)
    interpreter.walk("start", [], ())
    return interpreter.tasks


class _Interpreter:
    def __init__(self, graph: Graph) -> None:
        self._steps = graph.steps
        self._fixed = {
            "p": Value(graph.main, DEFAULT_P if graph.p is None else graph.p),
            "unit": Value(graph.main, UNIT),
        }
        self.tasks: dict[str, Task] = {}

    def walk(self, name: str, parents: list[Task], levels: tuple[Level, ...]) -> tuple[str, Task]:
        """Runs what begins with a step, up to the join that closes the split around it, or to the end.

        Returns:
            The name of that join, and the last task before it.
        """
        while True:
            step = self._steps[name]
            task = self._run(step, parents, levels)
            if step.kind == "end":
                return "", task
            if step.kind == "split":
                ends = [self.walk(target, [task], levels) for target in step.targets]
            elif step.kind == "foreach":
                variable = f"items_{step.name}"
                total = len(_list(task.values[variable]))
                ends = [
                    self.walk(step.targets[0], [task], (*levels, Level(variable, index, total)))
                    for index in range(total)
                ]
            elif step.kind in ("switch", "recursion"):
                chosen = task.values[f"go_{step.name}"].data
                name, parents = step.targets[step.cases.index(chosen)], [task]
                continue
            else:
                ends = []
                name, parents = step.targets[0], [task]
            if ends:
                (name,) = {join for join, _ in ends}
                parents = [last for _, last in ends]
            elif self._steps[name].kind == "join":
                return name, task

    def _run(self, step: Step, parents: list[Task], levels: tuple[Level, ...]) -> Task:
        body = _Body(step, parents, levels, self._fixed)
        body.run()
        index = levels[-1].index if levels else None
        key = str(body.values["key"].data)
        assert key not in self.tasks, key
        task = Task(step.name, key, index, tuple(one.key for one in parents), step.retries + 1, body.values)
        self.tasks[key] = task
        return task


class _Body:
    """The code of a step, with the artifacts that it sees."""

    def __init__(
        self, step: Step, parents: list[Task], levels: tuple[Level, ...], fixed: dict[str, Value]
    ) -> None:
        self._step = step
        self._inputs = [one.values for one in parents]
        self._names = [one.step for one in parents]
        self._levels = levels
        self._fixed = fixed
        self._is_join = step.kind == "join"
        before = parents[0].values if parents and not self._is_join else {}
        self.values = {**before, **fixed}

    def run(self) -> None:
        step = self._step
        suffix = ""
        if step.kind == "recursion":
            round_ = self._number(f"round_{step.name}") + 1
            self._set(f"round_{step.name}", round_)
            suffix = f"#{round_}"
        self._begin(suffix)
        for name, modulus in step.sets:
            self._set(name, self._number("n") % modulus)
        if step.by_name:
            named = [_int(self._inputs[self._names.index(name)]["n"]) for name in step.by_name]
            self._set("named", _weighted(named))
        if step.merge is not None:
            self._merge(step.merge)
        if step.changes_box:
            box = self.values.get("box")
            old = box.data["x"] if box is not None and isinstance(box.data, dict) else 0
            self._set("box", {"x": old + step.number})
        if step.looks_for:
            self._set("found", f"{step.looks_for}:{'yes' if step.looks_for in self.values else 'no'}")
        self._choose()
        if step.retries:
            self._set("tries", step.retries)
        if step.catches:
            n = self._number("n")
            self._set(f"error_{step.name}", Error(ERRORS[step.language], f"no {n}") if n % 2 else None)

    def _set(self, name: str, data: object) -> None:
        self.values[name] = Value(self._step.language, data)

    def _number(self, name: str) -> int:
        return _int(self.values[name]) if name in self.values else 0

    def _item(self, level: Level) -> int | None:
        value = self.values.get(level.variable)
        return None if value is None else _list(value)[level.index]

    def _begin(self, suffix: str) -> None:
        step = self._step
        # In a join nothing is known of the levels' items: their variables are not there yet.
        items = [self._item(level) for level in self._levels]
        indices = ".".join(str(level.index) for level in self._levels)
        self._set("key", f"{step.name}@{indices}{suffix}")
        self._set(
            "at",
            "/".join(
                f"{level.index}:{level.total}:{'-' if item is None else item}"
                for level, item in zip(self._levels, items, strict=True)
            ),
        )
        if self._is_join:
            before = _weighted([_int(one["n"]) for one in self._inputs])
            trace = "(" + "|".join(str(one["trace"].data) for one in self._inputs) + ")"
        else:
            before = self._number("n") * 31
            trace = str(self.values["trace"].data) if "trace" in self.values else ""
        index = self._levels[-1].index if self._levels else 0
        item = items[-1] if items else None
        self._set("n", (before + step.number + self._number("p") + 7 * index + (item or 0)) % PRIME)
        self._set("trace", f"{trace}{step.name};")

    def _merge(self, merge: Merge) -> None:
        candidates: dict[str, list[Value]] = {}
        for artifacts in self._inputs:
            for name, value in artifacts.items():
                if not (name in self._fixed or name in self.values or name.startswith("_")):
                    candidates.setdefault(name, []).append(value)
        if merge.include:
            missing = {name for name in merge.include if name not in candidates and name not in self.values}
            if missing:
                self._set("problem", _told("missing", missing))
                return
            candidates = {name: values for name, values in candidates.items() if name in merge.include}
        candidates = {name: values for name, values in candidates.items() if name not in merge.exclude}
        conflicts = {
            name for name, values in candidates.items() if any(value != values[0] for value in values)
        }
        if conflicts:
            self._set("problem", _told("conflict", conflicts))
            return
        self.values.update({name: values[0] for name, values in candidates.items()})

    def _choose(self) -> None:
        step = self._step
        n = self._number("n")
        if step.kind == "foreach":
            self._set(f"items_{step.name}", [(n + i * step.number) % ITEMS for i in range(1 + n % step.most)])
        elif step.kind == "switch":
            self._set(f"go_{step.name}", step.cases[n % len(step.cases)])
        elif step.kind == "recursion":
            index = self._levels[-1].index if self._levels else 0
            is_over = self._number(f"round_{step.name}") > (step.number + index) % step.most
            self._set(f"go_{step.name}", step.cases[int(is_over)])


def _told(what: str, names: set[str]) -> str:
    return f"{what}:{','.join(sorted(names))}"


def _weighted(numbers: Sequence[int]) -> int:
    return sum(place * number for place, number in enumerate(numbers, 1)) % PRIME


def _int(value: Value) -> int:
    assert isinstance(value.data, int)
    return value.data


def _list(value: Value) -> list[int]:
    assert isinstance(value.data, list)
    return value.data
