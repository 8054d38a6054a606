"""The program behind `make setup`."""

from __future__ import annotations

import fcntl
import sys
import time

from . import needs, python_environment, r_package
from .terminal import CACHE, SetupError, say


def main() -> int:
    """Sets up what is missing; returns the exit status."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if python_environment.is_up_to_date() and r_package.is_up_to_date():
            say("everything is in place")
            return 0
        start = time.monotonic()
        try:
            _set_up()
        except SetupError as error:
            print(f"set-up: {error}", file=sys.stderr)
            return 1
        say(f"done in {time.monotonic() - start:.0f} s")
    return 0


def _set_up() -> None:
    r_wanted = needs.r_packages()
    needs.install_programs(needs.missing_programs(), r_wanted)
    needs.check_r_version()
    python_environment.build()
    if not r_package.is_up_to_date():
        r_package.install_needed_packages(r_wanted)
        r_package.install_instep()


if __name__ == "__main__":
    sys.exit(main())
