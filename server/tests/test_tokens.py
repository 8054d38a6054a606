from __future__ import annotations

import pytest
from instep_server.errors import Reason, RequestError
from instep_server.tokens import TOKEN_BYTES, TokenKind, Tokens


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> Tokens:
    return Tokens(clock)


def refused(tokens: Tokens, token: bytes, kind: TokenKind) -> Reason:
    with pytest.raises(RequestError) as caught:
        tokens.check(token, kind)
    assert token.hex() not in str(caught.value)
    return caught.value.reason


def test_token_is_good_for_its_kind_and_subject(tokens: Tokens) -> None:
    token = tokens.issue(TokenKind.SESSION, "w1")
    grant = tokens.check(token, TokenKind.SESSION, TokenKind.CLIENT)
    assert (grant.kind, grant.subject) == (TokenKind.SESSION, "w1")
    assert refused(tokens, token, TokenKind.BOOTSTRAP) is Reason.TOKEN_SCOPE


def test_same_subject_gets_the_same_token_and_others_do_not(tokens: Tokens) -> None:
    token = tokens.issue(TokenKind.LEASE, "l1")
    assert tokens.issue(TokenKind.LEASE, "l1") == token
    assert tokens.issue(TokenKind.LEASE, "l2") != token
    assert tokens.issue(TokenKind.SESSION, "l1") != token
    assert Tokens(Clock()).issue(TokenKind.LEASE, "l1") != token


def test_token_ends_with_its_time(tokens: Tokens, clock: Clock) -> None:
    token = tokens.issue(TokenKind.BOOTSTRAP, "w1", seconds=10)
    clock.now = 10
    tokens.check(token, TokenKind.BOOTSTRAP)
    clock.now = 10.1
    assert refused(tokens, token, TokenKind.BOOTSTRAP) is Reason.TOKEN_EXPIRED


def test_revoked_unknown_and_malformed_tokens_are_refused(tokens: Tokens) -> None:
    token = tokens.issue(TokenKind.SESSION, "w1")
    tokens.revoke(TokenKind.SESSION, "w1")
    assert refused(tokens, token, TokenKind.SESSION) is Reason.TOKEN_UNKNOWN
    assert refused(tokens, bytes(TOKEN_BYTES), TokenKind.SESSION) is Reason.TOKEN_UNKNOWN
    assert refused(tokens, b"short", TokenKind.SESSION) is Reason.TOKEN_MALFORMED


def test_only_hashes_are_kept(tokens: Tokens) -> None:
    token = tokens.issue(TokenKind.CLIENT)
    assert token not in tokens._grants
