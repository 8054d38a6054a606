from __future__ import annotations

import copy
import pickle

import pytest
from instep._inputs import JoinInputs, Page, artifacts_of, merge
from instep._task import Input, InputKind, JoinInput
from instep.errors import (
    AttributeUnknownError,
    FlowNotStorableError,
    MergeArtifactsException,
    MissingInMergeArtifactsException,
    StepUseError,
)
from instep.values import Digest


def stored(name: str, content: str) -> Input:
    return Input(name, Digest(f"b3:{content}", 1))


def branch(**artifacts: str) -> dict[str, Input]:
    return {name: stored(name, content) for name, content in artifacts.items()}


# The example of the semantics: a split into left and right, before it unit = "kg", n = 0.
LEFT = branch(unit="kg", n="1", a="5")
RIGHT = branch(unit="kg", n="2")


def merged(*, set_before: frozenset[str] = frozenset(), **options: list[str]) -> set[str]:
    choice = {"include": (), "exclude": (), **options}
    return set(merge("join", [LEFT, RIGHT], set_before.__contains__, **choice))


def test_merge_conflict_sets_nothing_and_names_all() -> None:
    with pytest.raises(MergeArtifactsException, match="'n'") as caught:
        merged()
    assert caught.value.artifact_names == ["n"]


def test_merge_leaves_names_alone_that_the_join_has_set() -> None:
    assert merged(set_before=frozenset({"n"})) == {"unit", "a"}


def test_merge_exclude_skips_names() -> None:
    assert merged(exclude=["n"]) == {"unit", "a"}


def test_merge_include_considers_only_names() -> None:
    assert merged(include=["unit"]) == {"unit"}


def test_merge_include_of_unknown_names_lists_them() -> None:
    with pytest.raises(MissingInMergeArtifactsException, match="'zz'") as caught:
        merged(include=["unit", "zz"])
    assert caught.value.artifact_names == ["zz"]


def test_merge_include_of_a_name_that_the_join_has_set_is_fine() -> None:
    assert merged(set_before=frozenset({"zz"}), include=["unit", "zz"]) == {"unit"}


def test_merge_include_and_exclude_together_is_refused() -> None:
    with pytest.raises(StepUseError, match="both include and exclude"):
        merged(include=["unit"], exclude=["n"])


def test_merge_skips_private_names_and_parameters() -> None:
    fixed = Input("folds", Digest("b3:5", 1), kind=InputKind.PARAMETER)
    inputs = [{"_seed": stored("_seed", "1"), "folds": fixed}, {"_seed": stored("_seed", "2")}]

    assert merge("join", inputs, lambda name: False, (), ()) == {}


def joined(step: str, number: int) -> JoinInput:
    return JoinInput(step, str(number), {"x": stored("x", str(number))})


SHARED = {"folds": Input("folds", Digest("b3:folds", 1), kind=InputKind.PARAMETER)}


def no_page(position: int) -> Page:
    raise AssertionError(f"Nobody needs the page at {position}.")


def inputs_of(count: int, page: int = 2) -> JoinInputs:
    def get(position: int) -> Page:
        end = position + page
        return tuple(
            joined("work", i) for i in range(position, min(end, count))
        ), end if end < count else None

    return JoinInputs(get(0), get, SHARED, lambda one: one.digest.hash)


def test_inputs_iterate_and_count_over_all_pages() -> None:
    inputs = inputs_of(5)
    assert [one.x for one in inputs] == [f"b3:{i}" for i in range(5)]
    assert len(inputs) == 5


def test_inputs_by_position() -> None:
    inputs = inputs_of(5)
    assert inputs[3].x == "b3:3"
    assert inputs[-1].x == "b3:4"
    assert [one.x for one in inputs[1:3]] == ["b3:1", "b3:2"]
    with pytest.raises(IndexError, match=r"inputs\[5\]: the join has 5 inputs"):
        inputs[5]


def test_inputs_load_pages_only_when_needed() -> None:
    asked: list[int] = []

    def get(position: int) -> Page:
        asked.append(position)
        return (joined("work", position),), position + 1 if position < 9 else None

    inputs = JoinInputs(((joined("work", 0),), 1), get, SHARED, lambda one: one)
    assert inputs[0] is inputs[0]
    assert asked == []
    inputs[2]
    assert asked == [1, 2]


def test_inputs_by_name_of_the_last_step() -> None:
    both = (joined("left", 1), joined("right", 2))
    inputs = JoinInputs((both, None), no_page, SHARED, lambda one: one.digest.hash)
    assert inputs.right.x == "b3:2"
    assert inputs.left.folds == "b3:folds"
    with pytest.raises(AttributeUnknownError, match=r"no input 'middle'.*'left', 'right'"):
        _ = inputs.middle
    assert not hasattr(inputs, "middle")


def test_branch_shows_changes_only_itself() -> None:
    inputs = inputs_of(1)
    inputs[0].x = "changed"  # type: ignore[attr-defined]
    assert inputs[0].x == "changed"
    assert artifacts_of(inputs)[0]["x"].digest.hash == "b3:0"


def test_branch_unknown_attribute_is_named() -> None:
    with pytest.raises(AttributeUnknownError, match=r"Input 'work' .* no attribute 'y'"):
        _ = inputs_of(1)[0].y


def test_inputs_cannot_be_stored() -> None:
    inputs = inputs_of(1)
    for refused in (inputs, inputs[0]):
        with pytest.raises(FlowNotStorableError, match="A flow cannot be stored"):
            pickle.dumps(refused)
        with pytest.raises(FlowNotStorableError):
            copy.copy(refused)


def test_artifacts_of_something_else_is_refused() -> None:
    with pytest.raises(StepUseError, match="not 'int'"):
        artifacts_of([1])
