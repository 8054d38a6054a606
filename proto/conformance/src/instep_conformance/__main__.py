"""The command `instep-conformance`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from instep_conformance import scenarios  # noqa: F401 - registers them
from instep_conformance.kit import Worker
from instep_conformance.report import Expectations, write_report
from instep_conformance.runner import Outcome, Result, introduce, run_all
from instep_conformance.scenario import SCENARIOS, in_order


def main(arguments: list[str] | None = None) -> int:
    """Does what the command line says.

    Returns:
        0: the worker did as expected. 1: it did not. 2: the command line is wrong.
    """
    options = _parser().parse_args(arguments)
    if options.list:
        for scenario in in_order():
            optional = f" [{scenario.capability}]" if scenario.capability else ""
            print(f"{scenario.name} ({scenario.feature}){optional}\n    {scenario.text}")
        return 0
    return _test_worker(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="instep-conformance", description="Shows whether a worker keeps to the protocol."
    )
    commands = parser.add_subparsers(required=True)
    worker = commands.add_parser("worker", help="the calls of a worker")
    worker.add_argument("--file", type=Path, help="the worker's file with the conformance flow")
    worker.add_argument("--scenario", action="append", metavar="NAME", help="only this one; may be repeated")
    worker.add_argument(
        "--known-failing", type=Path, metavar="FILE", help="names of scenarios that fail, a line each"
    )
    worker.add_argument("--report", type=Path, metavar="FILE", help="where to write the results as JSON")
    worker.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time (default: %(default)s)"
    )
    worker.add_argument("--list", action="store_true", help="lists the scenarios")
    worker.add_argument("command", nargs="*", metavar="-- CMD", help="starts the worker")
    return parser


def _test_worker(options: argparse.Namespace) -> int:
    if not options.command or options.file is None:
        print("instep-conformance worker: needs --file FILE and -- CMD.", file=sys.stderr)
        return 2
    names = options.scenario or [one.name for one in in_order()]
    if unknown := [name for name in names if name not in SCENARIOS]:
        print(f"There is no scenario {', '.join(unknown)}. See --list.", file=sys.stderr)
        return 2
    if not options.file.is_file():
        print(f"There is no file {options.file}.", file=sys.stderr)
        return 2
    worker = Worker(options.command, options.file.absolute())
    introduction = introduce(worker, SCENARIOS["task-without-values"])
    if introduction is None:
        print(f"The worker does not register: {' '.join(options.command)}", file=sys.stderr)
        return 1
    print(f"{introduction.sdk} ({introduction.language} {introduction.runtime_version})")
    expectations = Expectations.read(options.known_failing)
    chosen = [SCENARIOS[name] for name in names]
    results = run_all(
        worker, chosen, introduction.capabilities, options.jobs, lambda one: _tell(one, expectations)
    )
    if options.report:
        write_report(options.report, introduction, results)
    wrong = [result for result in results if not expectations.are_met_by(result)]
    counts = ", ".join(f"{sum(one.outcome is outcome for one in results)} {outcome}" for outcome in Outcome)
    print(f"{len(results)} scenarios: {counts}; {len(wrong)} not as expected.")
    return 1 if wrong else 0


def _tell(result: Result, expectations: Expectations) -> None:
    note = "" if expectations.are_met_by(result) else "  <- not as expected"
    print(f"{result.outcome:12} {result.scenario.name} ({result.seconds:.1f} s){note}", flush=True)
    for problem in result.problems:
        print(f"    {problem}")
    if result.outcome is Outcome.FAILED and note:
        print("".join(f"    | {line}\n" for line in result.evidence.splitlines()), end="")


if __name__ == "__main__":
    sys.exit(main())
