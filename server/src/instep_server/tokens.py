"""Tokens: who may call what.

A token is derived from a secret of this process and its subject, so that the same question gets the same token,
and only its hash is kept. It is good for one kind of call and one subject, and for a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from blake3 import blake3

from instep_server.errors import Reason, RequestError

TOKEN_BYTES = 32


class TokenKind(Enum):
    """What a token is good for."""

    CLIENT = "client"
    """Calls of clients."""
    BOOTSTRAP = "bootstrap"
    """RegisterWorker, for one worker id."""
    SESSION = "session"
    """All calls of a registered worker."""
    LEASE = "lease"
    """Calls about one attempt, beside the session."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows."""

    kind: TokenKind
    """What it is good for."""
    subject: str
    """Id of the worker or the lease. Empty for clients."""
    expires: float
    """When it ends, on the monotonic clock."""


class Tokens:
    """The tokens of this server.

    Args:
        monotonic: The monotonic clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._secret = os.urandom(TOKEN_BYTES)
        self._grants: dict[bytes, Grant] = {}

    def issue(self, kind: TokenKind, subject: str = "", *, seconds: float = float("inf")) -> bytes:
        """Makes a token. The same kind and subject give the same token, with a new time.

        Args:
            kind: What it is good for.
            subject: Id of the worker or the lease.
            seconds: How long it is good.

        Returns:
            The token. It must not be logged.
        """
        token = blake3(f"{kind.value}:{subject}".encode(), key=self._secret).digest()
        self._grants[_hash(token)] = Grant(kind, subject, self._monotonic() + seconds)
        return token

    def revoke(self, kind: TokenKind, subject: str) -> None:
        """Ends a token.

        Args:
            kind: What it is good for.
            subject: Id of the worker or the lease.
        """
        token = blake3(f"{kind.value}:{subject}".encode(), key=self._secret).digest()
        self._grants.pop(_hash(token), None)

    def check(self, token: bytes, *kinds: TokenKind) -> Grant:
        """Looks a token up.

        Args:
            token: The token.
            kinds: What it has to be good for, one of these.

        Returns:
            What it allows.

        Raises:
            RequestError: It is malformed, unknown, has expired, or is for something else.
        """
        if len(token) != TOKEN_BYTES:
            raise RequestError(
                Reason.TOKEN_MALFORMED, f"A token has {TOKEN_BYTES} bytes, and this one has {len(token)}."
            )
        grant = self._grants.get(_hash(token))
        if grant is None:
            raise RequestError(Reason.TOKEN_UNKNOWN, "The token is not known to this server.")
        if grant.expires < self._monotonic():
            raise RequestError(Reason.TOKEN_EXPIRED, f"The {grant.kind.value} token has expired.")
        if grant.kind not in kinds:
            wanted = " or ".join(kind.value for kind in kinds)
            raise RequestError(
                Reason.TOKEN_SCOPE, f"This call takes a {wanted} token, not a {grant.kind.value} token."
            )
        return grant


def _hash(token: bytes) -> bytes:
    return blake3(token).digest()
