"""How graphs are written, and what is read from them."""

import pytest
from instep._cli._graph import transition_text
from instep._cli._parameters import default_text
from instep._cli._report import innermost_foreach
from instep.values import encode
from instep_proto.v1 import graph_pb2


def _transition(kind: str, *targets: str, **fields: object) -> graph_pb2.Transition:
    return graph_pb2.Transition(kind=f"TRANSITION_KIND_{kind}", targets=targets, **fields)  # type: ignore[arg-type]


def _step(
    name: str, transition: graph_pb2.Transition | None = None, *, join: bool = False
) -> graph_pb2.StepSpec:
    return graph_pb2.StepSpec(name=name, transition=transition or _transition("END"), takes_inputs=join)


def test_transitions_are_written_short() -> None:
    cases = [
        graph_pb2.SwitchCase(key=encode("yes", inline=True).manifest, target="a"),
        graph_pb2.SwitchCase(key=encode(1, inline=True).manifest, target="b"),
    ]
    assert transition_text(_transition("END")) == "=> (the end)"
    assert transition_text(_transition("LINEAR", "a")) == "=> a"
    assert transition_text(_transition("SPLIT", "a", "b")) == "=> a, b"
    assert transition_text(_transition("FOREACH", "a", foreach="xs")) == "=> a for each of xs"
    switch = _transition("SWITCH", "a", "b", condition="answer", cases=cases)
    assert transition_text(switch) == "=> 'yes': a, 1: b by answer"


@pytest.mark.parametrize(
    ("value", "kind", "separator", "text"),
    [
        ("world", "STRING", "", "world"),
        (["a", "b"], "STRING", ",", "a,b"),
        (0.5, "FLOAT", "", "0.5"),
        (False, "BOOL", "", "False"),
        ({"a": [None, "ü"]}, "JSON", "", '{"a": [null, "ü"]}'),
        ({"a": [1, 2]}, "JSON", "", '{"a": [1, 2]}'),
    ],
)
def test_defaults_are_written_as_they_are_typed(value: object, kind: str, separator: str, text: str) -> None:
    spec = graph_pb2.ParameterSpec(
        type=f"PARAMETER_TYPE_{kind}", separator=separator, default=encode(value, inline=True).manifest
    )
    assert default_text(spec) == text


def test_the_innermost_foreach_is_found_through_branches_and_joins() -> None:
    graph = graph_pb2.Graph(
        start="start",
        steps=[
            _step("start", _transition("FOREACH", "outer", foreach="xs")),
            _step("outer", _transition("FOREACH", "inner", foreach="ys")),
            _step("inner", _transition("SPLIT", "left", "right")),
            _step("left", _transition("LINEAR", "meet")),
            _step("right", _transition("LINEAR", "meet")),
            _step("meet", _transition("LINEAR", "gather"), join=True),
            _step("gather", _transition("LINEAR", "collect"), join=True),
            _step("collect", _transition("LINEAR", "end"), join=True),
            _step("end"),
        ],
    )
    found = {step.name: innermost_foreach(graph, step.name) for step in graph.steps}
    assert found == {
        "start": "", "outer": "xs", "inner": "ys", "left": "ys", "right": "ys", "meet": "ys",
        "gather": "xs", "collect": "", "end": "",
    }  # fmt: skip
