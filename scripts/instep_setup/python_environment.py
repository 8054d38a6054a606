"""The Python environment `.venv`: the Python distributions, the messages and the tools."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from .fingerprint import fingerprint
from .terminal import ROOT, SetupError, run, say, succeeds

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".instep-setup"
CONSTRAINTS = ROOT / "constraints.txt"
REQUIREMENTS = ROOT / "scripts" / "requirements.txt"
DISTRIBUTIONS = ("proto/python", "proto/conformance", "server", "python[frames]")


def is_up_to_date() -> bool:
    """Tells whether `.venv` holds what the pins and the distributions ask for now."""
    return PYTHON.exists() and STAMP.exists() and STAMP.read_text() == _wanted()


def build() -> None:
    """Makes `.venv` if there is none, and installs into it what is missing.

    Raises:
        SetupError: Packages could not be installed.
    """
    if is_up_to_date():
        return
    uv = shutil.which("uv")
    if PYTHON.exists() and not _is_new_enough():
        raise SetupError(".venv has a Python older than 3.11. Remove .venv and call make again.")
    if not uv and not succeeds([PYTHON, "-m", "pip", "--version"]):
        shutil.rmtree(VENV, ignore_errors=True)  # none, half made, or made by a uv that is gone
    if not PYTHON.exists():
        version = ".".join(map(str, sys.version_info[:3]))
        say(f"making the Python environment .venv (Python {version}, {'uv' if uv else 'venv and pip'})")
        with_uv: list[str | Path] = [uv or "uv", "venv", "--clear", "--python", sys.executable, VENV]
        run(with_uv if uv else [sys.executable, "-m", "venv", VENV], doing="making .venv")
    say("installing Python packages into .venv")
    install: list[str | Path] = (
        [uv, "pip", "install", "--python", PYTHON]
        if uv
        else [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    )
    install += ["-c", CONSTRAINTS]
    run([*install, "-r", REQUIREMENTS], doing="installing Python packages")
    editable = [word for name in DISTRIBUTIONS for word in ("-e", f"./{name}")]
    # The build tool is in .venv by now, pinned as everything else.
    run([*install, "--no-build-isolation", *editable], doing="installing Instep's Python distributions")
    STAMP.write_text(_wanted())


def _wanted() -> str:
    projects = [ROOT / name.partition("[")[0] / "pyproject.toml" for name in DISTRIBUTIONS]
    return fingerprint([CONSTRAINTS, REQUIREMENTS, *projects], str(ROOT))


def _is_new_enough() -> bool:
    return succeeds([PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"])
