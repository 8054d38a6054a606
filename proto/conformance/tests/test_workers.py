"""The workers of both languages keep to the protocol.

I3: a repeated report has one effect. I7: a cancel is heeded. I10: no message is above its cap. I12: what a newer
orchestrator says breaks nothing. I13: secrets are not seen. I16: the bytes of logs are those that were written.
"""

from __future__ import annotations

import shutil

import pytest
from instep_conformance.__main__ import main
from workers import COMMANDS, FILES, KNOWN_FAILING, TYPESCRIPT, VALUES

pytestmark = pytest.mark.timeout(
    600
)  # a hundred processes, each of which may have to wait for a busy machine

need_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
need_build = pytest.mark.skipif(
    not (TYPESCRIPT / "steps.js").exists(),
    reason="examples/typescript is not built: scripts/typescript.sh builds it",
)


@need_r
@pytest.mark.parametrize("language", COMMANDS)
def test_worker_passes_all_scenarios(language: str) -> None:
    """I3, I7, I10, I12, I13, I16: the rules of the kit hold for every call of every scenario."""
    known = KNOWN_FAILING / f"{language}.txt"
    options = ["--jobs", "2", "--known-failing", str(known), "--file", str(FILES[language])]
    assert main(["worker", *options, "--", *COMMANDS[language]]) == 0


SHOWN = (
    "values-of-each-kind", "heartbeats-come-as-told", "lease-is-lost", "report-reply-is-lost", "cancel", "foreach-item",
    "failure-of-user-code", "log-is-sent-to-the-end", "blob-is-uploaded", "restart-while-running", "unknown-fields",
    "secrets-are-not-seen-by-user-code",
)  # fmt: skip
"""Scenarios that a third language shows each time. `make conformance` has it show all."""


@need_build
def test_worker_in_a_third_language_passes_some() -> None:
    chosen = [word for name in SHOWN for word in ("--scenario", name)]
    command = ["node", "--enable-source-maps", str(TYPESCRIPT / "steps.js")]
    file = str(TYPESCRIPT / "steps.ts")
    assert main(["worker", "--jobs", "2", *chosen, "--file", file, "--", *command]) == 0


@need_r
@pytest.mark.parametrize(("language", "reader"), [("python", "r"), ("r", "python")])
def test_values_are_what_they_were(language: str, reader: str) -> None:
    """I17: each vector, read and stored again by one language, and then by the other one."""
    assert main(["value", "--reader", " ".join(VALUES[reader]), "--", *VALUES[language]]) == 0
