"""What all our programs do alike: usage errors, errors, exit codes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from instep._format import language_mark
from instep.errors import ConfigInvalidError, InstepError

SUCCESS = 0
FAILURE = 1
USAGE = 2

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""Settings of all commands."""


class Program(click.Group):
    """A program with commands: shown in the order of their definition, with a command `help`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = click.Argument(["name"], metavar="[COMMAND]", required=False)
        self.add_command(
            click.Command(
                "help",
                context_settings=CONTEXT,
                callback=self._show_help,
                params=[name],
                help="Show this text, or that of a command.",
            )
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names the commands in the order in which help shows them.

        Args:
            ctx: The program's context.
        """
        return sorted(self.commands, key=lambda name: name == "help")

    def _show_help(self, name: str | None) -> None:
        root = click.get_current_context().find_root()
        if name is None:
            click.echo(root.get_help())
            return
        _, command, _ = self.resolve_command(root, [name])
        if command is not None:
            with click.Context(command, info_name=name, parent=root) as context:
                click.echo(command.get_help(context))


def execute(
    command: click.Command,
    arguments: Sequence[str],
    *,
    program: str,
    obj: object,
    tell_error: Callable[[Exception], None] = lambda _: None,
) -> int:
    """Runs a command.

    Args:
        command: The command.
        arguments: What was typed after the program's name.
        program: The program's name as a person types it.
        obj: What the command finds as its context's object.
        tell_error: Is called with an error, before it is shown.

    Returns:
        The exit code: 0 for success, 1 for a failure, 2 for wrong usage.
    """
    try:
        result = command.main(
            list(arguments), program, standalone_mode=False, auto_envvar_prefix="INSTEP", obj=obj
        )
        sys.stdout.flush()
    except click.ClickException as err:
        if isinstance(err, click.NoSuchOption) and _is_of_program(err, command):
            hint = "It is an option of the program: write it before the command."
            err = click.UsageError(f"{err.format_message()} {hint}", err.ctx)
        tell_error(err)
        err.show()
        return err.exit_code
    except InstepError as err:
        tell_error(err)
        show_error(err)
        return USAGE if isinstance(err, ConfigInvalidError) else FAILURE
    except BrokenPipeError:
        _discard_output()  # whoever read it has seen enough
        return FAILURE
    except OSError as err:
        if not _is_output_lost(err):
            raise
        _discard_output()
        click.echo(
            f"{click.style('Error:', fg='red', bold=True)} Can't write the output: {err.strerror}.", err=True
        )
        return FAILURE
    return result if isinstance(result, int) else SUCCESS


def _is_of_program(err: click.NoSuchOption, program: click.Command) -> bool:
    """Tells whether an option that a command does not have is one of its program."""
    options = {option for parameter in program.params for option in parameter.opts}
    return err.ctx is not None and err.ctx.parent is not None and err.option_name in options


def _is_output_lost(err: OSError) -> bool:
    """Tells whether stdout takes no more. Errors about files name the file."""
    return err.filename is None and err.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EBADF)


def _discard_output() -> None:
    """Lets all further output go nowhere. Python would try to write the rest at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_error(error: InstepError) -> None:
    """Writes an error to stderr.

    Args:
        error: The error.
    """
    text = "\n".join([error.message, *getattr(error, "__notes__", [])])
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {text}", err=True)


def mark(language: str) -> str:
    """Gives the short mark of a language, in its color.

    Args:
        language: ``python``, ``r``, or what a program calls its language.

    Returns:
        ``py`` or ``R``, two columns wide; the name of another language.
    """
    name, color = language_mark(language)
    return click.style(f"{name:<2}", fg=color)
