"""The interpreters that this SDK starts: Python and R with our packages."""

from __future__ import annotations

import os
import sys

PROMPTS = {"python": "Python", "r": "R"}
"""Names of the languages of which `debug` opens a prompt."""

R_OPTIONS = ("--no-echo", "--no-save", "--no-restore", "-e")
"""What Rscript takes before an expression."""


def python() -> str:
    """Gives the Python that runs steps: as INSTEP_PYTHON says, else this one."""
    return os.environ.get("INSTEP_PYTHON") or sys.executable


def rscript() -> str:
    """Gives the Rscript that runs steps: as INSTEP_RSCRIPT says, else the first on the path."""
    return os.environ.get("INSTEP_RSCRIPT") or "Rscript"


def r() -> str:
    """Gives the R that belongs to `rscript`."""
    return os.path.join(os.path.dirname(rscript()), "R")


def advice(language: str) -> str:
    """Says what to do about an interpreter that does not start.

    Args:
        language: Language of the step.
    """
    if language == "r":
        return "It needs R with the package instep; INSTEP_RSCRIPT names the Rscript."
    if language != "python":
        return "The program must be executable, and the interpreter that its first line names installed."
    return "It needs Python with the package instep; INSTEP_PYTHON names the Python."
