"""Tokens, which nobody may see but the orchestrator."""

from __future__ import annotations

import base64
from pathlib import Path

from instep_conformance.kit import Kit
from instep_conformance.scenario import scenario


@scenario("secrets")
def secrets_are_not_in_the_process(kit: Kit) -> None:
    """While user code runs, no token stands in the arguments or in the environment of the process, or in its logs."""
    kit.wait_task()
    kit.start()
    kit.wait_until_running()
    assert kit.process is not None
    proc = Path(f"/proc/{kit.process.pid}")
    _expect_no_secret(kit, (proc / "cmdline").read_bytes(), "the arguments")
    _expect_no_secret(kit, (proc / "environ").read_bytes(), "the environment")
    kit.let_go()
    kit.run()
    for stream in ("stdout", "stderr"):
        _expect_no_secret(kit, kit.process.bytes(stream), stream)


@scenario("secrets")
def secrets_are_not_seen_by_user_code(kit: Kit) -> None:
    """User code finds no token in its environment, and no name of a pipe."""
    kit.task("environment")
    seen = str(kit.outputs(kit.run())["seen"])
    kit.expect("PATH=" in seen, f"user code sees its environment: {seen[:200]}")
    _expect_no_secret(kit, seen.encode(), "what user code sees")
    kit.expect("INSTEP_BOOTSTRAP_FD" not in seen, "the pipe's name is gone")


@scenario("secrets")
def secrets_are_not_in_errors(kit: Kit) -> None:
    """A worker whose token is refused says so without it."""
    kit.orchestrator.bootstrap_token, shown = b"x" * 32, kit.orchestrator.bootstrap_token
    kit.task("nothing")
    kit.start(token=shown)
    kit.finish()
    kit.orchestrator.transcript.forgive()
    kit.orchestrator.bootstrap_token = shown
    assert kit.process is not None
    _expect_no_secret(kit, kit.process.bytes("stderr"), "stderr")


def _expect_no_secret(kit: Kit, data: bytes, where: str) -> None:
    orchestrator = kit.orchestrator
    tokens = [orchestrator.bootstrap_token, orchestrator.session_token]
    tokens += [attempt.task.lease.lease_token for attempt in orchestrator.attempts]
    for token in tokens:
        forms = (
            token,
            token.hex().encode(),
            token.hex().upper().encode(),
            base64.b64encode(token).rstrip(b"="),
        )
        kit.expect(not any(form in data for form in forms), f"no token stands in {where}")
