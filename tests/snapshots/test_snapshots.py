"""Every text that a person meets at a terminal is as it was when somebody last read it.

After a change that is meant, `python -m tests.snapshots` writes them anew; `git diff` shows what has changed.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from project import Project
from snapshots.transcript import TEXTS, Transcript, played


@pytest.mark.parametrize(
    "path", sorted(TEXTS.rglob("*.txt")), ids=lambda path: str(path.relative_to(TEXTS).with_suffix(""))
)
def test_texts_are_as_they_were(project: Project, path: Path) -> None:
    before = path.read_text(encoding="utf-8")
    assert played(Transcript.parse(before), project) == before
