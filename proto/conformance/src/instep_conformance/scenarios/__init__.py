"""All scenarios, one module per part of the protocol. Importing this package registers them."""

from instep_conformance.scenarios import (
    completion,
    evolution,
    failures,
    heartbeats,
    leases,
    logs,
    registration,
    secrets,
    store,
    tasks,
)

__all__ = [
    "completion",
    "evolution",
    "failures",
    "heartbeats",
    "leases",
    "logs",
    "registration",
    "secrets",
    "store",
    "tasks",
]
