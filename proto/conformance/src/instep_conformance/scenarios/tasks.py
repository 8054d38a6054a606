"""Tasks that run as they should, with an orchestrator that does nothing wrong."""

from __future__ import annotations

from instep_proto.v1 import graph_pb2, task_pb2

from instep_conformance.flow import FLOW
from instep_conformance.kit import Kit
from instep_conformance.scenario import scenario
from instep_conformance.values import encode


@scenario("a task")
def task_without_values(kit: Kit) -> None:
    """Runs a step that does nothing: the worker registers, reports success and ends with exit code 0."""
    kit.task("nothing")
    report = kit.run()
    kit.expect(kit.outputs(report) == {}, "a step that assigns nothing leaves nothing behind")
    kit.expect(len(kit.calls("CompleteTask")) == 1, "the attempt is reported once")


@scenario("a task")
def inputs_and_outputs(kit: Kit) -> None:
    """A step reads two numbers and assigns their sum, which is stored under its digest; `reads` names what it read."""
    kit.task("add", {"a": 2, "b": 40, "c": 5})
    report = kit.run()
    kit.expect(kit.outputs(report) == {"total": 42}, f"total is 42 in {kit.outputs(report)}")
    reads = list(report.success.reads)
    kit.expect(reads == ["*"] or {"a", "b"} <= set(reads), f"`reads` names a and b, and not {reads}")


@scenario("a task")
def values_of_each_kind(kit: Kit) -> None:
    """A step assigns again what it read: a dict of scalars, vectors, a missing value and a dict."""
    value = {
        "yes": True,
        "whole": 7,
        "real": 1.5,
        "text": "Grüße 😀",
        "none": None,
        "reals": [0.5, -1.5],
        "texts": ["a", ""],
        "inner": {"whole": -1},
    }
    kit.task("echo", {"value": value})
    copy = kit.outputs(kit.run())["copy"]
    kit.expect(copy == value, f"the copy is {value}, and not {copy}")


@scenario("a task")
def facts_about_the_task(kit: Kit) -> None:
    """User code learns flow, step, run, task, and that this is the third attempt."""
    kit.task("tell", attempt=2, max_attempts=3)
    told = kit.outputs(kit.run())["told"]
    expected = [FLOW, "tell", "7", "3", "2"]
    kit.expect(told == expected, f"user code learns {expected}, and not {told}")


@scenario("foreach")
def foreach_count(kit: Kit) -> None:
    """A step whose transition spreads `items` reports their number."""
    kit.task(
        "split",
        transition=graph_pb2.Transition(
            kind=graph_pb2.TRANSITION_KIND_FOREACH, targets=["item"], foreach="items"
        ),
    )
    report = kit.run()
    kit.expect(kit.outputs(report) == {"items": [10, 20, 30]}, "items are stored")
    kit.expect(
        report.success.foreach_count == 3, f"foreach_count is 3, and not {report.success.foreach_count}"
    )


@scenario("foreach")
def foreach_item(kit: Kit) -> None:
    """A task of a foreach reads its item: the one at its position."""
    items = kit.input("items", [10, 20, 30])
    frame = task_pb2.ForeachFrame(variable="items", items=items, index=1, count=3, step="split")
    kit.task("item", {"items": [10, 20, 30]}, foreach=[frame])
    kit.expect(kit.outputs(kit.run()) == {"seen": 20}, "the second item is 20")


@scenario("switch")
def switch_case(kit: Kit) -> None:
    """A step whose transition chooses by `way` reports the position of its case."""
    cases = [
        graph_pb2.SwitchCase(key=encode(key).manifest, target=target)
        for key, target in (("left", "nothing"), ("right", "add"))
    ]
    kit.task(
        "choose",
        {"value": "right"},
        transition=graph_pb2.Transition(
            kind=graph_pb2.TRANSITION_KIND_SWITCH, targets=["nothing", "add"], condition="way", cases=cases
        ),
    )
    report = kit.run()
    kit.expect(kit.outputs(report) == {"way": "right"}, "the choice is stored")
    kit.expect(report.success.HasField("switch_case"), "switch_case is set")
    kit.expect(report.success.switch_case == 1, f"switch_case is 1, and not {report.success.switch_case}")


@scenario("join")
def join_inputs(kit: Kit) -> None:
    """A join reads an artifact of each of its inputs."""
    joins = _joins(kit, 3)
    kit.task("join", is_join=True, joins=joins)
    kit.expect(kit.outputs(kit.run()) == {"total": 6}, "the sum over the inputs is 6")


@scenario("join")
def join_inputs_in_pages(kit: Kit) -> None:
    """Inputs of a join that do not fit into the task are asked for with ListJoinInputs."""
    joins = _joins(kit, 5)
    kit.orchestrator.joins = joins
    kit.task("join", is_join=True, joins=joins[:2], joins_next=2)
    kit.expect(kit.outputs(kit.run()) == {"total": 15}, "the sum over all five inputs is 15")


@scenario("parameters")
def parameters_are_fixed(kit: Kit) -> None:
    """A step that assigns to a parameter fails with an error of the user's."""
    parameter = kit.input("value", 1)
    parameter.kind = task_pb2.INPUT_KIND_PARAMETER
    kit.task("overwrite", inputs=None).inputs.append(parameter)
    report = kit.run()
    kit.expect(report.HasField("failure"), "the attempt fails")


def _joins(kit: Kit, count: int) -> list[task_pb2.JoinInput]:
    return [
        task_pb2.JoinInput(
            step="add", task_id=str(20 + index), position=index, artifacts=[kit.input("x", index + 1)]
        )
        for index in range(count)
    ]
