"""Makes the graph of a flow from what its files say, or tells why that cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from instep_server.core.decorators import flow_project, step_policy
from instep_server.core.graph_merge import Merged, merge, missing_files
from instep_server.core.graph_shape import Shape, find_shape
from instep_server.core.graph_steps import Ends, find_ends, step_problems
from instep_server.core.graph_types import (
    Assembled,
    Graph,
    GraphStep,
    Location,
    Problem,
    Source,
    StepSpec,
    variables,
)
from instep_server.core.graph_words import quoted, spelled
from instep_server.core.policy import Project, StepPolicy

__all__ = ["assemble", "missing_files"]


def assemble(main: Source, others: Sequence[Source]) -> Assembled:
    """Merges the files of a flow and checks all rules of a graph.

    Args:
        main: The file that was asked for.
        others: All files that it names, directly or through others, as `missing_files` tells. Files that could
            not be loaded are among them, with their problem.

    Returns:
        The graph, or its problems.

    Raises:
        ValueError: When `others` lacks a file that the flow names.
    """
    if missing := missing_files(main, others):
        raise ValueError(f"These files of the flow are not loaded: {[one.file for one in missing]}.")
    if main.problem is not None:
        return Assembled(graph=None, problems=(main.problem,))
    if main.fragment is None:
        return Assembled(graph=None, problems=(_no_flow(main),))
    return _assemble(merge(main, main.fragment, others))


def _assemble(merged: Merged) -> Assembled:
    ends = find_ends(merged)
    policies = _Policies(merged)
    problems = [*merged.problems, *policies.problems, *_empty(merged)]
    if merged.steps:
        problems += [*ends.problems, *step_problems(merged, ends)]
    steps = {step.name: step for step in merged.steps}
    if ends.start is None or ends.end is None or _unclear(problems):
        return Assembled(graph=None, problems=tuple(problems))
    shape = find_shape(steps, ends.start, ends.end)
    problems += shape.problems
    if problems:
        return Assembled(graph=None, problems=tuple(problems))
    return Assembled(graph=_graph(merged, ends, shape, policies), problems=())


class _Policies:
    """What the decorators of a flow and its steps mean."""

    def __init__(self, merged: Merged) -> None:
        inputs = variables(merged.parameters, merged.constants, merged.configs)
        self.project: Project | None
        self.project, found = flow_project(merged.main.flow, merged.decorators, merged.main.location)
        self.steps: dict[str, StepPolicy] = {}
        self.problems = [*found]
        for step in merged.steps:
            self.steps[step.name], found = step_policy(step, inputs)
            self.problems += found


_NOT_ABOUT_STEPS = (
    "parameter-",
    "variable-",
    "constant-",
    "config-",
    "decorator-",
    "catch-",
    "function-",
    "isolation-",
    "on-loss-",
)
_NAMES_AND_ENDS = frozenset({"step-name", "step-reserved", "end-is-join"})


def _unclear(problems: Sequence[Problem]) -> bool:
    """True when a problem leaves open how steps are connected, so that to look at that makes no sense."""
    return any(
        problem.code not in _NAMES_AND_ENDS and not problem.code.startswith(_NOT_ABOUT_STEPS)
        for problem in problems
    )


def _no_flow(main: Source) -> Problem:
    return Problem(
        code="flow-missing",
        message="The file declares no flow.",
        hint=spelled(
            main.language,
            python="Declare a class that inherits from FlowSpec.",
            r='Start a pipe with flow("Name").',
        ),
        locations=(Location(main.file),),
    )


def _empty(merged: Merged) -> Iterator[Problem]:
    if not merged.steps and merged.complete:
        yield Problem(
            code="flow-empty",
            message=f"Flow {quoted(merged.main.flow)} has no steps.",
            hint=spelled(
                merged.main.language,
                python="Give it a method with the decorator @step.",
                r='Add a step to its pipe with step("start", r_function = f).',
            ),
            locations=(merged.main.location,),
        )


def _graph(merged: Merged, ends: Ends, shape: Shape, policies: _Policies) -> Graph:
    steps = {step.name: step for step in merged.steps}
    closes = {join: split for split, join in shape.closed_by.items()}

    def placed(step: StepSpec) -> GraphStep:
        return GraphStep(
            spec=step,
            isolation=merged.isolations[step.name],
            policy=policies.steps[step.name],
            on_loss=step.on_loss or merged.on_loss,
            sources=shape.sources[step.name],
            open_splits=shape.open_splits[step.name],
            closed_by=shape.closed_by.get(step.name),
            closes=closes.get(step.name),
        )

    return Graph(
        flow=merged.main.flow,
        doc=merged.doc,
        steps=tuple(placed(steps[name]) for name in shape.order),
        parameters=merged.parameters,
        constants=merged.constants,
        configs=merged.configs,
        decorators=merged.decorators,
        project=policies.project,
        start=ends.start or "",
        end=ends.end or "",
        files=merged.files,
        on_loss=merged.on_loss,
    )
