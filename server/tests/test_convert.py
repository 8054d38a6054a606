"""Messages of the protocol become the core's types, and these become messages again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from graph_builder import MAIN, constant, parameter, source, step, transition
from instep_proto.v1 import graph_pb2, host_pb2, source_pb2
from instep_server import _convert
from instep_server.core.graph import assemble
from instep_server.core.graph_types import (
    ConfigSpec,
    Decorator,
    IncludeFileSpec,
    Isolation,
    Location,
    LossPolicy,
    ParameterSpec,
    ParameterType,
    Problem,
    StepSpec,
    Transition,
    TransitionKind,
)

PROBLEM = Problem(
    code="target-unknown",
    message="Step 'a' leads to 'b', which is no step.",
    hint="Did you mean 'c'?",
    step="a",
    locations=(Location(MAIN, 3),),
)


@pytest.mark.parametrize("on_loss", [None, *LossPolicy])
@pytest.mark.parametrize("isolation", [None, *Isolation])
@pytest.mark.parametrize("text", ["", "a", "a b", "*a", "?a b"])
def test_step_survives_a_round_trip(
    text: str, isolation: Isolation | None, on_loss: LossPolicy | None
) -> None:
    spec = step("fit", doc="Fits.", isolation=isolation, on_loss=on_loss, is_start=True, takes_inputs=True)
    decorators = (
        Decorator(name="retry", arguments='{"times": 2}', location=Location(MAIN, 7)),
        Decorator(name="catch"),
    )
    spec = replace(spec, decorators=decorators, code="b3:01")
    spec = replace(spec, transition=replace(transition(text), location=Location(MAIN, 8)))
    message = _convert.step_to_proto(spec, isolation=isolation, on_loss=on_loss)
    assert _convert.step_from_proto(message) == spec


@pytest.mark.parametrize("kind", ParameterType)
def test_parameter_survives_a_round_trip(kind: ParameterType) -> None:
    spec = ParameterSpec(
        name="n-folds",
        variable="folds",
        type=kind,
        default=b"m",
        required=True,
        help="Folds.",
        separator=",",
        hide_default=True,
        has_function_default=True,
        include_file=IncludeFileSpec(is_text=True, encoding="latin-1", default_file="/a.txt"),
        location=Location(MAIN, 2),
    )
    assert _convert.parameter_from_proto(_convert.parameter_to_proto(spec)) == spec


def test_parameter_without_default_differs_from_an_empty_one() -> None:
    spec = parameter("folds")
    assert not _convert.parameter_to_proto(spec).HasField("default")
    assert _convert.parameter_to_proto(replace(spec, default=b"")).HasField("default")


@pytest.mark.parametrize("text", [None, "", "{}"])
def test_config_survives_a_round_trip(text: str | None) -> None:
    spec = ConfigSpec(
        name="cfg", variable="config", manifest=b"m", text=text, help="All.", location=Location(MAIN, 2)
    )
    assert _convert.config_from_proto(_convert.config_to_proto(spec)) == spec


def test_problem_survives_a_round_trip() -> None:
    assert _convert.problem_from_proto(_convert.problem_to_proto(PROBLEM)) == PROBLEM


def test_unset_transition_is_unknown() -> None:
    assert _convert.transition_from_proto(graph_pb2.Transition()) == Transition(kind=TransitionKind.UNKNOWN)
    assert _convert.transition_to_proto(Transition(kind=TransitionKind.UNKNOWN)) == graph_pb2.Transition()


LOSS = graph_pb2.ValueLoss(rule="BYTES", path="self.unit", message="a bytearray comes back as bytes.")


def test_source_of_a_loaded_file() -> None:
    place = source_pb2.SourceLocation(file="/flows/a.R", line=1)
    fragment = graph_pb2.FlowFragment(
        flow="Pricing",
        language="r",
        location=place,
        doc="Prices.",
        includes=[graph_pb2.Include(file=MAIN, location=place)],
        steps=[graph_pb2.StepSpec(name="fit", location=place)],
        parameters=[graph_pb2.ParameterSpec(name="folds", variable="folds", location=place)],
        constants=[graph_pb2.ConstantSpec(name="unit", manifest=b"m", losses=[LOSS], location=place)],
        configs=[graph_pb2.ConfigSpec(name="cfg", variable="cfg", manifest=b"m", location=place)],
        decorators=[graph_pb2.Decorator(name="project", arguments='{"name": "shop"}', location=place)],
        isolation=graph_pb2.ISOLATION_SPAWN,
        on_loss=graph_pb2.LOSS_POLICY_ERROR,
        problems=[_convert.problem_to_proto(PROBLEM)],
    )
    message = host_pb2.HostLoaded(
        language="r",
        file="/flows/a.R",
        fragment=fragment,
        functions=["fit", "load"],
        function_codes=["r:1", "r:2"],
    )
    source = _convert.source_from_proto(message, digest="b3:00")
    assert (source.language, source.file, source.digest) == ("r", "/flows/a.R", "b3:00")
    assert source.functions == {"fit", "load"}
    assert source.codes == {"fit": "r:1", "load": "r:2"}
    assert source.problem is None
    assert source.fragment is not None
    assert source.fragment.isolation is Isolation.SPAWN
    assert source.fragment.on_loss is LossPolicy.ERROR
    assert source.fragment.problems == (PROBLEM,)
    assert [_convert.loss_to_proto(loss) for loss in source.fragment.constants[0].losses] == [LOSS]
    assert [one.name for one in source.fragment.configs] == ["cfg"]
    assert [one.arguments for one in source.fragment.decorators] == ['{"name": "shop"}']
    assert [one.name for one in source.fragment.steps] == ["fit"]
    assert source.fragment.includes[0].location == Location("/flows/a.R", 1)


def test_source_of_a_file_that_cannot_be_loaded() -> None:
    message = host_pb2.HostLoaded(language="r", file="/a.R", problem=_convert.problem_to_proto(PROBLEM))
    source = _convert.source_from_proto(message, digest="")
    assert source.fragment is None
    assert source.problem == PROBLEM


def test_graph_becomes_a_message() -> None:
    flow: list[StepSpec] = [step("start", "end", isolation=Isolation.REUSE), step("end")]
    main = source(
        flow,
        doc="Prices.",
        parameters=(parameter("folds"),),
        constants=(constant("unit"),),
        configs=(ConfigSpec(name="cfg", variable="cfg", manifest=b"m", location=Location(MAIN, 2)),),
        decorators=(Decorator(name="project", arguments='{"name": "shop"}'),),
    )
    graph = assemble(main, ()).graph
    assert graph is not None
    message = _convert.graph_to_proto(graph)
    assert [one.name for one in message.steps] == ["start", "end"]
    assert [one.isolation for one in message.steps] == [
        graph_pb2.ISOLATION_REUSE,
        graph_pb2.ISOLATION_FORK,
    ]
    assert [one.on_loss for one in message.steps] == [graph_pb2.LOSS_POLICY_WARN] * 2
    assert (message.flow, message.doc, message.start, message.end) == ("Pricing", "Prices.", "start", "end")
    assert [one.name for one in message.parameters] == ["folds"]
    assert [one.name for one in message.constants] == ["unit"]
    assert [one.name for one in message.configs] == ["cfg"]
    assert [one.name for one in message.decorators] == ["project"]
    assert [(one.language, one.file, one.digest) for one in message.files] == [("python", MAIN, "b3:00")]
