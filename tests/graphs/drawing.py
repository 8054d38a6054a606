"""Draws random valid graphs: blocks in a row, nested to any depth, flattened from the end to the start."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from graphs.graph import Graph, Key, Kind, Language, Merge, Step
from graphs.reference import interpret

TASKS = range(4, 19)
"""Sizes of graphs."""
DEEPEST = 3
VARIABLES = ("v0", "v1", "v2", "_hidden")
MERGED = (*VARIABLES[:3], "box", "problem", "absent")
"""Names that merges include and exclude."""
KEYS: tuple[tuple[Key, ...], ...] = (("yes", "no", "maybe"), (1, 2, 30), ("1", "2", "x y"))
TRUTHS: tuple[tuple[Key, ...], ...] = ((True, False), ("again", "done"), (1, 0))


def draw(seed: int) -> Graph:
    """Draws the graph of a seed."""
    rng = Random(seed)
    languages, main = _languages(rng)
    p = rng.choice([None, rng.randrange(100)])
    while True:
        graph = Graph(seed, main, p, _Drawing(rng, languages).steps_of_a_graph())
        if len(interpret(graph)) in TASKS:
            return graph


def _languages(rng: Random) -> tuple[tuple[Language, ...], Language]:
    """Of ten graphs, four are mixed, four are Python's and two are R's."""
    kind = rng.randrange(10)
    if kind < 4:
        return ("python", "r"), rng.choice(["python", "r"])
    return (("python",), "python") if kind < 8 else (("r",), "r")


class _Drawing:
    def __init__(self, rng: Random, languages: tuple[Language, ...]) -> None:
        self._rng = rng
        self._languages = languages
        self._steps: dict[str, Step] = {}
        self._left = rng.randint(2, 11)
        self._names = [f"s{number}" for number in range(100)]
        rng.shuffle(self._names)  # so that neither names nor their order tell the way

    def steps_of_a_graph(self) -> dict[str, Step]:
        self._step("end", (), name="end")
        first = self._row("end", 0)
        if self._steps[first].kind == "recursion":  # no step may lead to the start
            first = self._linear(first, 0)
        steps = {name: step for name, step in reversed(self._steps.items()) if name != first}
        return {"start": replace(self._steps[first], name="start"), **steps}

    def _row(self, after: str, depth: int) -> str:
        """Draws blocks that lead to a step. Answers with the first step of the first block."""
        for _ in range(self._rng.choice([1, 1, 2, 2, 3])):
            after = self._block(after, depth)
        return after

    def _block(self, after: str, depth: int) -> str:
        self._left -= 1
        if self._left <= 0 or depth >= DEEPEST:
            return self._linear(after, depth)
        kinds = [self._linear, self._split, self._foreach, self._switch, self._recursion]
        return self._rng.choices(kinds, [1, 2, 2, 1, 1])[0](after, depth)

    def _linear(self, after: str, _depth: int) -> str:
        return self._step("linear", (after,))

    def _split(self, after: str, depth: int) -> str:
        join = self._join(after)
        branches = tuple(self._row(join, depth + 1) for _ in range(self._rng.choice([2, 2, 3])))
        # The order in which the branches were drawn is the order in which the split names them.
        lasts = tuple(step.name for step in self._steps.values() if join in step.targets)
        if self._rng.random() < 0.5:
            self._steps[join] = replace(self._steps[join], by_name=lasts)
        return self._step("split", branches)

    def _foreach(self, after: str, depth: int) -> str:
        join = self._join(after)
        return self._step("foreach", (self._row(join, depth + 1),), most=self._rng.randint(1, 3))

    def _switch(self, after: str, depth: int) -> str:
        meeting = self._no_join(after, depth)
        paths = [self._row(meeting, depth + 1) for _ in range(self._rng.choice([1, 2, 2, 3]))]
        if len(paths) == 1:
            paths.append(meeting)
        self._rng.shuffle(paths)
        return self._step("switch", tuple(paths), cases=self._rng.choice(KEYS)[: len(paths)])

    def _recursion(self, after: str, depth: int) -> str:
        name = self._names.pop()
        targets = (name, self._no_join(after, depth))
        return self._step(
            "recursion", targets, name=name, cases=self._rng.choice(TRUTHS), most=self._rng.randint(1, 3)
        )

    def _no_join(self, after: str, depth: int) -> str:
        """Paths of a switch meet in a step that is no join."""
        return self._linear(after, depth) if self._steps[after].kind == "join" else after

    def _join(self, after: str) -> str:
        names = tuple(name for name in MERGED if self._rng.random() < 0.3)
        merge = self._rng.choice(
            [None, Merge(), Merge(), Merge(), Merge(include=names), Merge(exclude=names)]
        )
        name = self._step("join", (after,))
        self._steps[name] = replace(self._steps[name], merge=merge)
        return name

    def _step(
        self,
        kind: Kind,
        targets: tuple[str, ...],
        *,
        name: str = "",
        cases: tuple[Key, ...] = (),
        most: int = 0,
    ) -> str:
        rng = self._rng
        fault = rng.random()
        step = Step(
            name=name or self._names.pop(),
            language=rng.choice(self._languages),
            kind=kind,
            number=rng.randint(1, 999),
            targets=targets,
            cases=cases,
            most=most,
            sets=tuple((one, rng.choice([1, 2, 500])) for one in VARIABLES if rng.random() < 0.25),
            changes_box=rng.random() < 0.3,
            looks_for=rng.choice(["", "", *VARIABLES]),
            fails=rng.choice([1, 2]) if fault < 0.06 else 0,
            dies=0.06 <= fault < 0.09,
            catches=kind in ("linear", "join", "end", "split") and rng.random() < 0.15,
        )
        self._steps[step.name] = step
        return step.name
