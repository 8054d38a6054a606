"""Decorators: what they mean, and how wrong ones are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from graph_builder import MAIN, OTHER, constant, parameter, problem, source, step, steps, valid
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instep_server.core.decorators import flow_project, step_policy, with_decorators
from instep_server.core.graph import assemble
from instep_server.core.graph_types import ConfigSpec, Decorator, Graph, Location, Problem
from instep_server.core.policy import Catch, Project, Resources, Retry, StepPolicy

PLACE = Location(MAIN, 7)


def decorator(name: str, /, **arguments: object) -> Decorator:
    return Decorator(name=name, arguments=json.dumps(arguments) if arguments else "", location=PLACE)


def policy(*decorators: Decorator) -> StepPolicy:
    found, problems = step_policy(step("fit", "end", decorators=decorators), ())
    assert problems == ()
    return found


def wrong(*decorators: Decorator, text: str = "end") -> Problem:
    _, problems = step_policy(step("fit", text, decorators=decorators), {"folds"})
    assert len(problems) == 1, problems
    return problems[0]


def test_step_without_decorators_has_no_policy() -> None:
    assert policy() == StepPolicy()
    assert policy().retries == 0


def test_retry_has_the_defaults_of_metaflow_and_no_wait() -> None:
    assert policy(decorator("retry")).retry == Retry(times=3)
    assert policy(decorator("retry", times=2, minutes_between_retries=5)).retry == Retry(times=2)


def test_retry_takes_waits_and_classes() -> None:
    given_all = decorator(
        "retry", times=1.0, wait_seconds=2, backoff=2, max_wait_seconds=60, jitter=0.5, on="ValueError"
    )
    assert policy(given_all).retry == Retry(
        times=1, wait_seconds=2, backoff=2, max_wait_seconds=60, jitter=0.5, on=("ValueError",)
    )
    found = policy(decorator("retry", on=["a.B", "WorkerLost"])).retry
    assert found is not None
    assert found.on == ("a.B", "WorkerLost")


def test_catch_names_a_variable_or_none() -> None:
    assert policy(decorator("catch")).catch == Catch()
    named = decorator("catch", var="ex", print_exception=False)
    assert policy(named).catch == Catch(var="ex", print_exception=False)


def test_timeout_adds_up() -> None:
    assert policy(decorator("timeout", seconds=1.5, minutes=1, hours=1)).timeout_ms == 3_661_500


def test_environment_keeps_its_variables() -> None:
    assert policy(decorator("environment", vars={"B": "2", "A": ""})).env == (("B", "2"), ("A", ""))


def test_resources_may_differ_from_attempt_to_attempt() -> None:
    one = Resources(millicpu=1000)
    assert policy(decorator("resources")).resources == (one,)
    found = policy(decorator("resources", cpu=0.5, memory=[4000, 16_000], gpu=1)).resources
    assert found == (
        Resources(millicpu=500, memory_mb=4000, gpu=1),
        Resources(millicpu=500, memory_mb=16_000, gpu=1),
    )


@pytest.mark.parametrize(
    ("bad", "code", "message", "hint"),
    [
        (
            decorator("rety", times=1),
            "decorator-unknown",
            "The decorator 'rety' of step 'fit' does not exist.",
            "Did you mean 'retry'? Steps can have 'catch', 'environment', 'resources', 'retry' and 'timeout'.",
        ),
        (
            decorator("kubernetes"),
            "decorator-unknown",
            "The decorator 'kubernetes' of step 'fit' does not exist.",
            "Steps can have 'catch', 'environment', 'resources', 'retry' and 'timeout'.",
        ),
        (
            decorator("project", name="p"),
            "decorator-misplaced",
            "The decorator 'project' of step 'fit' can't be there.",
            "It is a decorator of the flow.",
        ),
        (
            decorator("retry", time=1),
            "decorator-argument",
            "The decorator 'retry' of step 'fit' has no argument 'time'.",
            "Did you mean 'times'? 'retry' takes 'times', 'minutes_between_retries', 'wait_seconds', 'backoff',"
            " 'max_wait_seconds', 'jitter' and 'on'.",
        ),
        (
            decorator("timeout", days=1),
            "decorator-argument",
            "The decorator 'timeout' of step 'fit' has no argument 'days'.",
            "'timeout' takes 'seconds', 'minutes' and 'hours'.",
        ),
        (
            Decorator(name="timeout", arguments="[5]", location=PLACE),
            "decorator-argument",
            "The decorator 'timeout' of step 'fit' has arguments without names.",
            "'timeout' takes 'seconds', 'minutes' and 'hours'.",
        ),
        (
            decorator("retry", times=5),
            "decorator-value",
            "The decorator 'retry' of step 'fit' has times=5.",
            "'times' is a whole number from 0 to 4.",
        ),
        (
            decorator("timeout"),
            "decorator-value",
            "The decorator 'timeout' of step 'fit' gives no time.",
            "Give seconds, minutes or hours: their sum is the limit.",
        ),
        (
            decorator("environment", vars={"A": 1}),
            "decorator-value",
            "The decorator 'environment' of step 'fit' has vars={\"A\": 1}.",
            "'vars' is text by names of environment variables.",
        ),
    ],
)
def test_wrong_decorator_is_refused_where_it_is_written(
    bad: Decorator, code: str, message: str, hint: str
) -> None:
    found = wrong(bad)
    assert (found.code, found.message, found.hint) == (code, message, hint)
    assert (found.step, found.locations) == ("fit", (PLACE,))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("retry", {"times": True}),
        ("retry", {"times": -1}),
        ("retry", {"times": 1.5}),
        ("retry", {"times": "2"}),
        ("retry", {"times": None}),
        ("retry", {"wait_seconds": -1}),
        ("retry", {"wait_seconds": float("inf")}),
        ("retry", {"wait_seconds": float("nan")}),
        ("retry", {"backoff": 0.5}),
        ("retry", {"jitter": 2}),
        ("retry", {"on": 3}),
        ("retry", {"on": [""]}),
        ("catch", {"var": "a b"}),
        ("catch", {"var": ""}),
        ("catch", {"print_exception": 1}),
        ("timeout", {"seconds": -1}),
        ("timeout", {"hours": 10**400}),
        ("environment", {"vars": ["A"]}),
        ("environment", {"vars": {"A=B": "x"}}),
        ("environment", {"vars": {"A": "x\0y"}}),
        ("resources", {"cpu": 0}),
        ("resources", {"memory": 0}),
        ("resources", {"memory": []}),
        ("resources", {"memory": [4000, "x"]}),
        ("resources", {"gpu": 0.5}),
    ],
)
def test_value_that_does_not_fit_is_refused(name: str, arguments: dict[str, Any]) -> None:
    assert wrong(decorator(name, **arguments)).code == "decorator-value"


def test_same_decorator_twice_is_refused_with_both_places() -> None:
    first = Decorator(name="retry", location=Location(MAIN, 6))
    found = wrong(first, decorator("catch"), decorator("retry"))
    assert found.hint.startswith("Keep one of them. 'retry' takes 'times', ")
    assert found.code == "decorator-doubled"
    assert found.message == "The decorator 'retry' of step 'fit' is given more than once."
    assert found.locations == (PLACE, Location(MAIN, 6))


@pytest.mark.parametrize(("text", "what"), [("*end", "opens a foreach"), ("?a b", "is a switch")])
def test_catch_has_no_place_where_a_value_decides_what_comes_next(text: str, what: str) -> None:
    found = wrong(decorator("catch"), text=text)
    assert found.code == "catch-misplaced"
    assert f"the step {what}" in found.message


@pytest.mark.parametrize("name", ["folds", "input"])
def test_catch_cannot_use_a_name_that_steps_cannot_assign_to(name: str) -> None:
    assert f'has var="{name}"' in wrong(decorator("catch", var=name)).message


def test_decorator_without_a_place_is_told_at_its_step() -> None:
    found = wrong(Decorator(name="rety"))
    assert found.locations == (Location(MAIN, 1),)


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab=\0 é", max_size=4)
_values = (
    _scalars | st.lists(_scalars, max_size=2) | st.dictionaries(st.sampled_from(["", "A", "A="]), _scalars)
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["retry", "catch", "timeout", "environment", "resources", "project", "other"]),
    st.dictionaries(
        st.sampled_from(["times", "on", "var", "seconds", "vars", "memory", "cpu", "x"]), _values, max_size=2
    ),
)
def test_whatever_is_written_gives_a_policy_or_one_problem(name: str, arguments: dict[str, Any]) -> None:
    _, problems = step_policy(step("fit", "end", decorators=(decorator(name, **arguments),)), ())
    assert len(problems) <= 1
    for found in problems:
        assert found.message
        assert found.hint
        assert found.locations == (PLACE,)


def test_project_belongs_to_the_flow() -> None:
    assert flow_project("Pricing", [], PLACE) == (None, ())
    given_all = decorator("project", name="shop", branch="b.1", production=True)
    assert flow_project("Pricing", [given_all], PLACE) == (
        Project(name="shop", branch="b.1", production=True),
        (),
    )


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (decorator("retry"), "The decorator 'retry' of flow 'Pricing' can't be there."),
        (decorator("project"), "The decorator 'project' of flow 'Pricing' has no name."),
        (decorator("project", name="A b"), "The decorator 'project' of flow 'Pricing' has name=\"A b\"."),
        (decorator("schedule"), "The decorator 'schedule' of flow 'Pricing' does not exist."),
    ],
)
def test_wrong_decorator_of_a_flow_is_refused(bad: Decorator, message: str) -> None:
    main = source({"start": "end", "end": ""}, decorators=(bad,))
    assert problem(assemble(main, ())).message == message


def test_files_of_a_flow_name_its_project_once() -> None:
    main = source({"start": "end"}, includes=[OTHER], decorators=(decorator("project", name="shop"),))
    other = source({"end": ""}, file=OTHER, decorators=(decorator("project", name="shop"),))
    assert problem(assemble(main, [other])).code == "decorator-doubled"


def test_all_problems_of_decorators_are_told_together_with_those_of_the_graph() -> None:
    own = (
        step("start", "nowhere", decorators=(decorator("rety"),)),
        step("end", decorators=(decorator("x"),)),
    )
    found = assemble(source(own), ()).problems
    assert [one.code for one in found] == ["decorator-unknown", "decorator-unknown", "target-unknown"]


def graph_of(*names: str) -> Graph:
    """A flow of three steps, in which the second has these decorators."""
    start, middle, end = steps({"start": "mid", "mid": "end", "end": ""})
    middle = step("mid", "end", decorators=tuple(decorator(name, times=1) for name in names))
    return valid([start, middle, end])


def test_with_adds_to_steps_that_have_none_of_that_name() -> None:
    graph, problems = with_decorators(graph_of("retry"), [Decorator(name="retry", arguments='{"times": 2}')])
    assert problems == ()
    assert [one.policy.retries for one in graph.steps] == [2, 1, 2]
    assert [len(one.spec.decorators) for one in graph.steps] == [1, 1, 1]


def test_with_can_be_given_several_times() -> None:
    extra = [Decorator(name="retry"), Decorator(name="timeout", arguments='{"seconds": 5}')]
    graph, problems = with_decorators(graph_of(), extra)
    assert problems == ()
    assert {(one.policy.retries, one.policy.timeout_ms) for one in graph.steps} == {(3, 5000)}


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["rety"], "The decorator 'rety' of --with does not exist."),
        (["retry", "retry"], "The decorator 'retry' of --with is given more than once."),
        (["project"], "The decorator 'project' of --with can't be there."),
    ],
)
def test_wrong_with_is_told_once(extra: list[str], message: str) -> None:
    graph = graph_of()
    found, problems = with_decorators(graph, [Decorator(name=name) for name in extra])
    assert found is graph
    assert [one.message for one in problems] == [message]
    assert problems[0].locations == ()


def test_with_catch_is_refused_where_catch_cannot_be() -> None:
    flow = valid({"start": "*work", "work": "join", "join!": "end", "end": ""})
    _, problems = with_decorators(flow, [Decorator(name="catch")])
    assert [(one.code, one.step) for one in problems] == [("catch-misplaced", "start")]


def test_catch_var_is_none_of_the_names_that_the_flow_declares() -> None:
    own = (step("start", "end", decorators=(decorator("catch", var="cfg"),)), step("end"))
    config = ConfigSpec(name="cfg", variable="cfg", manifest=b"", location=PLACE)
    main = source(own, configs=(config,), parameters=(parameter("p"),), constants=(constant("c"),))
    assert problem(assemble(main, ())).code == "decorator-value"
