"""The invariants of the step protocol, and the tests that hold them, as docs/invariants.md shows them.

A test holds an invariant when its docstring names it, such as `I4`. The page is written from the sources of the tests:

    python -m reliability.invariants          in directory tests: writes docs/invariants.md anew
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "invariants.md"
FOLDERS = ("tests", "server/tests", "python/tests", "proto/conformance/tests")

INVARIANTS = {
    "I1": "An attempt has at most one outcome, and a task at most one recorded success.",
    "I2": "The token of an attempt that has ended is refused by every call; only the same report again is answered.",
    "I3": "A report that comes several times under one id has one effect, and is a duplicate after the first.",
    "I4": "Any single request or answer that is lost, anywhere, changes no outcome.",
    "I5": "Heartbeats and pieces of logs that come twice or out of order change nothing.",
    "I6": "A worker that was stopped past its lease, and goes on, writes no state.",
    "I7": "A cancel is seen within a heartbeat, and the process is gone within the ladder of signals.",
    "I8": "No task that succeeded lacks a blob, also while garbage is collected.",
    "I9": "An orchestrator that is killed loses no report that it has accepted. Its workers end with it: `resume` goes on.",
    "I10": "No message is larger than its limit, whatever the size of artifacts, logs and errors.",
    "I11": "No byte of an artifact passes through the orchestrator when the worker shares the store.",
    "I12": "Fields, values and features that a worker does not know never make it crash.",
    "I13": "Secrets are in no log, error, argument or environment.",
    "I14": "Attempts that never began cost no retry, and a step that crashes again and again ends by its own limit.",
    "I15": "A clock that is set forward or back by an hour ends no lease.",
    "I16": "The bytes of a log are those that were written, less those that it says were dropped.",
    "I17": "Values come back from the other language as the rules say.",
    "I18": "The same value encoded twice has the same digest.",
    "I19": "A host has one thread and no gRPC when it forks.",
    "I20": "Any call without a token, or with that of another task, is refused.",
}
"""What must hold, by its number."""

_FOREWORD = """# Invariants of the step protocol

<!-- Written by tests/reliability/invariants.py from the docstrings of tests. Do not edit. -->

What holds for every run, whatever goes wrong, and the tests that fail when it does not. [reliability.md](reliability.md) tells
how often faults were injected, [conformance.md](conformance.md) what workers of each language showed.
"""


def holders() -> dict[str, list[str]]:
    """Finds the tests whose docstrings name an invariant, by its number."""
    found = defaultdict[str, list[str]](list)
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("test_*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    for number in re.findall(r"\bI\d+\b", ast.get_docstring(node) or ""):
                        found[number].append(f"{file.relative_to(ROOT).as_posix()}::{node.name}")
    return {number: sorted(set(tests)) for number, tests in found.items()}


def page() -> str:
    """Writes the page."""
    held = holders()
    parts = [_FOREWORD]
    for number, text in INVARIANTS.items():
        parts.append(f"**{number}** {text}\n\n" + "".join(f"- `{test}`\n" for test in held.get(number, ())))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
