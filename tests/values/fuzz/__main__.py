"""Runs a campaign, or shows one of its cases. See docs/fuzzing.md.

python -m values.fuzz --inputs 1000000 --seed 1          in directory tests
python -m values.fuzz --seed 1 --case 12345
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from values.fuzz import report
from values.fuzz.campaign import Result, run
from values.fuzz.mutator import Mutator
from values.fuzz.seeds import load
from values.fuzz.workers import Worker

LANGUAGES = ("python", "r")


def _told(options: argparse.Namespace) -> Callable[[Result], None]:
    """Tells from time to time how far the campaign is, and keeps the report, so that it can be ended early."""

    def progress(result: Result) -> None:
        if result.inputs % 50_000 and result.inputs != options.inputs:
            return
        print(
            f"{result.inputs:,} inputs, {result.seconds:.0f} s, {len(result.findings)} findings", flush=True
        )
        if options.report:
            report.keep(report.describe(result, is_sanitized=options.sanitized is not None))

    return progress


def _replay(campaign: int, library: Path | None) -> int:
    """Tries again what a campaign's report says was found, and notes in it what is still so."""
    known = next(one for one in report.read() if one["campaign"] == campaign)
    numbers = [finding["input"] for finding in known["findings"]]
    result = run(numbers, campaign, list(known["outcomes"]), library)
    report.keep(report.replayed(known, result))
    for finding in result.findings:
        print(f"input {finding.number}: {finding.signature}")
    print(f"{len(numbers)} inputs that were findings, {len(result.findings)} findings now")
    return 1 if result.findings else 0


def _show(campaign: int, number: int, languages: list[str], library: Path | None) -> None:
    """Prints a case and what becomes of it."""
    from instep_proto.v1 import value_pb2 as pb

    case = Mutator(load(), campaign).case(number)
    print(f"seed {case.seed}, changes {', '.join(case.changes)}, must {case.must or 'not crash'}")
    try:
        print(pb.Manifest.FromString(case.manifest))
    except Exception as error:  # noqa: BLE001  damaged bytes
        print(f"{len(case.manifest)} bytes that are no message: {error}")
    for language in languages:
        worker = Worker(language, library)
        print(language, worker.decode([case])[0])
        worker.close()


def main() -> int:
    """Does what the command line says. Status 1: there are findings."""
    parser = argparse.ArgumentParser(prog="python -m values.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, help="number of inputs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="number of the campaign (default: %(default)s)")
    parser.add_argument("--start", type=int, default=0, help="number of the first input")
    parser.add_argument("--language", action="append", choices=LANGUAGES, help="default: both")
    parser.add_argument("--sanitized", type=Path, metavar="LIBRARY", help="R library built with sanitizers")
    parser.add_argument(
        "--report", action="store_true", help="keep what was run in report.json and docs/fuzzing.md"
    )
    parser.add_argument(
        "--replay", action="store_true", help="try again what the report of this campaign says was found"
    )
    parser.add_argument("--case", type=int, help="show the input of this number instead")
    options = parser.parse_args()
    languages = options.language or list(LANGUAGES)
    if options.case is not None:
        _show(options.seed, options.case, languages, options.sanitized)
        return 0
    if options.replay:
        return _replay(options.seed, options.sanitized)
    numbers = range(options.start, options.start + options.inputs)
    result = run(numbers, options.seed, languages, options.sanitized, _told(options))
    for language in languages:
        print(
            language, dict(result.outcomes[language].most_common()), f"slowest {result.slowest[language]} ms"
        )
    print("differences", dict(result.differences.most_common()))
    print(f"{result.inputs:,} inputs in {result.seconds:.0f} s")
    signatures = Counter(finding.signature for finding in result.findings)
    first = {finding.signature: finding for finding in reversed(result.findings)}
    for signature, count in signatures.most_common():
        print(
            f"{count:6} {signature}\n       first: input {first[signature].number}, {first[signature].seed}"
        )
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main())
