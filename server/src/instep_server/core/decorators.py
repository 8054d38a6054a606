"""Reads decorators: makes policies of them, and tells what is wrong with them.

The languages hand decorators on as they are written. All checks are here, so that a wrong one is refused with the
same words whatever language it was written in, and also when it comes from `--with`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from instep_server.core.decorator_kinds import OF_FLOWS, OF_STEPS, Kind, WrongArgumentsError
from instep_server.core.graph_merge import ATTRIBUTES
from instep_server.core.graph_types import (
    Decorator,
    Graph,
    Location,
    Problem,
    StepSpec,
    TransitionKind,
    variables,
)
from instep_server.core.graph_words import listed, question, quoted
from instep_server.core.policy import Catch, Project, StepPolicy

_FIELDS = {
    "retry": "retry",
    "catch": "catch",
    "timeout": "timeout_ms",
    "environment": "env",
    "resources": "resources",
}
"""Where the meaning of each decorator goes in a StepPolicy."""


class _WrongError(Exception):
    """A decorator is wrong. Has the code, the message without its subject, and the hint of its problem."""


@dataclass(frozen=True, slots=True)
class _Owner:
    """What has decorators."""

    name: str
    """For people, such as `step 'fit'`."""
    step: str = ""
    """Name of the step. Empty: it is no step."""
    location: Location | None = None
    """Where it is declared."""


def step_policy(step: StepSpec, inputs: Collection[str]) -> tuple[StepPolicy, tuple[Problem, ...]]:
    """Reads the decorators of a step.

    Args:
        step: The step.
        inputs: Names of the flow's parameters, constants and configs, as steps read them.

    Returns:
        What they mean, and what is wrong with them.
    """
    owner = _Owner(f"step {quoted(step.name)}", step.name, step.location)
    read, problems = _read_all(step.decorators, OF_STEPS, owner)
    if "catch" in read:
        decorator = next(one for one in step.decorators if one.name == "catch")
        problems += _catch_problems(step, decorator, read["catch"], owner, inputs)
    return StepPolicy(**{_FIELDS[name]: policy for name, policy in read.items()}), tuple(problems)


def flow_project(
    flow: str, decorators: Sequence[Decorator], location: Location
) -> tuple[Project | None, tuple[Problem, ...]]:
    """Reads the decorators of a flow.

    Args:
        flow: Name of the flow.
        decorators: Its decorators, of all its files.
        location: Where it is declared.

    Returns:
        The project, when one is named, and what is wrong.
    """
    owner = _Owner(f"flow {quoted(flow)}", location=location)
    read, problems = _read_all(decorators, OF_FLOWS, owner)
    return read.get("project"), tuple(problems)


def with_decorators(graph: Graph, extra: Sequence[Decorator]) -> tuple[Graph, tuple[Problem, ...]]:
    """Adds decorators to all steps that have none of that name, as `--with` asks.

    Args:
        graph: The graph.
        extra: The decorators.

    Returns:
        The graph with them, and what is wrong with them.
    """
    if not extra:
        return graph, ()
    _, problems = _read_all(extra, OF_STEPS, _Owner("--with"))
    if problems:
        return graph, tuple(problems)
    inputs = variables(graph.parameters, graph.constants, graph.configs)
    steps = []
    for step in graph.steps:
        own = {decorator.name for decorator in step.spec.decorators}
        added = tuple(decorator for decorator in extra if decorator.name not in own)
        spec = replace(step.spec, decorators=(*step.spec.decorators, *added))
        policy, wrong = step_policy(spec, inputs)
        problems += wrong
        steps.append(replace(step, spec=spec, policy=policy))
    return replace(graph, steps=tuple(steps)), tuple(problems)


def _read_all(
    decorators: Sequence[Decorator], kinds: Mapping[str, Kind], owner: _Owner
) -> tuple[dict[str, Any], list[Problem]]:
    """Reads decorators: policies by name of the decorator, and what is wrong."""
    policies: dict[str, Any] = {}
    problems = list(_doubled(decorators, kinds, owner))
    for decorator in decorators:
        try:
            policies[decorator.name] = _read(decorator, kinds)
        except _WrongError as err:
            code, message, hint = err.args
            message = f"{_subject(decorator, owner)} {message}"
            problems.append(_problem(code, message, hint, decorator, owner))
    return policies, problems


def _read(decorator: Decorator, kinds: Mapping[str, Kind]) -> Any:
    """Reads one decorator: gives its policy, or raises _WrongError."""
    name, of_steps = decorator.name, kinds is OF_STEPS
    kind = kinds.get(name)
    if kind is None and name in {**OF_STEPS, **OF_FLOWS}:
        hint = f"It is a decorator of {'the flow' if of_steps else 'steps'}."
        raise _WrongError("decorator-misplaced", "can't be there.", hint)
    if kind is None:
        hint = f"{question(name, sorted(kinds))} {'Steps' if of_steps else 'Flows'} can have {listed(sorted(kinds))}."
        raise _WrongError("decorator-unknown", "does not exist.", hint.lstrip())
    given = _arguments(decorator.arguments)
    if given is None:
        raise _WrongError("decorator-argument", "has arguments without names.", _takes(name, kind))
    for key, value in given.items():
        argument = kind.arguments.get(key)
        if argument is None:
            hint = f"{question(key, list(kind.arguments))} {_takes(name, kind)}".lstrip()
            raise _WrongError("decorator-argument", f"has no argument {quoted(key)}.", hint)
        if not argument.accepts(value):
            hint = f"{quoted(key)} is {argument.rule}."
            raise _WrongError("decorator-value", f"has {key}={_shown(value)}.", hint)
    try:
        return kind.build({key: given.get(key, argument.default) for key, argument in kind.arguments.items()})
    except WrongArgumentsError as err:
        raise _WrongError("decorator-value", err.message, err.hint) from err


def _takes(name: str, kind: Kind) -> str:
    return f"{quoted(name)} takes {listed(kind.arguments)}."


def _arguments(text: str) -> dict[str, Any] | None:
    """Reads the arguments of a decorator. None: they have no names."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) and "" not in found else None


