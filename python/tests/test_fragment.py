from __future__ import annotations

from pathlib import Path

import pytest
from flow_files import load_flow, read_flow, steps_of
from instep import values
from instep._fragment import fragment_of
from instep_proto.v1 import graph_pb2

PRICING = '''
class Pricing(FlowSpec):
    """Fits models.

    And compares them.
    """

    include = ["pricing.R", "sub/more.py"]
    isolation = "spawn"; on_loss = "error"
    folds = Parameter(
        "n-folds", default=5, help="Folds.", show_default=False
    )
    needed = Parameter("needed", required=True, separator=",")
    unit = "kg"
    table = {"a": [1, 2]}
    _private = 1

    class Inner: ...

    fit = step(r_function("models.R", "fit"), next="compare", isolation="reuse", on_loss="ignore")

    @step(start=True)
    def begin(self):
        """Loads."""
        self.next("load")

    @step
    def compare(self, inputs):
        self.next({"x": self.last, 2: "begin"}, condition="unit")

    @step(end=True, on_loss="warn")
    def last(self):
        self.helper()

    def helper(self): ...

    @property
    def twice(self): ...

    @staticmethod
    def shout(): ...
'''


@pytest.fixture
def pricing(tmp_path: Path) -> graph_pb2.FlowFragment:
    imports = "from instep._parameter import Parameter\nfrom instep._reference import r_function\n"
    return read_flow(tmp_path, imports + PRICING)


def decoded(manifest: bytes) -> object:
    def no_blobs(digest: str, size: int) -> bytes:
        raise AssertionError((digest, size))

    return values.decode(manifest, no_blobs)


def test_fragment_says_what_the_class_is(pricing: graph_pb2.FlowFragment, tmp_path: Path) -> None:
    assert (pricing.flow, pricing.language) == ("Pricing", "python")
    assert pricing.doc == "Fits models.\n\nAnd compares them."
    assert pricing.isolation == graph_pb2.ISOLATION_SPAWN
    assert pricing.on_loss == graph_pb2.LOSS_POLICY_ERROR
    assert (pricing.location.file, pricing.location.line) == (str(tmp_path / "flow.py"), 5)
    assert list(pricing.problems) == []


def test_fragment_resolves_includes_beside_the_file(pricing: graph_pb2.FlowFragment, tmp_path: Path) -> None:
    assert [one.file for one in pricing.includes] == [
        str(tmp_path / "pricing.R"),
        str(tmp_path / "sub/more.py"),
    ]
    assert {one.location.line for one in pricing.includes} == {11}


def test_fragment_lists_steps_in_order(pricing: graph_pb2.FlowFragment, tmp_path: Path) -> None:
    file = str(tmp_path / "flow.py")
    assert [(one.name, one.location.line) for one in pricing.steps] == [
        ("fit", 23),
        ("begin", 26),
        ("compare", 31),
        ("last", 35),
    ]
    steps = steps_of(pricing)
    assert (steps["begin"].doc, steps["begin"].is_start, steps["last"].is_end) == ("Loads.", True, True)
    assert steps["begin"].entry_point == graph_pb2.EntryPoint(language="python", file=file)
    assert [one.takes_inputs for one in pricing.steps] == [False, False, True, False]
    assert [one.isolation for one in pricing.steps] == [graph_pb2.ISOLATION_REUSE, 0, 0, 0]
    assert [one.on_loss for one in pricing.steps] == [
        graph_pb2.LOSS_POLICY_IGNORE,
        0,
        0,
        graph_pb2.LOSS_POLICY_WARN,
    ]


