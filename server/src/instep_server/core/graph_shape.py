"""Checks how steps are connected: loops, steps out of reach, and that splits and joins match.

Theory of operation. Without the edges by which a switch names its own step, a valid graph has no loops, so its
steps can be visited in an order in which all sources of a step come before it. Each edge carries the splits
that are open along it, outermost first, each with the branch that the edge is on; the edges out of a split
carry one more than the split itself. A step that is no join must find the same open splits on all edges that
lead to it (several come together only after a switch). A join must find the same innermost split on all of
them, and every branch of this split; it closes it. The end must find none. A step whose open splits cannot be
told is left out, and so is everything after it: the first mistake is told, and not what follows from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from instep_server.core.graph_steps import where
from instep_server.core.graph_types import OpenSplit, Problem, StepSpec, TransitionKind
from instep_server.core.graph_words import listed, path_of, quoted

_Splits = tuple[OpenSplit, ...]


@dataclass(slots=True)
class Shape:
    """How the steps of a flow are connected."""

    order: tuple[str, ...]
    """Names of the steps, from the start along the transitions."""
    sources: dict[str, tuple[str, ...]]
    """Names of the steps that lead to each step, in reading order."""
    open_splits: dict[str, tuple[OpenSplit, ...]] = field(default_factory=dict)
    """Splits open while each step runs, for steps where this can be told."""
    closed_by: dict[str, str] = field(default_factory=dict)
    """Name of the join by name of the step that splits."""
    problems: list[Problem] = field(default_factory=list)
    """What is wrong."""


def find_shape(steps: Mapping[str, StepSpec], start: str, end: str) -> Shape:
    """Finds out how steps are connected.

    Args:
        steps: The steps by name. All targets are among them.
        start: Name of the first step.
        end: Name of the last step.

    Returns:
        The connections, complete when there are no problems.
    """
    reached, loops = _walk(steps, start)
    shape = Shape(order=tuple(reached), sources=_sources(steps, reached))
    if loops:
        shape.problems.extend(_loop_problem(steps, loop) for loop in loops)
        return shape
    shape.problems.extend(_unreached(steps, reached, start))
    _Balance(steps, shape, end).check()
    return shape


def _targets(step: StepSpec) -> tuple[str, ...]:
    return tuple(dict.fromkeys(step.transition.targets))


def _onward(step: StepSpec) -> tuple[str, ...]:
    """The targets of a step without the one loop that is allowed: a switch that names its own step."""
    if step.transition.kind is TransitionKind.SWITCH:
        return tuple(target for target in _targets(step) if target != step.name)
    return _targets(step)


def _sources(steps: Mapping[str, StepSpec], reached: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Finds for each step the steps that lead to it."""
    sources: dict[str, list[str]] = {name: [] for name in reached}
    for name in reached:
        for target in _targets(steps[name]):
            sources[target].append(name)
    return {name: tuple(found) for name, found in sources.items()}


def _walk(steps: Mapping[str, StepSpec], start: str) -> tuple[list[str], list[tuple[str, ...]]]:
    """Walks depth first from the start.

    The last branch of a split is walked first, so that the reverse of the order in which steps are left has
    the first branch first, complete up to the join.

    Returns:
        The steps reached, in reading order, and the loops that were met, each as a path.
    """
    left: list[str] = []
    done: set[str] = set()
    path: dict[str, None] = {start: None}
    loops: list[tuple[str, ...]] = []
    todo = [(start, iter(_onward(steps[start])[::-1]))]
    while todo:
        name, targets = todo[-1]
        target = next(targets, None)
        if target is None:
            todo.pop()
            del path[name]
            done.add(name)
            left.append(name)
        elif target in path:
            on_path = list(path)
            loops.append((*on_path[on_path.index(target) :], target))
        elif target not in done:
            path[target] = None
            todo.append((target, iter(_onward(steps[target])[::-1])))
    return left[::-1], loops


def _loop_problem(steps: Mapping[str, StepSpec], loop: Sequence[str]) -> Problem:
    return Problem(
        code="loop",
        message=f"The steps make a loop: {path_of(loop)}.",
        hint="Only a switch may lead back, and only to its own step.",
        step=loop[-2],
        locations=tuple(where(steps[name]) for name in reversed(loop[:-1])),
    )


