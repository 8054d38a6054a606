"""The report of a campaign, in JSON, and docs/fuzzing.md, which is written from it."""

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


def read() -> dict[str, Any]:
    """Reads the report that is kept."""
    found: dict[str, Any] = json.loads(REPORT.read_text())
    return found


def write(report: dict[str, Any]) -> None:
    """Keeps a report, and writes the page from it."""
    REPORT.write_text(json.dumps(report, indent=1) + "\n")
    PAGE.write_text(page(report))


def page(report: dict[str, Any]) -> str:
    """Writes docs/fuzzing.md."""
    inputs, minutes = report["inputs"], round(report["seconds"] / 60)
    sanitizers = " and ".join(report["sanitizers"])
    built = f", built with gcc's sanitizers for {sanitizers} behavior" if sanitizers else ""
    found = report["findings"]
    left = [finding for finding in found if not finding.get("mended")]
    mended = (
        f"{len(found)}, which are mended since"
        if found and not left
        else f"{len(found)}, {len(left)} of them open"
    )
    lines = [
        _HEAD,
        "## What was run",
        "",
        f"{inputs:,} inputs of campaign {report['campaign']}, made of {report['seeds']} sound values, at commit "
        f"`{report['commit']}`. Each was decoded by Python {report['python']}, and by R {report['r']} with the package's "
        f"C++ decoder{built}. It took {minutes} minutes on one core. Findings: {mended if found else 'none'}.",
        "",
        "| outcome | " + " | ".join(_NAMES[name] for name in report["outcomes"]) + " |",
        "|---" * (len(report["outcomes"]) + 1) + "|",
        *_outcomes(report["outcomes"]),
        "",
        _times(report["slowest_milliseconds"]),
        "",
        "What the inputs suffered, some of them several changes:",
        "",
        "| change | inputs |",
        "|---|---:|",
        *(f"| {_CHANGES[name]} | {count:,} |" for name, count in report["changes"].items()),
        "",
        "Where only one language read a value, and why it may:",
        "",
        "| reason | inputs |",
        "|---|---:|",
        *(f"| {reason} | {count:,} |" for reason, count in report["differences"].items()),
        "",
        *_findings(report["findings"]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _outcomes(outcomes: dict[str, dict[str, int]]) -> list[str]:
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
make fuzz                                              # a million inputs; writes this page
cd tests && ../.venv/bin/python -m values.fuzz --inputs 10000 --seed 7
cd tests && ../.venv/bin/python -m values.fuzz --seed 7 --case 1234    # shows one input, and what becomes of it
```

At one commit, the number of a campaign and that of an input make the same input again. `make fuzz` compiles the R package
with `-fsanitize=address,undefined` for it. The tests run a few thousand inputs in both languages each time.
"""
