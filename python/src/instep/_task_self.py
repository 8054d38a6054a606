"""The `self` of a running step.

Each task gets a class of its own, `TaskSelf` followed by the user's flow class. So `self` is an instance of
the user's class, with its methods and properties, and attributes follow these rules:

* The instance's `__dict__` holds what the step has read or assigned, and nothing else.
* A name that is not there is looked up in the class, then among the task's artifacts (`__getattr__`).
* The task's class has a descriptor for each parameter and constant, which refuses changes, and for each
  artifact that a class attribute of the same name would hide.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, ClassVar, NoReturn

from instep import values as codec
from instep._artifacts import Artifacts
from instep._flow import MARKS, ReferencedStep
from instep._inputs import NOT_STORABLE, Branch, JoinInputs, artifacts_of, merge, refuse_storing
from instep._next import Choice, StepName, check_call, check_called, switch_case
from instep._task import ForeachLevel, InputKind, Task, TransitionKind
from instep.errors import (
    AttributeFixedError,
    AttributeUnknownError,
    ForeachError,
    StepUseError,
    TransitionError,
)

_OWN_NAMES = frozenset({"foreach_stack", "index", "input", "merge_artifacts", "next"})


class StepRun:
    """One execution of a step's code: what its `self` stands for.

    Args:
        task: The task.
        artifacts: What it can read and leaves behind.
        flow: The user's flow class. None: the step is a plain function.
    """

    def __init__(self, task: Task, artifacts: Artifacts, flow: type | None) -> None:
        self.task = task
        self.artifacts = artifacts
        self.flow = flow
        self.choice: Choice | None = None
        self._items: dict[int, object] = {}

    def item(self, level: int) -> object:
        """Gives the item of an open level of foreach. None when the list is no longer among the artifacts."""
        if level not in self._items:
            opened = self.task.foreach[level]
            if opened.variable not in self.artifacts:
                return None
            self._items[level] = self.artifacts.decode_item(opened.items, opened.index)
        return self._items[level]

    def go_on(self, targets: tuple[object, ...], foreach: object, condition: object) -> None:
        """Takes note of `self.next`.

        Raises:
            TransitionError: It is not as declared, or was called before.
        """
        step = self.task.step
        if self.flow is None:
            raise TransitionError(
                f"Step {step!r} is a plain function and can't call self.next(). "
                "Where the function is made a step says what comes next.",
                step=step,
            )
        if self.choice is not None:
            raise TransitionError(
                f"Step {step!r} calls self.next() twice. It must call it once, as its last statement.",
                step=step,
            )
        check_call(step, self.flow, self.task.transition, targets, foreach, condition)
        self.choice = self._choose()

    def finish(self) -> Choice:
        """Tells how the step goes on, when its code has ended.

        Raises:
            TransitionError: It must say so itself, and did not; or what it chose cannot be.
        """
        if self.choice is None:
            if self.flow is not None:
                check_called(self.task.step, self.task.transition)
            self.choice = self._choose()
        return self.choice

    def _choose(self) -> Choice:
        declared = self.task.transition
        match declared.kind:
            case TransitionKind.FOREACH:
                return Choice(foreach_count=self._count_items(declared.foreach))
            case TransitionKind.SWITCH:
                value = self._named("chooses by", declared.condition)
                return Choice(switch_case=switch_case(self.task.step, declared, value, self._decode_key))
            case _:
                return Choice()

    def _count_items(self, variable: str) -> int:
        step = self.task.step
        try:
            count = codec.item_count(self._named("spreads the items of", variable))
        except ForeachError as err:
            raise TransitionError(
                f"Step {step!r} can't spread the items of self.{variable}: {err}",
                step=step,
                artifact=variable,
            ) from None
        if count == 0:
            raise TransitionError(
                f"Step {step!r} spreads the items of self.{variable}, which produced zero splits: it is empty.",
                step=step,
                artifact=variable,
            )
        return count

    def _named(self, what: str, name: str) -> object:
        if name not in self.artifacts:
            self.artifacts.note_reading(name)
            raise TransitionError(
                f"Step {self.task.step!r} {what} self.{name}, but no step has set it.",
                step=self.task.step,
                artifact=name,
            )
        return self.artifacts.values[name] if name in self.artifacts.values else self.artifacts.load(name)

    def _decode_key(self, manifest: bytes) -> object:
        return codec.decode(manifest, _no_blobs)


class TaskSelf:
    """What a running step sees as `self`. See the module for how attributes are found."""

    __instep_run__: ClassVar[StepRun]
    __instep_not_storable__: ClassVar[str] = NOT_STORABLE

    @property
    def input(self) -> object:
        """Item of the innermost foreach that this task works on. None outside a foreach."""
        run = self.__instep_run__
        return run.item(len(run.task.foreach) - 1) if run.task.foreach else None

    @property
    def index(self) -> int | None:
        """Position of this task's item in the innermost foreach, counted from 0. None outside a foreach."""
        levels = self.__instep_run__.task.foreach
        return levels[-1].index if levels else None

    def foreach_stack(self) -> list[tuple[int, int, object]]:
        """Lists the open levels of foreach: index, number of items and item of each, outermost first."""
        run = self.__instep_run__

        def entry(position: int, level: ForeachLevel) -> tuple[int, int, object]:
            return level.index, level.count, run.item(position)

        return [entry(position, level) for position, level in enumerate(run.task.foreach)]

    def next(self, *targets: object, foreach: object = None, condition: object = None) -> None:
        """Takes note of how the step goes on."""
        self.__instep_run__.go_on(targets, foreach, condition)

    def merge_artifacts(
        self,
        inputs: Iterable[object],
        include: Collection[str] | None = None,
        exclude: Collection[str] | None = None,
    ) -> None:
        """Sets the artifacts on which all inputs of a join agree."""
        task, artifacts = self.__instep_run__.task, self.__instep_run__.artifacts
        if not task.is_join:
            raise StepUseError(
                f"Step {task.step!r} calls merge_artifacts(), but is no join. Only a step that takes `inputs` can.",
                step=task.step,
            )
        branches = artifacts_of(inputs)
        if include:
            artifacts.note_reading(*include)
        else:  # an artifact that only another run has would be merged there
            artifacts.note_reading_all()
        taken = merge(task.step, branches, artifacts.is_set, include or (), exclude or ())
        artifacts.forward(taken)

    def __getattr__(self, name: str) -> Any:
        run = self.__instep_run__
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name in run.artifacts:
            return run.artifacts.load(name)
        run.artifacts.note_reading(name)
        attribute = getattr(type(self), name, None)
        if isinstance(attribute, property):  # it raised an AttributeError of its own, which must not get lost
            return attribute.__get__(self)
        if name in run.task.transition.targets:
            return StepName(name)
        raise _unknown(run.task, name)

    def __setattr__(self, name: str, value: object) -> None:
        run = self.__instep_run__
        if name in _OWN_NAMES or _is_step(type(self), name):
            _refuse_change(run.task, name, "a step" if name not in _OWN_NAMES else "Instep's own")
        for kind, what in _FLOWS.items():
            if isinstance(value, kind):
                refuse_storing(what)
        object.__setattr__(self, name, value)
        if name in run.artifacts.values:  # not so when a property of the user's class took the value
            run.artifacts.mark_assigned(name)

    def __delattr__(self, name: str) -> None:
        run = self.__instep_run__
        run.artifacts.note_reading(name)
        if name in run.artifacts and not isinstance(vars(type(self)).get(name), _Fixed):
            run.artifacts.delete(name)
        elif hasattr(type(self), name):
            object.__delattr__(self, name)
        else:
            raise _unknown(run.task, name)

    def __dir__(self) -> list[str]:
        self.__instep_run__.artifacts.note_reading_all()
        return sorted({*object.__dir__(self), *self.__instep_run__.artifacts.names()})

    def __reduce__(self) -> NoReturn:
        refuse_storing("`self`")

    def __init_subclass__(cls) -> None:
        """Keeps the class of a task from being taken for a flow of the user's."""


