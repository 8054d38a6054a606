"""Cases, and how they go to the processes that decode them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_LENGTH = struct.Struct("<i")


@dataclass(frozen=True)
class Case:
    """What a decoder gets."""

    seed: str
    """Name of the seed."""
    changes: tuple[str, ...]
    """What was done to it, in order."""
    manifest: bytes
    blobs: dict[str, bytes]
    """What can be fetched, by hash."""
    must: str = ""
    """Code of the error that both languages must raise. Empty: any, or none."""


def pack(cases: Sequence[Case]) -> bytes:
    """Writes cases one after the other: the number of byte strings, and each with its length in front.

    The strings are the manifest, and hash and bytes of each blob. All lengths have 32 bits, little-endian.
    """
    out = bytearray()
    for case in cases:
        strings = [case.manifest]
        for digest, data in case.blobs.items():
            strings += [digest.encode(), data]
        out += _LENGTH.pack(len(strings))
        for string in strings:
            out += _LENGTH.pack(len(string)) + string
    return bytes(out)


def unpack(data: bytes) -> Iterator[tuple[bytes, dict[str, bytes]]]:
    """Reads what `pack` wrote: manifests and blobs."""
    at = 0

    def length() -> int:
        nonlocal at
        at += 4
        return int(_LENGTH.unpack_from(data, at - 4)[0])

    def string() -> bytes:
        nonlocal at
        size = length()
        at += size
        return data[at - size : at]

    while at < len(data):
        manifest, *rest = [string() for _ in range(length())]
        yield manifest, {digest.decode(): blob for digest, blob in zip(rest[::2], rest[1::2], strict=True)}
