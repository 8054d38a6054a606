"""The reports of campaigns, in JSON, and docs/fuzzing.md, which is written from them."""

from __future__ import annotations

import json
import platform
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from values.fuzz.campaign import Finding, Result
from values.fuzz.seeds import load

HERE = Path(__file__).parent
REPORT = HERE / "report.json"
PAGE = HERE.parents[2] / "docs" / "fuzzing.md"

_NAMES = {"python": "Python", "r": "R"}


def describe(result: Result, *, is_sanitized: bool) -> dict[str, Any]:
    """Gives all that there is to know of a campaign."""
    return {
        "commit": _said("git", "rev-parse", "--short=12", "HEAD"),
        "python": platform.python_version(),
        "r": _said("Rscript", "-e", "cat(as.character(getRversion()))"),
        "sanitizers": ["address", "undefined"] if is_sanitized else [],
        "campaign": result.campaign,
        "seeds": len(load()),
        "inputs": result.inputs,
        "seconds": round(result.seconds),
        "outcomes": {name: dict(found.most_common()) for name, found in result.outcomes.items()},
        "slowest_milliseconds": result.slowest,
        "changes": dict(result.changes.most_common()),
        "differences": dict(result.differences.most_common()),
        "findings": [_finding(finding) for finding in result.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {"input": finding.number, "seed": finding.seed, "signature": finding.signature}


def _said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE).stdout.strip()


def replayed(report: dict[str, Any], result: Result) -> dict[str, Any]:
    """Adds to a report what became of its findings since."""
    left = {finding.number for finding in result.findings}
    findings = [{**finding, "mended": finding["input"] not in left} for finding in report["findings"]]
    return {**report, "findings": findings}


def read() -> list[dict[str, Any]]:
    """Reads the reports that are kept, one for each campaign."""
    found: list[dict[str, Any]] = json.loads(REPORT.read_text())
    return found


def keep(report: dict[str, Any]) -> None:
    """Keeps the report of a campaign in the place of an earlier one of its number."""
    write(sorted([*(one for one in read() if one["campaign"] != report["campaign"]), report], key=_number))


def _number(report: dict[str, Any]) -> int:
    number: int = report["campaign"]
    return number


def write(reports: list[dict[str, Any]]) -> None:
    """Keeps reports, and writes the page from them."""
    REPORT.write_text(json.dumps(reports, indent=1) + "\n")
    PAGE.write_text(page(reports))


def page(reports: list[dict[str, Any]]) -> str:
    """Writes docs/fuzzing.md."""
    inputs = sum(report["inputs"] for report in reports)
    outcomes = {name: _sum(reports, "outcomes", name) for name in _NAMES}
    slowest = {name: max(report["slowest_milliseconds"][name] for report in reports) for name in _NAMES}
    lines = [
        _HEAD,
        "## What was run",
        "",
        f"{inputs:,} inputs, each decoded in both languages:",
        "",
        "| campaign | inputs | sound values | at commit | Python | R | sanitizers of R's decoder | minutes | findings |",
        "|---:|---:|---:|---|---|---|---|---:|---|",
        *(_campaign(report) for report in reports),
        "",
        "| outcome | " + " | ".join(_NAMES.values()) + " |",
        "|---" * (len(_NAMES) + 1) + "|",
        *_outcomes(outcomes),
        "",
        _times(slowest),
        "",
        "What the inputs suffered, some of them several changes:",
        "",
        "| change | inputs |",
        "|---|---:|",
        *(f"| {_CHANGES[name]} | {count:,} |" for name, count in _sum(reports, "changes").items()),
        "",
        "Where only one language read a value, and why it may:",
        "",
        "| reason | inputs |",
        "|---|---:|",
        *(f"| {reason} | {count:,} |" for reason, count in _sum(reports, "differences").items()),
        "",
        *_findings([finding for report in reports for finding in report["findings"]]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _campaign(report: dict[str, Any]) -> str:
    found = report["findings"]
    left = sum(not finding.get("mended") for finding in found)
    facts = (
        report["campaign"],
        f"{report['inputs']:,}",
        report["seeds"],
        f"`{report['commit']}`",
        report["python"],
        report["r"],
        ", ".join(report["sanitizers"]) or "none",
        round(report["seconds"] / 60),
        f"{len(found)}, {f'{left} of them open' if left else 'mended since'}" if found else "none",
    )
    return "| " + " | ".join(map(str, facts)) + " |"


def _sum(reports: list[dict[str, Any]], *path: str) -> Counter[str]:
    """Adds up what reports count under a name, most frequent first."""
    total: Counter[str] = Counter()
    for report in reports:
        counts = report
        for name in path:
            counts = counts[name]
        total.update(counts)
    return Counter(dict(total.most_common()))


def _outcomes(outcomes: dict[str, Counter[str]]) -> list[str]:
    names = sorted(
        {name for found in outcomes.values() for name in found}, key=lambda name: (name != "read", name)
    )
    return [
        f"| {_outcome(name)} | " + " | ".join(f"{found.get(name, 0):,}" for found in outcomes.values()) + " |"
        for name in names
    ]


def _outcome(name: str) -> str:
    kind, _, code = name.partition(" ")
    return f"refused: `{code}`" if kind == "refused" else kind


def _times(slowest: dict[str, float]) -> str:
    times = " and ".join(f"{time / 1000:.1f} s in {_NAMES[name]}" for name, time in slowest.items())
    return f"The slowest input took {times}, storing and reading again what was read included."


def _findings(findings: list[dict[str, Any]]) -> list[str]:
    if not findings:
        return []
    counts = Counter((each["signature"], each.get("mended", False)) for each in findings)
    return [
        "## Findings",
        "",
        "| inputs | finding | now |",
        "|---:|---|---|",
        *(
            f"| {count} | {_cell(text)} | {'mended' if is_mended else 'open'} |"
            for (text, is_mended), count in counts.items()
        ),
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


_CHANGES = {
    "field": "a field of a node or part: other numbers up to 2^63, other names, left out, doubled, swapped",
    "link": "a link to another node or part: itself, one before it, one that is not there",
    "lie": "a column whose length, count of nulls, bitmap, offsets or data are not what they say",
    "metadata": "words of an Arrow message's metadata",
    "words": "bits, bytes and words of a part; cut off, doubled, inserted, deleted",
    "schema": "types of a part's schema, nested up to 200 deep",
    "batches": "messages of a part: doubled, left out, in another order, without an end",
    "splice": "a part, or its end, of another value",
    "graft": "a node of another value",
    "deepen": "lists around the value, up to 2,000 levels, each naming the next one once or twice",
    "bytes": "bits, bytes and words of the whole manifest",
    "blobs": "parts moved to blobs, with their true digests",
    "shared": "the value embedded in another one by its digest, up to 70 times",
    "tampered": "bytes of a blob, whose digest stays: must be refused as `BLOB_CORRUPT`",
    "missing": "a blob that is not there: must be refused as `BLOB_MISSING`",
}

_HEAD = """# Hostile values

<!-- Written by tests/values/fuzz/report.py, run by `make fuzz`, from what it found. Do not edit. -->

A stored value may come from anybody: truncated, tampered with, or made to do harm. Both decoders are fuzzed. Inputs are
made of sound values of both languages by changes that know the format, so that many get past the first checks. Each input
is given to both languages. Right is:

- A value is read. Then it can be stored and read again, and what is stored the second time is the same bytes. In Python its
  numbers and texts are those that pyarrow reads.
- Or it is refused, by the error that values raise which can't be read: `ValueDecodeError` in Python,
  `instep_error_value_decode` in R.
- If a blob is not what its digest says, the error is `BLOB_CORRUPT`, whatever else could be said.
- No crash, no report of a sanitizer, at most 20 seconds, at most 1 GiB of memory.
- Both languages read it, or both refuse it, unless a rule of `tests/values/fuzz/agreement.py` says why one of them may.

All else is a finding, which is mended and kept as a test. Opaque values are not opened: that runs code, which is why they
are opened only from a store that the user trusts (see [values.md](values.md)).

## How to run it

```sh
make fuzz SEED=7                                       # a million inputs; adds a campaign to this page
cd tests && ../.venv/bin/python -m values.fuzz --inputs 10000 --seed 7
cd tests && ../.venv/bin/python -m values.fuzz --seed 7 --case 1234    # shows one input, and what becomes of it
```

At one commit, the number of a campaign and that of an input make the same input again. `make fuzz` compiles the R package
with `-fsanitize=address,undefined` for it. The tests run a few thousand inputs in both languages each time.
"""
