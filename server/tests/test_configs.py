"""The variables by which hosts learn the values of configs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from instep_proto.v1 import control_service_pb2, graph_pb2, host_pb2
from instep_server import configs
from instep_server.errors import RequestError


def text(name: str, text: str) -> control_service_pb2.ConfigValue:
    return control_service_pb2.ConfigValue(name=name, text=text)


def file(name: str, file: str) -> control_service_pb2.ConfigValue:
    return control_service_pb2.ConfigValue(name=name, file=file)


def loaded(**texts: str | None) -> host_pb2.HostLoaded:
    """What a host says that has configs with these texts."""
    found = [graph_pb2.ConfigSpec(name=name, text=text) for name, text in texts.items()]
    return host_pb2.HostLoaded(fragment=graph_pb2.FlowFragment(configs=found))


def read(variables: configs.Variables) -> dict[str, object]:
    return {name: json.loads(value) for name, value in variables}


def test_what_is_asked_for_goes_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTEP_FLOW_CONFIG_VALUE", '{"a": "env", "b": "env", "c": {"x": 1}}')
    monkeypatch.setenv("INSTEP_FLOW_CONFIG", '{"d": "/env.json", "e": "/env.json"}')
    assert read(configs.asked_for([text("a", "asked"), file("b", "/asked.json"), text("d", "asked")])) == {
        "INSTEP_FLOW_CONFIG_VALUE": {"a": "asked", "c": {"x": 1}, "d": "asked"},
        "INSTEP_FLOW_CONFIG": {"b": "/asked.json", "e": "/env.json"},
    }


def test_hosts_inherit_the_environment_when_nothing_is_asked_for() -> None:
    assert configs.asked_for([]) == ()
    assert configs.pinned([loaded(), loaded(a=None)]) == ()


@pytest.mark.parametrize("bad", ["{", "[]", "1"])
def test_environment_that_is_no_object_is_refused(monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    monkeypatch.setenv("INSTEP_FLOW_CONFIG", bad)
    with pytest.raises(RequestError, match="INSTEP_FLOW_CONFIG must hold a JSON object"):
        configs.asked_for([text("a", "1")])


def test_texts_that_were_found_are_pinned() -> None:
    assert read(configs.pinned([loaded(a="1", b=None), loaded(c="{}")])) == {
        "INSTEP_FLOW_CONFIG_VALUE": {"a": "1", "c": "{}"},
        "INSTEP_FLOW_CONFIG": {},
    }


def test_host_holds_values_when_it_has_the_same_texts(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")
    found = loaded(a="[1]", b="2")
    assert configs.holds(found, [])
    assert configs.holds(found, [text("a", "[1]"), text("other", "x")])
    assert configs.holds(found, [file("a", str(tmp_path / "a.json"))])
    assert not configs.holds(found, [text("a", "[1]"), text("b", "3")])
    assert not configs.holds(found, [file("a", str(tmp_path / "gone.json"))])
    assert not configs.holds(loaded(a=None), [text("a", "1")])
    assert not configs.holds(host_pb2.HostLoaded(problem=graph_pb2.GraphProblem()), [text("a", "1")])
