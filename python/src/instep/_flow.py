"""Flows as Python classes: the base class and the decorator that makes a method a step.

Importing this module is cheap, and so is importing a file that declares a flow: what the class says is read
only when somebody asks for it (`instep._fragment`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, overload

from instep._reference import FunctionReference
from instep.errors import UsageError

if TYPE_CHECKING:
    from typing import Any

    from instep._decorator import Decorator

MARKS = "__instep_step__"
"""Attribute of a function that `step` has marked."""

_Function = TypeVar("_Function", bound=Callable[..., object])
_loads_only = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMarks:
    """What the decorator of a step says."""

    start: bool = False
    """True when the step is the first of the flow."""
    end: bool = False
    """True when the step is the last of the flow."""
    isolation: str | None = None
    """How the processes of its tasks are made. None: as the flow says."""
    on_loss: str | None = None
    """What to do about losses in its tasks. None: as the flow says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencedStep:
    """A step whose code is a function of another file. It is the value of a class attribute."""

    reference: FunctionReference
    """The function."""
    targets: tuple[str, ...]
    """Names of the next steps. Empty: it is the last step."""
    foreach: str | None
    """Name of the artifact whose items are spread. None: there is no foreach."""
    join: bool
    """True when the function takes `inputs`."""
    marks: StepMarks
    """What else is said about the step."""
    file: str
    """Path of the file in which it is written."""
    line: int
    """Line in which it is written."""
    decorators: tuple[Decorator, ...] = ()
    """Its decorators, in order."""


class _Decorator(Protocol):
    """Marks a method as a step and returns it unchanged."""

    def __call__(self, method: _Function, /) -> _Function: ...


@overload
def step(code: FunctionReference, /, *, next: str | Sequence[str] = (), foreach: str | None = None,
         join: bool = False, start: bool = False, end: bool = False,
         isolation: str | None = None, on_loss: str | None = None) -> ReferencedStep: ...  # fmt: skip
@overload
def step(code: _Function, /) -> _Function: ...
@overload
def step(*, start: bool = False, end: bool = False, isolation: str | None = None,
         on_loss: str | None = None) -> _Decorator: ...  # fmt: skip


def step(
    code: FunctionReference | Callable[..., object] | None = None,
    /,
    *,
    next: str | Sequence[str] = (),
    foreach: str | None = None,
    join: bool = False,
    start: bool = False,
    end: bool = False,
    isolation: str | None = None,
    on_loss: str | None = None,
) -> object:
    """Makes a step of a method, or of a function in another file.

    Args:
        code: The method, when used as `@step`, or what `r_function`, `py_function` or `program_function` returned.
        next: Names of the next steps. Only for a function: a method says `self.next(...)`.
        foreach: Name of the artifact whose items are spread over tasks of the next step. Only for a function.
        join: True when the function takes `self` and `inputs`. Only for a function.
        start: Marks the first step of the flow, when it is not named `start`.
        end: Marks the last step of the flow, when it is not named `end`.
        isolation: How the processes of the step's tasks are made: `fork`, `spawn` or `reuse`, as in
            `FlowSpec.isolation`. None: as the flow says.
        on_loss: What to do about details of an artifact that do not come back as they were: `warn` tells each in
            the task's log, `error` fails the attempt before anything is stored, `ignore` says nothing. None: as
            the flow says.

    Returns:
        The method, unchanged but for a mark; or the step, to be assigned to a class attribute of its name.

    Raises:
        UsageError: When `code` is neither, or when an option is given that only a function takes.

    Example:
        >>> @step(start=True)
        ... def begin(self): ...
    """
    marks = StepMarks(start=start, end=end, isolation=isolation, on_loss=on_loss)
    if isinstance(code, FunctionReference):
        frame = sys._getframe(1)
        return ReferencedStep(
            reference=code,
            targets=(next,) if isinstance(next, str) else tuple(next),
            foreach=foreach,
            join=join,
            marks=marks,
            file=frame.f_code.co_filename,
            line=frame.f_lineno,
        )
    if next or foreach is not None or join:
        raise UsageError(
            "The options next, foreach and join of step() are for functions of other files. "
            "A method ends with self.next(...), and is a join when it takes inputs."
        )
    if code is None:
        return lambda method: _marked(method, marks)
    return _marked(code, marks)


