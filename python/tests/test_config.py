"""Configs: where their values come from, how they are read, and what is wrong with them."""

from __future__ import annotations

import copy
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
from flow_files import read_flow, steps_of
from hypothesis import given
from hypothesis import strategies as st
from instep import Config, _flow, config_expr
from instep._config import resolved, state_of, value_of
from instep._config_view import frozen, plain
from instep.errors import ConfigInvalidError
from instep.values import decode, encode
from instep_proto.v1 import graph_pb2

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_view_equals_what_it_shows_and_turns_into_the_same_json(value: Any) -> None:
    view = frozen(value)
    assert view == value
    assert json.dumps(view) == json.dumps(value)
    assert plain(view) == value
    assert pickle.loads(pickle.dumps(view)) == copy.deepcopy(view) == value


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_view_is_stored_as_the_plain_value(value: dict[str, Any]) -> None:
    assert encode(frozen(value)).manifest == encode(value).manifest


@pytest.mark.holds("6.16", "python")
@pytest.mark.parametrize(
    "change",
    [
        lambda view: view.__setitem__("a", 1),
        lambda view: view.update(a=1),
        lambda view: view.a.pop("b"),
        lambda view: setattr(view.a, "b", 1),
        lambda view: delattr(view, "a"),
        lambda view: view["list"].append(1),
        lambda view: view["list"].__iadd__([1]),
        lambda view: view.__ior__({"c": 1}),
    ],
)
def test_view_refuses_any_change(change: Any) -> None:
    view = frozen({"a": {"b": 1}, "list": [{"c": 2}]})
    with pytest.raises(TypeError, match="cannot be changed"):
        change(view)
    assert view == {"a": {"b": 1}, "list": [{"c": 2}]}


@pytest.mark.holds("6.16", "python")
def test_view_reads_by_attribute_inside_lists_and_tuples() -> None:
    view = frozen({"list": [{"c": 2}], "tuple": ({"d": 3},)})
    assert (view.list[0].c, view["tuple"][0].d) == (2, 3)
    with pytest.raises(AttributeError, match=r"no 'x' here\. Its keys are 'list', 'tuple'"):
        _ = view.x


@pytest.fixture(autouse=True)
def _as_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_flow, "_loads_only", False)
    monkeypatch.setattr(sys, "argv", ["flow.py", "run"])


@pytest.mark.holds("6.14", "python")
def test_value_comes_from_the_command_line_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text('{"from": "file"}')
    monkeypatch.setenv("INSTEP_FLOW_CONFIG_VALUE", '{"c": {"from": "variable"}, "text": "{\\"a\\": 1}"}')
    assert value_of(Config("c", default=str(file))) == {"from": "variable"}
    assert value_of(Config("text")) == {"a": 1}
    assert value_of(Config("other", default=str(file))) == {"from": "file"}
    monkeypatch.setattr(sys, "argv", ["flow.py", "--quiet", "--config", "c", str(file), "run"])
    assert value_of(Config("c")) == {"from": "file"}
    monkeypatch.setattr(sys, "argv", ["flow.py", "--config-value", "c", '{"from": "typed"}', "run"])
    assert value_of(Config("c")) == {"from": "typed"}
    monkeypatch.setenv("INSTEP_FLOW_CONFIG", json.dumps({"named": str(file)}))
    assert value_of(Config("named")) == {"from": "file"}


@pytest.mark.holds("6.15", "python")
def test_parser_and_plain() -> None:
    def lines(text: str) -> object:
        return text.split()

    assert value_of(Config("c", default_value="a b", plain=True)) == "a b"
    assert value_of(Config("c", default_value="a b", parser=lines, plain=True)) == ["a", "b"]
    assert value_of(Config("c", default_value="[1, 2]", parser="json.loads", plain=True)) == [1, 2]
    assert value_of(Config("c")) is None
    assert value_of(Config("c", default_value=lambda context: {"me": context.parameter_name})) == {"me": "c"}


