"""The standard streams of a command: something must stand behind each of them, whoever started the command."""

from __future__ import annotations

import fcntl
import os
import sys


def open_standard_streams() -> None:
    """Opens the null device for each of stdin, stdout and stderr that is closed or goes the wrong way.

    The next socket or file would get the number of a closed stream otherwise, and be written to by whatever prints.
    R does that to its children: the script that it reads can be their stdout.
    """
    for number, needed in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        if not _is_open(number, needed):
            opened = os.open(os.devnull, os.O_RDWR)
            os.dup2(opened, number)
            if opened != number:
                os.close(opened)
            os.set_inheritable(number, True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - it stays open
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - it stays open


def _is_open(number: int, needed: int) -> bool:
    try:
        mode = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
    except OSError:
        return False
    return mode in (needed, os.O_RDWR)
