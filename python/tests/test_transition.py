from __future__ import annotations

import functools
from pathlib import Path
from textwrap import dedent, indent

import pytest
from flow_files import load_flow
from instep._source import Place
from instep._transition import StepCode, Transition, read_step


def read_body(folder: Path, body: str, *, signature: str = "self") -> StepCode:
    """Reads a step whose body begins on line 5 of its file."""
    step = f"class Flow(FlowSpec):\n    @step\n    def work({signature}):\n{indent(dedent(body), ' ' * 8)}\n"
    return read_step("work", vars(load_flow(folder, step))["work"])


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("self.next(self.a)", Transition(targets=("a",))),
        ('self.next("a")', Transition(targets=("a",))),
        ("return self.next(self.a)", Transition(targets=("a",))),
        ('self.next(self.a, "b", self.c)', Transition(targets=("a", "b", "c"))),
        ("self.next(self.a, self.a)", Transition(targets=("a", "a"))),
        ('self.next(self.a, foreach="xs")', Transition(targets=("a",), foreach="xs")),
        ('self.next("a", foreach="xs")', Transition(targets=("a",), foreach="xs")),
        (
            'self.next({"yes": self.a, "no": "b", 1: self.a, -2.5: self.b, None: self.c}, condition="answer")',
            Transition(
                targets=("a", "b", "c"),
                condition="answer",
                cases=(("yes", "a"), ("no", "b"), (1, "a"), (-2.5, "b"), (None, "c")),
                is_switch=True,
            ),
        ),
        ('self.next({}, condition="answer")', Transition(condition="answer", is_switch=True)),
        ("pass", Transition()),
    ],
)
def test_read_step_valid_form_is_read(tmp_path: Path, call: str, expected: Transition) -> None:
    code = read_body(tmp_path, f"self.x = 1\n{call}")
    assert code.mistakes == ()
    assert code.transition is not None
    place = Place(str(tmp_path / "flow.py"), 6) if expected != Transition() else None
    assert code.transition == Transition(
        targets=expected.targets,
        foreach=expected.foreach,
        condition=expected.condition,
        cases=expected.cases,
        is_switch=expected.is_switch,
        place=place,
    )


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("self.next()", "it names no step"),
        ("self.next(a)", "a is neither self.name nor the name of a step in quotes"),
        ("self.next(*names)", "*names is neither self.name nor"),
        ("self.next(self.a.b)", "self.a.b is neither"),
        ("self.next(self.a())", "self.a() is neither"),
        ('self.next(self.a, self.b, foreach="xs")', "foreach goes with one step, not 2"),
        (
            "self.next(self.a, foreach=self.xs)",
            "foreach is self.xs, but must be the name of an artifact in quotes",
        ),
        (
            "self.next(self.a, num_parallel=4)",
            "it has the option num_parallel, but only foreach and condition",
        ),
        ("self.next(self.a, **options)", "it has the option **, but only"),
        ('self.next(self.a, condition="x")', "condition goes with a dictionary of steps"),
        ('self.next({"x": self.a, "y": self.b})', "a dictionary of steps needs condition"),
        ('self.next({"x": self.a}, condition="c", foreach="xs")', "a switch cannot be combined with foreach"),
        ('self.next({KEY: self.a}, condition="c")', "the key KEY is not a literal"),
        ('self.next({b"x": self.a}, condition="c")', "the key b'x' is not a literal"),
        ('self.next({(1, 2): self.a}, condition="c")', "the key (1, 2) is not a literal"),
        ('self.next({**cases}, condition="c")', "the dictionary is filled with **"),
        ('self.next({"x": self.a, "x": self.b}, condition="c")', "the key 'x' is there twice"),
    ],
)
def test_read_step_unknown_form_is_refused(tmp_path: Path, call: str, reason: str) -> None:
    code = read_body(tmp_path, call)
    assert code.transition is None
    (mistake,) = code.mistakes
    assert (mistake.code, mistake.step) == ("transition-form", "work")
    assert mistake.message.startswith(f"Step 'work' has a transition of no known form: {reason}")
    assert "self.next(self.a, self.b)" in mistake.hint
    assert mistake.places == (Place(str(tmp_path / "flow.py"), 5),)