def test_fragment_says_how_steps_go_on(pricing: graph_pb2.FlowFragment) -> None:
    steps = steps_of(pricing)
    begin, compare = steps["begin"].transition, steps["compare"].transition
    assert (begin.kind, list(begin.targets), begin.location.line) == (
        graph_pb2.TRANSITION_KIND_LINEAR,
        ["load"],
        28,
    )
    assert compare.kind == graph_pb2.TRANSITION_KIND_SWITCH
    assert (list(compare.targets), compare.condition) == (["last", "begin"], "unit")
    assert [(decoded(case.key), case.target) for case in compare.cases] == [("x", "last"), (2, "begin")]
    assert steps["last"].transition == graph_pb2.Transition(kind=graph_pb2.TRANSITION_KIND_END)


def test_fragment_refers_to_functions_of_other_files(pricing: graph_pb2.FlowFragment, tmp_path: Path) -> None:
    fit = steps_of(pricing)["fit"]
    assert fit.entry_point == graph_pb2.EntryPoint(
        language="r", file=str(tmp_path / "models.R"), function="fit"
    )
    assert list(fit.transition.targets) == ["compare"]


def test_fragment_lists_parameters(pricing: graph_pb2.FlowFragment) -> None:
    folds, needed = pricing.parameters
    assert (folds.name, folds.variable, folds.help) == ("n-folds", "folds", "Folds.")
    assert (folds.type, folds.hide_default, folds.location.line) == (graph_pb2.PARAMETER_TYPE_INT, True, 13)
    assert decoded(folds.default) == 5
    assert (needed.required, needed.separator, needed.HasField("default")) == (True, ",", False)
    assert needed.type == graph_pb2.PARAMETER_TYPE_STRING


def test_fragment_lists_plain_values_as_constants(pricing: graph_pb2.FlowFragment) -> None:
    found = {one.name: (decoded(one.manifest), one.location.line) for one in pricing.constants}
    assert found == {"unit": ("kg", 17), "table": ({"a": [1, 2]}, 18)}


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("self.next(self.a, self.b)", graph_pb2.TRANSITION_KIND_SPLIT),
        ('self.next(self.a, foreach="xs")', graph_pb2.TRANSITION_KIND_FOREACH),
        ("pass", graph_pb2.TRANSITION_KIND_END),
        ("self.next()", graph_pb2.TRANSITION_KIND_UNSPECIFIED),
    ],
)
def test_fragment_kind_of_transition(tmp_path: Path, call: str, kind: int) -> None:
    fragment = read_flow(
        tmp_path, f"class Flow(FlowSpec):\n    @step\n    def start(self):\n        {call}\n"
    )
    assert fragment.steps[0].transition.kind == kind


def test_fragment_passes_mistakes_on_with_their_lines(tmp_path: Path) -> None:
    fragment = read_flow(
        tmp_path,
        """
        class Flow(FlowSpec):
            @step
            def start(self):
                if True:
                    self.next(self.a)
        """,
    )
    (problem,) = fragment.problems
    assert (problem.code, problem.step) == ("transition-not-last", "start")
    assert [place.line for place in problem.locations] == [7]


def test_fragment_inherits_by_the_usual_order(tmp_path: Path) -> None:
    load_flow(
        tmp_path,
        """
        class Base(FlowSpec):
            unit = "kg"
            size = 1

            @step
            def start(self):
                self.next(self.work)

            @step
            def work(self):
                self.next(self.end)

            @step
            def gone(self):
                self.next(self.end)
        """,
        file="base.py",
    )
    fragment = read_flow(
        tmp_path,
        f"""
        from {tmp_path.name.replace("-", "_")}_base import Base

        class Mixin:
            @step
            def end(self): ...

        class Flow(Base, Mixin):
            size = 2
            gone = None

            @step
            def work(self):
                self.next(self.end)
        """,
    )
    base, main = str(tmp_path / "base.py"), str(tmp_path / "flow.py")
    assert {one.name: (one.location.file, one.location.line) for one in fragment.steps} == {
        "end": (main, 7),
        "start": (base, 8),
        "work": (main, 14),
    }
    assert {one.entry_point.file for one in fragment.steps} == {main}
    assert {one.name: decoded(one.manifest) for one in fragment.constants} == {
        "unit": "kg",
        "size": 2,
        "gone": None,
    }
    assert (fragment.flow, list(fragment.problems)) == ("Flow", [])


