"""What set-up says, and how it runs other programs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = ROOT / ".cache" / "setup"
LOG = CACHE / "log"
TAIL_LINES = 15


class SetupError(Exception):
    """Set-up cannot go on; the message says what the user can do about it."""


def say(text: str) -> None:
    """Tells the user in one line what happens next."""
    print(f"set-up: {text}", flush=True)


def run(
    command: Sequence[str | Path], *, doing: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> None:
    """Runs a program with its output in the log.

    Args:
        command: The program and its arguments.
        doing: What this does, for the message on failure.
        env: Variables to set on top of this process's own.
        cwd: The directory to run in.

    Raises:
        SetupError: The program failed; the message ends with the last lines of its output.
    """
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("ab+") as log:
        log.write(f"\n$ {' '.join(map(str, command))}\n".encode())
        log.flush()
        start = log.tell()
        status = subprocess.call(
            list(map(str, command)), stdout=log, stderr=log, cwd=cwd, env={**os.environ, **(env or {})}
        )
        if status == 0:
            return
        log.seek(start)
        tail = log.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
    shown = "".join(f"\n    {line}" for line in tail)
    raise SetupError(
        f"{doing} failed (exit status {status}; all of it is in {LOG.relative_to(ROOT)}):{shown}"
    )


def succeeds(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> bool:
    """Tells whether a program can be started and ends with status 0. Its output goes nowhere."""
    try:
        return (
            subprocess.call(
                list(map(str, command)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **(env or {})},
            )
            == 0
        )
    except OSError:
        return False


def output_of(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> str:
    """Returns what a program prints, or the empty string when it fails or is not there."""
    try:
        done = subprocess.run(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **(env or {})},
        )
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
