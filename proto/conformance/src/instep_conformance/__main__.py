"""The command `instep-conformance`."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from instep_conformance import scenarios, vectors  # noqa: F401 - importing scenarios registers them
from instep_conformance.kit import Worker
from instep_conformance.report import Expectations, write_report, write_value_report
from instep_conformance.runner import Outcome, Result, introduce, run_all
from instep_conformance.scenario import SCENARIOS, in_order
from instep_conformance.value_check import ValueResult, check
from instep_conformance.value_service import Refused, ValueService

AS_EXPECTED, OTHERWISE, MISUSED = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Does what the command line says.

    Returns:
        0: the program under test did as expected. 1: it did not. 2: the command line is wrong.
    """
    options = _parser().parse_args(arguments)
    if options.list:
        return _list(options.what)
    if not options.command:
        return _misused("Say after `--` how the program under test is started.")
    return _test_worker(options) if options.what == "worker" else _test_values(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="instep-conformance",
        description="Shows whether a worker, in any language, keeps to the step protocol.",
    )
    commands = parser.add_subparsers(required=True, dest="what")
    worker = commands.add_parser("worker", help="leases tasks to a worker, misbehaves, and checks its calls")
    worker.add_argument(
        "--file", type=Path, metavar="FILE", help="the worker's file with the conformance flow"
    )
    worker.add_argument("--scenario", action="append", metavar="NAME", help="only this one; may be repeated")
    worker.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="how many at a time (default: %(default)s)",
    )
    value = commands.add_parser("value", help="has values read and stored again, and compares them")
    value.add_argument(
        "--reader",
        action="append",
        default=[],
        metavar="CMD",
        help="another language's program, which reads what the one under test wrote; may be repeated",
    )
    for command in (worker, value):
        command.add_argument(
            "--known-failing", type=Path, metavar="FILE", help="names of what is known to fail, one in a line"
        )
        command.add_argument(
            "--report", type=Path, metavar="FILE", help="where to write the results, as JSON"
        )
        command.add_argument("--list", action="store_true", help="lists what there is to pass")
        command.add_argument("command", nargs="*", metavar="-- CMD", help="starts the program under test")
    return parser


def _misused(message: str) -> int:
    print(f"instep-conformance: {message}", file=sys.stderr)
    return MISUSED


def _list(what: str) -> int:
    if what == "value":
        print("\n".join(f"{vector.producer}/{vector.case}" for vector in vectors.load()))
        return AS_EXPECTED
    for scenario in in_order():
        optional = f", for workers that declare {scenario.capability}" if scenario.capability else ""
        print(f"{scenario.name} ({scenario.feature}{optional})\n    {scenario.text}")
    return AS_EXPECTED


def _test_worker(options: argparse.Namespace) -> int:
    names = options.scenario or [one.name for one in in_order()]
    if unknown := [name for name in names if name not in SCENARIOS]:
        return _misused(f"There is no scenario {', '.join(unknown)}. `worker --list` lists them.")
    if options.file is None or not options.file.is_file():
        return _misused("--file must name the worker's file with the conformance flow.")
    worker = Worker(_absolute(options.command), options.file.absolute())
    introduction = introduce(worker, SCENARIOS["task-without-values"])
    if introduction is None:
        print(f"The worker does not register: {shlex.join(options.command)}", file=sys.stderr)
        return OTHERWISE
    print(f"{introduction.sdk} ({introduction.language} {introduction.runtime_version})")
    expectations = Expectations.read(options.known_failing)
    chosen = [SCENARIOS[name] for name in names]
    results = run_all(
        worker, chosen, introduction.capabilities, options.jobs, lambda one: _tell(one, expectations)
    )
    if options.report:
        write_report(options.report, introduction, results)
    wrong = sum(not expectations.are_met(one.scenario.name, _failed(one)) for one in results)
    counts = ", ".join(f"{sum(one.outcome is outcome for one in results)} {outcome}" for outcome in Outcome)
    print(f"{len(results)} scenarios: {counts}; {wrong} not as expected.")
    return OTHERWISE if wrong else AS_EXPECTED


def _failed(result: Result) -> bool:
    return result.outcome is Outcome.FAILED


def _tell(result: Result, expectations: Expectations) -> None:
    is_expected = expectations.are_met(result.scenario.name, _failed(result))
    note = "" if is_expected else "  <- not as expected"
    print(f"{result.outcome:12} {result.scenario.name} ({result.seconds:.1f} s){note}", flush=True)
    for problem in result.problems:
        print(f"    {problem}")
    if _failed(result) and not is_expected:
        print("".join(f"    | {line}\n" for line in result.evidence.splitlines()), end="")


def _test_values(options: argparse.Namespace) -> int:
    expectations = Expectations.read(options.known_failing)
    try:
        with contextlib.ExitStack() as stack:
            service = stack.enter_context(ValueService(options.command))
            readers = [stack.enter_context(ValueService(shlex.split(one))) for one in options.reader]
            print(f"{service.sdk} ({service.language})")
            results = list(check(service, readers, vectors.load()))
            if options.report:
                write_value_report(options.report, service, results)
    except (OSError, Refused) as err:
        print(f"A program does not answer: {err}", file=sys.stderr)
        return OTHERWISE
    for result in results:
        _tell_value(result)
    wrong = sum(not expectations.are_met(one.name, bool(one.problems)) for one in results)
    failed = sum(bool(one.problems) for one in results)
    print(
        f"{len(results)} readings: {len(results) - failed} passed, {failed} failed; {wrong} not as expected."
    )
    return OTHERWISE if wrong else AS_EXPECTED


def _tell_value(result: ValueResult) -> None:
    for problem in result.problems:
        print(f"failed       {result.name}: {problem}")


def _absolute(command: Sequence[str]) -> list[str]:
    """Makes the program's path absolute: workers are started elsewhere."""
    program, *arguments = command
    return [os.path.abspath(program) if os.sep in program else program, *arguments]


if __name__ == "__main__":
    sys.exit(main())
