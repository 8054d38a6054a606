"""Scenarios: what the orchestrator does, and what a worker must do then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from instep_conformance.kit import Kit

Body = Callable[[Kit], None]

FEATURES = (
    "a task",
    "bootstrap",
    "registration",
    "leases",
    "heartbeats",
    "reports",
    "failures",
    "cancel",
    "logs",
    "values through the orchestrator",
    "foreach",
    "switch",
    "join",
    "parameters",
    "restart",
    "newer orchestrators",
    "secrets",
    "shared store",
    "several tasks in one process",
    "time limit",
    "catch",
)
"""What scenarios show, in an order in which a worker can be written; those that are optional come last."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario."""

    name: str
    """Its name, such as `completion-reply-lost`."""
    feature: str
    """The feature that it shows, for the matrix."""
    text: str
    """What happens and what is expected, one or two sentences."""
    body: Body
    """Runs it. Raises Unexpected."""
    capability: str
    """A worker that does not declare this is not asked for it. Empty: every worker is."""
    shares_store: bool
    """Whether the worker shares the directory of objects."""


SCENARIOS: dict[str, Scenario] = {}
"""All scenarios by name."""


def in_order() -> list[Scenario]:
    """Gives all scenarios in the order of their features."""
    return sorted(SCENARIOS.values(), key=lambda one: FEATURES.index(one.feature))


def scenario(feature: str, *, capability: str = "", shares_store: bool = True) -> Callable[[Body], Body]:
    """Makes a scenario of a function. Its name and its docstring become those of the scenario.

    Args:
        feature: The feature that it shows.
        capability: A worker that does not declare this is not asked for it.
        shares_store: Whether the worker shares the directory of objects.
    """

    def register(body: Body) -> Body:
        name = body.__name__.replace("_", "-")
        text = " ".join((body.__doc__ or "").split())
        assert name not in SCENARIOS, name
        assert feature in FEATURES, feature
        SCENARIOS[name] = Scenario(name, feature, text, body, capability, shares_store)
        return body

    return register
