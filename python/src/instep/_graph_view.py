"""The graph of a flow as plain dictionaries, for user code that wants to look at its own flow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from instep_proto.v1.graph_pb2 import Decorator, Graph, StepSpec

_KINDS = ("unknown", "end", "linear", "split", "foreach", "switch")
"""Names of TransitionKind, by number."""


def graph_info(graph: Graph) -> dict[str, Any]:
    """Writes a graph as plain dictionaries.

    Args:
        graph: The graph.

    Returns:
        `name`, `doc`, `file`, `start` and `end` of the flow; `parameters`, `constants` and `configs`, the names of
        their attributes; `decorators`; and `steps` by name, each with `type` (`linear`, `split`, `foreach`, `switch` or
        `end`), `join`, `next`, `foreach`, `condition`, `language`, `file`, `line`, `doc` and `decorators`.
    """
    return {
        "name": graph.flow,
        "doc": graph.doc,
        "file": graph.files[0].file if graph.files else "",
        "start": graph.start,
        "end": graph.end,
        "parameters": [one.variable for one in graph.parameters],
        "constants": [one.name for one in graph.constants],
        "configs": [one.variable for one in graph.configs],
        "decorators": _decorators(graph.decorators),
        "steps": {step.name: _step(step) for step in graph.steps},
    }


def _step(step: StepSpec) -> dict[str, Any]:
    transition = step.transition
    return {
        "name": step.name,
        "type": _KINDS[transition.kind],
        "join": step.takes_inputs,
        "next": list(transition.targets),
        "foreach": transition.foreach or None,
        "condition": transition.condition or None,
        "language": step.entry_point.language,
        "file": step.location.file,
        "line": step.location.line,
        "doc": step.doc,
        "decorators": _decorators(step.decorators),
    }


def _decorators(decorators: Iterable[Decorator]) -> list[dict[str, Any]]:
    return [{"name": one.name, "arguments": json.loads(one.arguments or "{}")} for one in decorators]
