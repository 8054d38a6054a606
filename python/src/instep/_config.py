"""Configs of flows: settings that are there while the flow is being defined.

A config is resolved when its `Config(...)` runs, since the rest of the class body may use it. Its text comes from
the command line, else from the environment, else from the default. The command line of a flow's own program is read
here, before there is a command; hosts of other files find the same values in their environment, where the
orchestrator puts them.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Any, TypeVar

from instep import _flow
from instep._arguments import top_options
from instep._config_view import ConfigDict, frozen, plain
from instep.errors import ConfigInvalidError

FILES = "INSTEP_FLOW_CONFIG"
"""Environment variable with a JSON object of paths, by name of the config."""
VALUES = "INSTEP_FLOW_CONFIG_VALUE"
"""Environment variable with a JSON object of texts, by name of the config. A value that is no text stands for its JSON."""

USAGE = 2
"""Exit code for wrong usage."""

Parser = Callable[[str], object]
_Resolved = TypeVar("_Resolved")


@dataclass(frozen=True, slots=True)
class DefaultContext:
    """What a function that gives a default is called with."""

    flow_name: str
    """Name of the flow."""
    user_name: str
    """Login name of the person who runs the command."""
    parameter_name: str
    """Name of the parameter or config."""
    configs: ConfigDict
    """The configs that are resolved already, by their attributes of the flow."""


@dataclass(frozen=True, slots=True)
class ConfigState:
    """What is known of a config after it was resolved."""

    name: str
    help: str
    text: str | None
    """The text that it came from. None: there was none."""
    value: object
    """The value, read-only."""
    error: ConfigInvalidError | None
    """Why it could not be resolved. None: it was."""
    file: str
    line: int


class Config:
    """A config of a flow: the top option `--config NAME FILE`, or `--config-value NAME TEXT`.

    It is declared as a class attribute. The class body below it, `config_expr`, and steps (as `self.<attribute>`)
    read it by key or by attribute, at every depth. It cannot be changed.

    Args:
        name: Name of the config.
        default: Path of the file to read when none is given, relative to the working directory. None: none.
        default_value: Value when none is given: text, or a dictionary, or a function that is called with a context
            (`flow_name`, `user_name`, `parameter_name`, `configs`) and returns one. None: none.
        required: True when the flow cannot be loaded without a value. Otherwise the value is None then.
        help: Text for people.
        parser: Turns the text into a dictionary: a function, or its name with dots. None: the text is a JSON object.
        plain: True: the value is the text as it is, or whatever the parser returns.

    Example:
        >>> settings = Config("settings", default_value={"model": {"folds": 5}})
        >>> settings.model.folds
        5
    """

    __slots__ = ("_instep_state",)
    _instep_state: ConfigState

    def __init__(
        self,
        name: str,
        default: str | os.PathLike[str] | None = None,
        default_value: object = None,
        required: bool = False,
        help: str = "",
        parser: str | Parser | None = None,
        plain: bool = False,
    ) -> None:
        caller = sys._getframe(1)
        text: str | None = None
        value: object = None
        error: ConfigInvalidError | None = None
        try:
            text, found = _find(name, default, default_value, caller.f_locals)
            if parser is None and not plain and isinstance(found, dict):
                text = _json_of(found)
            value = frozen(_parsed(name, text, parser, is_plain=plain) if text is not None else found)
            if required and value is None:
                raise ConfigInvalidError(
                    f"Config {name!r} is required, but has no value. Give --config {name} FILE or "
                    f"--config-value {name} TEXT before the command.",
                    config=name,
                )
        except ConfigInvalidError as err:
            error = err  # told when the flow is read; a class body that needs the value now gets it at once
            error.flow = str(caller.f_locals.get("__qualname__", ""))
            if not _flow.loads_only() and sys.excepthook is sys.__excepthook__:
                sys.excepthook = _trip
        state = ConfigState(name, help, text, value, error, caller.f_code.co_filename, caller.f_lineno)
        object.__setattr__(self, "_instep_state", state)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(value_of(self), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(value_of(self), name, value)

    def __getitem__(self, key: object) -> Any:
        return value_of(self)[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(value_of(self))

    def __len__(self) -> int:
        return len(value_of(self))

    def __contains__(self, key: object) -> bool:
        return key in value_of(self)

    def __bool__(self) -> bool:
        return bool(value_of(self))

    def __eq__(self, other: object) -> bool:
        return bool(value_of(self) == (value_of(other) if isinstance(other, Config) else other))

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(value_of(self))

    def __repr__(self) -> str:
        return f"Config({state_of(self).name!r})"


@dataclass(frozen=True, slots=True)
class ConfigExpression:
    """An expression that is evaluated when the flow is read, with its configs by the names of their attributes."""

    text: str
    """The expression."""
    file: str
    """Path of the file in which it is written."""
    line: int
    """Line in which it is written."""


def config_expr(expression: str) -> Any:
    """Stands for a value that is computed from the configs of a flow, where these are not at hand yet.

    Such a place is a decorator of the class. In the class body, below a config, `config.key` does as well.

    Args:
        expression: A Python expression in which configs go by the names of their attributes, such as
            `settings.model.folds + 1`.

    Returns:
        What takes the place of the value: in arguments of decorators and as the default of a parameter.

    Example:
        >>> config_expr("settings.model.folds + 1").text
        'settings.model.folds + 1'
    """
    caller = sys._getframe(1)
    return ConfigExpression(expression, caller.f_code.co_filename, caller.f_lineno)


def state_of(config: Config) -> ConfigState:
    """Tells what is known of a config.

    Args:
        config: The config.
    """
    return config._instep_state


def value_of(config: Config) -> Any:
    """Gives the value of a config, read-only.

    Args:
        config: The config.

    Raises:
        ConfigInvalidError: It could not be resolved.
    """
    state = state_of(config)
    if state.error is not None:
        raise state.error
    return state.value


def resolved(value: _Resolved, configs: Mapping[str, object]) -> _Resolved:
    """Puts plain values in the place of configs and expressions, at any depth of lists and dictionaries.

    Args:
        value: An argument of a decorator, or the default of a parameter.
        configs: The flow's configs, by attribute.

    Raises:
        ConfigInvalidError: An expression cannot be evaluated, or a config could not be resolved.
    """
    return _resolved(value, configs)  # type: ignore[return-value]


def with_configs(declared: _Resolved, attributes: Sequence[str], configs: Mapping[str, object]) -> _Resolved:
    """Copies a declaration, with plain values in the place of configs and expressions.

    Args:
        declared: A parameter or include file.
        attributes: Names of its attributes that may have them.
        configs: The flow's configs, by attribute.

    Raises:
        ConfigInvalidError: As `resolved`.
    """
    made = copy(declared)
    for name in attributes:
        setattr(made, name, resolved(getattr(made, name), configs))
    return made


def _resolved(value: object, configs: Mapping[str, object]) -> object:
    match value:
        case Config():
            return plain(value_of(value))
        case ConfigExpression():
            return plain(_evaluated(value, configs))
        case dict():
            return {key: _resolved(item, configs) for key, item in value.items()}
        case list():
            return [_resolved(item, configs) for item in value]
        case tuple() if type(value) is tuple:
            return tuple(_resolved(item, configs) for item in value)
    return value


def _evaluated(expression: ConfigExpression, configs: Mapping[str, object]) -> object:
    try:
        return eval(expression.text, {}, dict(configs))
    except Exception as err:
        known = ", ".join(sorted(configs)) or "none"
        raise ConfigInvalidError(
            f"config_expr({expression.text!r}) can't be evaluated: {type(err).__name__}: {str(err).rstrip('.')}. "
            f"The configs of the flow are {known}.",
        ) from err


def _find(
    name: str, default: str | os.PathLike[str] | None, default_value: object, body: Mapping[str, object]
) -> tuple[str | None, object]:
    """Finds the text of a config, or a value that needs no parsing."""
    if not isinstance(name, str):
        raise ConfigInvalidError(f"The name of a config must be text, not {name!r}.")
    if default is not None and not isinstance(default, str | os.PathLike):
        raise ConfigInvalidError(f"The default of config {name!r} must be a path, not {default!r}.")
    if (given := _given(name)) is not None:
        return given, None
    if default is not None:
        return _read(name, os.fspath(default)), None
    if callable(default_value):
        default_value = _called(name, default_value, body)
    default_value = plain(value_of(default_value) if isinstance(default_value, Config) else default_value)
    if isinstance(default_value, str):
        return default_value, None
    return None, default_value


def _called(name: str, function: Callable[[DefaultContext], object], body: Mapping[str, object]) -> object:
    from instep._user import user_name

    known = {attribute: one for attribute, one in body.items() if isinstance(one, Config)}
    context = DefaultContext(
        flow_name=str(body.get("__qualname__", "")),
        user_name=user_name(),
        parameter_name=name,
        configs=frozen({attribute: value_of(one) for attribute, one in known.items()}),
    )
    try:
        return function(context)
    except Exception as err:
        raise ConfigInvalidError(
            f"The default_value of config {name!r} is a function that failed: {type(err).__name__}: {err}.",
            config=name,
        ) from err


def _given(name: str) -> str | None:
    """Finds the text that a person has given for a config: on the command line, else in the environment."""
    values, files = ({}, {}) if _flow.loads_only() else _typed(sys.argv[1:])
    if name in values:
        return values[name]
    if name in files:
        return _read(name, files[name])
    if name in (values := _from_environment(VALUES, name)):
        value = values[name]
        return value if isinstance(value, str) else json.dumps(value)
    if name in (files := _from_environment(FILES, name)):
        return _read(name, str(files[name]))
    return None


def _typed(arguments: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Reads the options for configs among what was typed before the command: texts, and paths, by name."""
    given = [(option, values) for option, values in top_options(arguments).options if len(values) == 2]
    texts = dict(values for option, values in given if option == "--config-value")
    return texts, dict(values for option, values in given if option == "--config")


