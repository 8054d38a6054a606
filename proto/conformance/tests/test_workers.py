"""The workers of both languages keep to the protocol.

I3: a repeated report has one effect. I7: a cancel is heeded. I10: no message is above its cap. I12: what a newer
orchestrator says breaks nothing. I13: secrets are not seen. I16: the bytes of logs are those that were written.
"""

from __future__ import annotations

import shutil

import pytest
from instep_conformance.__main__ import main
from workers import COMMANDS, FILES, VALUES, WORKERS

pytestmark = pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")


@pytest.mark.parametrize("language", COMMANDS)
def test_worker_passes_all_scenarios(language: str) -> None:
    known = WORKERS / language / "known-failing.txt"
    options = ["--jobs", "2", "--known-failing", str(known), "--file", str(FILES[language])]
    assert main(["worker", *options, "--", *COMMANDS[language]]) == 0


@pytest.mark.parametrize(("language", "reader"), [("python", "r"), ("r", "python")])
def test_values_are_what_they_were(language: str, reader: str) -> None:
    """I17: each vector, read and stored again by one language, and then by the other one."""
    assert main(["value", "--reader", " ".join(VALUES[reader]), "--", *VALUES[language]]) == 0
