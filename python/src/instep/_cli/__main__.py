"""`python -m instep._cli`: the command line for flows whose host is another process, which starts this one."""

from __future__ import annotations

import argparse
import os
import sys

from instep._cli import run_command
from instep._cli._session import FlowFile, Session


def main() -> int:
    """Runs one command and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m instep._cli", allow_abbrev=False)
    parser.add_argument("--language", required=True, help="Language of the flow file, such as r.")
    parser.add_argument("--file", required=True, help="Path of the flow file.")
    parser.add_argument("--flow", default="", help="Name of the flow. Default: it is learned from the host.")
    parser.add_argument(
        "--host-fd", type=int, help="Descriptor of the pipe to the host. Default: there is none."
    )
    parser.add_argument(
        "--prog", required=True, help="What a person types before the command, if there is a file."
    )
    parser.add_argument("arguments", nargs="*", help="What a person typed after that. Follows --.")
    given = parser.parse_args()
    if given.host_fd is not None:
        os.set_inheritable(given.host_fd, False)
    source = FlowFile(os.path.realpath(given.file), given.language, given.flow, given.prog)
    return run_command(Session(source, host_fd=given.host_fd), given.arguments)


if __name__ == "__main__":
    sys.exit(main())
