"""The commands `fsck` and `gc`, which care for a whole store.

The work is done by a program of the server (`python -m instep_server.care`), which tells line by line what it finds: the
store may be damaged in such a way that no orchestrator can be started.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from instep._cli._program import CONTEXT
from instep._format import counted, size
from instep._home import client_home
from instep.errors import StoreError

_UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_ENDED = ("succeeded", "failed", "cancelled")

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")


class Age(click.ParamType[int]):
    """A time such as `30d`, in milliseconds."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Reads an age.

        Args:
            value: What was typed.
            param: The option.
            ctx: The command's context.
        """
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"([0-9]{1,6})([mhdw])", str(value))
        if match is None:
            self.fail(f"{value!r} is no age. Write a number and m, h, d or w: 90m, 12h, 30d, 4w.", param, ctx)
        return int(match[1]) * _UNITS[match[2]] * 1000


@click.command(context_settings=CONTEXT)
@click.option(
    "--repair",
    is_flag=True,
    help="Move damaged objects away, so that they can be stored again; make logs readable; mend the database."
    " What was damaged is kept in .instep/damaged.",
)
@json_option
def fsck(repair: bool, as_json: bool) -> int:
    """Look for damage in the store: what is damaged, which results it touches, and what makes them again.

    Reads everything, and may do so while flows run. Exits with 1 when something cannot be read, or not as it was written.
    """
    found: list[dict[str, Any]] = []

    def take(finding: dict[str, Any]) -> None:
        found.append(finding)
        if not as_json:
            _show_finding(finding)

    result = _run(["fsck", *(["--repair"] if repair else [])], take)
    if as_json:
        click.echo(json.dumps({**result, "findings": found}, ensure_ascii=False))
    else:
        _show_checked(result, found)
    return 0 if result["is_whole"] else 1


@click.command(context_settings=CONTEXT)
@click.argument("flow", default="")
@click.option(
    "--keep",
    type=Age(),
    metavar="AGE",
    help="Remove runs that ended longer ago than this: 90m, 12h, 30d, 4w.",
)
@click.option(
    "--keep-last", type=click.IntRange(min=0), metavar="N", help="Keep the newest N runs of each flow."
)
@click.option("--keep-tag", multiple=True, metavar="TAG", help="Keep runs with this tag. May be repeated.")
@click.option(
    "--status",
    multiple=True,
    type=click.Choice(_ENDED),
    help="Remove only runs that ended like this. May be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Remove nothing, and tell what would be removed.")
@json_option
def gc(
    flow: str,
    keep: int | None,
    keep_last: int | None,
    keep_tag: Sequence[str],
    status: Sequence[str],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove old runs, of FLOW or of all flows, and stored values that no run needs.

    A run is removed when it has ended and no option keeps it. Without --keep, --keep-last and --status no run is
    removed, only what processes that were killed have left behind. Runs that are under way, and those that they may
    take tasks over from, are never removed: this may be used while flows run.
    """
    arguments = ["gc", f"--flow={flow}"]
    arguments += [f"--keep-ms={keep}"] if keep is not None else []
    arguments += [f"--keep-last={keep_last}"] if keep_last is not None else []
    arguments += [f"--keep-tag={tag}" for tag in keep_tag]
    arguments += [f"--status={one}" for one in status]
    arguments += ["--dry-run"] if dry_run else []
    result = _run(arguments, lambda _: None)
    if as_json:
        click.echo(json.dumps({**result, "dry_run": dry_run}, ensure_ascii=False))
    else:
        _show_collected(result, "Would remove" if dry_run else "Removed", dry_run=dry_run)


def _run(arguments: Sequence[str], take: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Runs the server's program.

    Args:
        arguments: Its command and options.
        take: Called with each finding.

    Returns:
        Its result.

    Raises:
        StoreError: The work could not be done.
    """
    home = client_home()
    result: dict[str, Any] | None = None
    for message in _messages(home, arguments):
        if "progress" in message:
            _show_progress(message["progress"])
        elif "finding" in message:
            _show_progress(None)
            take(message["finding"])
        elif "error" in message:
            _show_progress(None)
            raise StoreError(message["error"])
        else:
            result = message["result"]
    _show_progress(None)
    if result is None:
        raise StoreError(f"The store {home} can't be looked at: the program that does so has ended early.")
    return result


def _messages(home: Path, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
    # -P: a module in the working directory must not stand in for one of the server's.
    command = [sys.executable, "-P", "-m", "instep_server.care", "--home", str(home), *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        try:
            for line in process.stdout or ():
                yield json.loads(line)
        except BaseException:
            process.terminate()
            raise


def _show_progress(progress: dict[str, Any] | None) -> None:
    """Shows how far it is, where somebody is looking; None: removes that again."""
    if sys.stderr.isatty():
        of = f" of {progress['of']:,}" if progress and progress["of"] else ""
        text = f"{progress['done']:,}{of} {progress['what']}" if progress else ""
        click.echo(f"\r\x1b[K{text}", nl=False, err=True)


def _show_finding(finding: dict[str, Any]) -> None:
    what = " ".join(part for part in (finding["kind"], finding["digest"]) if part)
    color = "yellow" if finding["mended"] else "red"
    click.echo(f"{click.style('Damaged', fg=color, bold=True)} {what}: {finding['problem']}.")
    click.echo(f"  File:     {finding['path']}")
    for number, one in enumerate(finding["touches"] or ["nothing that a run needs"]):
        click.echo(f"  {'' if number else 'Touches:':<9} {one}")
    for number, one in enumerate(finding["remedies"]):
        click.echo(f"  {'' if number else 'Again:':<9} {one}")
    if finding["mended"]:
        click.echo(f"  {'Mended:':<9} {finding['mended']}")


def _show_checked(result: dict[str, Any], found: Sequence[dict[str, Any]]) -> None:
    if "runs" in result:
        click.echo(
            f"Looked at {counted(result['runs'], 'run')}, {counted(result['objects'], 'object')}"
            f" ({size(result['object_bytes'])}), {counted(result['artifacts'], 'artifact')} and"
            f" {counted(result['log_chunks'], 'piece')} of logs."
        )
    if not found:
        click.echo("Nothing is damaged.")
        return
    text = f"{'1 thing is' if len(found) == 1 else f'{len(found):,} things are'} damaged"
    if not all(finding["mended"] for finding in found):
        click.echo(f"{text}. To mend what can be mended: instep fsck --repair")
    else:
        click.echo(
            f"{text}, and mended{'.' if result['is_whole'] else '; what is lost has to be made again.'}"
        )


def _show_collected(result: dict[str, Any], verb: str, *, dry_run: bool) -> None:
    runs = result["runs"]
    names = [run["run"] for run in runs]
    shown = ", ".join(names[:10]) + (f" and {len(names) - 10:,} more" if len(names) > 10 else "")
    click.echo(f"{verb} {counted(len(runs), 'run')}{': ' + shown if names else ''}.")
    click.echo(
        f"{verb} {counted(result['objects'], 'object')} ({size(result['object_bytes'])}),"
        f" {counted(result['manifests'], 'small value')}, {size(result['log_bytes'])} of logs,"
        f" {counted(result['leftovers'], 'leftover')} of processes that have ended ({size(result['leftover_bytes'])})."
    )
    if result["database_bytes"]:
        click.echo(f"The database is {size(result['database_bytes'])} smaller.")
    kept = ", ".join(f"{count:,} {why}" for why, count in sorted(result["kept"].items()))
    if kept:
        click.echo(
            f"{'Would keep' if dry_run else 'Kept'} {counted(sum(result['kept'].values()), 'run')}: {kept}."
        )