def test_fragment_include_of_a_base_is_beside_the_base(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    load_flow(tmp_path / "sub", 'class Base(FlowSpec):\n    include = "steps.R"\n', file="base.py")
    fragment = read_flow(tmp_path, "from sub_base import Base\nclass Flow(Base): ...\n")
    assert [one.file for one in fragment.includes] == [str(tmp_path / "sub" / "steps.R")]


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("include = [1]", "include-form", "The attribute include of Flow is [1], not a list of files."),
        (
            "isolation = 'thread'",
            "isolation-unknown",
            "The isolation of flow 'Flow' is 'thread', which is none of",
        ),
        (
            "@step(isolation='x')\n    def start(self): ...",
            "isolation-unknown",
            "The isolation of step 'start' is 'x', which is none of fork, spawn, reuse.",
        ),
        (
            "on_loss = 'raise'",
            "on-loss-unknown",
            "The on_loss of flow 'Flow' is 'raise', which is none of warn, error, ignore.",
        ),
        (
            "@step(on_loss=True)\n    def start(self): ...",
            "on-loss-unknown",
            "The on_loss of step 'start' is True, which is none of warn, error, ignore.",
        ),
        (
            "n = Parameter('n', type=int, default='a')",
            "parameter-default",
            "The default of parameter 'n' must be",
        ),
        (
            "fit = r_function('a.R', 'fit')",
            "step-form",
            "The attribute 'fit' refers to a function of another file",
        ),
        ("big = list(range(300_000))", "constant-too-large", "The constant 'big' takes "),
        ("bad = (one for one in ())", "constant-value", ""),
    ],
)
def test_fragment_tells_what_is_wrong(tmp_path: Path, body: str, code: str, message: str) -> None:
    imports = "from instep._parameter import Parameter\nfrom instep._reference import r_function\n"
    fragment = read_flow(tmp_path, f"{imports}class Flow(FlowSpec):\n    {body}\n")
    (problem,) = fragment.problems
    assert (problem.code, problem.locations[0].line >= 5) == (code, True)
    assert problem.message.startswith(message)


def test_fragment_of_a_class_without_source(tmp_path: Path) -> None:
    flow = load_flow(tmp_path, "Flow = type('Flow', (FlowSpec,), {'unit': 1, '__module__': __name__})\n")
    fragment = fragment_of(flow, str(tmp_path / "flow.py"))
    assert (fragment.flow, fragment.location.line) == ("Flow", 0)
    assert fragment.constants[0].location.line == 0


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ('Parameter("p", help=3)', "The argument help of Parameter('p') must be text, not 3."),
        ("Parameter(5)", "The argument name of Parameter(5) must be text, not 5."),
        (
            'Parameter("p", required="yes")',
            "The argument required of Parameter('p') must be True or False, not 'yes'.",
        ),
        ('IncludeFile("f", default=3)', "The default 3 of include file 'f' is not a path."),
        (
            'IncludeFile("f", is_text="a")',
            "The argument is_text of IncludeFile('f') must be True or False, not 'a'.",
        ),
        ("Config(3)", "The name of a config must be text, not 3."),
        ('Config("c", default=3)', "The default of config 'c' must be a path, not 3."),
        (
            'Parameter("p", default=config_expr("c +"))',
            "config_expr('c +') can't be evaluated: SyntaxError: invalid syntax (<string>, line 1). "
            "The configs of the flow are none.",
        ),
    ],
)
def test_arguments_of_another_kind_are_problems_with_their_line(
    tmp_path: Path, declared: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.excepthook", lambda *_: None)
    text = f"""
from instep import Config, IncludeFile, Parameter, config_expr
class Flow(FlowSpec):
    it = {declared}
    @step
    def start(self): ...
"""
    (problem,) = read_flow(tmp_path, text).problems
    assert problem.message == message
    assert problem.locations[0].line == 5
