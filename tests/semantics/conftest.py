"""Fixtures of the tests of statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bilingual import plain
from instep import Run, default_namespace, namespace
from project import Project


@pytest.fixture
def run(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Run]]:
    """Gives a run of the flow `Sample` of the project by its id."""
    monkeypatch.setenv("INSTEP_HOME", str(project.folder / ".instep"))
    namespace(None)
    yield lambda run_id: Run(f"Sample/{run_id}")
    default_namespace()


@pytest.fixture
def data(run: Callable[[str], Run]) -> Callable[..., Any]:
    """Reads artifacts of the newest task of a step, as plain values."""

    def read(step: str, *names: str, run_id: str = "1") -> Any:
        found = run(run_id)[step].task.data
        values = [plain(getattr(found, name)) for name in names]
        return values[0] if len(values) == 1 else values

    return read