def _marked(method: object, marks: StepMarks) -> object:
    if not callable(method):
        raise UsageError(f"step() makes a step of a method or of r_function(...), not of {method!r}.")
    setattr(method, MARKS, marks)
    return method


class FlowSpec:
    """Base class of flows. A flow is a class whose methods with the decorator `@step` are its steps.

    To create an instance at the bottom of the file starts the command line; it does nothing when the file is
    imported. In a running step `self` holds the artifacts, parameters and constants of the flow as attributes.

    Example:
        >>> class Greeting(FlowSpec):
        ...     @step
        ...     def start(self):
        ...         self.text = "hello"
        ...         self.next(self.end)
        ...
        ...     @step
        ...     def end(self):
        ...         print(self.text)
    """

    include: ClassVar[Sequence[str]] = ()
    """Further files with steps of the flow, relative to this file: Python or R. Default: none."""
    isolation: ClassVar[str | None] = None
    """How the processes of tasks are made. `fork`: one for each task, from a process that has loaded the file. `spawn`:
    a fresh one for each task. `reuse`: one runs many tasks of one step, which is several times as fast for tasks of
    milliseconds. Each of them has its own logs, random numbers and `current`, and finds environment variables, working
    directory and `sys.stdout` as the first one did. What tasks leave in modules, or running, the next one sees. When a task
    ends the process, the others do not notice. None: `fork`."""
    on_loss: ClassVar[str | None] = None
    """What to do about details of artifacts that do not come back as they were: `warn` tells each in the task's log,
    `error` fails the attempt before anything is stored, `ignore` says nothing. Holds for all files of the flow, and
    for its constants: with `error` a run that would lose something of one does not start. Steps and `run --on-loss`
    can say otherwise. None: `warn`."""

    __instep_not_storable__: ClassVar[str] = "A flow cannot be stored. Store chosen attributes of it instead."
    """Why no artifact can be a flow."""

    def __init__(self) -> None:
        """Start the command line when the file of the class is the program that runs."""
        if type(self).__module__ == "__main__" and not _loads_only:
            from instep._cli import main_for_flow

            main_for_flow(type(self))

    if TYPE_CHECKING:
        # Artifacts, and steps that other files declare, are attributes that no type checker can know.
        def __getattr__(self, name: str) -> Any: ...

    @property
    def input(self) -> object:
        """Item of the innermost foreach that this task works on. None outside a foreach."""
        raise _only_in_a_task("input")

    @property
    def index(self) -> int | None:
        """Position of this task's item in the innermost foreach, counted from 0. None outside a foreach."""
        raise _only_in_a_task("index")

    def foreach_stack(self) -> list[tuple[int, int, object]]:
        """Lists the open levels of foreach.

        Returns:
            For each level, outermost first, the index, the number of items, and the item.
        """
        raise _only_in_a_task("foreach_stack()")

    def next(
        self,
        *targets: Callable[..., object] | str | Mapping[object, object],
        foreach: str | None = None,
        condition: str | None = None,
    ) -> None:
        """Names the steps that come next. The last statement of every step but the last.

        Args:
            *targets: Steps, as `self.name` or by name. Several steps run as branches. A dictionary of steps
                goes with `condition`.
            foreach: Name of an artifact. The one step that is named runs once for each of its items.
            condition: Name of the artifact whose value chooses one step of the dictionary.
        """
        raise _only_in_a_task("next()")

    def merge_artifacts(
        self,
        inputs: Iterable[object],
        include: Collection[str] | None = None,
        exclude: Collection[str] | None = None,
    ) -> None:
        """Sets the artifacts on which all inputs agree. Only for joins.

        Args:
            inputs: The inputs of the join.
            include: Names to consider. None or empty: all.
            exclude: Names to leave alone; they stay unset. Not together with `include`.
        """
        raise _only_in_a_task("merge_artifacts()")


def load_only() -> None:
    """Tells this process that it loads flow files to serve them: creating a flow starts no command line."""
    global _loads_only
    _loads_only = True


def loads_only() -> bool:
    """Tells whether this process loads flow files to serve them."""
    return _loads_only


def _only_in_a_task(name: str) -> UsageError:
    return UsageError(f"self.{name} can be used only in a step of a running flow.")
