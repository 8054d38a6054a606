"""Parameters of a flow as options of the command `run`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from instep._cli._graph import decode_inline
from instep._parameter import ParameterKind, convert, variable
from instep.errors import ParameterInvalidError

if TYPE_CHECKING:
    from instep_proto.v1.control_service_pb2 import ParameterValue
    from instep_proto.v1.graph_pb2 import ParameterSpec

METAVARS = {
    ParameterKind.STRING: "TEXT",
    ParameterKind.INT: "INTEGER",
    ParameterKind.FLOAT: "FLOAT",
    ParameterKind.BOOL: "BOOLEAN",
    ParameterKind.JSON: "JSON",
}
"""What stands for a value in help texts."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value that was given, to tell JSON's null from no value."""

    value: object
    """The value."""


class ParameterText(click.ParamType[Given]):
    """The text of a parameter, which must fit its type.

    Args:
        spec: The parameter.
    """

    def __init__(self, spec: ParameterSpec) -> None:
        self._spec = spec
        self._kind = ParameterKind(spec.type or ParameterKind.STRING)
        self.name = METAVARS[self._kind]

    def convert(self, value: str | Given, param: click.Parameter | None, ctx: click.Context | None) -> Given:
        """Converts the text.

        Args:
            value: The text, or what became of it in an earlier call.
            param: The option.
            ctx: The command's context.

        Returns:
            The value.
        """
        if isinstance(value, Given):
            return value
        try:
            return Given(
                convert(value, name=self._spec.name, kind=self._kind, separator=self._spec.separator)
            )
        except ParameterInvalidError as err:
            raise click.UsageError(err.message, ctx) from err


class ParameterOption(click.Option):
    """The option of `run` for one parameter.

    Args:
        spec: The parameter.
    """

    def __init__(self, spec: ParameterSpec) -> None:
        super().__init__(
            [f"--{spec.name}", destination(spec)],
            type=ParameterText(spec),
            required=spec.required,
            help=spec.help or None,
            envvar=variable(spec.name),
        )
        self._spec = spec

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Gives the option's line in the help text, with its default.

        Args:
            ctx: The command's context.
        """
        record = super().get_help_record(ctx)
        if record is None or self._spec.hide_default or not self._spec.HasField("default"):
            return record
        return record[0], f"{record[1]}  [default: {default_text(self._spec)}]".lstrip()


def default_text(spec: ParameterSpec) -> str:
    """Writes a default as a person would type it.

    Args:
        spec: The parameter, which has a default.
    """
    value = decode_inline(spec.default)
    if int(spec.type) == ParameterKind.JSON:
        # An array that R has read from JSON is a vector.
        return json.dumps(value, ensure_ascii=False, default=lambda array: array.tolist())
    return spec.separator.join(map(str, value)) if isinstance(value, list) else str(value)


def destination(spec: ParameterSpec) -> str:
    """Names the argument under which the command gets a parameter. It clashes with no option of our own.

    Args:
        spec: The parameter.
    """
    return "parameter_" + spec.name.replace("-", "_")


def encoded(specs: Iterable[ParameterSpec], given: Mapping[str, object]) -> list[ParameterValue]:
    """Encodes the values that were given.

    Args:
        specs: The parameters.
        given: The command's arguments, by `destination`.

    Returns:
        One entry for each parameter that has a value.
    """
    values = [(spec.name, value) for spec in specs if isinstance(value := given[destination(spec)], Given)]
    if not values:
        return []
    from instep_proto.v1.control_service_pb2 import ParameterValue

    from instep.values import encode  # imports Arrow: only when there is something to encode

    return [
        ParameterValue(name=name, manifest=encode(given.value, name=name, inline=True).manifest)
        for name, given in values
    ]
