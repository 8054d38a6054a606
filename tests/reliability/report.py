"""What was injected and what happened, and docs/reliability.md, which tells it.

A campaign gathers a `Tally` and keeps it with `keep()`. One file per chapter in directory `reports` is its memory; a
new campaign of a chapter takes the place of the one before. The page is written from all of them:

    python -m reliability.report          in directory tests: writes docs/reliability.md anew
"""

from __future__ import annotations

import json
import platform
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parent.parent
REPORTS = _HERE / "reports"
"""One file of JSON per chapter."""
PAGE = _ROOT / "docs" / "reliability.md"
"""The page that is written from them."""

_FOREWORD = """# Reliability

<!-- Written by tests/reliability/report.py from tests/reliability/reports. Do not edit. -->

Two promises: no fault loses what was stored, and none corrupts it. Faults are injected on purpose, into real runs with real
processes of both languages; this page says which, how many times, and what happened. The numbers come from reports that the
campaigns write. The tests inject a few of each kind every time they run.

```sh
make reliability                  # all campaigns, for hours; writes this page
make reliability CHAPTER=kill     # one of them
```
"""


class Tally:
    """Counts injections of one chapter.

    Args:
        chapter: File name of the chapter's report, such as `kill`.
        title: Its heading on the page.
        text: What is injected, how, and what counts as right; Markdown.
        command: The command that runs the campaign again, in directory `tests`.

    Example:
        >>> tally = Tally("kill", "Processes killed", "At random moments ...", "python -m reliability.kill")
        >>> tally.add("kill -9 of a worker", "R", "tried again; same artifacts")
        >>> tally.as_json()["faults"]
        [['kill -9 of a worker', 'R', 'tried again; same artifacts', 1]]
    """

    def __init__(self, chapter: str, title: str, text: str, command: str) -> None:
        self.chapter = chapter
        self._head = {"title": title, "text": text, "command": command}
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._findings: list[str] = []
        self._start = time.monotonic()

    def add(self, fault: str, language: str, outcome: str, times: int = 1) -> None:
        """Counts an injection whose outcome is right.

        Args:
            fault: What was injected and where, such as `kill -9 of a worker`.
            language: `Python`, `R`, `both`, or the language of what was hit.
            outcome: What happened, one of a few sentences, such as `tried again; same artifacts`.
            times: How many times.
        """
        self._counts[fault, language, outcome] += times

    def find(self, finding: str) -> None:
        """Notes an outcome that is wrong: one line that lets somebody see it again."""
        self._findings.append(finding)

    @property
    def findings(self) -> tuple[str, ...]:
        """What was wrong."""
        return tuple(self._findings)

    def as_json(self) -> dict[str, Any]:
        """The report, as it is kept."""
        return {
            **self._head,
            "commit": _commit(),
            "python": platform.python_version(),
            "minutes": round((time.monotonic() - self._start) / 60, 1),
            "faults": [[*what, count] for what, count in sorted(self._counts.items())],
            "findings": self._findings,
        }


def keep(tally: Tally) -> None:
    """Keeps the report of a campaign in place of the chapter's last one, and writes the page."""
    REPORTS.mkdir(exist_ok=True)
    text = json.dumps(tally.as_json(), indent=1, ensure_ascii=False) + "\n"
    (REPORTS / f"{tally.chapter}.json").write_text(text, encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Writes the page from the reports that are kept."""
    chapters = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(REPORTS.glob("*.json"))]
    total = sum(fault[3] for chapter in chapters for fault in chapter["faults"])
    wrong = sum(len(chapter["findings"]) for chapter in chapters)
    summary = f"{total:,} faults were injected; {wrong:,} outcomes were wrong.\n"
    return "\n".join([_FOREWORD, summary, *(_section(chapter) for chapter in chapters)])


def _section(chapter: dict[str, Any]) -> str:
    lines = [f"## {chapter['title']}", "", chapter["text"], ""]
    lines += ["| fault | language | injected | what happened |", "|---|---|---:|---|"]
    lines += [
        f"| {what} | {language} | {n:,} | {outcome} |" for what, language, outcome, n in chapter["faults"]
    ]
    lines += [
        "",
        f"`{chapter['command']}`, {chapter['minutes']} minutes at commit `{chapter['commit']}`.",
        "",
    ]
    if chapter["findings"]:
        lines += ["What was wrong:", "", *(f"- {finding}" for finding in chapter["findings"]), ""]
    return "\n".join(lines)


def _commit() -> str:
    asked = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    return asked.stdout.strip()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
