"""Fixtures of the whole-system tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project, wait_until


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A user's empty folder. Fails when the test leaves a process behind."""
    mine = Project(tmp_path)
    yield mine
    try:
        wait_until(lambda: not mine.left_behind(), seconds=5)
    except TimeoutError:
        pytest.fail("Processes were left behind:\n" + "\n".join(mine.left_behind()))
