"""What an orchestrator can do wrong on purpose: each answers one call, in place of the usual answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc

from instep_conformance.orchestrator import Fault, Usual, verdict
from instep_conformance.transcript import Status

Code = grpc.StatusCode


def lost_request(code: grpc.StatusCode = Code.UNAVAILABLE) -> Fault:
    """The call never arrives: the worker sees a status of the transport."""

    def fault(request: Any, usual: Usual) -> Any:
        raise Status(code)

    return fault


def lost_reply(code: grpc.StatusCode = Code.UNAVAILABLE) -> Fault:
    """The call has its effect, and its answer never arrives."""

    def fault(request: Any, usual: Usual) -> Any:
        usual()
        raise Status(code)

    return fault


def refused(
    code: grpc.StatusCode,
    reason: str,
    message: str = "",
    *,
    retry_after_ms: int | None = None,
    **metadata: str,
) -> Fault:
    """The call is refused by a verdict. See `verdict`."""

    def fault(request: Any, usual: Usual) -> Any:
        raise verdict(code, reason, message or reason, retry_after_ms=retry_after_ms, **metadata)

    return fault


def late(seconds: float) -> Fault:
    """The answer takes its time."""

    def fault(request: Any, usual: Usual) -> Any:
        answer = usual()
        time.sleep(seconds)
        return answer

    return fault


def changed(change: Callable[[Any], None]) -> Fault:
    """The answer is changed before it goes out."""

    def fault(request: Any, usual: Usual) -> Any:
        answer = usual()
        change(answer)
        return answer

    return fault


def instead(answer: Callable[[], Any]) -> Fault:
    """The call is answered otherwise, and has no effect."""

    def fault(request: Any, usual: Usual) -> Any:
        return answer()

    return fault


def none_of_it(request: Any, usual: Usual) -> Any:
    """Nothing is wrong with this call: for faults that meet a later one."""
    return usual()
