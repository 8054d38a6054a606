"""Checks each step of a flow by itself: its name, its transition, and whether it is first or last."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from instep_server.core.graph_merge import Merged
from instep_server.core.graph_types import Location, Problem, StepSpec, TransitionKind
from instep_server.core.graph_words import guess, listed, quoted, spelled

RESERVED_STEPS = frozenset({"cmd", "index", "input", "name", "next"})
"""Names that no step may have."""

_STEP_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Where a flow starts and where it ends."""

    start: str | None
    """Name of the first step. None: it cannot be told."""
    end: str | None
    """Name of the last step. None: it cannot be told."""
    problems: tuple[Problem, ...]
    """Why they cannot be told."""


def where(step: StepSpec) -> Location:
    """Tells where the transition of a step is written, or the step itself when that is not known."""
    return step.transition.location or step.location


def find_ends(merged: Merged) -> Ends:
    """Finds the first and the last step.

    Args:
        merged: The flow.

    Returns:
        Their names. A flow of a single step without a transition starts and ends with it.
    """
    steps = merged.steps
    if len(steps) == 1 and steps[0].transition.kind is TransitionKind.END:
        return Ends(start=steps[0].name, end=steps[0].name, problems=())
    start, start_problems = _find_end(merged, "start", [step for step in steps if step.is_start])
    end, end_problems = _find_end(merged, "end", [step for step in steps if step.is_end])
    return Ends(start=start, end=end, problems=(*start_problems, *end_problems))


def step_problems(merged: Merged, ends: Ends) -> Iterator[Problem]:
    """Finds what is wrong with steps, each looked at by itself.

    Args:
        merged: The flow.
        ends: Its first and last step.

    Yields:
        The problems, in order of declaration.
    """
    names = {step.name: None for step in merged.steps}
    explained = {problem.step for problem in merged.problems}
    for step in merged.steps:
        yield from _name_problems(step)
        yield from _end_problems(merged, step, ends)
        if step.name not in explained:
            yield from _missing_transition(merged, step, ends)
        yield from _form_problems(merged, step)
        yield from _target_problems(merged, step, names, ends)
        yield from _join_problems(step)


def _find_end(
    merged: Merged, word: str, marked: Sequence[StepSpec]
) -> tuple[str | None, tuple[Problem, ...]]:
    """Finds the step that is marked as start (end), or has this name."""
    candidates = [*marked, *(step for step in merged.steps if step.name == word and step not in marked)]
    if len(candidates) == 1:
        return candidates[0].name, ()
    if candidates:
        return None, (_competing(word, candidates),)
    return None, (_no_end(merged, word),) if merged.complete else ()


def _competing(word: str, candidates: Sequence[StepSpec]) -> Problem:
    return Problem(
        code=f"{word}-doubled",
        message=f"Steps {listed(step.name for step in candidates)} compete to be the {word} of the flow.",
        hint=f"Exactly one step is the {word}: mark one, or name one {quoted(word)}.",
        locations=tuple(step.location for step in candidates),
    )


def _no_end(merged: Merged, word: str) -> Problem:
    open_ends = [step for step in merged.steps if step.transition.kind is TransitionKind.END]
    suspects = open_ends if word == "end" else []
    what = {"start": "first", "end": "last"}[word]
    mark = spelled(
        merged.main.language,
        python=f"@step({word}=True)",
        r=f"step(..., {word} = TRUE)",
    )
    aside = f"; {listed(step.name for step in suspects)} could be it" if suspects else ""
    return Problem(
        code=f"{word}-missing",
        message=f"Flow {quoted(merged.main.flow)} has no {word} step.",
        hint=f"Name its {what} step {quoted(word)}, or mark it with {mark}{aside}.",
        locations=(*(step.location for step in suspects), merged.main.location),
    )


def _name_problems(step: StepSpec) -> Iterator[Problem]:
    if step.name in RESERVED_STEPS:
        yield Problem(
            code="step-reserved",
            message=f"Step {quoted(step.name)} has a reserved name.",
            hint=f"Choose another name than {listed(sorted(RESERVED_STEPS))}.",
            step=step.name,
            locations=(step.location,),
        )
    elif not _STEP_NAME.fullmatch(step.name):
        yield Problem(
            code="step-name",
            message=f"Step {quoted(step.name)} has a name that is not allowed.",
            hint="Use the characters a-z, 0-9 and _, and do not begin with _.",
            step=step.name,
            locations=(step.location,),
        )


def _end_problems(merged: Merged, step: StepSpec, ends: Ends) -> Iterator[Problem]:
    if step.name != ends.end:
        return
    if step.transition.kind not in (TransitionKind.END, TransitionKind.UNKNOWN):
        yield Problem(
            code="end-has-transition",
            message=f"The end step {quoted(step.name)} leads to {listed(step.transition.targets)}.",
            hint=spelled(
                merged.languages[step.name],
                python="Remove its self.next(), or mark another step with @step(end=True).",
                r="Remove its next_step, or mark another step with end = TRUE.",
            ),
            step=step.name,
            locations=(where(step),),
        )
    if step.takes_inputs:
        yield Problem(
            code="end-is-join",
            message=f"The end step {quoted(step.name)} takes inputs, as only a join does.",
            hint=f"Add a join before {quoted(step.name)}, and let it lead there.",
            step=step.name,
            locations=(step.location,),
        )


