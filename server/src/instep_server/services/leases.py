"""Finds the attempt that a lease token stands for, and the worker behind a session."""

from __future__ import annotations

from instep_server.errors import Reason, RequestError
from instep_server.orchestrator import Orchestrator
from instep_server.tokens import Grant, TokenKind
from instep_server.workers import Attempt, Worker


def worker_of(orchestrator: Orchestrator, grant: Grant) -> Worker:
    """Finds the worker of a session.

    Args:
        orchestrator: Knows the workers.
        grant: What its token allows.

    Raises:
        RequestError: Its process is known to have ended.
    """
    worker = orchestrator.tools.workers.get(grant.subject)
    if worker is None:
        raise RequestError(Reason.TOKEN_UNKNOWN, "The session has ended.")
    return worker


def attempt_of(orchestrator: Orchestrator, grant: Grant, lease_token: bytes) -> Attempt:
    """Finds the attempt of a lease, whether it is over or not.

    Args:
        orchestrator: Knows the attempts.
        grant: What the caller's session token allows.
        lease_token: The token of the lease.

    Raises:
        RequestError: The token is not good, or belongs to another worker.
    """
    lease = orchestrator.tokens.check(lease_token, TokenKind.LEASE)
    attempt = orchestrator.tools.attempts[lease.subject]
    if attempt.worker.id != grant.subject:
        raise RequestError(Reason.TOKEN_SCOPE, "The lease belongs to another worker.")
    return attempt


def open_attempt_of(orchestrator: Orchestrator, grant: Grant, lease_token: bytes) -> Attempt:
    """Finds the attempt of a lease that is not over. As `attempt_of`.

    Raises:
        RequestError: LEASE_LOST or LEASE_CLOSED, too.
    """
    attempt = attempt_of(orchestrator, grant, lease_token)
    check_open(attempt)
    return attempt


def check_open(attempt: Attempt) -> None:
    """Refuses an attempt that is over.

    Raises:
        RequestError: LEASE_CLOSED, it was reported; LEASE_LOST, it was given up.
    """
    if attempt.is_open:
        return
    name = f"Attempt {attempt.number} of task {attempt.task.step.name}/{attempt.task.id}"
    if attempt.completion_id:
        raise RequestError(Reason.LEASE_CLOSED, f"{name} was reported already.")
    raise RequestError(Reason.LEASE_LOST, f"{name} was given up. Its results are not wanted.")
