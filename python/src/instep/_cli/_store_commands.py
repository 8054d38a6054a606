"""The commands of the program `instep`, which look at a store without a flow file."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from instep._archive import Archive, archive, close_all
from instep._cli._care import fsck, gc
from instep._cli._debug import attempt_option, debug, debug_options, find_past_task
from instep._cli._diff import show_diff
from instep._cli._inspect import TaskPath, dump, dump_options, log_options, show_logs
from instep._cli._program import CONTEXT, Program, mark
from instep._cli._rerun import rerun
from instep._client import RUN_STATUSES, Flow, Run, flow_of
from instep._format import clock, counted, duration
from instep._home import client_home
from instep.errors import PathspecInvalidError, UsageError

if TYPE_CHECKING:
    from instep_proto.v1 import run_pb2

RUNS_SHOWN = 20
STATE_COLORS = {"succeeded": "green", "failed": "red", "cancelled": "red"}


@click.group(cls=Program, context_settings=CONTEXT)
@click.option("--quiet/--not-quiet", default=False, help="Write only what was asked for, without headings.")
@click.version_option(package_name="instep", message="Instep %(version)s")
def store_program(quiet: bool) -> None:
    """Look at runs: those of the store in this folder, or a folder above it, or in INSTEP_HOME."""


@store_program.command(context_settings=CONTEXT)
@click.argument("flow", required=False)
@click.option(
    "--limit", type=click.IntRange(min=1), default=RUNS_SHOWN, show_default=True, help="At most so many."
)
def runs(flow: str | None, limit: int) -> None:
    """List runs, newest first: those of FLOW, or all."""
    if flow is not None:
        archive().run(flow)  # a flow that is not there is an error, and not one without runs
    found = list(islice(archive().runs(flow or ""), limit))
    if not found:
        click.echo("There are no runs yet.")
    width = max((len(f"{run.flow}/{run.run_id}") for run in found), default=0)
    for run in found:
        _show_run_line(run, width)


@store_program.command(context_settings=CONTEXT)
@click.argument("run", metavar="RUN")
def show(run: str) -> None:
    """Show the steps of a run. RUN is FLOW/3, FLOW for its latest run, or 3 in a store with one flow."""
    found = _run(run)
    _show_run_line(found._record, 0)
    steps = archive().steps(*found._parts)[::-1]
    width = max((len(step.name) for step in steps), default=0)
    for step in steps:
        _show_step_line(step, width)


@store_program.command(context_settings=CONTEXT)
@click.argument("path", metavar="RUN/STEP[/TASK]")
@log_options
@click.pass_context
def logs(ctx: click.Context, /, path: str, **options: Any) -> None:
    """Show what the tasks of a step have written. RUN is as in show."""
    flow, parts = _split(path)
    show_logs(flow, TaskPath.parse("/".join(parts)), quiet=ctx.find_root().params["quiet"], **options)


@store_program.command(name="dump", context_settings=CONTEXT)
@click.argument("path", metavar="RUN/STEP[/TASK]")
@dump_options
def dump_command(path: str, **options: Any) -> None:
    """Show the artifacts that the tasks of a step have left behind. RUN is as in show."""
    flow, parts = _split(path)
    dump(flow, TaskPath.parse("/".join(parts)), **options)


@store_program.command(name="diff", context_settings=CONTEXT)
@click.argument("before", metavar="RUN1")
@click.argument("after", metavar="RUN2")
def diff_command(before: str, after: str) -> None:
    """Show how two runs differ: parameters, code, steps, artifacts. RUN1 and RUN2 are as in show."""
    show_diff(_run(before), _run(after))


@store_program.command(name="debug", context_settings=CONTEXT)
@click.argument("path", metavar="RUN/STEP[/TASK]")
@debug_options
def debug_command(path: str, attempt: int | None, **options: Any) -> None:
    """Open a prompt with what a task saw, to find out why it failed. RUN is as in show."""
    flow, parts = _split(path)
    past = find_past_task(flow, TaskPath.parse("/".join(parts)), attempt)
    debug(past, client_home(), leave=close_all, **options)


@store_program.command(name="rerun", context_settings=CONTEXT)
@click.argument("path", metavar="RUN/STEP[/TASK]")
@attempt_option
def rerun_command(path: str, attempt: int | None) -> int:
    """Run the step of a task again on its old inputs. What comes out differently is shown. RUN is as in show."""
    flow, parts = _split(path)
    past = find_past_task(flow, TaskPath.parse("/".join(parts)), attempt)
    return rerun(past, archive(), client_home())


store_program.add_command(fsck)
store_program.add_command(gc)


def _run(path: str) -> Run:
    flow, parts = _split(path)
    if len(parts) != 1:
        raise PathspecInvalidError(
            f"{path!r} names no run. Expected FLOW/RUN, such as Pricing/3.", pathspec=path
        )
    return flow._child(parts[0])


def _split(path: str) -> tuple[Flow, list[str]]:
    """Finds the flow that a path is about, and puts the id of the latest run where none was given.

    Args:
        path: `FLOW/RUN/...`, `RUN/...` in a store with one flow, or `FLOW/...` for the latest run.

    Returns:
        The flow, and the path from the run on.
    """
    source = archive()
    first, *rest = path.split("/")
    if first.isdecimal():
        return _only_flow(source, path), [first, *rest]
    flow = flow_of(first, source)
    if rest and rest[0].isdecimal():
        return flow, rest
    return flow, [source.run(first).run.run_id, *rest]


def _only_flow(source: Archive, path: str) -> Flow:
    flows = source.flows()
    if len(flows) != 1:
        raise UsageError(
            f"{path!r} does not say which flow is meant, and the store has {counted(len(flows), 'flow')}"
            f"{': ' + ', '.join(flows) if flows else ''}. Put the flow's name and a slash before it."
        )
    return flow_of(flows[0], source)


def _show_run_line(run: run_pb2.Run, width: int) -> None:
    name = f"{run.flow}/{run.run_id}"
    state = RUN_STATUSES[run.state]
    took = duration((run.finished_unix_ms - run.created_unix_ms) / 1000) if run.finished_unix_ms else ""
    tags = f"  {', '.join(run.user_tags)}" if run.user_tags else ""
    click.echo(
        f"{name:<{width}}  {click.style(f'{state:<10}', fg=STATE_COLORS.get(state, 'yellow'))} "
        f"{clock(run.created_unix_ms)[:19]} {took:>10}  {run.user}{tags}"
    )


def _show_step_line(step: run_pb2.Step, width: int) -> None:
    failed = f", {click.style(f'{step.failed:,} failed', fg='red')}" if step.failed else ""
    took = (
        duration((step.finished_unix_ms - step.created_unix_ms) / 1000)
        if step.finished_unix_ms
        else "under way"
    )
    click.echo(
        f"  {mark(step.language)} {step.name:<{width}}  {took:>10}  {counted(step.tasks, 'task')}, "
        f"{step.succeeded:,} succeeded{failed}"
    )
