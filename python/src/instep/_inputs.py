"""The inputs of a join, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NoReturn, SupportsIndex, overload

from instep._artifacts import EVERYTHING
from instep._task import Input, InputKind, JoinInput
from instep.errors import (
    AttributeUnknownError,
    FlowNotStorableError,
    MergeArtifactsException,
    MissingInMergeArtifactsException,
    StepUseError,
)

Page = tuple[tuple[JoinInput, ...], int | None]
"""Some inputs of a join, and the position of the next ones. None: there are no more."""


NOT_STORABLE = "A flow cannot be stored. Store the attributes that you need instead."
"""What to say when a flow is inside a value that is to be stored."""


class Branch:
    """One input of a join: the artifacts of the last task of a branch or item, as attributes.

    To assign to one changes what this object shows and nothing that is stored.
    """

    __instep_not_storable__ = NOT_STORABLE
    __slots__ = ("__dict__", "__instep_decode__", "__instep_joined__", "__instep_note__", "__instep_shared__")
    __instep_joined__: JoinInput
    __instep_shared__: Mapping[str, Input]
    __instep_decode__: Callable[[Input], object]
    __instep_note__: Callable[..., None]

    def __init__(
        self,
        joined: JoinInput,
        shared: Mapping[str, Input],
        decode: Callable[[Input], object],
        note: Callable[..., None] = lambda *names: None,
    ) -> None:
        object.__setattr__(self, "__instep_joined__", joined)
        object.__setattr__(self, "__instep_shared__", shared)
        object.__setattr__(self, "__instep_decode__", decode)
        object.__setattr__(self, "__instep_note__", note)

    def __getattr__(self, name: str) -> object:
        joined = self.__instep_joined__
        if not (name.startswith("__") and name.endswith("__")):
            self.__instep_note__(name)
        stored = joined.artifacts.get(name) or self.__instep_shared__.get(name)
        if stored is None:
            raise AttributeUnknownError(
                f"Input {joined.step!r} of the join (task {joined.task_id}) has no attribute {name!r}.",
                artifact=name,
                step=joined.step,
            )
        value = vars(self)[name] = self.__instep_decode__(stored)
        return value

    def __dir__(self) -> list[str]:
        self.__instep_note__(EVERYTHING)
        return sorted({*self.__instep_joined__.artifacts, *self.__instep_shared__, *vars(self)})

    def __repr__(self) -> str:
        joined = self.__instep_joined__
        return f"<input {joined.step!r} of the join, task {joined.task_id}>"

    def __reduce__(self) -> NoReturn:
        refuse_storing("an input of the join")


class JoinInputs:
    """What a join step gets as `inputs`: the tasks that it joins, in the order of the split.

    Long lists come from the orchestrator page by page, when they are first needed.

    Args:
        first: The first page.
        next_page: Gets the page at a position.
        shared: Parameters and constants, which all branches have.
        decode: Reads a stored value.
        note: Takes note of the names that user code looks at.
    """

    __instep_not_storable__ = NOT_STORABLE

    def __init__(
        self,
        first: Page,
        next_page: Callable[[int], Page],
        shared: Mapping[str, Input],
        decode: Callable[[Input], object],
        note: Callable[..., None] = lambda *names: None,
    ) -> None:
        self._next_page = next_page
        self._note = note
        self._shared = shared
        self._decode = decode
        self._branches: list[Branch] = []
        self._position: int | None = None
        self._take(first)

    def __len__(self) -> int:
        self._load_all()
        return len(self._branches)

    def __iter__(self) -> Iterator[Branch]:
        position = 0
        while position < len(self._branches) or self._load_more():
            yield self._branches[position]
            position += 1

    @overload
    def __getitem__(self, position: SupportsIndex) -> Branch: ...
    @overload
    def __getitem__(self, position: slice) -> list[Branch]: ...
    def __getitem__(self, position: SupportsIndex | slice) -> Branch | list[Branch]:
        if isinstance(position, slice) or position.__index__() < 0:
            self._load_all()
            return self._branches[position]
        while position.__index__() >= len(self._branches) and self._load_more():
            pass
        try:
            return self._branches[position]
        except IndexError:
            raise IndexError(
                f"There is no inputs[{position.__index__()}]: the join has {len(self._branches)} inputs."
            ) from None

    def __getattr__(self, name: str) -> Branch:
        if not name.startswith("_"):
            for branch in self:
                if branch.__instep_joined__.step == name:
                    return branch
        raise AttributeUnknownError(
            f"The join has no input {name!r}. Its inputs end with {', '.join(map(repr, self._steps()))}.",
            artifact=name,
        )

    def __dir__(self) -> list[str]:
        return self._steps()

    def __repr__(self) -> str:
        return f"<{len(self)} inputs of the join, from {', '.join(self._steps())}>"

    def __reduce__(self) -> NoReturn:
        refuse_storing("the inputs of the join")

    def _steps(self) -> list[str]:
        return list(dict.fromkeys(branch.__instep_joined__.step for branch in self._branches))

    def _load_all(self) -> None:
        while self._load_more():
            pass

    def _load_more(self) -> bool:
        if self._position is None:
            return False
        self._take(self._next_page(self._position))
        return True

    def _take(self, page: Page) -> None:
        joins, self._position = page
        self._branches += [Branch(joined, self._shared, self._decode, self._note) for joined in joins]


def refuse_storing(what: str) -> NoReturn:
    """Refuses to store a flow or its inputs.

    Raises:
        FlowNotStorableError: Always.
    """
    raise FlowNotStorableError(
        f"A flow cannot be stored, and {what} is one. Store the attributes that you need instead."
    )


def artifacts_of(inputs: Iterable[object]) -> list[Mapping[str, Input]]:
    """Lists the artifacts of each input of a join.

    Args:
        inputs: `inputs`, or some of its members.

    Raises:
        StepUseError: Something else was given.
    """
    found: list[Mapping[str, Input]] = []
    for branch in inputs:
        if not isinstance(branch, Branch):
            raise StepUseError(
                f"merge_artifacts() merges members of `inputs`, not {type(branch).__name__!r}. Give it `inputs`."
            )
        found.append(branch.__instep_joined__.artifacts)
    return found


def merge(
    step: str,
    branches: Sequence[Mapping[str, Input]],
    is_set: Callable[[str], bool],
    include: Collection[str],
    exclude: Collection[str],
) -> dict[str, Input]:
    """Finds the artifacts on which all inputs of a join agree.

    Args:
        step: Name of the join.
        branches: Artifacts of each input, by name.
        is_set: Tells whether the join has set a name itself. Such names are left alone.
        include: Names to consider. Empty: all.
        exclude: Names to leave alone.

    Returns:
        What to set, by name.

    Raises:
        StepUseError: Both `include` and `exclude` are given.
        MissingInMergeArtifactsException: No input has a name of `include`.
        MergeArtifactsException: Inputs differ.
    """
    if include and exclude:
        raise StepUseError(
            f"Step {step!r} gives merge_artifacts() both include and exclude. Give it one of them.", step=step
        )
    candidates: dict[str, list[Input]] = {}
    for branch in branches:
        for name, stored in branch.items():
            if stored.kind is InputKind.ARTIFACT and not name.startswith("_"):
                candidates.setdefault(name, []).append(stored)
    wanted = [name for name in (include or candidates) if name not in exclude and not is_set(name)]
    _refuse_missing(step, sorted({name for name in wanted if name not in candidates}))
    _refuse_conflicts(step, sorted({name for name in wanted if len(_digests(candidates[name])) > 1}))
    return {name: candidates[name][0] for name in wanted}


def _digests(stored: Iterable[Input]) -> set[str]:
    return {one.digest.hash for one in stored}


def _refuse_missing(step: str, names: list[str]) -> None:
    if names:
        raise MissingInMergeArtifactsException(
            f"Step {step!r} can't merge {_listed(names)}: no input has {_it(names)}. Nothing was merged.",
            artifact_names=names,
            step=step,
        )


def _refuse_conflicts(step: str, names: list[str]) -> None:
    if names:
        raise MergeArtifactsException(
            f"Step {step!r} can't merge {_listed(names)}: the inputs differ in {_it(names)}. Nothing was merged. "
            f"Assign {_it(names)} before the call, or name {_it(names)} in exclude.",
            artifact_names=names,
            step=step,
        )


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _it(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"
