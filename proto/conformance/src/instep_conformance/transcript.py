"""What the worker called, in order, and the rules that hold for every sequence of calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
from instep_proto.v1 import error_pb2


class Status(Exception):  # noqa: N818 - it ends a call as told, which is no error of the kit
    """Ends a call with a status.

    Args:
        code: The code.
        message: Text for people.
        detail: The verdict. None: the status has none, as those of the transport.
    """

    def __init__(
        self, code: grpc.StatusCode, message: str = "", detail: error_pb2.ErrorDetail | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the worker."""

    rpc: str
    """Name of the call, such as `LeaseTask`."""
    request: Any
    """Its request."""
    at: float
    """When it came, by the monotonic clock."""

    def __str__(self) -> str:
        match self.rpc:
            case "Heartbeat":
                return f"Heartbeat(seq={self.request.seq}, phase={self.request.phase})"
            case "CompleteTask":
                return f"CompleteTask({self.request.WhichOneof('outcome')})"
            case "AppendLogs":
                request = self.request
                return (
                    f"AppendLogs(stream={request.stream}, offset={request.offset}, {len(request.data)} bytes)"
                )
            case _:
                return self.rpc


class Transcript:
    """The calls that came, and what was wrong with them."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        """Notified after every call, and after every change of the orchestrator's state."""
        self._calls: list[Call] = []
        self._problems: list[str] = []

    def add(self, rpc: str, request: Any) -> None:
        """Notes a call."""
        with self.changed:
            self._calls.append(Call(rpc, request, time.monotonic()))
            self.changed.notify_all()

    def blame(self, problem: str) -> None:
        """Notes that a call broke a rule. Each problem counts once."""
        with self.changed:
            if problem not in self._problems:
                self._problems.append(problem)

    def forgive(self) -> None:
        """Forgets what was wrong: the scenario has brought it about."""
        with self.changed:
            self._problems.clear()

    @property
    def problems(self) -> list[str]:
        """The rules that were broken."""
        with self.changed:
            return list(self._problems)

    def of(self, rpc: str) -> list[Any]:
        """Gives the requests of one kind of call, in order."""
        return [call.request for call in self if call.rpc == rpc]

    def __iter__(self) -> Iterator[Call]:
        with self.changed:
            return iter(list(self._calls))

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Waits until something has happened, and tells whether it did in time."""
        with self.changed:
            return self.changed.wait_for(condition, seconds)

    def __str__(self) -> str:
        lines = []
        start = None
        for call in self:
            start = start or call.at
            lines.append(f"{call.at - start:7.3f} s  {call}")
        return "\n".join(lines)
