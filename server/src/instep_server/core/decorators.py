"""Reads decorators: which there are, what they take, and what they mean.

The languages hand decorators on as they are written. All checks are here, so that a wrong one is refused with the
same words whatever language it was written in, and also when it comes from `--with`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

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
from instep_server.core.policy import Catch, Project, Resources, Retry, StepPolicy

MAX_RETRIES = 4
"""How many attempts there may be after the first."""

_MAX_SECONDS = 366 * 24 * 3600


class _WrongError(Exception):
    """Arguments that are right one by one are wrong together. Has the message, without its subject, and a hint."""


@dataclass(frozen=True, slots=True)
class _Argument:
    default: Any
    rule: str
    accepts: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A decorator that there is."""

    build: Callable[[Mapping[str, Any]], Any]
    """Makes its policy from values for all arguments, each of which is right by itself."""
    arguments: Mapping[str, _Argument]


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
    read, problems = _read_all(step.decorators, _OF_STEPS, owner)
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
    read, problems = _read_all(decorators, _OF_FLOWS, owner)
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
    _, problems = _read_all(extra, _OF_STEPS, _Owner("--with"))
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
    decorators: Sequence[Decorator], kinds: Mapping[str, _Kind], owner: _Owner
) -> tuple[dict[str, Any], list[Problem]]:
    """Reads decorators: policies by name of the decorator, and what is wrong."""
    policies: dict[str, Any] = {}
    problems = list(_doubled(decorators, kinds, owner))
    for decorator in decorators:
        policy = _read(decorator, kinds, owner)
        if isinstance(policy, Problem):
            problems.append(policy)
        else:
            policies[decorator.name] = policy
    return policies, problems


def _read(decorator: Decorator, kinds: Mapping[str, _Kind], owner: _Owner) -> Any:
    """Reads one decorator: its policy, or a problem."""

    def wrong(code: str, message: str, hint: str) -> Problem:
        return _problem(code, f"{_subject(decorator, owner)} {message}", hint, decorator, owner)

    kind = kinds.get(decorator.name)
    if kind is None and decorator.name in {**_OF_STEPS, **_OF_FLOWS}:
        belongs = "the flow" if kinds is _OF_STEPS else "steps"
        return wrong("decorator-misplaced", "can't be there.", f"It is a decorator of {belongs}.")
    if kind is None:
        things = "steps" if kinds is _OF_STEPS else "flows"
        there = f"{things.capitalize()} can have {listed(sorted(kinds))}."
        return wrong(
            "decorator-unknown",
            "does not exist.",
            f"{question(decorator.name, sorted(kinds))} {there}".lstrip(),
        )
    given = _arguments(decorator.arguments)
    if given is None:
        return wrong("decorator-argument", "has arguments without names.", _takes(decorator.name, kind))
    for name, value in given.items():
        argument = kind.arguments.get(name)
        if argument is None:
            hint = f"{question(name, list(kind.arguments))} {_takes(decorator.name, kind)}".lstrip()
            return wrong("decorator-argument", f"has no argument {quoted(name)}.", hint)
        if not argument.accepts(value):
            hint = f"{quoted(name)} is {argument.rule}."
            return wrong("decorator-value", f"has {name}={_shown(value)}.", hint)
    values = {name: given.get(name, argument.default) for name, argument in kind.arguments.items()}
    try:
        return kind.build(values)
    except _WrongError as err:
        return wrong("decorator-value", *err.args)


def _takes(name: str, kind: _Kind) -> str:
    return f"{quoted(name)} takes {listed(kind.arguments)}."