@pytest.mark.parametrize(
    ("body", "where", "line"),
    [
        ("if self.x:\n    self.next(self.a)", "inside if", 6),
        ("for x in self.xs:\n    pass\nelse:\n    self.next(self.a)", "inside for", 8),
        ("while True:\n    self.next(self.a)", "inside while", 6),
        ("with open('x'):\n    self.next(self.a)", "inside with", 6),
        ("try:\n    self.next(self.a)\nfinally:\n    pass", "inside try", 6),
        ("match self.x:\n    case _:\n        self.next(self.a)", "inside match", 7),
        ("def go():\n    self.next(self.a)\ngo()", "inside a function", 6),
        ("class Inner:\n    x = self.next(self.a)", "inside a class", 6),
        ("x = self.next(self.a)", "inside another expression", 5),
        ("self.next(self.a)\nself.x = 1", "before its last statement", 5),
    ],
)
def test_read_step_transition_that_is_not_last_is_refused(
    tmp_path: Path, body: str, where: str, line: int
) -> None:
    code = read_body(tmp_path, body)
    assert code.transition is None
    (mistake,) = code.mistakes
    assert mistake.code == "transition-not-last"
    assert mistake.message == f"Step 'work' calls self.next() {where}, but it must be its last statement."
    assert mistake.places == (Place(str(tmp_path / "flow.py"), line),)


def test_read_step_two_transitions_are_refused_with_all_lines(tmp_path: Path) -> None:
    code = read_body(tmp_path, "if self.x:\n    self.next(self.a)\nelse:\n    self.next(self.b)")
    (mistake,) = code.mistakes
    assert mistake.message == "Step 'work' calls self.next() 2 times, on lines 6, 8."
    assert [place.line for place in mistake.places] == [6, 8]


def test_read_step_first_argument_may_have_another_name(tmp_path: Path) -> None:
    code = read_body(tmp_path, "this.next(this.a)", signature="this, /, inputs")
    assert code.takes_inputs
    assert code.transition is not None
    assert code.transition.targets == ("a",)


def test_read_step_next_of_something_else_is_no_transition(tmp_path: Path) -> None:
    body = "x = next(iter([1]))\nother.next(x)\nf = lambda self: self.next(x)\nself.next(self.a)"
    assert read_body(tmp_path, body).mistakes == ()


@pytest.mark.parametrize(
    ("signature", "takes"),
    [
        ("", "no arguments"),
        ("self, inputs, more", "(self, inputs, more)"),
        ("*args", "(*args)"),
        ("self, **options", "(self, **options)"),
        ("self, *, x", "(self, x)"),
    ],
)
def test_read_step_other_arguments_are_refused(tmp_path: Path, signature: str, takes: str) -> None:
    code = read_body(tmp_path, "pass", signature=signature)
    (mistake,) = code.mistakes
    assert mistake.code == "step-arguments"
    assert mistake.message.startswith(f"Step 'work' takes {takes}, but a step takes self")
    assert mistake.places == (Place(str(tmp_path / "flow.py"), 3),)


def test_read_step_generator_is_refused(tmp_path: Path) -> None:
    code = read_body(tmp_path, "yield 1\nself.next(self.a)")
    assert [mistake.code for mistake in code.mistakes] == ["step-source"]


def test_read_step_decorated_method_has_its_own_line(tmp_path: Path) -> None:
    flow = load_flow(
        tmp_path,
        """
        import functools

        def loud(function):
            @functools.wraps(function)
            def wrapper(self):
                print("before")
                return function(self)
            return wrapper

        class Flow(FlowSpec):
            @step
            @loud
            @loud
            def work(
                self,
            ):
                self.next(
                    self.a,
                )
        """,
    )
    code = read_step("work", vars(flow)["work"])
    file = str(tmp_path / "flow.py")
    assert (code.place, code.mistakes) == (Place(file, 16), ())
    assert code.transition is not None
    assert code.transition.place == Place(file, 19)


def test_read_step_decorator_without_wraps_is_refused(tmp_path: Path) -> None:
    flow = load_flow(
        tmp_path,
        """
        def loud(function):
            return lambda *args: function(*args)

        class Flow(FlowSpec):
            @step
            @loud
            def work(self):
                self.next(self.a)
        """,
    )
    (mistake,) = read_step("work", vars(flow)["work"]).mistakes
    assert mistake.hint.endswith("A decorator that wraps a step needs functools.wraps.")


def test_read_step_without_source_is_refused() -> None:
    namespace: dict[str, object] = {}
    exec("def work(self): pass", namespace)  # noqa: S102 - this is code without a file
    (mistake,) = read_step("work", namespace["work"]).mistakes
    assert mistake.message == "The source of step 'work' cannot be found."


def test_read_step_of_something_else_is_refused() -> None:
    (mistake,) = read_step("work", functools.partial(print)).mistakes
    assert mistake.message == "Step 'work' is partial and not a method written with def."
