"""Decorators of steps and flows: `retry`, `catch`, `timeout`, `environment`, `resources`, `project`.

Decorating only takes note. What a decorator means, what arguments it takes and where it may stand, the
orchestrator knows: it is the same for steps of all languages, and so are the messages about a wrong one. The
signatures here are for people, editors and type checkers. Whatever arguments are given are noted.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ParamSpec, Protocol, TypeVar, overload

from instep._flow import ReferencedStep
from instep.errors import UsageError

DECORATORS = "__instep_decorators__"
"""Attribute of a function or class that has decorators: a tuple of `Decorator`, in the order of the source."""

_Decorated = TypeVar("_Decorated")
_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")
Errors = str | type[BaseException]
"""A class of errors: itself, or its name. The last part of the name is enough; R conditions have only names."""


@dataclass(frozen=True, slots=True)
class Decorator:
    """A decorator, as it is written."""

    name: str
    """Name."""
    arguments: Mapping[str, object]
    """The arguments that were given, by name."""
    file: str
    """Path of the file in which it is written."""
    line: int
    """Line in which it is written."""


class Decorating(Protocol):
    """Notes a decorator on a step or flow, and returns it."""

    def __call__(self, decorated: _Decorated, /) -> _Decorated: ...


def decorators_of(thing: object) -> tuple[Decorator, ...]:
    """Gives the decorators of a step, or those of a flow class itself, without its bases.

    Args:
        thing: What may have been decorated.
    """
    if isinstance(thing, ReferencedStep):
        return thing.decorators
    noted: tuple[Decorator, ...] = getattr(thing, "__dict__", {}).get(DECORATORS, ())
    return noted


def _notes(signature: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Makes a decorator that notes its name, which is the function's, and the arguments that it is given."""
    name = signature.__name__

    @functools.wraps(signature)
    def note(*positional: object, **arguments: object) -> object:
        caller = sys._getframe(1)
        decorator = Decorator(name, arguments, caller.f_code.co_filename, caller.f_lineno)
        if not positional:
            return functools.partial(_note, decorator)
        if len(positional) > 1 or arguments or not _can_have(positional[0]):
            raise UsageError(f"@{name} takes its arguments by name, such as @{name}({_EXAMPLES[name]}).")
        return _note(decorator, positional[0])

    return note  # type: ignore[return-value]


def _note(decorator: Decorator, decorated: _Decorated, /) -> _Decorated:
    if not _can_have(decorated):
        raise UsageError(f"@{decorator.name} is for steps and flows, not for {decorated!r}.")
    noted = (decorator, *decorators_of(decorated))  # decorators are applied from the last to the first
    if isinstance(decorated, ReferencedStep):
        return replace(decorated, decorators=noted)
    setattr(decorated, DECORATORS, noted)
    return decorated


def _can_have(thing: object) -> bool:
    return isinstance(thing, ReferencedStep) or (callable(thing) and hasattr(thing, "__dict__"))


@overload
def retry(step: _Decorated, /) -> _Decorated: ...
@overload
def retry(*, times: int = 3, minutes_between_retries: float = 2, wait_seconds: float = 0, backoff: float = 1,
          max_wait_seconds: float = 3600, jitter: float = 0,
          on: Errors | Sequence[Errors] | None = None) -> Decorating: ...  # fmt: skip


@_notes
def retry(
    step: object = None,
    /,
    *,
    times: int = 3,
    minutes_between_retries: float = 2,
    wait_seconds: float = 0,
    backoff: float = 1,
    max_wait_seconds: float = 3600,
    jitter: float = 0,
    on: Errors | Sequence[Errors] | None = None,
) -> object:
    """Tries a step again when it fails.

    Args:
        step: The step, for use as `@retry` without arguments.
        times: How many further attempts there are, 0 to 4.
        minutes_between_retries: The wait on clusters, for flows that come from Metaflow. On this machine there is none.
        wait_seconds: How long to wait before the first further attempt.
        backoff: By what the wait is multiplied from attempt to attempt.
        max_wait_seconds: The longest wait.
        jitter: The part of the wait, 0 to 1, by which chance makes it longer or shorter.
        on: Errors for which to try again: exceptions, or names of exceptions or of R's conditions. None: all.

    Returns:
        The step, or what takes it.

    Example:
        >>> @retry(times=2, wait_seconds=5, backoff=2, on=[ConnectionError, "http_error"])
        ... def load(self): ...
    """


@overload
def catch(step: _Decorated, /) -> _Decorated: ...
@overload
def catch(*, var: str | None = None, print_exception: bool = True) -> Decorating: ...


@_notes
def catch(step: object = None, /, *, var: str | None = None, print_exception: bool = True) -> object:
    """Lets the flow go on when a step has failed for good, as if the step had made its transition.

    Artifacts that it assigned before it failed are kept.

    Args:
        step: The step, for use as `@catch` without arguments.
        var: Name of the artifact that gets the error, a `TaskException`, or None when the step went well. None: no
            artifact does.
        print_exception: True to write the traceback to the log.

    Returns:
        The step, or what takes it.

    Example:
        >>> @catch(var="problem")
        ... def fit(self): ...
    """


@_notes
def timeout(*, seconds: float = 0, minutes: float = 0, hours: float = 0) -> Decorating:  # type: ignore[empty-body]
    """Ends an attempt of a step that takes too long: its code gets a `TimeoutException`.

    Args:
        seconds: How long it may take, added to the others. The sum must be more than 0.
        minutes: The same.
        hours: The same.

    Returns:
        What takes the step.

    Example:
        >>> @timeout(minutes=1, seconds=30)
        ... def fit(self): ...
    """


@_notes
def environment(*, vars: Mapping[str, str]) -> Decorating:  # type: ignore[empty-body]
    """Sets environment variables in the tasks of a step, before its code runs.

    Args:
        vars: The variables by name.

    Returns:
        What takes the step.

    Example:
        >>> @environment(vars={"OMP_NUM_THREADS": "2"})
        ... def fit(self): ...
    """


@_notes
def resources(  # type: ignore[empty-body]
    *, cpu: float = 1, memory: float | Sequence[float] | None = None, gpu: int = 0
) -> Decorating:
    """Says what a task of a step needs. Tasks run together as long as this machine has enough for all of them.

    Args:
        cpu: Number of cores.
        memory: MB of memory, or a list of them, one for each attempt. An attempt that takes more is ended and counts
            as out of memory. None: any.
        gpu: Number of GPUs.

    Returns:
        What takes the step.

    Example:
        >>> @resources(cpu=2, memory=[4000, 16000])
        ... def fit(self): ...
    """


@_notes
def project(*, name: str, branch: str | None = None, production: bool = False) -> Decorating:  # type: ignore[empty-body]
    """Makes a flow part of a project, whose runs are kept apart by branch.

    Args:
        name: Name of the project.
        branch: The branch `test.<branch>`, unless `--branch` names another. None: `user.<name>`.
        production: True for the branch `prod`, or `prod.<branch>`.

    Returns:
        What takes the flow.

    Example:
        >>> @project(name="pricing")
        ... class Pricing: ...
    """


_EXAMPLES = {
    "retry": "times=3",
    "catch": 'var="problem"',
    "timeout": "seconds=30",
    "environment": 'vars={"NAME": "value"}',
    "resources": "cpu=2, memory=4000",
    "project": 'name="pricing"',
}
"""How each is used, for messages."""
