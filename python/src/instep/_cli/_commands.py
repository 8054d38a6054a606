"""The commands of one flow: `python flow.py COMMAND`, `Rscript flow.R COMMAND`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from instep._cli._debug import attempt_option, debug, debug_options, find_past_task
from instep._cli._graph import exit_code_of, show_graph, show_problems, summary
from instep._cli._inspect import TaskPath, dump, dump_options, log_options, show_logs
from instep._cli._program import CONTEXT, SUCCESS, Program
from instep._cli._rerun import rerun
from instep._cli._tags import tag

if TYPE_CHECKING:
    from instep._archive import Archive
    from instep._cli._session import Session
    from instep._cli._signals import Signals
    from instep._client import Flow

RUN, RESUME = "run", "resume"


@dataclass(frozen=True, slots=True)
class Command:
    """What a command works with: the object of its context."""

    session: Session
    """Server, connection and flow."""
    signals: Signals
    """The signals."""

    def archive(self) -> Archive:
        """The runs of the store."""
        from instep._archive import Archive

        return Archive(self.session.connection)

    def flow(self) -> Flow:
        """The flow as the client sees it."""
        from instep._client import flow_of

        return flow_of(self.session.flow_name, self.archive())


class FlowProgram(Program):
    """All commands of a flow. `run` is made when it is called: its options are those of the loaded flow."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command that the arguments name.

        Args:
            ctx: The program's context.
        """
        for name, file in ctx.params["config"]:
            ctx.obj.session.config_files[name] = os.path.abspath(file)
        ctx.obj.session.config_texts.update(ctx.params["config_value"])
        return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command that the arguments name.

        Args:
            ctx: The program's context.
            args: What follows the program's options.

        Returns:
            The name, the command, and the command's own arguments.
        """
        name, command, rest = super().resolve_command(ctx, args)
        if name in (RUN, RESUME):
            from instep._cli._run import ResumeCommand, RunCommand

            made = RunCommand if name == RUN else ResumeCommand
            command = made(ctx.obj.session, ctx.obj.signals)
            if driver := ctx.obj.session.driver:
                from instep._cli._driver import arguments_of

                rest = arguments_of(driver.options, command)
        return name, command, rest


@click.group(cls=FlowProgram, invoke_without_command=True, context_settings=CONTEXT)
@click.option("--quiet/--not-quiet", default=False, help="Show no progress. Errors are shown all the same.")
@click.option(
    "--config",
    nargs=2,
    multiple=True,
    metavar="NAME FILE",
    allow_from_autoenv=False,
    help="Read a config of the flow from a file. Repeatable. (Environment: INSTEP_FLOW_CONFIG, JSON by name.)",
)
@click.option(
    "--config-value",
    nargs=2,
    multiple=True,
    metavar="NAME TEXT",
    allow_from_autoenv=False,
    help="Give the text of a config. Repeatable. (Environment: INSTEP_FLOW_CONFIG_VALUE, JSON by name.)",
)
@click.option("--branch", metavar="TEXT", help="Branch of the flow's project: test.TEXT, or prod.TEXT.")
@click.option("--production", is_flag=True, help="Run on the production branch of the flow's project.")
@click.option("--datastore-root", metavar="DIRECTORY", help="Where runs and their data are kept.")
@click.option("--datastore", type=click.Choice(["local"]), help="Kind of the store.  [default: local]")
@click.option("--metadata", type=click.Choice(["local"]), help="Where runs are recorded.  [default: local]")
@click.version_option(package_name="instep", message="Instep %(version)s")
@click.pass_context
def flow_program(ctx: click.Context, /, quiet: bool, **_top: Any) -> int:
    """Run a flow and look at its runs."""
    if ctx.invoked_subcommand is not None:
        return SUCCESS
    code = _check(ctx.obj, quiet=quiet)
    if code == SUCCESS and not quiet:
        program = ctx.obj.session.flow.program
        click.echo(f"\nTo run it:             {program} run")
        click.echo(f"To see its steps:      {program} show")
        click.echo(f"To see all commands:   {program} help")
    return code


flow_program.add_command(click.Command(RUN, help="Run the flow."))
flow_program.add_command(click.Command(RESUME, help="Go on from an earlier run."))


@flow_program.command(context_settings=CONTEXT)
@click.pass_context
def check(ctx: click.Context) -> int:
    """Check the graph of the flow."""
    return _check(ctx.obj, quiet=ctx.find_root().params["quiet"])


@flow_program.command(context_settings=CONTEXT)
@click.pass_obj
def show(command: Command) -> int:
    """Show the steps in order: language, documentation, where they lead."""
    loaded = command.session.loaded
    if loaded.problems:
        show_problems(command.session.flow_name, loaded.problems)
        return exit_code_of(loaded.problems)
    show_graph(loaded.graph)
    return SUCCESS


@flow_program.command(context_settings=CONTEXT)
@click.argument("path", metavar="RUN/STEP[/TASK]")
@log_options
@click.pass_context
def logs(ctx: click.Context, /, path: str, **options: Any) -> None:
    """Show what the tasks of a step have written."""
    tasks = TaskPath.parse(path)
    show_logs(ctx.obj.flow(), tasks, quiet=ctx.find_root().params["quiet"], **options)


@flow_program.command(name="dump", context_settings=CONTEXT)
@click.argument("path", metavar="RUN/STEP[/TASK]")
@dump_options
@click.pass_obj
def dump_command(command: Command, /, path: str, **options: Any) -> None:
    """Show the artifacts that the tasks of a step have left behind."""
    tasks = TaskPath.parse(path)
    dump(command.flow(), tasks, **options)


@flow_program.command(name="debug", context_settings=CONTEXT)
@click.argument("path", metavar="RUN/STEP[/TASK]")
@debug_options
@click.pass_obj
def debug_command(command: Command, /, path: str, attempt: int | None, **options: Any) -> None:
    """Open a prompt with what a task saw, to find out why it failed."""
    past = find_past_task(command.flow(), TaskPath.parse(path), attempt)
    debug(past, command.session.home, leave=command.session.close, **options)


@flow_program.command(name="rerun", context_settings=CONTEXT)
@click.argument("path", metavar="RUN/STEP[/TASK]")
@attempt_option
@click.pass_obj
def rerun_command(command: Command, /, path: str, attempt: int | None) -> int:
    """Run the step of a task again on its old inputs. What comes out differently is shown."""
    past = find_past_task(command.flow(), TaskPath.parse(path), attempt)
    return rerun(past, command.archive(), command.session.home)


flow_program.add_command(tag)


def _check(command: Command, *, quiet: bool) -> int:
    loaded = command.session.loaded
    if loaded.problems:
        show_problems(command.session.flow_name, loaded.problems)
        return exit_code_of(loaded.problems)
    if not quiet:
        click.echo(summary(loaded.graph))
    return SUCCESS
