"""The commands `tag add`, `tag remove`, `tag replace` and `tag list`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from instep._cli._options import checked_tags
from instep._cli._program import CONTEXT
from instep._user import user_namespace
from instep.errors import RunUnknownError

if TYPE_CHECKING:
    from instep_proto.v1.run_pb2 import Run

    from instep._archive import Archive
    from instep._cli._commands import Command

_Decorated = TypeVar("_Decorated", bound="Callable[..., Any]")


@click.group(context_settings=CONTEXT)
def tag() -> None:
    """Change and list the tags of a run."""


def _run_options(command: _Decorated) -> _Decorated:
    """Adds the options that say which run is meant."""
    for option in (
        click.option(
            "--namespace",
            metavar="TAG",
            default=user_namespace,
            help="Tag that the run must have; empty for any run.  [default: user:NAME]",
        ),
        click.option("--run-id", metavar="ID", help="Id of the run."),
    ):
        command = option(command)
    return command


_tags_argument = click.argument("tags", metavar="TAG...", nargs=-1, required=True, callback=checked_tags)


@tag.command(context_settings=CONTEXT)
@_run_options
@_tags_argument
@click.pass_obj
def add(command: Command, /, run_id: str | None, namespace: str, tags: Sequence[str]) -> None:
    """Add tags to a run."""
    _change(command, run_id, namespace, add=tags)


@tag.command(context_settings=CONTEXT)
@_run_options
@_tags_argument
@click.pass_obj
def remove(command: Command, /, run_id: str | None, namespace: str, tags: Sequence[str]) -> None:
    """Remove tags from a run."""
    _change(command, run_id, namespace, remove=tags)


@tag.command(context_settings=CONTEXT)
@_run_options
@click.option(
    "--remove",
    "removed",
    multiple=True,
    required=True,
    metavar="TAG",
    callback=checked_tags,
    help="Tag to remove. Repeatable.",
)
@click.option(
    "--add",
    "added",
    multiple=True,
    required=True,
    metavar="TAG",
    callback=checked_tags,
    help="Tag to add. Repeatable.",
)
@click.pass_obj
def replace(
    command: Command, /, run_id: str | None, namespace: str, removed: Sequence[str], added: Sequence[str]
) -> None:
    """Remove tags from a run, and add others, at once."""
    _change(command, run_id, namespace, remove=removed, add=added)


@tag.command(name="list", context_settings=CONTEXT)
@_run_options
@click.option("--flat", is_flag=True, help="Write one tag per line, and nothing else.")
@click.option("--hide-system-tags", is_flag=True, help="Leave out the tags that Instep gave.")
@click.pass_obj
def list_tags(
    command: Command, /, run_id: str | None, namespace: str, flat: bool, hide_system_tags: bool
) -> None:
    """List the tags of a run."""
    run = _find(command, run_id, namespace)
    system = [] if hide_system_tags else list(run.system_tags)
    if flat:
        for name in sorted({*run.user_tags, *system}):
            click.echo(name)
        return
    click.secho(f"Tags of {run.flow}/{run.run_id}:", bold=True)
    click.echo(f"  given by people: {_listed(run.user_tags)}")
    if not hide_system_tags:
        click.echo(f"  given by Instep: {_listed(system)}")


def _change(
    command: Command,
    run_id: str | None,
    namespace: str,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
) -> None:
    run = _find(command, run_id, namespace)
    changed = command.archive().change_tags(run.flow, run.run_id, add=add, remove=remove)
    if not click.get_current_context().find_root().params.get("quiet"):
        click.echo(f"Run {run.flow}/{run.run_id} has the tags: {_listed(changed.user_tags)}")


def _find(command: Command, run_id: str | None, namespace: str) -> Run:
    """Finds the run that is meant.

    Raises:
        InstepError: There is no such run, or it is not in the namespace.
    """
    archive, flow = command.archive(), command.session.flow_name
    if run_id is None:
        raise click.ClickException(f"Which run? Give --run-id ID. {_latest(archive, flow, namespace)}")
    run = archive.run(flow, run_id).run
    if namespace and namespace not in {*run.user_tags, *run.system_tags}:
        raise RunUnknownError(
            f"Run {flow}/{run_id} is not in the namespace {namespace!r}. Give --namespace with one of its tags, or "
            'with "" for all runs.'
        )
    return run


def _latest(archive: Archive, flow: str, namespace: str) -> str:
    latest = next(archive.runs(flow, tags=[namespace] if namespace else []), None)
    return f"The latest run of {flow} is {latest.run_id}." if latest else f"{flow} has no run yet."


def _listed(tags: Sequence[str]) -> str:
    return ", ".join(sorted(tags)) or "none"
