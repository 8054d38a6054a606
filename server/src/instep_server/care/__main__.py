"""The program behind `instep fsck` and `instep gc`: `python -m instep_server.care fsck|gc --home DIR ...`.

It writes one JSON object per line: `{"progress": ...}`, `{"finding": ...}`, and in the end `{"result": ...}` or
`{"error": "..."}`. Its status is 0 when the work was done, whatever was found, and 1 when it was not.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from instep_server.care.check import Check
from instep_server.care.collect import Wanted, collect
from instep_server.core.states import RUN_ENDS, RunState
from instep_server.db.connection import Error, connect, translated
from instep_server.db.mending import find_damage, mend
from instep_server.db.opening import prepare
from instep_server.errors import InstepError, StoreError
from instep_server.findings import Finding
from instep_server.home import Home, held

PROGRESS_SECONDS = 0.2
"""How often progress is told, at most."""


def main() -> int:
    """Does what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m instep_server.care", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="directory of the store")
    commands = parser.add_subparsers(dest="command", required=True)
    fsck = commands.add_parser("fsck", help="look for damage")
    fsck.add_argument("--repair", action="store_true", help="mend what can be mended")
    gc = commands.add_parser("gc", help="remove what is not needed")
    gc.add_argument("--keep-ms", type=int)
    gc.add_argument("--keep-last", type=int)
    gc.add_argument("--keep-tag", action="append", default=[])
    gc.add_argument(
        "--status", action="append", default=[], choices=[state.name.lower() for state in RUN_ENDS]
    )
    gc.add_argument("--flow", default="")
    gc.add_argument("--dry-run", action="store_true")
    given = parser.parse_args()
    home = Home(given.home.resolve())
    try:
        if not home.database.exists():
            raise StoreError(f"{home.root} is no store: it has no database.")
        _say(result=_fsck(home, given.repair) if given.command == "fsck" else _gc(home, given))
    except Error as err:
        _say(error=str(translated(err, home.database)))
        return 1
    except InstepError as err:
        _say(error=str(err))
        return 1
    except OSError as err:
        _say(error=f"{err.filename or home.root} can't be used: {err.strerror}.")
        return 1
    return 0


def _fsck(home: Home, repair: bool) -> dict[str, Any]:
    findings = find_damage(home)
    if findings and repair:
        with held(home.collecting, alone=True):
            mend(home, findings[0])
    for finding in findings:
        _say(finding=asdict(finding))
    if findings and not findings[0].mended:
        return {
            "damaged": True,
            "is_whole": False,
        }  # what the database says about the rest can't be relied on
    prepare(home.database)
    with held(home.collecting, alone=repair), closing(connect(home.database)) as connection:
        check = Check(connection, home, repair=repair, progress=_Progress())
        for finding in check.findings():
            findings.append(finding)
            _say(finding=asdict(finding))
        return {
            "is_whole": all(map(_is_whole, findings)),
            **asdict(check.checked),
        }


def _is_whole(finding: Finding) -> bool:
    """Tells whether everything can be read again."""
    return bool(finding.mended) and not finding.lost


def _gc(home: Home, given: argparse.Namespace) -> dict[str, Any]:
    wanted = Wanted(
        keep_ms=given.keep_ms,
        keep_last=given.keep_last,
        keep_tags=frozenset(given.keep_tag),
        states=frozenset(RunState[name.upper()] for name in given.status),
        flow=given.flow,
    )
    prepare(home.database)
    progress = _Progress()
    with closing(connect(home.database)) as connection:
        done = collect(
            connection,
            home,
            wanted,
            dry_run=given.dry_run,
            progress=lambda what, count: progress(what, count, 0),
        )
    facts = asdict(done)
    facts["runs"] = [
        {
            "run": f"{row['flow']}/{row['number']}",
            "status": RunState(row["state"]).name.lower(),
            "finished_unix_ms": row["finished_unix_ms"],
        }
        for row in done.runs
    ]
    return facts


class _Progress:
    """Tells how far it is, now and then."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._told >= PROGRESS_SECONDS:
            self._told = now
            _say(progress={"what": what, "done": done, "of": total})


def _say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message, ensure_ascii=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
