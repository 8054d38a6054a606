"""How a running step goes on: what it said with `self.next`, checked against what its code declares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from instep._flow import ReferencedStep
from instep._task import Transition, TransitionKind
from instep.errors import TransitionError


@dataclass(frozen=True, slots=True)
class StepName:
    """A step that another file declares, as `self.name` gives it."""

    name: str
    """Its name."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a step chose at its transition."""

    foreach_count: int | None = None
    """Number of items of a foreach."""
    switch_case: int | None = None
    """Position of the case of a switch."""


def check_call(
    step: str,
    flow: type,
    declared: Transition,
    targets: Sequence[object],
    foreach: object,
    condition: object,
) -> None:
    """Checks what a step said with `self.next` against the graph.

    Args:
        step: Name of the step.
        flow: Class of the flow.
        declared: The transition that the graph knows.
        targets: What the step named.
        foreach: What it gave as `foreach`.
        condition: What it gave as `condition`.

    Raises:
        TransitionError: They differ.
    """
    said = _call_text(flow, targets, foreach, condition)
    expected = describe(declared)
    if declared.kind is TransitionKind.END:
        raise TransitionError(
            f"Step {step!r} calls {said}, but it is the last step of the flow. Remove the call.", step=step
        )
    if said != expected:
        raise TransitionError(
            f"Step {step!r} calls {said}, but the graph was made with {expected}. "
            "A transition must be the same each time the step runs.",
            step=step,
        )


def check_called(step: str, declared: Transition) -> None:
    """Refuses a step that ended without its transition.

    Raises:
        TransitionError: The step has a transition.
    """
    if declared.kind is not TransitionKind.END:
        raise TransitionError(
            f"Step {step!r} ended without its transition. "
            f"It must call {describe(declared)} as its last statement, exactly once.",
            step=step,
        )


def describe(declared: Transition) -> str:
    """Writes a transition as the call that a step makes."""
    if declared.kind is TransitionKind.SWITCH:
        arguments = [_cases_text(declared.targets)]
    else:
        arguments = [f"self.{name}" for name in declared.targets]
    return _text(arguments, declared.foreach or None, declared.condition or None)


def switch_case(step: str, declared: Transition, value: object, decode: Callable[[bytes], object]) -> int:
    """Finds the case that a value chooses.

    Args:
        step: Name of the step.
        declared: The transition, a switch.
        value: Value of the condition.
        decode: Reads the manifest of a key.

    Returns:
        Position of the case.

    Raises:
        TransitionError: No key equals the value.
    """
    keys = [decode(manifest) for manifest in declared.case_keys]
    try:
        return {key: position for position, key in enumerate(keys)}[value]
    except KeyError:
        why = f"{value!r}, which is none of its cases"
    except TypeError:
        why = f"a value of type {type(value).__name__}, which cannot be a case"
    raise TransitionError(
        f"Step {step!r} chooses by self.{declared.condition}, but that is {why}: "
        f"{', '.join(map(repr, keys))}.",
        step=step,
        condition=declared.condition,
    )


def _call_text(flow: type, targets: Sequence[object], foreach: object, condition: object) -> str:
    match targets:
        case [Mapping() as cases]:
            names = dict.fromkeys(_target_name(flow, target) for target in cases.values())
            arguments = [_cases_text(names)]
        case _:
            arguments = [f"self.{_target_name(flow, target)}" for target in targets]
    return _text(arguments, foreach, condition)


def _cases_text(names: Iterable[str]) -> str:
    return "{" + ", ".join(f"...: self.{name}" for name in names) + "}"


def _text(arguments: list[str], foreach: object, condition: object) -> str:
    if foreach is not None:
        arguments.append(f"foreach={foreach!r}")
    if condition is not None:
        arguments.append(f"condition={condition!r}")
    return f"self.next({', '.join(arguments)})"


def _target_name(flow: type, target: object) -> str:
    match target:
        case str(name) | StepName(name):
            return name
        case ReferencedStep():
            attributes = (entry for base in flow.__mro__ for entry in vars(base).items())
            return next((name for name, value in attributes if value is target), "?")
        case _:
            return getattr(target, "__name__", None) or repr(target)
