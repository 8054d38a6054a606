"""Parameters of flows: how they are declared, and how text becomes a value.

A value comes from the command line, else from the environment, else from the default. The rules are those of
all languages: the command line applies them to flows written in R, too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import ClassVar, Self, TypeAlias

from instep._config import with_configs
from instep.errors import ParameterInvalidError

ParameterValue: TypeAlias = (
    "bool | int | float | str | list[ParameterValue] | dict[str, ParameterValue] | None"
)
"""What a parameter can be: a scalar, a list of text, or what JSON can say."""

_SPELLINGS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}
_INT64 = range(-(2**63), 2**63)


class ParameterKind(IntEnum):
    """Types of parameters, numbered as in the protocol."""

    STRING = 1
    """Text."""
    INT = 2
    """A whole number of 64 bits."""
    FLOAT = 3
    """A floating point number."""
    BOOL = 4
    """True or false."""
    JSON = 5
    """A JSON document."""


class JSONType:
    """Type of parameters whose text is JSON, for use as `Parameter(..., type=JSONType)`."""


_KINDS: Mapping[type, ParameterKind] = {
    str: ParameterKind.STRING,
    int: ParameterKind.INT,
    float: ParameterKind.FLOAT,
    bool: ParameterKind.BOOL,
    JSONType: ParameterKind.JSON,
}
_EXPECTED = {
    ParameterKind.STRING: "text",
    ParameterKind.INT: "a whole number",
    ParameterKind.FLOAT: "a number",
    ParameterKind.BOOL: "true or false (or t, f, yes, no, y, n, 1, 0)",
    ParameterKind.JSON: "JSON",
}


class Parameter:
    """A parameter of a flow: the option `--name` of its command `run`.

    It is declared as a class attribute, and steps read its value under the name of that attribute.

    Args:
        name: Name of the option, without dashes. It may differ from the name of the attribute.
        default: Value when none is given. None: there is no default. A function is called once for each run that
            gives no value, in the process that starts it, with a context (`flow_name`, `user_name`,
            `parameter_name`, `configs`); `current` has the names of the project then. It returns a value of the
            type, or text for `JSONType`.
        type: `str`, `int`, `float`, `bool` or `JSONType`. None: the type of the default, else `str`.
        help: Text for people.
        required: True when a run cannot start without a value.
        separator: Where the text is split into a list of text. Only for text.
        show_default: True when help shows the default.

    Example:
        >>> folds = Parameter("folds", default=5, help="Cross-validation folds.")
        >>> folds.default_value()
        5
    """

    __slots__ = ("default", "file", "help", "line", "name", "required", "separator", "show_default", "type")

    types: ClassVar[Sequence[str]] = tuple(kind.__name__ for kind in _KINDS)
    """Names of the types that a parameter can have."""

    def __init__(
        self,
        name: str,
        default: object = None,
        type: type | None = None,
        help: str = "",
        required: bool = False,
        separator: str | None = None,
        show_default: bool = True,
    ) -> None:
        frame = sys._getframe(1)
        self.name = name
        self.default = default
        self.type = type
        self.help = help
        self.required = required
        self.separator = separator
        self.show_default = show_default
        self.file = frame.f_code.co_filename
        self.line = frame.f_lineno

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, default={self.default!r})"

    def with_configs(self, configs: Mapping[str, object]) -> Self:
        """Puts values in the place of configs and of what `config_expr` returned.

        Args:
            configs: The configs of the flow, by attribute.

        Raises:
            ConfigInvalidError: An expression cannot be evaluated.
        """
        return with_configs(self, ("default", "help", "required", "separator", "show_default"), configs)

    @property
    def has_function_default(self) -> bool:
        """True when a function gives the default."""
        return callable(self.default)

    @property
    def kind(self) -> ParameterKind:
        """The type of the value.

        Raises:
            ParameterInvalidError: When the type is none that a parameter can have.
        """
        chosen = self.type or (str if self.default is None or self.separator else _type_of(self.default))
        if chosen not in _KINDS:
            raise ParameterInvalidError(
                f"Parameter '{self.name}' has the type {getattr(chosen, '__name__', chosen)}, which is none of "
                f"{', '.join(self.types)}. Use JSONType for lists and dictionaries.",
                parameter=self.name,
            )
        return _KINDS[chosen]

    def default_value(self) -> ParameterValue:
        """Turns the default into the value that a run gets.

        Returns:
            The value, of the parameter's type. None: there is no default, or a function gives it.

        Raises:
            ParameterInvalidError: When the declaration makes no sense: the default does not fit the type, the
                type is unknown, or a separator is given for something other than text.
        """
        kind = self.kind
        if self.separator and kind is not ParameterKind.STRING:
            raise ParameterInvalidError(
                f"Parameter '{self.name}' has a separator and the type {kind.name.lower()}. "
                "Only text can be split.",
                parameter=self.name,
            )
        if self.default is None or self.has_function_default:
            return None
        if isinstance(self.default, str):
            whose = f"The default of parameter '{self.name}'"
            return _convert(self.default, kind, self.separator or "", self.name, whose)
        return self._fitted(kind, self.default)

    def check_returned(self, value: object) -> ParameterValue:
        """Turns what the function of the default returned into the value that a run gets.

        Args:
            value: What it returned.

        Raises:
            ParameterInvalidError: It does not fit the type. The message speaks of the function as `it`.
        """
        kind = self.kind
        if kind in (ParameterKind.STRING, ParameterKind.JSON):
            if isinstance(value, str):
                return _convert(value, kind, self.separator or "", self.name, "What it returned")
            if not (self.separator and isinstance(value, list | tuple)):
                raise self._misfit(kind, value)
        try:
            return self._fitted(kind, value)
        except ParameterInvalidError:
            raise self._misfit(kind, value) from None

    def _misfit(self, kind: ParameterKind, value: object) -> ParameterInvalidError:
        expected = "JSON text" if kind is ParameterKind.JSON else _EXPECTED[kind]
        return ParameterInvalidError(
            f"It returned {_shortened_repr(value)} ({type(value).__name__}), but must return {expected}.",
            parameter=self.name,
        )

    def _fitted(self, kind: ParameterKind, default: object) -> ParameterValue:
        """Checks a default that is no text against the type."""
        if kind is ParameterKind.JSON:
            return _plain_json(self.name, default)
        if kind is ParameterKind.FLOAT and isinstance(default, int) and not isinstance(default, bool):
            return float(default)
        if kind is ParameterKind.BOOL and isinstance(default, bool):
            return default
        if kind is ParameterKind.INT and type(default) is int and default in _INT64:
            return default
        if kind is ParameterKind.FLOAT and isinstance(default, float):
            return default
        if self.separator and isinstance(default, list | tuple):
            items = [item for item in default if isinstance(item, str)]
            if len(items) == len(default):
                return list(items)
        raise ParameterInvalidError(
            f"The default {default!r} of parameter '{self.name}' is not {_EXPECTED[kind]}.",
            parameter=self.name,
        )


def convert(text: str, *, name: str, kind: ParameterKind, separator: str = "") -> ParameterValue:
    """Turns text from the command line or the environment into the value of a parameter.

    Args:
        text: The text.
        name: Name of the parameter, for the message.
        kind: Type of the parameter.
        separator: Where text is split into a list. Empty: it is not.

    Returns:
        The value.

    Raises:
        ParameterInvalidError: When the text does not fit the type. The message names the option.

    Example:
        >>> convert("a,b", name="cuts", kind=ParameterKind.STRING, separator=",")
        ['a', 'b']
    """
    return _convert(text, kind, separator, name, f"Option --{name}")


def variable(name: str) -> str:
    """Tells which environment variable can hold the value of a parameter.

    Args:
        name: Name of the parameter.

    Returns:
        Name of the variable.

    Example:
        >>> variable("with-dash")
        'INSTEP_RUN_WITH_DASH'
    """
    return f"INSTEP_RUN_{name.upper().replace('-', '_')}"


def _convert(text: str, kind: ParameterKind, separator: str, name: str, subject: str) -> ParameterValue:
    if kind is ParameterKind.STRING:
        return list(text.split(separator)) if separator else text
    try:
        return _PARSERS[kind](text)
    except (ValueError, KeyError, RecursionError) as err:
        detail = f" ({err.msg} at character {err.pos + 1})" if isinstance(err, json.JSONDecodeError) else ""
        raise ParameterInvalidError(
            f"{subject} must be {_EXPECTED[kind]}, not {_shortened(text)}{detail}.",
            parameter=name,
            value=text,
        ) from err


def _type_of(default: object) -> type:
    """Takes the type of a default; text for one that a function would make."""
    return str if callable(default) else type(default)


def _to_int(text: str) -> ParameterValue:
    number = int(text)
    if number not in _INT64:
        raise ValueError("out of range")
    return number


def _to_bool(text: str) -> ParameterValue:
    return _SPELLINGS[text.strip().lower()]


def _to_json(text: str) -> ParameterValue:
    value: ParameterValue = json.loads(text)
    return value


def _plain_json(name: str, default: object) -> ParameterValue:
    """Copies a default as JSON would, so that it is what the same text on the command line would be."""
    try:
        return _to_json(json.dumps(default))
    except (TypeError, ValueError, RecursionError) as err:
        raise ParameterInvalidError(
            f"The default of parameter '{name}' cannot be written as JSON: {err}.", parameter=name
        ) from err


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _shortened_repr(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_PARSERS: Mapping[ParameterKind, Callable[[str], ParameterValue]] = {
    ParameterKind.INT: _to_int,
    ParameterKind.FLOAT: float,
    ParameterKind.BOOL: _to_bool,
    ParameterKind.JSON: _to_json,
}
