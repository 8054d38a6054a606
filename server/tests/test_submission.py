"""What a run is recorded with: parameters and their defaults, included files, projects, and tags as they change."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from instep_proto.v1 import control_service_pb2, graph_pb2, value_pb2
from rig import Rig, StepDef, hash_of, running, value

LINE = [StepDef("start", ["end"]), StepDef("end")]
PROJECT = [graph_pb2.Decorator(name="project", arguments=json.dumps({"name": "maps"}))]


def function_parameter(name: str) -> graph_pb2.ParameterSpec:
    return graph_pb2.ParameterSpec(name=name, variable=name, has_function_default=True)


def given(name: str, text: str) -> control_service_pb2.ParameterValue:
    return control_service_pb2.ParameterValue(name=name, manifest=value(text))


def test_functions_give_defaults_once_when_no_value_is_given(home: Path) -> None:
    parameters = [function_parameter("a"), function_parameter("b")]
    with running(home, LINE, parameters=parameters, defaults={"a": "from a", "b": "from b"}) as rig:
        load = rig.load().load_id
        run = rig.finish(rig.submit(load_id=load, parameters=[given("b", "given")]))
        assert rig.artifacts(run, "2") == {"a": "from a", "b": "given"}
        again = rig.submit(load_id=load, parameters=[given("b", "given")])
        assert again.run_id == run.run_id


def test_function_that_fails_names_parameter_and_field(home: Path, refusal) -> None:
    with running(home, LINE, parameters=[function_parameter("a")], defaults={"a": "!no luck"}) as rig:
        refused = refusal(rig.submit)
        assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "PARAMETER_INVALID")
        assert refused.facts == {"parameter": "a", "field": "default"}
        assert refused.text == "Parameter 'a': the function that gives its default failed: no luck"
        assert list(rig.call("ListRuns").runs) == []


def test_host_that_ends_while_it_is_asked_fails_the_submission(home: Path, refusal) -> None:
    with running(home, LINE, by_hand=True, parameters=[function_parameter("a")]) as rig:
        load = rig.load().load_id
        request = control_service_pb2.SubmitRunRequest(client_request_id="r", load_id=load, user="ada")
        call = rig.stub.SubmitRun.future(request, metadata=rig.metadata, timeout=20)
        assert rig.hand.command().evaluate.parameters == ["a"]
        rig.hand.close()
        assert refusal(call.result).reason == "PARAMETER_INVALID"


def included(data: bytes) -> bytes:
    """A manifest whose data are a blob."""
    part = value_pb2.Part()
    part.blob.hash, part.blob.size = hash_of(data), len(data)
    return value_pb2.Manifest(
        format=1, nodes=[value_pb2.Node(null=value_pb2.Null())], parts=[part], portable=True
    ).SerializeToString(deterministic=True)


def test_content_of_an_included_file_is_a_blob_of_the_store(home: Path, refusal) -> None:
    spec = graph_pb2.ParameterSpec(
        name="f", variable="f", include_file=graph_pb2.IncludeFileSpec(is_text=True)
    )
    with running(home, LINE, parameters=[spec]) as rig:
        data = os.urandom(5000)
        manifest = included(data)
        values = [control_service_pb2.ParameterValue(name="f", manifest=manifest)]
        refused = refusal(rig.submit, "r1", parameters=values)
        assert (refused.reason, refused.facts) == ("BLOB_MISSING", {"digests": hash_of(data)})
        digest = blake3(data).hexdigest()
        (home / "objects" / "b3" / digest[:2]).mkdir(parents=True)
        (home / "objects" / "b3" / digest[:2] / digest[2:]).write_bytes(data)
        run = rig.finish(rig.submit("r2", parameters=values))
        assert [(one.name, one.size) for one in run.inputs] == [("f", len(manifest) + len(data))]


def test_configs_are_inputs_of_their_own_kind(home: Path) -> None:
    config = graph_pb2.ConfigSpec(name="cfg", variable="settings", manifest=value("{}"), text="{}")
    with running(home, LINE, by_hand=True, configs=[config]) as rig:
        rig.submit()
        worker = rig.hand.worker()
        worker.register()
        assert [(one.name, one.kind) for one in worker.task.inputs] == [("settings", 4)]
        assert list(worker.task.parameter_names) == ["settings"]
        got = rig.call("GetRun", flow="Demo", run_id="")
        assert [(one.name, one.text) for one in got.graph.configs] == [("cfg", "{}")]


@pytest.mark.parametrize(
    ("asked", "branch"),
    [
        ({}, "user.ada"),
        ({"branch": "b"}, "test.b"),
        ({"production": True}, "prod"),
        ({"branch": "b", "production": True}, "prod.b"),
    ],
)
def test_project_is_told_by_tags_and_tasks(home: Path, asked: dict[str, Any], branch: str) -> None:
    with running(home, LINE, by_hand=True, decorators=PROJECT) as rig:
        run = rig.submit(**asked)
        assert {"project:maps", f"project_branch:{branch}"} <= set(run.system_tags)
        worker = rig.hand.worker()
        worker.register()
        project = worker.task.project
        assert (project.name, project.branch) == ("maps", branch)
        assert project.is_production == branch.startswith("prod")


@pytest.mark.parametrize(
    ("decorators", "asked", "text"),
    [
        ([], {"branch": "b"}, "The flow belongs to no project, so that --branch b means nothing."),
        ([], {"production": True}, "The flow belongs to no project, so that --production means nothing."),
        (PROJECT, {"branch": "a b"}, "'a b' can't be a branch: its name has 1 to 128 letters, digits, dots,"),
    ],
)
def test_branch_is_refused(
    home: Path, refusal, decorators: list[graph_pb2.Decorator], asked: dict[str, Any], text: str
) -> None:
    with running(home, LINE, decorators=decorators) as rig:
        refused = refusal(rig.submit, **asked)
        assert refused.reason == "DECORATOR_INVALID"
        assert refused.text.startswith(text)


def test_defaults_know_the_project(home: Path) -> None:
    with running(
        home, LINE, parameters=[function_parameter("a")], defaults={"a": "on"}, decorators=PROJECT
    ) as rig:
        run = rig.finish(rig.submit(branch="b"))
        assert rig.artifacts(run, "1") == {"a": "on test.b"}


def test_task_has_the_tags_of_its_start(home: Path) -> None:
    with running(home, LINE, by_hand=True) as rig:
        run = rig.submit(tags=["a"])
        assert tags_of_next(rig) == ["a"]
        rig.call("ChangeTags", flow="Demo", run_id=run.run_id, remove=["a"], add=["b", "c"])
        assert tags_of_next(rig) == ["b", "c"]
        rig.finish(run)


def tags_of_next(rig: Rig) -> list[str]:
    """The tags that the next task is told."""
    worker = rig.hand.worker()
    worker.register()
    worker.succeed(worker.id)
    worker.exit()
    return list(worker.task.tags)
