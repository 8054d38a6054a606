"""What an operator can set by environment variables: how patient server and workers are, and where they meet.

Each value is checked when the server starts. Workers never read these variables: the server tells them what holds, in
their bootstrap, in the limits of RegisterWorker, and in each lease. docs/settings.md is for people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from instep_server.errors import SettingError

HEARTBEATS_PER_LEASE = 6
"""How many heartbeats fit into a lease, unless their interval is set: several may get lost."""
FEWEST_HEARTBEATS = 2
"""How many must."""
SHORTEST_SECONDS = 0.1
LONGEST_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How patient server and workers are, and where they meet.

    Example:
        >>> Settings.from_environment({"INSTEP_LEASE_SECONDS": "3"}).heartbeat_ms
        500
    """

    lease_ms: int = 30_000
    """How long a lease lasts without a heartbeat."""
    heartbeat_ms: int = 5_000
    """How often a worker sends a heartbeat."""
    orphan_ms: int = 120_000
    """How long a worker goes on without an answer of the orchestrator."""
    call_ms: int = 10_000
    """How long a call may take before it is made again."""
    endpoint: str = ""
    """Where workers and the command line find the orchestrator, as a gRPC target. Empty: where it listens."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Reads the settings.

        Args:
            environment: Environment variables.

        Raises:
            SettingError: One is not as it must be.
        """
        default = cls()
        lease = _milliseconds(environment, "INSTEP_LEASE_SECONDS", default.lease_ms)
        heartbeat = _milliseconds(environment, "INSTEP_HEARTBEAT_SECONDS", lease // HEARTBEATS_PER_LEASE)
        if heartbeat * FEWEST_HEARTBEATS > lease:
            raise SettingError(
                f"INSTEP_HEARTBEAT_SECONDS is {heartbeat / 1000:g}, which is more than half of a lease's "
                f"{lease / 1000:g} s (INSTEP_LEASE_SECONDS): one late heartbeat would lose the task."
            )
        return cls(
            lease_ms=lease,
            heartbeat_ms=heartbeat,
            orphan_ms=_milliseconds(environment, "INSTEP_ORPHAN_SECONDS", default.orphan_ms),
            call_ms=_milliseconds(environment, "INSTEP_CALL_SECONDS", default.call_ms),
            endpoint=_target(environment, "INSTEP_ADVERTISED_ENDPOINT"),
        )


def _milliseconds(environment: Mapping[str, str], name: str, otherwise: int) -> int:
    text = environment.get(name, "")
    if not text:
        return otherwise
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise SettingError(
            f"{name} is {text!r}. It must be a number of seconds from {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:,.0f}, "
            f"such as {otherwise / 1000:g}."
        )
    return round(seconds * 1000)


def _target(environment: Mapping[str, str], name: str) -> str:
    text = environment.get(name, "")
    if (text and not text.startswith(("unix:/", "dns:///"))) or any(one.isspace() for one in text):
        raise SettingError(
            f"{name} is {text!r}. It must be a gRPC target: `unix:/path` or `dns:///host:port`."
        )
    return text