@pytest.mark.holds("6.18", "python")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"required": True}, r"Config 'c' is required, but has no value. Give --config c FILE or"),
        ({"default": "missing.json"}, r"Config 'c' can't be read from the file 'missing.json': No such file"),
        ({"default_value": "{"}, r"Config 'c' must be a JSON object: .* at line 1, column 2."),
        (
            {"default_value": "[1]"},
            r"Config 'c' must be a JSON object, not \[1\]. plain=True takes any text.",
        ),
        ({"default_value": "x", "parser": "no.such"}, r"Config 'c' can't be parsed: ModuleNotFoundError"),
        ({"default_value": lambda context: 1 / 0}, r"a function that failed: ZeroDivisionError"),
    ],
)
def test_wrong_config_is_named(
    options: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    config = Config("c", **options)  # told when it is needed
    with pytest.raises(ConfigInvalidError, match=message):
        value_of(config)


def test_names_are_resolved_at_any_depth() -> None:
    config = Config("c", default_value={"a": 3})
    expression = config_expr("cfg.a + 1")
    assert resolved({"x": [config, (expression,)], "y": 1}, {"cfg": value_of(config)}) == {
        "x": [{"a": 3}, (4,)],
        "y": 1,
    }
    with pytest.raises(
        ConfigInvalidError, match=r"config_expr\('cfg.a \+ 1'\) can't be evaluated: NameError"
    ):
        resolved(expression, {})


FLOW = """
from instep import Config, IncludeFile, Parameter, config_expr, retry

class Base(FlowSpec):
    cfg = Config("settings", default_value={"folds": 5, "kinds": ["a", "b"]}, help="How to fit.")
    from_base = Parameter("from-base", default=1)

class Flow(Base):
    folds = Parameter("folds", default=config_expr("cfg.folds * 2"))
    text = Parameter("text", default=Base.cfg.kinds[0])
    later = Parameter("later", default=lambda context: "x")
    file = IncludeFile("file", default="data.csv", is_text=False)

    @step
    def start(self):
        self.next({self.cfg.kinds[0]: self.a, self.cfg["kinds"][1]: self.b}, condition="kind")
    @step
    def a(self): self.next(self.end)
    @step
    def b(self): self.next(self.end)
    @step
    def end(self): ...
"""


def decoded(manifest: bytes) -> object:
    return decode(manifest, lambda hash, size: pytest.fail(hash))


def test_fragment_holds_configs_and_what_they_give(tmp_path: Path) -> None:
    fragment = read_flow(tmp_path, FLOW)
    assert not fragment.problems
    (config,) = fragment.configs
    assert (config.name, config.variable, config.help) == ("settings", "cfg", "How to fit.")
    assert decoded(config.manifest) == {"folds": 5, "kinds": ["a", "b"]}
    assert json.loads(config.text) == {"folds": 5, "kinds": ["a", "b"]}
    parameters = {one.name: one for one in fragment.parameters}
    assert decoded(parameters["folds"].default) == 10
    assert parameters["folds"].type == graph_pb2.PARAMETER_TYPE_INT
    assert decoded(parameters["text"].default) == "a"
    assert parameters["later"].has_function_default
    assert not parameters["later"].HasField("default")
    assert not parameters["file"].include_file.is_text
    assert parameters["file"].include_file.default_file == str(Path("data.csv").absolute())
    cases = steps_of(fragment)["start"].transition.cases
    assert [(decoded(case.key), case.target) for case in cases] == [("a", "a"), ("b", "b")]


def test_wrong_config_is_a_problem_of_the_fragment_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    broken = FLOW.replace('default_value={"folds": 5, "kinds": ["a", "b"]}', 'default="no.json"')
    fragment = read_flow(tmp_path, broken.replace("Base.cfg.kinds[0]", "'x'"))
    config = [problem for problem in fragment.problems if problem.code == "config-invalid"]
    assert [problem.message for problem in config] == [
        "Config 'settings' can't be read from the file 'no.json': No such file or directory."
    ]


def test_text_is_kept_for_resumed_runs(tmp_path: Path) -> None:
    assert state_of(Config("c", default_value='{"a": 1}')).text == '{"a": 1}'
    assert state_of(Config("c", default_value={"a": [1, None]})).text == '{"a": [1, null]}'
    assert state_of(Config("c", default_value={"a": (1, 2)})).text is None
    assert value_of(Config("c", default_value={"a": (1, 2)})) == {"a": (1, 2)}
