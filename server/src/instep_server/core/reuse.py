"""Tells whether a task would do what another one did: by its code, what is declared for it, and what it reads.

Two tasks do the same when they have the same *key* and *read* the same. The key stands for all that is known before
user code runs: step, code, environment, how the step goes on, and the items of open foreach levels. What user code
read is known when it has ended: names, each with a digest of what was there, also of nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from blake3 import blake3

from instep_server.core.environment import ArtifactKind, Environment
from instep_server.core.graph_types import GraphStep
from instep_server.core.planned import PlannedTask

EVERYTHING = "*"
"""Among the names that user code read: it asked for all that there are, as to merge them. Then the names of parameters
and constants matter, but not their values, which nobody gets in this way."""


def environment_of(step: GraphStep) -> str:
    """Writes the environment that is declared for a step.

    Args:
        step: The step.
    """
    return json.dumps(step.policy.env)


def onward_of(step: GraphStep) -> str:
    """Writes how a step goes on when its function has ended, or failed.

    Args:
        step: The step.
    """
    transition, catch = step.transition, step.policy.catch
    facts = [
        catch.var if catch is not None else None,
        [transition.kind.value, transition.foreach, transition.condition],
        [case.key.hex() for case in transition.cases],
    ]
    return json.dumps(facts)


def reuse_key(flow: str, task: PlannedTask) -> str | None:
    """Computes the key of a task.

    Args:
        flow: Name of the flow.
        task: The task.

    Returns:
        The key. None: the code of its step is not known, so that it is like no other.
    """
    step = task.step
    if not step.spec.code:
        return None
    facts = [
        flow,
        step.name,
        step.spec.entry_point.language,
        step.spec.code,
        environment_of(step),
        onward_of(step),
        [
            # Without the list among its artifacts a task has no item.
            [frame.variable, frame.items.hash, frame.index, frame.variable in task.environment]
            for frame in task.frames
        ],
        [joined.step.name for joined in task.joins],
    ]
    return _digest([json.dumps(facts)])


def read_digests(task: PlannedTask, names: Iterable[str]) -> dict[str, str]:
    """Computes what a task has under names.

    Args:
        task: The task, with all that it can read.
        names: The names.

    Returns:
        Digests by name. In a join, one stands for what all its inputs have, in order.
    """
    return {name: _seen(task, name) for name in names}


def changed(task: PlannedTask, reads: Mapping[str, str]) -> list[str]:
    """Tells what of what another task read is not the same for this one.

    Args:
        task: The task, with all that it can read.
        reads: What the other one read, as `read_digests` tells it.

    Returns:
        Names, sorted.
    """
    return sorted(name for name, digest in reads.items() if _seen(task, name) != digest)


def _seen(task: PlannedTask, name: str) -> str:
    places: Sequence[Environment] = [task.environment, *(joined.left for joined in task.joins)]
    if name == EVERYTHING:
        return _digest(
            f"{position} {key} {place[key].hash if place[key].kind is ArtifactKind.ARTIFACT else ''}"
            for position, place in enumerate(places)
            for key in sorted(place)
        )
    return _digest(place[name].hash if name in place else "" for place in places)


def _digest(parts: Iterable[str]) -> str:
    return blake3("\n".join(parts).encode()).hexdigest()[:32]