_FLOWS = {TaskSelf: "`self`", Branch: "an input of the join", JoinInputs: "the list of inputs of the join"}


class _Hidden:
    """An artifact that an attribute of the user's class would hide."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: TaskSelf | None, owner: type) -> object:
        if instance is None:
            return self
        artifacts = instance.__instep_run__.artifacts
        if self.name in artifacts.values:
            return artifacts.values[self.name]
        if self.name in artifacts:
            return artifacts.load(self.name)
        artifacts.note_reading(self.name)
        raise _unknown(instance.__instep_run__.task, self.name)

    def __set__(self, instance: TaskSelf, value: object) -> None:
        instance.__instep_run__.artifacts.values[self.name] = value


class _Fixed(_Hidden):
    """A parameter or a constant, which steps may only read."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(name)
        self.what = what

    def __set__(self, instance: TaskSelf, value: object) -> None:
        _refuse_change(instance.__instep_run__.task, self.name, self.what)

    def __delete__(self, instance: TaskSelf) -> None:
        _refuse_change(instance.__instep_run__.task, self.name, self.what)


def bind(task: Task, flow: type | None, make_artifacts: Callable[[dict[str, object]], Artifacts]) -> TaskSelf:
    """Makes the `self` of a task.

    Args:
        task: The task.
        flow: The user's flow class. None: the step is a plain function.
        make_artifacts: Makes the task's artifacts, given the dictionary for their values.

    Returns:
        The object. Its `__instep_run__` tells afterwards what the step did.
    """
    bases = (TaskSelf,) if flow is None else (TaskSelf, flow)
    name = task.flow if flow is None else flow.__name__
    members: dict[str, object] = (
        {} if flow is None else {"__module__": flow.__module__, "__doc__": flow.__doc__}
    )
    for one in task.inputs.values():
        if one.kind is not InputKind.ARTIFACT:
            members[one.name] = _Fixed(one.name, f"a {one.kind.value} of the flow")
        elif flow is not None and hasattr(flow, one.name) and not _is_reserved(flow, one.name):
            members[one.name] = _Hidden(one.name)
    bound: TaskSelf = object.__new__(type(name, bases, members))
    type(bound).__instep_run__ = StepRun(task, make_artifacts(vars(bound)), flow)
    return bound


def _is_reserved(flow: type, name: str) -> bool:
    return name in _OWN_NAMES or _is_step(flow, name)


def _is_step(cls: type, name: str) -> bool:
    attribute = getattr(cls, name, None)
    return isinstance(attribute, ReferencedStep) or hasattr(attribute, MARKS)


def _unknown(task: Task, name: str) -> AttributeUnknownError:
    if task.is_join:
        fix = "In a join, take it from `inputs`, or call self.merge_artifacts(inputs) first."
    else:
        fix = f"No step before {task.step!r} has set it."
    return AttributeUnknownError(
        f"Flow {task.flow!r} has no attribute {name!r}. {fix}", artifact=name, step=task.step
    )


def _refuse_change(task: Task, name: str, what: str) -> NoReturn:
    raise AttributeFixedError(
        f"Step {task.step!r} can't modify self.{name}: it is {what} and cannot be modified. Use another name.",
        artifact=name,
        step=task.step,
    )


def _no_blobs(hash: str, size: int) -> NoReturn:
    raise StepUseError(
        f"The key of a switch refers to blob {hash} of {size} bytes, but must hold its own data."
    )
