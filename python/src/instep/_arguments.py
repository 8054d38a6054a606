"""What can be told of a flow's command line before there is a parser for it.

Configs are resolved while the flow's file loads, and the server is started before the command is understood. Both
look here. What is wrong with the arguments is said later, by the parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_VALUES = {
    "--branch": 1,
    "--config": 2,
    "--config-value": 2,
    "--datastore": 1,
    "--datastore-root": 1,
    "--metadata": 1,
}
"""The options before the command that take values, and how many."""


@dataclass(frozen=True, slots=True)
class TopOptions:
    """What was typed before the command, and the command."""

    options: tuple[tuple[str, tuple[str, ...]], ...]
    """The options in order, each with its values."""
    command: str
    """The command. Empty: there is none."""

    def last(self, option: str) -> str | None:
        """Gives the value of an option of one value. None: it was not given."""
        return next((values[0] for name, values in reversed(self.options) if name == option and values), None)


def top_options(arguments: Sequence[str]) -> TopOptions:
    """Reads the options before the command.

    Args:
        arguments: What was typed after the program's name.

    Example:
        >>> top_options(["--quiet", "--branch", "test", "run", "--folds", "3"])
        TopOptions(options=(('--quiet', ()), ('--branch', ('test',))), command='run')
    """
    options = []
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        name, equals, value = rest.pop(0).partition("=")
        values = [value] if equals else []
        while len(values) < _VALUES.get(name, 0) and rest:
            values.append(rest.pop(0))
        options.append((name, tuple(values)))
    return TopOptions(tuple(options), rest[0] if rest else "")