def _unreached(steps: Mapping[str, StepSpec], reached: Sequence[str], start: str) -> Iterator[Problem]:
    there = frozenset(reached)
    for name in (name for name in steps if name not in there):
        yield Problem(
            code="step-unreachable",
            message=f"Step {quoted(name)} cannot be reached from {quoted(start)}.",
            hint=f"Name {quoted(name)} in the transition of another step, or remove it.",
            step=name,
            locations=(steps[name].location,),
        )


@dataclass(frozen=True, slots=True)
class _Edge:
    """A way into a step."""

    source: str
    """The step that leads there."""
    splits: _Splits
    """What is open along the way."""


class _Balance:
    """Follows the open splits along the transitions of a graph without loops."""

    def __init__(self, steps: Mapping[str, StepSpec], shape: Shape, end: str) -> None:
        self._steps = steps
        self._shape = shape
        self._end = end

    def check(self) -> None:
        """Fills in the open splits and the joins of the shape, and its problems."""
        for name in self._shape.order:
            problems = list(self._empty_branches(self._steps[name]))
            edges = self._edges(name)
            if edges is not None and not problems:
                problems = list(self._enter(self._steps[name], edges))
            self._shape.problems.extend(problems)

    def _edges(self, name: str) -> list[_Edge] | None:
        """Lists the ways into a step. None: what is open along one of them cannot be told."""
        sources = [source for source in self._shape.sources[name] if source != name]
        if any(source not in self._shape.open_splits for source in sources):
            return None
        return [_Edge(source, self._along(source, name)) for source in sources]

    def _along(self, source: str, target: str) -> _Splits:
        transition = self._steps[source].transition
        splits = self._shape.open_splits[source]
        if transition.kind.opens:
            position = transition.targets.index(target)
            return (*splits, OpenSplit(split=source, kind=transition.kind, position=position))
        return splits

    def _empty_branches(self, step: StepSpec) -> Iterator[Problem]:
        """A join takes its inputs from steps of the branches, so each branch needs one."""
        if not step.takes_inputs:
            return
        for name in self._shape.sources[step.name]:
            source = self._steps[name]
            kind = source.transition.kind
            if not kind.opens and kind is not TransitionKind.SWITCH:
                continue
            code, message, hint = _EMPTY_BRANCH[kind]
            words = {"source": quoted(name), "join": quoted(step.name)}
            yield Problem(
                code=code,
                message=message.format(**words),
                hint=hint.format(**words),
                step=name,
                locations=(where(source), step.location),
            )

    def _enter(self, step: StepSpec, edges: Sequence[_Edge]) -> Iterator[Problem]:
        """Merges the ways into a step. The step keeps its open splits only when nothing is wrong."""
        if step.takes_inputs:
            problems = list(self._join_problems(step, edges))
        else:
            problems = list(self._meeting_problems(step, edges))
        if problems:
            yield from problems
            return
        splits = edges[0].splits if edges else ()
        if step.takes_inputs:
            self._shape.closed_by[splits[-1].split] = step.name
            splits = splits[:-1]
        if step.name == self._end and splits:
            yield self._not_joined(step, edges)
            return
        self._shape.open_splits[step.name] = splits

    def _meeting_problems(self, step: StepSpec, edges: Sequence[_Edge]) -> Iterator[Problem]:
        if len({edge.splits for edge in edges}) > 1:
            yield self._not_joined(step, edges)

    def _not_joined(self, step: StepSpec, edges: Sequence[_Edge]) -> Problem:
        """Tells about the splits that are open on the way into a step which is no join."""
        common = _common([edge.splits for edge in edges])
        inner = [frame.split for edge in edges for frame in edge.splits[len(common) :]]
        splits = list(dict.fromkeys(inner or [frame.split for frame in common]))
        sources = listed(edge.source for edge in edges)
        opened = "The split" if len(splits) == 1 else "The splits"
        still = "is" if len(splits) == 1 else "are"
        return Problem(
            code="split-not-joined",
            message=f"{opened} in {listed(splits)} {still} not joined when {sources} "
            f"{'leads' if len(edges) == 1 else 'lead'} to {quoted(step.name)}.",
            hint=f"Add a join, a step that takes inputs, before {quoted(step.name)}."
            if step.name == self._end
            else f"Let {quoted(step.name)} take inputs, or add a join before it.",
            step=step.name,
            locations=(step.location, *(where(self._steps[name]) for name in splits)),
        )

    def _join_problems(self, join: StepSpec, edges: Sequence[_Edge]) -> Iterator[Problem]:
        outside = [edge.source for edge in edges if not edge.splits]
        splits = list(dict.fromkeys(edge.splits[-1].split for edge in edges if edge.splits))
        if not splits:
            yield self._without_split(join)
        elif outside or len(splits) > 1:
            yield self._mixed(join, edges, splits)
        elif missing := self._missing_branches(splits[0], edges):
            yield self._incomplete(join, splits[0], edges, missing)
        elif splits[0] in self._shape.closed_by:
            yield self._joined_twice(join, splits[0])

    def _missing_branches(self, split: str, edges: Sequence[_Edge]) -> list[str]:
        there = {edge.splits[-1].position for edge in edges}
        targets = self._steps[split].transition.targets
        return [target for position, target in enumerate(targets) if position not in there]

    def _without_split(self, join: StepSpec) -> Problem:
        return Problem(
            code="join-without-split",
            message=f"Step {quoted(join.name)} takes inputs, but there is no split before it that it could join.",
            hint="Remove inputs from its arguments, or split before it.",
            step=join.name,
            locations=(join.location,),
        )

    def _mixed(self, join: StepSpec, edges: Sequence[_Edge], splits: Sequence[str]) -> Problem:
        origins = [
            f"{quoted(edge.source)} (from "
            + (f"the split in {quoted(edge.splits[-1].split)})" if edge.splits else "no split)")
            for edge in edges
        ]
        return Problem(
            code="join-mixed",
            message=f"The join {quoted(join.name)} is fed by {' and '.join(origins)}, but a join takes the "
            "branches of one split.",
            hint="Join each split by a step of its own, the inner one first.",
            step=join.name,
            locations=(join.location, *(where(self._steps[name]) for name in splits)),
        )

    def _incomplete(
        self, join: StepSpec, split: str, edges: Sequence[_Edge], missing: Sequence[str]
    ) -> Problem:
        targets = self._steps[split].transition.targets
        there = [target for target in targets if target not in missing]
        branches = "branch" if len(missing) == 1 else "branches"
        return Problem(
            code="join-incomplete",
            message=f"The join {quoted(join.name)} is reached by {listed(there)}, but not by the {branches} "
            f"{listed(missing)} of the split in {quoted(split)}.",
            hint=f"Lead all of {listed(targets)} to {quoted(join.name)}.",
            step=join.name,
            locations=(join.location, where(self._steps[split])),
        )

    def _joined_twice(self, join: StepSpec, split: str) -> Problem:
        other = self._shape.closed_by[split]
        return Problem(
            code="split-joined-twice",
            message=f"The split in {quoted(split)} is joined by {quoted(other)} and by {quoted(join.name)}.",
            hint="Let all its branches lead to one join.",
            step=join.name,
            locations=(join.location, self._steps[other].location, where(self._steps[split])),
        )


def _common(splits: Sequence[_Splits]) -> _Splits:
    """Finds the splits that are open on all ways, up to the first difference."""
    shared: list[OpenSplit] = []
    for frames in zip(*splits, strict=False):
        if len(set(frames)) > 1:
            break
        shared.append(frames[0])
    return tuple(shared)


_EMPTY_BRANCH = {
    TransitionKind.FOREACH: (
        "foreach-into-join",
        "The foreach in {source} leads straight to the join {join}, so it has no body.",
        "Put the step that works on one item between {source} and {join}.",
    ),
    TransitionKind.SPLIT: (
        "split-into-join",
        "The split in {source} leads straight to the join {join}, so that branch has no step.",
        "Put a step between {source} and {join}, or do not name {join} in the split.",
    ),
    TransitionKind.SWITCH: (
        "switch-into-join",
        "The switch in {source} leads straight to the join {join}.",
        "Put a plain step between {source} and {join}.",
    ),
}