def _arguments(text: str) -> dict[str, Any] | None:
    """Reads the arguments of a decorator. None: they have no names."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) and "" not in found else None


def _doubled(decorators: Sequence[Decorator], kinds: Mapping[str, _Kind], owner: _Owner) -> Iterator[Problem]:
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


# What values are right.


def _is_number(value: object) -> bool:
    is_float = isinstance(value, float) and math.isfinite(value)
    return is_float or (isinstance(value, int) and not isinstance(value, bool))


def _number(least: float, most: float) -> Callable[[Any], bool]:
    return lambda value: _is_number(value) and least <= value <= most


def _whole(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: _is_number(value) and value == int(value) and least <= value <= most


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: value is None or (isinstance(value, str) and bool(re.fullmatch(pattern, value)))


def _is_names(value: object) -> bool:
    """One class, several, or None."""
    values = value if isinstance(value, list) else [value]
    return value is None or all(isinstance(one, str) and one for one in values)


def _is_memory(value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return value is None or (bool(values) and all(_whole(1, 2**40)(one) for one in values))


def _is_variables(value: object) -> bool:
    return isinstance(value, dict) and all(
        name and "=" not in name and "\0" not in name and isinstance(text, str) and "\0" not in text
        for name, text in value.items()
    )


# What decorators mean.


def _retry(values: Mapping[str, Any]) -> Retry:
    on = values["on"] if values["on"] is not None else []
    return Retry(
        times=int(values["times"]),
        wait_seconds=values["wait_seconds"],
        backoff=values["backoff"],
        max_wait_seconds=values["max_wait_seconds"],
        jitter=values["jitter"],
        on=(on,) if isinstance(on, str) else tuple(on),
    )


def _catch(values: Mapping[str, Any]) -> Catch:
    return Catch(var=values["var"] or "", print_exception=values["print_exception"])


def _timeout(values: Mapping[str, Any]) -> int:
    seconds: float = values["seconds"] + 60 * values["minutes"] + 3600 * values["hours"]
    if not seconds:
        raise _WrongError("gives no time.", "Give seconds, minutes or hours: their sum is the limit.")
    return max(1, round(1000 * seconds))


def _environment(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(values["vars"].items())


def _resources(values: Mapping[str, Any]) -> tuple[Resources, ...]:
    memory = values["memory"] if isinstance(values["memory"], list) else [values["memory"] or 0]
    cpu, gpu = max(1, round(1000 * values["cpu"])), int(values["gpu"])
    return tuple(Resources(millicpu=cpu, memory_mb=int(one), gpu=gpu) for one in memory)


def _project(values: Mapping[str, Any]) -> Project:
    if values["name"] is None:
        raise _WrongError("has no name.", "Name the project.")
    return Project(name=values["name"], branch=values["branch"] or "", production=values["production"])


_SECONDS = "a number of seconds, 0 or more"
_WAIT = _number(0, _MAX_SECONDS)

_OF_STEPS: Mapping[str, _Kind] = {
    "retry": _Kind(
        _retry,
        {
            "times": _Argument(3, f"a whole number from 0 to {MAX_RETRIES}", _whole(0, MAX_RETRIES)),
            "minutes_between_retries": _Argument(2, "a number of minutes, 0 or more", _WAIT),
            "wait_seconds": _Argument(0, _SECONDS, _WAIT),
            "backoff": _Argument(1, "a number from 1 to 1,000", _number(1, 1000)),
            "max_wait_seconds": _Argument(3600, _SECONDS, _WAIT),
            "jitter": _Argument(0, "a number from 0 to 1", _number(0, 1)),
            "on": _Argument(None, "the name of an error's class, or a list of such names", _is_names),
        },
    ),
    "catch": _Kind(
        _catch,
        {
            "var": _Argument(
                None, "the name of an artifact: letters, digits and _", _matches(r"[A-Za-z_.][\w.]*")
            ),
            "print_exception": _Argument(True, "true or false", _is_bool),
        },
    ),
    "timeout": _Kind(
        _timeout,
        {
            unit: _Argument(0, f"a number of {unit}, 0 or more", _number(0, _MAX_SECONDS / size))
            for unit, size in (("seconds", 1), ("minutes", 60), ("hours", 3600))
        },
    ),
    "environment": _Kind(
        _environment, {"vars": _Argument({}, "text by names of environment variables", _is_variables)}
    ),
    "resources": _Kind(
        _resources,
        {
            "cpu": _Argument(
                1, "a number of cores above 0", lambda value: _number(0, 2**20)(value) and value
            ),
            "memory": _Argument(
                None, "a whole number of MB above 0, or a list with one for each attempt", _is_memory
            ),
            "gpu": _Argument(0, "a whole number, 0 or more", _whole(0, 2**20)),
        },
    ),
}
_OF_FLOWS: Mapping[str, _Kind] = {
    "project": _Kind(
        _project,
        {
            "name": _Argument(None, "made of the characters a-z, 0-9 and _", _matches(r"[a-z0-9_]{1,128}")),
            "branch": _Argument(
                None, "made of letters, digits and the characters _, - and .", _matches(r"[\w.-]{1,128}")
            ),
            "production": _Argument(False, "true or false", _is_bool),
        },
    ),
}
_FIELDS = {
    "retry": "retry",
    "catch": "catch",
    "timeout": "timeout_ms",
    "environment": "env",
    "resources": "resources",
}
"""Where the meaning of each decorator goes in a StepPolicy."""
