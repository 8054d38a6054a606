from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from instep._flow import MARKS, FlowSpec, ReferencedStep, StepMarks, step
from instep._reference import FunctionReference, py_function, r_function
from instep.errors import UsageError

HEAVY = ("grpc", "google.protobuf", "numpy", "pyarrow", "pandas", "instep_proto")


def test_step_returns_the_method_with_a_mark() -> None:
    def work(self: object) -> None: ...

    assert step(work) is work
    assert vars(work)[MARKS] == StepMarks()


def test_step_with_options_marks_the_method() -> None:
    @step(start=True, isolation="spawn", on_loss="error")
    def work(self: object) -> None: ...

    assert vars(work)[MARKS] == StepMarks(start=True, isolation="spawn", on_loss="error")


def test_step_of_a_function_reference_knows_its_place() -> None:
    fit = step(r_function("/models.R", "fit"), next="compare", foreach="cuts", end=True)
    assert isinstance(fit, ReferencedStep)
    assert fit.reference == FunctionReference("r", "/models.R", "fit")
    assert (fit.targets, fit.foreach, fit.join) == (("compare",), "cuts", False)
    assert fit.marks == StepMarks(end=True)
    assert fit.file == __file__


def test_step_of_several_next_steps_keeps_their_order() -> None:
    assert step(py_function("/a.py", "f"), next=["b", "a"], join=True).targets == ("b", "a")


def test_step_options_of_references_are_refused_for_methods() -> None:
    with pytest.raises(UsageError, match=r"next, foreach and join"):
        step(next="a")  # type: ignore[call-overload]


def test_step_of_something_else_is_refused() -> None:
    with pytest.raises(UsageError, match=r"not of 5\."):
        step(5)  # type: ignore[call-overload]


def test_reference_is_relative_to_its_own_file() -> None:
    expected = str(Path(__file__).resolve().parent / "models.R")
    assert r_function("models.R", "fit").file == expected
    assert py_function("models.R", "fit") == FunctionReference("python", expected, "fit")


def test_flow_in_an_imported_file_starts_nothing() -> None:
    class Flow(FlowSpec):
        pass

    assert isinstance(Flow(), Flow)


@pytest.mark.parametrize("use", ["self.input", "self.index", "self.foreach_stack()", "self.next()"])
def test_flow_outside_of_a_task_has_no_task(use: str) -> None:
    with pytest.raises(UsageError, match="only in a step of a running flow"):
        eval(use, {"self": FlowSpec()})


def test_flow_outside_of_a_task_cannot_merge() -> None:
    with pytest.raises(UsageError, match=r"merge_artifacts\(\) can be used only"):
        FlowSpec().merge_artifacts([])


def test_flow_language_is_cheap_to_import() -> None:
    script = (
        "import sys; before = set(sys.modules); import instep._flow, instep._parameter, instep._reference; "
        f"print([name for name in {HEAVY} if name in set(sys.modules) - before])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
