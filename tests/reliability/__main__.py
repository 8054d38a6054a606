"""Runs campaigns and writes docs/reliability.md. See `make reliability`.

python -m reliability [CHAPTER ...] [--scale 0.1]          in directory tests
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

from reliability import report

sys.path.append(
    str(Path(__file__).resolve().parents[2] / "server" / "tests")
)  # as in pyproject.toml, for pytest

CHAPTERS: tuple[str, ...] = (
    "crowd",
    "damage",
    "hostile",
    "kill",
    "messages",
    "pause",
    "scarce",
)
"""Modules with a function `campaign(scale)`: it injects faults, more of them with a larger scale, and tells a tally."""


def main() -> int:
    """Does what the command line says. Status 1: an outcome was wrong."""
    parser = argparse.ArgumentParser(prog="python -m reliability", description=__doc__)
    parser.add_argument(
        "chapters", nargs="*", metavar="CHAPTER", help=f"of {', '.join(CHAPTERS)} (default: all)"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="how many faults, 1 being all (default: 1)")
    parser.add_argument("--only-print", action="store_true", help="keep no report")
    options = parser.parse_args()
    if unknown := set(options.chapters) - set(CHAPTERS):
        parser.error(f"There is no chapter {', '.join(sorted(unknown))}.")
    wrong = 0
    for chapter in options.chapters or CHAPTERS:
        campaign: Callable[[float], report.Tally] = importlib.import_module(f"reliability.{chapter}").campaign
        tally = campaign(options.scale)
        for what, language, outcome, count in tally.as_json()["faults"]:
            print(f"{count:7,} {what} ({language}): {outcome}")
        for finding in tally.findings:
            print(f"WRONG {finding}")
        wrong += len(tally.findings)
        if not options.only_print:
            report.keep(tally)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
