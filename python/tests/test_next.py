from __future__ import annotations

import pytest
from instep._flow import FlowSpec, step
from instep._next import StepName, check_call, check_called, describe
from instep._reference import r_function
from instep._task import Transition, TransitionKind
from instep.errors import TransitionError


class Sample(FlowSpec):
    fit = step(r_function("/models/gam.R", "fit"), next="end")

    @step
    def load(self) -> None: ...

    @step
    def clean(self) -> None: ...


flow = object.__new__(Sample)
LINEAR = Transition(TransitionKind.LINEAR, ("load",))
SPLIT = Transition(TransitionKind.SPLIT, ("load", "fit"))
FOREACH = Transition(TransitionKind.FOREACH, ("load",), foreach="xs")
SWITCH = Transition(
    TransitionKind.SWITCH,
    ("load", "clean"),
    condition="kind",
    case_keys=(b"1", b"2", b"3"),
    case_targets=("load", "clean", "load"),
)
END = Transition(TransitionKind.END)


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (LINEAR, "self.next(self.load)"),
        (SPLIT, "self.next(self.load, self.fit)"),
        (FOREACH, "self.next(self.load, foreach='xs')"),
        (SWITCH, "self.next({...: self.load, ...: self.clean}, condition='kind')"),
    ],
)
def test_describe_writes_the_call(declared: Transition, text: str) -> None:
    assert describe(declared) == text


@pytest.mark.parametrize(
    ("declared", "targets", "foreach", "condition"),
    [
        (LINEAR, (flow.load,), None, None),
        (LINEAR, ("load",), None, None),
        (LINEAR, (StepName("load"),), None, None),
        (SPLIT, (flow.load, flow.fit), None, None),
        (FOREACH, (flow.load,), "xs", None),
        (SWITCH, ({1: flow.load, 2: flow.clean, 3: flow.load},), None, "kind"),
    ],
)
def test_check_call_takes_what_is_declared(
    declared: Transition, targets: tuple[object, ...], foreach: object, condition: object
) -> None:
    check_call("start", Sample, declared, targets, foreach, condition)


@pytest.mark.parametrize(
    ("declared", "targets", "foreach"),
    [
        (LINEAR, (flow.clean,), None),
        (LINEAR, (flow.load, flow.clean), None),
        (LINEAR, (flow.load,), "xs"),
        (FOREACH, (flow.load,), "ys"),
        (LINEAR, (17,), None),
        (LINEAR, (), None),
    ],
)
def test_check_call_refuses_what_is_not_declared(
    declared: Transition, targets: tuple[object, ...], foreach: object
) -> None:
    with pytest.raises(TransitionError, match=r"Step 'start' calls self\.next\(.*made with self\.next\("):
        check_call("start", Sample, declared, targets, foreach, None)


def test_check_call_refuses_a_call_in_the_last_step() -> None:
    with pytest.raises(TransitionError, match="last step of the flow"):
        check_call("end", Sample, END, (flow.load,), None, None)


def test_check_called_tells_what_was_expected() -> None:
    check_called("end", END)
    with pytest.raises(TransitionError, match=r"'start' ended without .* self\.next\(self\.load\)"):
        check_called("start", LINEAR)