def _missing_transition(merged: Merged, step: StepSpec, ends: Ends) -> Iterator[Problem]:
    """Without an end the flow lacks the end more than its last step lacks a transition."""
    kind = step.transition.kind
    if kind is TransitionKind.UNKNOWN or (
        kind is TransitionKind.END and step.name != ends.end and ends.end is not None
    ):
        yield Problem(
            code="transition-missing",
            message=f"Step {quoted(step.name)} does not say which step comes next.",
            hint=spelled(
                merged.languages[step.name],
                python="Make self.next(...) its last statement; "
                f"only the end step {quoted(ends.end or 'end')} has none.",
                r=f"Give it a next_step; only the end step {quoted(ends.end or 'end')} has none.",
            ),
            step=step.name,
            locations=(step.location,),
        )


def _form_problems(merged: Merged, step: StepSpec) -> Iterator[Problem]:
    transition = step.transition
    count = len(transition.targets)
    name = quoted(step.name)
    found: list[tuple[str, str, str]] = []
    match transition.kind:
        case TransitionKind.FOREACH if count != 1 or not transition.foreach:
            found.append(
                (
                    "foreach-form",
                    f"The foreach in {name} has {count} targets."
                    if transition.foreach
                    else f"The foreach in {name} does not name an artifact.",
                    "A foreach names one artifact and leads to exactly one step.",
                )
            )
        case TransitionKind.LINEAR if count != 1:
            found.append(
                ("transition-form", f"Step {name} leads to {count} steps at once.", "Name one step.")
            )
        case TransitionKind.SPLIT:
            found.extend(_split_form(step))
        case TransitionKind.SWITCH:
            found.extend(_switch_form(step))
        case _:
            pass
    for code, message, hint in found:
        yield Problem(code=code, message=message, hint=hint, step=step.name, locations=(where(step),))


def _split_form(step: StepSpec) -> Iterator[tuple[str, str, str]]:
    targets = step.transition.targets
    doubled = list(dict.fromkeys(target for target in targets if targets.count(target) > 1))
    if doubled:
        yield (
            "target-doubled",
            f"Step {quoted(step.name)} names {listed(doubled)} more than once in one split.",
            "A split names each step once; to run a step for several items, use a foreach.",
        )
    elif len(targets) < 2:
        yield (
            "transition-form",
            f"The split in {quoted(step.name)} has {len(targets)} targets.",
            "A split leads to two or more steps.",
        )


def _switch_form(step: StepSpec) -> Iterator[tuple[str, str, str]]:
    transition, name = step.transition, quoted(step.name)
    if not transition.condition:
        yield (
            "switch-condition",
            f"The switch in {name} has no condition.",
            "Name the artifact that chooses among its cases.",
        )
    if not transition.cases and not transition.targets:
        yield ("switch-cases", f"The switch in {name} has no cases.", "Give it two or more cases.")
    elif len(set(transition.targets)) < 2:
        yield (
            "switch-targets",
            f"The switch in {name} has only one target, {quoted(transition.targets[0])}.",
            "A switch chooses between two or more steps; without a choice, lead there directly.",
        )
    keys = [case.key for case in transition.cases]
    if len(set(keys)) < len(keys):
        yield (
            "switch-keys",
            f"The switch in {name} has two cases with the same key.",
            "Give each its own key.",
        )


def _target_problems(
    merged: Merged, step: StepSpec, names: Mapping[str, None], ends: Ends
) -> Iterator[Problem]:
    for target in dict.fromkeys(step.transition.targets):
        if target not in names:
            if merged.complete:
                yield Problem(
                    code="target-unknown",
                    message=f"Step {quoted(step.name)} leads to {quoted(target)}, which is no step.",
                    hint=guess(target, list(names), what="steps of the flow"),
                    step=step.name,
                    locations=(where(step),),
                )
        elif target == ends.start:
            yield Problem(
                code="start-is-target",
                message=f"Step {quoted(step.name)} leads to the start step {quoted(target)}.",
                hint="No step leads to the start.",
                step=step.name,
                locations=(where(step),),
            )


def _join_problems(step: StepSpec) -> Iterator[Problem]:
    kind = step.transition.kind
    if step.takes_inputs and (kind.opens or kind is TransitionKind.SWITCH):
        word = {"split": "splits", "foreach": "opens a foreach", "switch": "switches"}[kind.value]
        yield Problem(
            code="join-splits",
            message=f"The join {quoted(step.name)} also {word}.",
            hint="Make two steps of it: the join, and a step after it that goes on as this one does.",
            step=step.name,
            locations=(where(step),),
        )
