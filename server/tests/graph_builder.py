"""Short spellings of flows for the tests of the graph.

A flow is a dictionary from steps to transitions. `!` after a step's name makes it a join. A transition is empty
(the last step), one name, several names (a split), `*name` (a foreach), or `?name other` (a switch).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath

from instep_server.core.graph import assemble
from instep_server.core.graph_types import (
    Assembled,
    ConstantSpec,
    EntryPoint,
    Fragment,
    Graph,
    Include,
    Location,
    ParameterSpec,
    Problem,
    Source,
    StepSpec,
    SwitchCase,
    Transition,
    TransitionKind,
)

MAIN = "/flows/pricing.py"
OTHER = "/flows/pricing.R"


def language_of(file: str) -> str:
    return "r" if PurePath(file).suffix.lower() == ".r" else "python"


def transition(text: str) -> Transition:
    names = tuple(text.lstrip("*?").split())
    if text.startswith("*"):
        return Transition(kind=TransitionKind.FOREACH, targets=names, foreach="items")
    if text.startswith("?"):
        cases = tuple(SwitchCase(key=b"k%d" % number, target=name) for number, name in enumerate(names))
        targets = tuple(dict.fromkeys(names))
        return Transition(kind=TransitionKind.SWITCH, targets=targets, condition="answer", cases=cases)
    kinds = {0: TransitionKind.END, 1: TransitionKind.LINEAR}
    return Transition(kind=kinds.get(len(names), TransitionKind.SPLIT), targets=names)


def step(name: str, text: str = "", *, file: str = MAIN, line: int = 1, **changes: object) -> StepSpec:
    fields: dict[str, object] = {
        "name": name.rstrip("!"),
        "location": Location(file, line),
        "entry_point": EntryPoint(language=language_of(file), file=file),
        "transition": transition(text),
        "takes_inputs": name.endswith("!"),
        **changes,
    }
    return StepSpec(**fields)  # type: ignore[arg-type]


def steps(flow: Mapping[str, str], file: str = MAIN) -> tuple[StepSpec, ...]:
    """Makes steps that stand on lines 10, 20, 30 and so on."""
    return tuple(
        step(name, text, file=file, line=10 * number)
        for number, (name, text) in enumerate(flow.items(), start=1)
    )


def parameter(name: str, *, variable: str = "", file: str = MAIN, line: int = 2) -> ParameterSpec:
    return ParameterSpec(name=name, variable=variable or name, location=Location(file, line))


def constant(name: str, *, file: str = MAIN, line: int = 3) -> ConstantSpec:
    return ConstantSpec(name=name, manifest=b"", location=Location(file, line))


def fragment(
    flow: Mapping[str, str] | Iterable[StepSpec],
    /,
    *,
    file: str = MAIN,
    includes: Iterable[str] = (),
    **changes: object,
) -> Fragment:
    fields: dict[str, object] = {
        "flow": "Pricing",
        "language": language_of(file),
        "location": Location(file, 1),
        "steps": steps(flow, file) if isinstance(flow, Mapping) else tuple(flow),
        "includes": tuple(Include(file=name, location=Location(file, 4)) for name in includes),
        **changes,
    }
    return Fragment(**fields)  # type: ignore[arg-type]


def source(
    flow: Mapping[str, str] | Iterable[StepSpec],
    /,
    *,
    file: str = MAIN,
    includes: Iterable[str] = (),
    **changes: object,
) -> Source:
    part = fragment(flow, file=file, includes=includes, **changes)
    return Source(language=language_of(file), file=file, digest="b3:00", fragment=part)


def check(flow: Mapping[str, str] | Iterable[StepSpec]) -> Assembled:
    return assemble(source(flow), ())


def valid(flow: Mapping[str, str] | Iterable[StepSpec]) -> Graph:
    assembled = check(flow)
    assert assembled.problems == ()
    assert assembled.graph is not None
    return assembled.graph


def problem(assembled: Assembled) -> Problem:
    """The only problem."""
    assert assembled.graph is None
    assert len(assembled.problems) == 1, assembled.problems
    return assembled.problems[0]
