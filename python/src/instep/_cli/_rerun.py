"""The command `rerun`: runs the step of a past task again, and shows what comes out differently."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from instep._cli._debug import show_past
from instep._cli._program import FAILURE, SUCCESS
from instep._format import duration
from instep._progress import failure_text
from instep.errors import InstepError

if TYPE_CHECKING:
    from instep_proto.v1.digest_pb2 import Digest

    from instep._archive import Archive
    from instep._past_task import PastTask
    from instep._rerun import Rerun

COLORS = {"same": None, "changed": "yellow", "new": "green", "gone": "red"}
MARK_WIDTH = 7


def rerun(past: PastTask, archive: Archive, home: Path) -> int:
    """Runs the step again, shows its output while it runs, and then the differences.

    Args:
        past: The task.
        archive: The runs.
        home: The store's directory.

    Returns:
        The exit code: success if the step ended well.
    """
    from instep._rerun import running_again

    show_past(past)
    with running_again(past, home) as again:
        outcome = again.report.WhichOneof("outcome")
        took = duration(again.seconds)
        click.secho(f"\nNow it {'succeeded' if outcome == 'success' else 'failed'}. ({took})", bold=True)
        if what := _what(again):
            click.echo(f"  What:   {what}")
        for mark, name, lines in _Comparison(past, archive, again).lines() if outcome else ():
            _show(mark, name, lines)
    click.echo("Nothing of this was stored in the run.")
    return SUCCESS if outcome == "success" else FAILURE


def _what(again: Rerun) -> str:
    """Says what went wrong. Empty: nothing."""
    report = again.report
    match report.WhichOneof("outcome"):
        case "success" if report.success.HasField("caught"):
            return f"{failure_text(report.success.caught)} (caught)"
        case "success":
            return ""
        case "failure":
            return failure_text(report.failure)
        case _:
            return f"Its process ended before it reported ({again.exit_text})."


def _show(mark: str, name: str, lines: Sequence[str]) -> None:
    head = f"  {click.style(f'{mark:<{MARK_WIDTH}}', fg=COLORS[mark])}  {name}"
    click.echo(": ".join([head, *lines[:1]]))
    for line in lines[1:]:
        click.echo(f"  {'':<{MARK_WIDTH}}  {'':<{len(name)}}  {line}")


class _Comparison:
    """What a step left behind then, and what it leaves behind now."""

    def __init__(self, past: PastTask, archive: Archive, again: Rerun) -> None:
        self._past = past
        self._reader = archive.reader
        self._objects = again.objects
        task, report = past.message, again.report
        self._ids = task.flow, task.run_id, task.task_id
        recorded = archive.artifacts(*self._ids, past.attempt.number)
        self._then = {one.name: one for one in recorded}
        self._inputs = {one.name: one for one in task.inputs}
        self._stored = {one.name: one for one in (*report.success.outputs, *report.partial_outputs)}
        self._now = {one.name: one.artifact for one in task.inputs}
        for name in report.success.deleted:
            del self._now[name]
        self._now |= {one.name: one.artifact for one in report.success.forwarded}
        self._now |= {one.name: one.artifact for one in self._stored.values()}
        self._manifests = {one.artifact.hash: one.manifest for one in past.inputs()}
        self._manifests |= {one.artifact.hash: one.manifest for one in self._stored.values()}

    def lines(self) -> Iterator[tuple[str, str, Sequence[str]]]:
        """Yields for each artifact what became of it, its name, and how. What is only passed on is left out."""
        for name in sorted({*self._then, *self._now}):
            old, new = self._then.get(name), self._now.get(name)
            if (
                name in self._inputs
                and new == self._inputs[name].artifact
                and (old is None or old.digest == new)
            ):
                continue
            if new is None:
                yield "gone", name, [f"it was {old.summary or old.type}"] if old else []
            elif old is None:
                yield "new", name, [self._stored[name].summary] if name in self._stored else []
            elif old.digest == new:
                yield "same", name, []
            else:
                yield "changed", name, self._how(name, new)

    def _how(self, name: str, new: Digest) -> Sequence[str]:
        from instep._value_diff import value_changes
        from instep.values import decode

        try:
            old = self._reader.get(*self._ids, name, self._past.attempt.number)
            before = self._reader.value(old, allow_opaque=False)
            after = decode(self._manifest(new), self._objects.open, name=name, allow_opaque=False)
        except InstepError as err:
            return [f"it can't be read here: {err.message}"]
        return value_changes(before, after) or ["it is equal here, but not stored alike"]

    def _manifest(self, digest: Digest) -> bytes:
        return self._manifests.get(digest.hash) or bytes(self._objects.open(digest.hash, digest.size))
