"""`python -m instep._cli._driven`: one command of a flow, driven by another program (`command.proto`).

It is the command line that a person uses, with the same options, checks and texts. Only its arguments come from a
socket, and what happens goes there, too. The orchestrator starts the host of the flow file.
"""

from __future__ import annotations

import argparse
import json
import sys

from instep._cli import run_command
from instep._cli._session import FlowFile, Session


def main() -> int:
    """Runs the command and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m instep._cli._driven", allow_abbrev=False)
    parser.add_argument("--fd", type=int, required=True, help="Descriptor of the socket to the program.")
    given = parser.parse_args()
    from instep._cli._commands import flow_program
    from instep._cli._driver import Driver, arguments_of

    driver = Driver(given.fd)
    driver.watch()
    request = driver.request
    session = Session(FlowFile(request.file, request.language, "", request.program), driver=driver)
    program_options = arguments_of(json.loads(request.program_options or "{}"), flow_program)
    return run_command(session, [*program_options, request.command])


if __name__ == "__main__":
    sys.exit(main())
