"""Options of the commands that start runs, and how their values are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
        if not name.strip() or (colon and not rest):
            self.fail(f"{value!r} is no decorator. Write, for example, --with retry:times=2.", param, ctx)
        arguments: dict[str, object] = {}
        while rest:
            argument, equals, text = rest.partition("=")
            if not equals or not argument.strip():
                self.fail(
                    f"{value!r} has no argument and value at {rest!r}. Write {name}:argument=value.",
                    param,
                    ctx,
                )
            arguments[argument.strip()], rest = _first_value(text)
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
        click.Option(
            ["--namespace"],
            metavar="TEXT",
            help="What clients in the tasks see: runs with this tag; empty for all.  [default: user:NAME]",
        ),
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


def _first_value(text: str) -> tuple[object, str]:
    """Reads the value up to the next comma, or the JSON before one. Gives it with what follows the comma."""
    try:
        value, end = _JSON.raw_decode(text.lstrip())
        rest = text.lstrip()[end:].lstrip()
    except ValueError:
        rest = "?"
    if rest and not rest.startswith(","):
        word, _, rest = text.partition(",")
        return _WORDS.get(word.strip(), word.strip()), rest
    return value, rest[1:]


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


_JSON = json.JSONDecoder(parse_constant=_refuse_constant)  # NaN is no JSON
_WORDS: dict[str, object] = {"True": True, "False": False, "None": None}
