"""Fixtures of the tests of stored values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from instep.values import Encoded, decode, encode

RoundTrip = Callable[..., Any]


def fetch_from(encoded: Encoded) -> Callable[[str, int], bytearray]:
    """Gives blobs from memory, as a store would: writable, and each time anew."""
    blobs = {blob.hash: b"".join(bytes(piece) for piece in blob.buffers) for blob in encoded.blobs}
    return lambda digest, size: bytearray(blobs[digest])


@pytest.fixture
def round_trip() -> RoundTrip:
    """Stores a value and reads it again."""

    def run(value: object, **options: Any) -> Any:
        encoded = encode(value, **options)
        return decode(encoded.manifest, fetch_from(encoded))

    return run


@pytest.fixture
def fetch() -> Callable[[Encoded], Callable[[str, int], bytearray]]:
    """Makes the function that gives the blobs of an encoded value."""
    return fetch_from
