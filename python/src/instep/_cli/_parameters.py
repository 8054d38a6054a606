"""Parameters of a flow as options of the command `run`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from instep._cli._graph import decode_inline, relative
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


class FilePath(click.ParamType[Given]):
    """The path of an include file, whose content is the value.

    Args:
        spec: The parameter.
    """

    name = "PATH"

    def __init__(self, spec: ParameterSpec) -> None:
        self._spec = spec

    def convert(self, value: str | Given, param: click.Parameter | None, ctx: click.Context | None) -> Given:
        """Reads the file.

        Args:
            value: The path, or what became of it in an earlier call.
            param: The option.
            ctx: The command's context.

        Returns:
            The content.
        """
        return value if isinstance(value, Given) else Given(_content(self._spec, value, ctx))


class ParameterOption(click.Option):
    """The option of `run` for one parameter.

    Args:
        spec: The parameter.
    """

    def __init__(self, spec: ParameterSpec) -> None:
        super().__init__(
            [f"--{spec.name}", destination(spec)],
            type=FilePath(spec) if spec.HasField("include_file") else ParameterText(spec),
            required=spec.required,
            help=spec.help or None,
            envvar=variable(spec.name),
        )
        self._spec = spec

    def text_of(self, value: object) -> str:
        """Writes a value as a person would type it.

        Args:
            value: The value. A text stands for itself.
        """
        if isinstance(value, str):
            return value
        if int(self._spec.type) == ParameterKind.JSON:
            return json.dumps(value)
        if isinstance(value, list) and self._spec.separator:
            return self._spec.separator.join(map(str, value))
        return str(value)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Gives the option's line in the help text, with its default.

        Args:
            ctx: The command's context.
        """
        record = super().get_help_record(ctx)
        default = default_text(self._spec)
        if record is None or self._spec.hide_default or not default:
            return record
        return record[0], f"{record[1]}  [default: {default}]".lstrip()


def default_text(spec: ParameterSpec) -> str:
    """Writes a default as a person would type it.

    Args:
        spec: The parameter.

    Returns:
        The text. Empty: there is no default, or an empty one.
    """
    if spec.include_file.default_file:
        return relative(spec.include_file.default_file)
    if not spec.HasField("default"):
        return "computed" if spec.has_function_default else ""
    value = decode_inline(spec.default)
    if int(spec.type) == ParameterKind.JSON:
        return json.dumps(value, ensure_ascii=False)
    return spec.separator.join(map(str, value)) if isinstance(value, list) else str(value)


def destination(spec: ParameterSpec) -> str:
    """Names the argument under which the command gets a parameter. It clashes with no option of our own.

    Args:
        spec: The parameter.
    """
    return "parameter_" + spec.name.replace("-", "_")


def encoded(
    specs: Iterable[ParameterSpec], given: Mapping[str, object], objects: Path
) -> Iterator[ParameterValue]:
    """Encodes the values that were given, and the content of files that are there by default.

    Args:
        specs: The parameters.
        given: The command's arguments, by `destination`.
        objects: Directory of the object store, which takes what is large.

    Yields:
        One entry for each parameter that has a value.
    """
    values = [(spec.name, found) for spec in specs if (found := _found(spec, given)) is not None]
    if not values:
        return
    from instep_proto.v1.control_service_pb2 import ParameterValue

    from instep.values import ObjectStore, encode  # imports Arrow: only when there is something to encode

    store = ObjectStore(objects)
    for name, found in values:
        value = encode(found.value, name=name)
        for blob in value.blobs:
            store.put(blob)
        yield ParameterValue(name=name, manifest=value.manifest)


def _found(spec: ParameterSpec, given: Mapping[str, object]) -> Given | None:
    value = given[destination(spec)]
    if isinstance(value, Given):
        return value
    if default := spec.include_file.default_file:
        return Given(_content(spec, default, click.get_current_context()))
    return None


def _content(spec: ParameterSpec, file: str, ctx: click.Context | None) -> str | bytes:
    """Reads an include file.

    Raises:
        click.UsageError: It cannot be read.
    """
    wanted = spec.include_file
    try:
        data = Path(file).expanduser().read_bytes()
        return data.decode(wanted.encoding or "utf-8") if wanted.is_text else data
    except OSError as err:
        reason = err.strerror
    except UnicodeDecodeError as err:
        reason = f"it is no {err.encoding} text (byte {err.start}). Other encodings, and is_text, are arguments of IncludeFile"
    except LookupError:
        reason = f"there is no encoding {wanted.encoding!r}"
    raise click.UsageError(f"The file {file!r} for --{spec.name} can't be read: {reason}.", ctx)
