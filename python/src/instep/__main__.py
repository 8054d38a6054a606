"""The program `instep`: looks at the runs of a store, whatever flow and language they are of."""

from __future__ import annotations

import sys

from instep._cli._signals import Interrupted, Signals
from instep._cli._streams import open_standard_streams


def main() -> int:
    """Runs the program with the arguments of the process.

    Returns:
        The exit code.
    """
    from instep._archive import close_all
    from instep._cli._program import execute
    from instep._cli._store_commands import store_program

    open_standard_streams()
    with Signals().handled():
        try:
            return execute(store_program, sys.argv[1:], program="instep", obj=None)
        except Interrupted as interrupted:
            return interrupted.exit_code
        finally:
            close_all()


if __name__ == "__main__":
    sys.exit(main())
