"""Decides when something takes too long, and what to do about it.

All times are in milliseconds and come in as arguments.
"""

from __future__ import annotations

from enum import Enum

from instep_server.limits import (
    CANCEL_GRACE_MS,
    KILL_GRACE_MS,
    LINGER_MS,
    REGISTER_FRESH_WITHIN_MS,
    REGISTER_WITHIN_MS,
    TIMEOUT_GRACE_MS,
)


class Verdict(Enum):
    """What to do about a worker."""

    WAIT = "wait"
    """Nothing."""
    TERMINATE = "terminate"
    """Ask its process to end, by SIGTERM."""
    KILL = "kill"
    """End its process, by SIGKILL."""
    STOP = "stop"
    """Tell its attempt to stop."""
    EXPIRE = "expire"
    """Give its attempt up and end its process."""
    MISSING = "missing"
    """Take it for gone: it was killed, and nobody reported its end."""


def judge_stopping(since_stop: float) -> Verdict:
    """Judges an attempt that was told to stop: interrupt at once, then SIGTERM, then SIGKILL.

    Args:
        since_stop: How long ago it was told.
    """
    if since_stop > CANCEL_GRACE_MS + KILL_GRACE_MS:
        return Verdict.KILL
    return Verdict.TERMINATE if since_stop > CANCEL_GRACE_MS else Verdict.WAIT


def judge_running(since_expiry: float, since_begin: float, timeout: float) -> Verdict:
    """Judges an attempt by its lease and its limit. Its worker knows the limit, too, and heeds it if it can.

    Args:
        since_expiry: How long ago its lease ended. Negative: it has not.
        since_begin: How long it has run.
        timeout: How long it may run. 0: any time.
    """
    if since_expiry > 0:
        return Verdict.EXPIRE
    return Verdict.STOP if timeout and since_begin > timeout + TIMEOUT_GRACE_MS else Verdict.WAIT


def judge_starting(since_asked: float, *, forked: bool, ending: bool) -> Verdict:
    """Judges a worker that has not registered.

    Args:
        since_asked: How long ago its process was asked for.
        forked: Whether a host forks it.
        ending: Whether the run is ending, so that nobody waits for it.
    """
    within = REGISTER_WITHIN_MS if forked else REGISTER_FRESH_WITHIN_MS
    return Verdict.KILL if since_asked > (LINGER_MS if ending else within) else Verdict.WAIT


def judge_idle(since_idle: float) -> Verdict:
    """Judges a worker that has nothing to do and is expected to end.

    Args:
        since_idle: How long it has had nothing to do.
    """
    return Verdict.KILL if since_idle > LINGER_MS else Verdict.WAIT


def judge_killed(since_kill: float) -> Verdict:
    """Judges a worker that was sent SIGKILL and whose end was not reported.

    Args:
        since_kill: How long ago.
    """
    return Verdict.MISSING if since_kill > LINGER_MS else Verdict.WAIT
