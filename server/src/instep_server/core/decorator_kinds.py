"""The decorators that there are: what each takes, and what it means."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from instep_server.core.policy import Catch, Project, Resources, Retry

MAX_RETRIES = 4
"""How many attempts there may be after the first."""

_MAX_SECONDS = 366 * 24 * 3600


class WrongArgumentsError(Exception):
    """Arguments that are right one by one are wrong together.

    Attributes:
        message: What is wrong, without its subject.
        hint: What to do about it.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a decorator."""

    default: Any
    """Its value when none is given."""
    rule: str
    """What values are right, for people: it goes on after `is`."""
    accepts: Callable[[Any], bool]
    """Tells whether a value is right."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A decorator."""

    build: Callable[[Mapping[str, Any]], Any]
    """Makes its policy from values for all arguments, each right by itself. Raises WrongArgumentsError."""
    arguments: Mapping[str, Argument]
    """What it takes, by name."""


# What values are right.


def _is_number(value: object) -> bool:
    is_float = isinstance(value, float) and math.isfinite(value)
    return is_float or (isinstance(value, int) and not isinstance(value, bool))


def _number(least: float, most: float) -> Callable[[Any], bool]:
    return lambda value: _is_number(value) and least <= value <= most


def _whole(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: _is_number(value) and value == int(value) and least <= value <= most


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: value is None or (isinstance(value, str) and bool(re.fullmatch(pattern, value)))


def _is_names(value: object) -> bool:
    """One class, several, or None."""
    values = value if isinstance(value, list) else [value]
    return value is None or all(isinstance(one, str) and one for one in values)


def _is_memory(value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return value is None or (bool(values) and all(_whole(1, 2**40)(one) for one in values))


def _is_variables(value: object) -> bool:
    return isinstance(value, dict) and all(
        name and "=" not in name and "\0" not in name and isinstance(text, str) and "\0" not in text
        for name, text in value.items()
    )


# What decorators mean.


def _retry(values: Mapping[str, Any]) -> Retry:
    on = values["on"] if values["on"] is not None else []
    return Retry(
        times=int(values["times"]),
        wait_seconds=values["wait_seconds"],
        backoff=values["backoff"],
        max_wait_seconds=values["max_wait_seconds"],
        jitter=values["jitter"],
        on=(on,) if isinstance(on, str) else tuple(on),
    )


def _catch(values: Mapping[str, Any]) -> Catch:
    return Catch(var=values["var"] or "", print_exception=values["print_exception"])


def _timeout(values: Mapping[str, Any]) -> int:
    seconds: float = values["seconds"] + 60 * values["minutes"] + 3600 * values["hours"]
    if not seconds:
        raise WrongArgumentsError("gives no time.", "Give seconds, minutes or hours: their sum is the limit.")
    return max(1, round(1000 * seconds))


def _environment(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(values["vars"].items())


def _resources(values: Mapping[str, Any]) -> tuple[Resources, ...]:
    memory = values["memory"] if isinstance(values["memory"], list) else [values["memory"] or 0]
    cpu, gpu = max(1, round(1000 * values["cpu"])), int(values["gpu"])
    return tuple(Resources(millicpu=cpu, memory_mb=int(one), gpu=gpu) for one in memory)


def _project(values: Mapping[str, Any]) -> Project:
    if values["name"] is None:
        raise WrongArgumentsError("has no name.", "Name the project.")
    return Project(name=values["name"], branch=values["branch"] or "", production=values["production"])


_SECONDS = "a number of seconds, 0 or more"
_WAIT = _number(0, _MAX_SECONDS)

OF_STEPS: Mapping[str, Kind] = {
    "retry": Kind(
        _retry,
        {
            "times": Argument(3, f"a whole number from 0 to {MAX_RETRIES}", _whole(0, MAX_RETRIES)),
            "minutes_between_retries": Argument(2, "a number of minutes, 0 or more", _WAIT),
            "wait_seconds": Argument(0, _SECONDS, _WAIT),
            "backoff": Argument(1, "a number from 1 to 1,000", _number(1, 1000)),
            "max_wait_seconds": Argument(3600, _SECONDS, _WAIT),
            "jitter": Argument(0, "a number from 0 to 1", _number(0, 1)),
            "on": Argument(None, "the name of an error's class, or a list of such names", _is_names),
        },
    ),
    "catch": Kind(
        _catch,
        {
            "var": Argument(
                None, "the name of an artifact: letters, digits and _", _matches(r"[A-Za-z_.][\w.]*")
            ),
            "print_exception": Argument(True, "true or false", _is_bool),
        },
    ),
    "timeout": Kind(
        _timeout,
        {
            unit: Argument(0, f"a number of {unit}, 0 or more", _number(0, _MAX_SECONDS / size))
            for unit, size in (("seconds", 1), ("minutes", 60), ("hours", 3600))
        },
    ),
    "environment": Kind(
        _environment, {"vars": Argument({}, "text by names of environment variables", _is_variables)}
    ),
    "resources": Kind(
        _resources,
        {
            "cpu": Argument(1, "a number of cores above 0", lambda value: _number(0, 2**20)(value) and value),
            "memory": Argument(
                None, "a whole number of MB above 0, or a list with one for each attempt", _is_memory
            ),
            "gpu": Argument(0, "a whole number, 0 or more", _whole(0, 2**20)),
        },
    ),
}
"""Decorators of steps, by name."""

OF_FLOWS: Mapping[str, Kind] = {
    "project": Kind(
        _project,
        {
            "name": Argument(None, "made of the characters a-z, 0-9 and _", _matches(r"[a-z0-9_]{1,128}")),
            "branch": Argument(
                None, "made of letters, digits and the characters _, - and .", _matches(r"[\w.-]{1,128}")
            ),
            "production": Argument(False, "true or false", _is_bool),
        },
    ),
}
"""Decorators of flows, by name."""
