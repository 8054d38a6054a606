"""Options of the commands that start runs, and how their values are read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click


@dataclass(frozen=True, slots=True)
class StepDecorator:
    """A decorator for all steps that have none of its name, from `--with`."""

    name: str
    """Name."""
    arguments: str
    """Its arguments as a JSON object. Empty: none."""


class DecoratorText(click.ParamType[StepDecorator]):
    """The text of `--with`: ``name``, or ``name:argument=value,argument=value``."""

    name = "DECORATOR"

    def convert(
        self, value: str | StepDecorator, param: click.Parameter | None, ctx: click.Context | None
    ) -> StepDecorator:
        """Reads the text. A value that is JSON stands for what this says, any other one for itself.

        Args:
            value: The text, or what became of it in an earlier call.
            param: The option.
            ctx: The command's context.
        """
        if isinstance(value, StepDecorator):
            return value
        name, colon, rest = value.partition(":")
        arguments: dict[str, object] = {}
        for part in _parts(rest) if rest else ():
            argument, equals, text = part.partition("=")
            if not equals or not argument.strip():
                self.fail(
                    f"{value!r} has no argument and value at {part!r}. Write {name}:argument=value.",
                    param,
                    ctx,
                )
            arguments[argument.strip()] = _value(text.strip())
        if not name.strip() or (colon and not rest):
            self.fail(f"{value!r} is no decorator. Write, for example, --with retry:times=2.", param, ctx)
        return StepDecorator(name.strip(), json.dumps(arguments) if arguments else "")


def decorator_option() -> click.Option:
    """Makes the option `--with`."""
    return click.Option(
        ["--with", "decorators"],
        type=DecoratorText(),
        multiple=True,
        metavar="DECORATOR",
        help="Decorator for all steps that have none of its name, such as retry:times=2. Repeatable.",
    )


def run_options() -> list[click.Option]:
    """Makes the options that `run` and `resume` have in common."""
    return [
        click.Option(
            ["--tag"],
            multiple=True,
            metavar="TEXT",
            callback=checked_tags,
            help="Tag of the run. Repeatable.",
        ),
        click.Option(
            ["--max-workers"],
            type=click.IntRange(min=1),
            metavar="N",
            help="How many tasks may run at once.  [default: one per core]",
        ),
        click.Option(
            ["--max-num-splits"],
            type=click.IntRange(min=1),
            metavar="N",
            help="How many tasks one foreach may make.  [default: 10000]",
        ),
        click.Option(
            ["--max-log-size"],
            type=click.IntRange(min=1),
            metavar="N",
            help="How much of each log of a task is kept, in MB.  [default: 64]",
        ),
        decorator_option(),
        click.Option(
            ["--run-id-file"],
            type=click.Path(dir_okay=False, writable=True, path_type=Path),
            help="File to write the run's id to, before its first task starts.",
        ),
        click.Option(
            ["--on-loss"],
            type=click.Choice(["warn", "error", "ignore"]),
            metavar="POLICY",
            help="What to do about losses: warn, error or ignore.  [default: as the flow says]",
        ),
        click.Option(["--namespace"], metavar="TEXT", help="Namespace of the run.  [default: user:NAME]"),
    ]


def checked_tags(_ctx: click.Context, _option: click.Parameter, tags: Sequence[str]) -> list[str]:
    """Refuses tags that cannot be sent. All other rules are the server's.

    Args:
        tags: The tags, as they were typed.

    Returns:
        The tags, each once, sorted.
    """
    for tag in tags:
        if any("\ud800" <= character <= "\udfff" for character in tag):
            raise click.BadParameter(f"a tag must be valid UTF-8, unlike {tag!a}.")
    return sorted(set(tags))


def _parts(text: str) -> Iterator[str]:
    """Splits at commas, but not at those inside of brackets, braces and quotes."""
    depth, quoted, start = 0, False, 0
    for position, character in enumerate(text):
        if character == '"' and text[position - 1 : position] != "\\":
            quoted = not quoted
        elif not quoted:
            depth += (character in "[{") - (character in "]}")
            if character == "," and depth == 0:
                yield text[start:position]
                start = position + 1
    yield text[start:]


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)
