from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from instep._artifacts import Artifacts, can_change
from instep._flow import FlowSpec, step
from instep._next import StepName
from instep._parameter import Parameter
from instep._task import Input, InputKind, Task, Transition, TransitionKind
from instep._task_self import bind
from instep.errors import (
    AttributeFixedError,
    AttributeUnknownError,
    FlowNotStorableError,
    StepUseError,
    TransitionError,
)
from instep.values import Blob, Digest, encode


class MemoryBlobs:
    """Blobs in a dictionary."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.fetched: list[str] = []

    def fetch(self, hash: str, size: int) -> bytes:
        self.fetched.append(hash)
        return self.stored[hash]

    def fetch_manifest(self, digest: Digest) -> bytes:
        return self.fetch(digest.hash, digest.size)

    def put(self, blobs: Iterable[Blob]) -> None:
        for blob in blobs:
            self.stored[blob.hash] = b"".join(bytes(buffer) for buffer in blob.buffers)


class Sample(FlowSpec):
    folds = Parameter("folds", default=5)
    units = {"kg": 1}  # noqa: RUF012 - a constant of a flow
    hidden = staticmethod(len)

    @step
    def start(self) -> None: ...

    @step
    def end(self) -> None: ...

    def helper(self) -> str:
        return str(self.word).upper()

    @property
    def doubled(self) -> Any:
        return self.number * 2

    @property
    def level(self) -> Any:
        return self._level

    @level.setter
    def level(self, value: int) -> None:
        self._level = value + 1


def stored(blobs: MemoryBlobs, name: str, value: object, kind: InputKind = InputKind.ARTIFACT) -> Input:
    encoded = encode(value, name=name)
    blobs.put(encoded.blobs)
    return Input(name, encoded.digest, encoded.manifest, kind)


def make_self(
    artifacts: Mapping[str, object] | None = None,
    *,
    flow: type | None = Sample,
    transition: Transition = Transition(TransitionKind.LINEAR, ("end",)),  # noqa: B008 - frozen
    is_join: bool = False,
    blobs: MemoryBlobs | None = None,
) -> Any:
    store = blobs or MemoryBlobs()
    inputs = [
        stored(store, "folds", 7, InputKind.PARAMETER),
        stored(store, "units", {"kg": 1}, InputKind.CONSTANT),
        *(stored(store, name, value) for name, value in (artifacts or {}).items()),
    ]
    task = Task(
        lease_token=b"",
        heartbeat_ms=1000,
        flow="Sample",
        run_id="1",
        task_id="2",
        step="start",
        attempt=0,
        file="/flow.py",
        function="" if flow else "prep",
        transition=transition,
        is_join=is_join,
        inputs={one.name: one for one in inputs},
        joins=(),
        joins_next=None,
        foreach=(),
        env={},
        origin_run_id="",
        user="ada",
        tags=(),
        parameter_names=("folds",),
        namespace="user:ada",
        on_loss="warn",
    )
    return bind(task, flow, lambda values: Artifacts(task.inputs, store, values))


def outputs(bound: Any) -> dict[str, str]:
    return {one.name: one.summary for one in bound.__instep_run__.artifacts.outputs()}


def test_self_is_an_instance_of_the_users_class_with_its_methods() -> None:
    bound = make_self({"word": "hi"})
    assert isinstance(bound, Sample)
    assert type(bound).__name__ == "Sample"
    assert bound.helper() == "HI"


def test_artifact_is_decoded_once_and_only_when_read() -> None:
    blobs = MemoryBlobs()
    bound = make_self({"big": "x" * 100_000}, blobs=blobs)
    assert blobs.fetched == []
    assert len(bound.big) == len(bound.big) == 100_000
    assert len(blobs.fetched) == 1
    assert outputs(bound) == {}


def test_unknown_attribute_names_flow_and_attribute() -> None:
    bound = make_self()
    with pytest.raises(
        AttributeUnknownError, match=r"Flow 'Sample' has no attribute 'x'\. No step before 'start'"
    ):
        _ = bound.x
    assert not hasattr(bound, "x")
    assert getattr(bound, "x", 3) == 3


def test_unknown_attribute_in_a_join_says_where_it_is() -> None:
    with pytest.raises(AttributeUnknownError, match="merge_artifacts"):
        _ = make_self(is_join=True).x


def test_property_of_the_user_keeps_its_own_error() -> None:
    with pytest.raises(AttributeUnknownError, match="no attribute 'number'"):
        _ = make_self().doubled
    assert make_self({"number": 4}).doubled == 8


def test_property_of_the_user_with_a_setter_is_used() -> None:
    bound = make_self()
    bound.level = 3
    assert bound.level == 4
    assert set(outputs(bound)) == {"_level"}


def test_artifact_is_not_hidden_by_a_class_attribute() -> None:
    bound = make_self({"hidden": 3, "helper": "own"})
    assert (bound.hidden, bound.helper) == (3, "own")
    bound.hidden = 4
    assert bound.hidden == 4
    assert set(outputs(bound)) == {"hidden"}


@pytest.mark.parametrize(("name", "value"), [("folds", 7), ("units", {"kg": 1})])
def test_parameters_and_constants_cannot_be_modified(name: str, value: object) -> None:
    bound = make_self()
    with pytest.raises(AttributeFixedError, match=f"self.{name}: it is a .* cannot be modified"):
        setattr(bound, name, 1)
    with pytest.raises(AttributeFixedError):
        delattr(bound, name)
    assert getattr(bound, name) == value


def test_change_of_a_constant_in_place_is_not_stored() -> None:
    bound = make_self()
    bound.units["lb"] = 2
    assert outputs(bound) == {}


@pytest.mark.parametrize("name", ["next", "input", "index", "foreach_stack", "merge_artifacts", "end"])
def test_names_of_instep_and_steps_cannot_be_assigned(name: str) -> None:
    with pytest.raises(AttributeFixedError, match=f"self.{name}"):
        setattr(make_self(), name, 1)


def test_change_in_place_becomes_an_output() -> None:
    bound = make_self({"xs": [1], "pair": ([1], 2), "word": "hi"})
    bound.xs.append(2)
    bound.pair[0].append(2)
    _ = bound.word
    assert set(outputs(bound)) == {"xs", "pair"}


def test_change_that_was_undone_is_no_output() -> None:
    bound = make_self({"xs": [1]})
    bound.xs.append(2)
    bound.xs.pop()
    assert outputs(bound) == {}


def test_pickled_value_that_was_only_read_is_no_output() -> None:
    bound = make_self({"where": Place("here")})
    assert bound.where.name == "here"
    assert outputs(bound) == {}
    bound.where.name = "there"
    assert set(outputs(bound)) == {"where"}


class Place:
    def __init__(self, name: str) -> None:
        self.name = name


def test_deleted_artifact_is_gone_and_reported() -> None:
    bound = make_self({"x": 1})
    bound.y = 2
    del bound.x, bound.y
    assert not hasattr(bound, "x")
    with pytest.raises(AttributeUnknownError):
        del bound.x
    artifacts = bound.__instep_run__.artifacts
    assert artifacts.deleted() == ("x",)
    assert outputs(bound) == {}
    bound.x = 3
    assert artifacts.deleted() == ()


def test_what_is_put_into_the_dictionary_is_stored_too() -> None:
    bound = make_self()
    vars(bound)["x"] = 1
    assert set(outputs(bound)) == {"x"}


def test_self_can_be_neither_assigned_nor_copied() -> None:
    bound = make_self()
    with pytest.raises(FlowNotStorableError, match="A flow cannot be stored"):
        bound.me = bound
    with pytest.raises(FlowNotStorableError):
        copy.copy(bound)


def test_step_of_another_file_can_be_named_as_an_attribute() -> None:
    bound = make_self(transition=Transition(TransitionKind.LINEAR, ("load",)))
    assert bound.load == StepName("load")
    bound.next(bound.load)
    bound.__instep_run__.finish()


def test_next_may_be_called_only_once() -> None:
    bound = make_self()
    bound.next(bound.end)
    with pytest.raises(TransitionError, match="twice"):
        bound.next(bound.end)


def test_plain_function_cannot_call_next_and_needs_not() -> None:
    bound = make_self({"word": "hi"}, flow=None)
    assert bound.word == "hi"
    with pytest.raises(TransitionError, match="plain function"):
        bound.next("end")
    bound.__instep_run__.finish()


def test_merge_artifacts_outside_a_join_names_the_step() -> None:
    with pytest.raises(StepUseError, match="'start' calls merge_artifacts"):
        make_self().merge_artifacts([])


def test_foreach_counts_the_items_at_the_transition() -> None:
    bound = make_self(transition=Transition(TransitionKind.FOREACH, ("end",), foreach="xs"))
    bound.xs = "abc"
    bound.next(bound.end, foreach="xs")
    assert bound.__instep_run__.finish().foreach_count == 3


def test_foreach_over_a_missing_artifact_names_it() -> None:
    bound = make_self(transition=Transition(TransitionKind.FOREACH, ("end",), foreach="xs"))
    with pytest.raises(TransitionError, match=r"self\.xs, but no step has set it"):
        bound.next(bound.end, foreach="xs")


def test_dir_lists_artifacts_that_were_not_read() -> None:
    assert {"word", "folds", "helper"} <= set(dir(make_self({"word": "hi"})))


@pytest.mark.parametrize(
    ("value", "changes"),
    [(1, False), ("a", False), (None, False), ((1, "a"), False), ((1, []), True), ([1], True), ({}, True)],
)
def test_can_change_knows_plain_values(value: object, changes: bool) -> None:
    assert can_change(value) is changes
