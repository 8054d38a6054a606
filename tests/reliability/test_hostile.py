"""A share of the campaign of hostile messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from reliability.hostile import METHODS, Siege


@pytest.mark.parametrize("seed", range(3))
def test_hostile_messages_neither_crash_nor_stall_the_server(tmp_path: Path, seed: int) -> None:
    """Each call of each service gets some; the siege itself checks what must not change."""
    answers = Siege(tmp_path / ".instep", seed).run(500, monsters=seed == 0)
    wrong = [
        f"{one.attack.method.name} ({one.attack.kind}): {one.outcome}" for one in answers if not one.is_right
    ]
    assert not wrong
    assert {one.attack.method.name for one in answers} == {method.name for method in METHODS}
