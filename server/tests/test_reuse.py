"""Runs that take over what would be done again: `resume --changed` and `run --reuse`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from instep_proto.v1 import control_service_pb2, graph_pb2, run_pb2
from rig import Rig, StepDef, running, value

SUCCEEDED = run_pb2.RUN_STATE_SUCCEEDED
PARAMETER = graph_pb2.ParameterSpec(name="p", variable="p", default=value("1"))
AS_BEFORE = "Its code and what it reads are as in run 1."


def flow(
    *, codes: str = "abc", middle: str = "m", reads: Sequence[str] = ("p",), env: str = "", items: str = "x"
) -> list[StepDef]:
    """A flow whose step `each` reads what `reads` says, and whose step `middle` leaves `m` behind."""
    start, each, middle_code = tuple(codes)
    decorators: dict[str, dict[str, object]] = {"environment": {"vars": {"E": env}}} if env else {}
    return [
        StepDef("start", ["each"], foreach="xs", script={"set": {"xs": items}, "count": 2}, code=start),
        StepDef(
            "each", ["middle"], script={"set": {"y": "y"}, "reads": reads}, code=each, decorators=decorators
        ),
        StepDef(
            "middle", ["end"], join=True, script={"set": {"m": middle}, "reads": ["y"]}, code=middle_code
        ),
        StepDef("end", script={"reads": ["m"]}, code="e"),
    ]


@contextmanager
def after(home: Path, first: Sequence[StepDef], second: Sequence[StepDef], **fields: Any):
    """Runs a flow, then opens the store again with the flow as it is after a change."""
    with running(home, first, parameters=[PARAMETER]) as rig:
        assert rig.finish(rig.submit("first", **fields)).state == SUCCEEDED
    with running(home, second, parameters=[PARAMETER]) as rig:
        yield rig


def reuse(rig: Rig, request_id: str = "second", *, origin: str = "", step: str = "", **fields: Any) -> Any:
    asked = control_service_pb2.Reuse(origin_run_id=origin, step=step, unchanged_only=True)
    return rig.finish(rig.submit(request_id, reuse=asked, **fields))


def reasons(rig: Rig, run: run_pb2.Run) -> dict[str, str]:
    """Why the tasks of each step ran or were cloned, which is the same for both items."""
    found: dict[str, set[str]] = {}
    for task in rig.tasks(run):
        found.setdefault(task.step, set()).add(
            f"{'C' if task.HasField('cloned_from') else 'R'} {task.reason}"
        )
    assert all(len(texts) == 1 for texts in found.values()), found
    return {step: texts.pop() for step, texts in found.items()}


ALL = dict.fromkeys(["start", "each", "middle", "end"], f"C {AS_BEFORE}")


@pytest.mark.parametrize("origin", ["", "1"])
@pytest.mark.parametrize(
    ("changes", "ran"),
    [
        ({}, {}),
        ({"codes": "aBc"}, {"each": "Its code has changed since run 1."}),
        ({"codes": "Abc"}, {"start": "Its code has changed since run 1."}),
        ({"codes": "ab?", "middle": "new"}, {"middle": "Its code has changed since run 1."}),
        ({"env": "2"}, {"each": "Its environment has changed since run 1."}),
    ],
)
def test_what_has_not_changed_is_cloned(
    home: Path, origin: str, changes: dict[str, Any], ran: dict[str, str]
) -> None:
    with after(home, flow(), flow(**changes)) as rig:
        run = reuse(rig, origin=origin)
        assert run.state == SUCCEEDED
        assert run.origin_run_id == origin
        wanted = {**ALL, **{step: f"R {reason}" for step, reason in ran.items()}}
        if "middle" in ran:
            wanted["end"] = "R What it reads has changed since run 1: 'm'."
        assert reasons(rig, run) == wanted


def test_parameter_matters_where_it_is_read(home: Path) -> None:
    with after(home, flow(), flow()) as rig:
        given = [control_service_pb2.ParameterValue(name="p", manifest=value("2"))]
        run = reuse(rig, parameters=given)
        assert reasons(rig, run) == {**ALL, "each": "R What it reads has changed since run 1: 'p'."}
        end = rig.tasks(run, "end")[0]
        assert rig.artifacts(run, end.task_id)["p"] == "2"


def test_items_matter_to_all_of_a_foreach(home: Path) -> None:
    with after(home, flow(), flow(codes="Abc", items="others")) as rig:
        run = reuse(rig)
        assert reasons(rig, run) == {
            **ALL,
            "start": "R Its code has changed since run 1.",
            "each": "R No earlier run has ended it with success for these items of 'xs'.",
        }


def test_any_earlier_run_can_be_reused(home: Path) -> None:
    with after(home, flow(), flow()) as rig:
        two, three = (
            [control_service_pb2.ParameterValue(name="p", manifest=value(text))] for text in ("2", "3")
        )
        reuse(rig, "second", parameters=two)
        again = reuse(rig, "third", parameters=[])
        assert {task.cloned_from.run_id for task in rig.tasks(again, "each")} == {"1"}
        assert {task.cloned_from.run_id for task in rig.tasks(again, "end")} == {"2"}
        only = reuse(rig, "fourth", origin="2")
        assert rig.artifacts(only, "1")["p"] == "2"
        assert {task.cloned_from.run_id for task in rig.tasks(only)} == {"2"}
        other = reuse(rig, "fifth", parameters=three)
        assert {task.reason for task in rig.tasks(other, "each")} == {
            "What it reads has changed since run 4: 'p'."
        }


def test_named_step_runs_again_though_nothing_has_changed(home: Path) -> None:
    with after(home, flow(), flow()) as rig:
        run = reuse(rig, origin="1", step="middle")
        assert reasons(rig, run) == {
            **ALL,
            "middle": "R It is the step to resume from.",
            "end": "R It follows step 'middle'.",
        }


def test_step_without_a_run_is_refused(home: Path, refusal) -> None:
    with running(home, flow(), parameters=[PARAMETER]) as rig:
        assert refusal(reuse, rig, step="middle").reason == "MALFORMED"
        run = reuse(rig)
        assert reasons(rig, run) == dict.fromkeys(ALL, "R There is no earlier run.")


def test_step_that_goes_on_in_another_way_runs(home: Path) -> None:
    with after(home, flow(), [StepDef("start", ["end"], code="a"), StepDef("end", code="e")]) as rig:
        run = reuse(rig)
        assert reasons(rig, run)["start"] == "R How it goes on has changed since run 1."


def test_join_of_more_tasks_runs(home: Path) -> None:
    wider = flow(codes="Abc", items="others")
    wider[0].script["count"] = 3
    with after(home, flow(), wider) as rig:
        run = reuse(rig)
        assert reasons(rig, run)["middle"] == "R It joins 3 tasks, and joined 2 in run 1."


def test_death_that_catch_handled_is_not_reused(home: Path) -> None:
    """What user code had read when it died is not known."""
    steps = [
        StepDef("start", ["end"], script={"exit": 3}, code="a", decorators={"catch": {"var": "ex"}}),
        StepDef("end", code="e"),
    ]
    with running(home, steps) as rig:
        assert rig.finish(rig.submit("first")).state == SUCCEEDED
        run = reuse(rig)
        assert reasons(rig, run) == {
            "start": "R No earlier run has ended it with success.",
            "end": f"C {AS_BEFORE}",
        }


def nested(code: str, carried: dict[str, str]) -> list[StepDef]:
    """A split and its join in a foreach. The join's code is `code`, and what it hands on is `carried`."""
    return [
        StepDef("start", ["spread"], foreach="xs", script={"set": {"xs": "x"}, "count": 1}, code="s"),
        StepDef("spread", ["left", "right"], code="p"),
        StepDef("left", ["inner"], code="l"),
        StepDef("right", ["inner"], code="r"),
        StepDef("inner", ["look"], join=True, script={"set": carried}, code=code),
        StepDef("look", ["outer"], code="k"),
        StepDef("outer", ["end"], join=True, code="o"),
        StepDef("end", code="e"),
    ]


@pytest.mark.parametrize(
    ("before", "now", "ran"),
    [({"xs": "x"}, {}, True), ({}, {"xs": "x"}, True), ({"xs": "x"}, {"xs": "x"}, False)],
    ids=["no longer", "only now", "in both runs"],
)
def test_step_runs_when_it_has_an_item_in_one_of_the_runs_only(
    home: Path, before: dict[str, str], now: dict[str, str], ran: bool
) -> None:
    """It has none where the list was not carried through an inner join."""
    with after(home, nested("i1", before), nested("i2", now)) as rig:
        found = reasons(rig, reuse(rig))
    assert found["inner"].startswith("R ")
    assert found["look"].startswith("R " if ran else "C ")
