"""Fingerprints of files: how set-up knows that nothing changed since last time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def fingerprint(files: Iterable[Path], *facts: str) -> str:
    """Digests the names and contents of files, and further facts, into one text.

    Args:
        files: The files; their order does not matter.
        facts: Other things that the result depends on, such as versions.
    """
    digest = hashlib.sha256()
    for fact in facts:
        digest.update(fact.encode() + b"\0")
    for path in sorted(files):
        content = path.read_bytes()
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
