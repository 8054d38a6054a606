"""Content addresses, and the blobs that have them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from blake3 import blake3

from instep.values._stream import Bytes, size_of

Fetch = Callable[[str, int], Bytes]
"""Gives the bytes of a blob by its hash and size."""

_THREADED: Final = 1 << 20
"""Size from which hashing with several threads is worth starting them."""

_THREADS: Final = min(8, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """The content address of a blob."""

    hash: str
    """`b3:` and the 64 hex digits of the BLAKE3-256 hash of the bytes."""
    size: int
    """Number of bytes."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes to be stored, in pieces that are not copied."""

    hash: str
    """`b3:` and the 64 hex digits of the BLAKE3-256 hash of the bytes."""
    size: int
    """Number of bytes."""
    buffers: tuple[Bytes, ...] = ()
    """The bytes. Empty when the blob is in the store already, as `is_stored` says."""
    is_stored: bool = False
    """True for a blob that came from the store, with a value that is stored again unchanged."""
    fetch: Fetch | None = field(default=None, compare=False)
    """Gives the bytes of such a blob, for another store that does not have it. None: nobody can."""

    @classmethod
    def of(cls, *buffers: Bytes) -> Blob:
        """Makes a blob of `buffers`. They MUST NOT change until it is stored."""
        return cls(hash_of(buffers), sum(map(size_of, buffers)), buffers)

    @property
    def digest(self) -> Digest:
        """The blob's address."""
        return Digest(self.hash, self.size)

    def write(self, file: int) -> None:
        """Writes all bytes to an open file.

        Args:
            file: Its descriptor.
        """
        for buffer in self.buffers:
            rest = memoryview(buffer).cast("B")
            while rest:
                rest = rest[os.write(file, rest) :]


def hash_of(buffers: Iterable[Bytes]) -> str:
    """Hashes the bytes of `buffers`, one after the other; large ones with several threads."""
    pieces = list(buffers)
    # An own pool of threads for each hash: the shared pool would be dead in a process that was forked later.
    threads = _THREADS if sum(map(size_of, pieces)) >= _THREADED else 1
    hasher = blake3(max_threads=threads)
    for piece in pieces:
        hasher.update(memoryview(piece).cast("B"))
    return "b3:" + hasher.hexdigest()
