"""Decorators take note of what is written, and interpret nothing."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
from flow_files import read_flow, steps_of
from instep import catch, retry, timeout
from instep.errors import UsageError
from instep_proto.v1 import graph_pb2

IMPORTS = """
from instep import Config, catch, config_expr, environment, project, resources, retry, timeout, r_function
"""


def noted(decorators: object) -> list[tuple[str, object]]:
    return [(one.name, json.loads(one.arguments or "{}")) for one in decorators]  # type: ignore[attr-defined]


@pytest.fixture
def fragment(tmp_path: Path) -> graph_pb2.FlowFragment:
    text = """
@retry
class Base(FlowSpec):
    @retry(times=1)
    @step
    def start(self):
        self.next(self.fit)

    @timeout(seconds=3)
    @step
    def inherited(self):
        self.next(self.end)

@project(name=config_expr("cfg.name"), branch="b")
@retry(times=9)
class Flow(Base):
    cfg = Config("cfg", default_value={"name": "pricing", "resources": {"cpu": 2, "memory": [1, 2]}})

    @retry(on=[ValueError, "http_error"], times=2, nonsense=[1, {"a": None}])
    @step
    @catch(var="problem")
    @catch
    def start(self):
        self.next(self.fit)

    fit = retry(times=4)(catch(step(r_function("m.R", "fit"), next="other")))

    @step
    @environment(vars={"A": "1"})
    def other(self):
        self.next(self.end)

    @resources(**cfg.resources)
    @step
    def end(self):
        pass
"""
    return read_flow(tmp_path, IMPORTS + text)


def test_decorators_stand_in_any_order_with_step(fragment: graph_pb2.FlowFragment) -> None:
    steps = steps_of(fragment)
    assert noted(steps["start"].decorators) == [
        ("retry", {"on": ["builtins.ValueError", "http_error"], "times": 2, "nonsense": [1, {"a": None}]}),
        ("catch", {"var": "problem"}),
        ("catch", {}),
    ]
    assert noted(steps["fit"].decorators) == [("retry", {"times": 4}), ("catch", {})]
    assert noted(steps["other"].decorators) == [("environment", {"vars": {"A": "1"}})]
    assert not fragment.problems


def test_decorators_tell_their_lines(fragment: graph_pb2.FlowFragment) -> None:
    lines = [one.location.line for one in steps_of(fragment)["start"].decorators]
    assert lines == [lines[0], lines[0] + 2, lines[0] + 3]


def test_decorators_of_bases_are_inherited_unless_replaced(fragment: graph_pb2.FlowFragment) -> None:
    assert noted(steps_of(fragment)["inherited"].decorators) == [("timeout", {"seconds": 3})]
    assert noted(fragment.decorators) == [
        ("project", {"name": "pricing", "branch": "b"}),
        ("retry", {"times": 9}),
    ]


def test_configs_spread_into_decorators(fragment: graph_pb2.FlowFragment) -> None:
    assert noted(steps_of(fragment)["end"].decorators) == [("resources", {"cpu": 2, "memory": [1, 2]})]


def test_argument_that_is_no_json_is_a_problem_with_its_line(tmp_path: Path) -> None:
    fragment = read_flow(
        tmp_path,
        IMPORTS
        + """
class Flow(FlowSpec):
    @retry(times=object())
    @step
    def start(self): ...
""",
    )
    (problem,) = fragment.problems
    assert problem.code == "decorator-arguments"
    assert problem.message.startswith("An argument of @retry can't be used: <object")
    assert (problem.step, problem.locations[0].line) == ("start", 6)


def test_decorators_return_the_function_itself() -> None:
    def work() -> None: ...

    assert retry(work) is work
    assert timeout(seconds=1)(work) is work


@pytest.mark.parametrize("wrong", [3, "problem", None])
def test_positional_arguments_are_refused_with_an_example(wrong: object) -> None:
    with pytest.raises(UsageError, match=r"@catch takes its arguments by name, such as @catch\(var="):
        catch(wrong, 1)  # type: ignore[call-overload]
    with pytest.raises(UsageError):
        retry()(wrong)


def test_signatures_are_there_for_editors() -> None:
    assert list(inspect.signature(timeout).parameters) == ["seconds", "minutes", "hours"]
