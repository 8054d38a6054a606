"""Runs transcripts and writes them as they are now: `python -m tests.snapshots [WORD...]`.

A word chooses those in whose names it is. `git diff` shows what has changed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as in pyproject.toml, for pytest

from project import Project
from snapshots.transcript import TEXTS, Transcript, played


def write(path: Path) -> None:
    """Runs a transcript, and writes it as it is now."""
    with tempfile.TemporaryDirectory() as folder:
        before = path.read_text(encoding="utf-8")
        after = played(Transcript.parse(before), Project(Path(folder)))
    if after != before:
        path.write_text(after, encoding="utf-8")
        print(f"Wrote {path.relative_to(TEXTS)}.", flush=True)


if __name__ == "__main__":
    words = sys.argv[1:]
    chosen = [
        path for path in sorted(TEXTS.rglob("*.txt")) if not words or any(w in str(path) for w in words)
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write, chosen))