def _from_environment(variable: str, name: str) -> dict[str, Any]:
    text = os.environ.get(variable, "")
    try:
        by_name = json.loads(text) if text else {}
    except ValueError:
        by_name = None
    if not isinstance(by_name, dict):
        raise ConfigInvalidError(
            f"Config {name!r} can't be read: the environment variable {variable} must be a JSON object of configs by "
            f"name, not {text[:60]!r}.",
            config=name,
        )
    return by_name


def _read(name: str, file: str) -> str:
    try:
        with open(file, encoding="utf-8") as opened:
            return opened.read()
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "it is not UTF-8 text"
        raise ConfigInvalidError(
            f"Config {name!r} can't be read from the file {file!r}: {reason}.", config=name
        ) from err


def _parsed(name: str, text: str, parser: str | Parser | None, *, is_plain: bool) -> object:
    if parser is None and is_plain:
        return text
    try:
        value = json.loads(text) if parser is None else _function(parser)(text)
    except json.JSONDecodeError as err:
        what = "must be a JSON object" if parser is None else "can't be parsed"
        raise ConfigInvalidError(
            f"Config {name!r} {what}: {err.msg} at line {err.lineno}, column {err.colno}.", config=name
        ) from err
    except Exception as err:
        raise ConfigInvalidError(
            f"Config {name!r} can't be parsed: {type(err).__name__}: {err}.", config=name
        ) from err
    if not is_plain and not isinstance(value, Mapping):
        kind = "must be a JSON object" if parser is None else "must be parsed into a dictionary"
        raise ConfigInvalidError(
            f"Config {name!r} {kind}, not into {value!r:.80}. plain=True allows any value."
            if parser
            else f"Config {name!r} {kind}, not {value!r:.80}. plain=True takes any text.",
            config=name,
        )
    return dict(value) if isinstance(value, Mapping) and not isinstance(value, dict) else value


def _json_of(value: dict[str, object]) -> str | None:
    """Writes a value as the text that it could have come from, for resumed runs. None: JSON can't say it."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        return None
    return text if json.loads(text) == value else None


def _function(parser: str | Parser) -> Parser:
    if callable(parser):
        return parser
    module, _, function = parser.rpartition(".")
    found: Parser = getattr(import_module(module), function)
    return found


def _trip(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Handles that the program's class body has tripped over a config, which is a usage error.

    A run that is resumed brings its configs with it. But to find them takes the command line, and it is not there
    yet. So it is started without this file, which it then has loaded with these configs.
    """
    if not isinstance(error, ConfigInvalidError):
        sys.__excepthook__(kind, error, trace)
        return
    if top_options(sys.argv[1:]).command == "resume":
        program = [sys.executable, "-m", "instep._cli", "--language", "python", "--file", sys.argv[0]]
        flow = ["--flow", str(getattr(error, "flow", "")), "--prog", f"python {shlex.quote(sys.argv[0])}"]
        os.execv(sys.executable, [*program, *flow, "--", *sys.argv[1:]])
    print(f"Error: {error.message}", file=sys.stderr)
    raise SystemExit(USAGE)