def _doubled(decorators: Sequence[Decorator], kinds: Mapping[str, Kind], owner: _Owner) -> Iterator[Problem]:
    first: dict[str, Decorator] = {}
    for decorator in decorators:
        before = first.setdefault(decorator.name, decorator)
        if before is not decorator:
            message = f"{_subject(decorator, owner)} is given more than once."
            kind = kinds.get(decorator.name)
            hint = f"Keep one of them. {_takes(decorator.name, kind) if kind else ''}".rstrip()
            found = _problem("decorator-doubled", message, hint, decorator, owner)
            places = (*found.locations, before.location) if before.location else found.locations
            yield replace(found, locations=tuple(dict.fromkeys(places)))


def _catch_problems(
    step: StepSpec, decorator: Decorator, catch: Catch, owner: _Owner, inputs: Collection[str]
) -> Iterator[Problem]:
    subject = _subject(decorator, owner)
    kinds = {TransitionKind.FOREACH: "opens a foreach", TransitionKind.SWITCH: "is a switch"}
    if what := kinds.get(step.transition.kind):
        message = (
            f"{subject} can't be there, because the step {what}: after an error there is nothing to go on by."
        )
        hint = "Do what may fail in a step of its own."
        yield _problem("catch-misplaced", message, hint, decorator, owner)
    if catch.var in ATTRIBUTES or catch.var in inputs:
        message = f"{subject} has var={_shown(catch.var)}, which is a name that no step can assign to."
        hint = (
            "Choose a name that is not one of the flow's parameters, constants and configs, nor self's own."
        )
        yield _problem("decorator-value", message, hint, decorator, owner)


def _subject(decorator: Decorator, owner: _Owner) -> str:
    return f"The decorator {quoted(decorator.name)} of {owner.name}"


def _problem(code: str, message: str, hint: str, decorator: Decorator, owner: _Owner) -> Problem:
    place = decorator.location or owner.location
    return Problem(
        code=code, message=message, hint=hint, step=owner.step, locations=(place,) if place else ()
    )


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
