from __future__ import annotations

import sys
from types import ModuleType

import pytest
from instep._failure import (
    FRAMES,
    MESSAGE_BYTES,
    TOTAL_BYTES,
    TRACEBACK_BYTES,
    class_names,
    describe,
    is_user_file,
)
from instep._inputs import Branch
from instep._task import Failure, FailureKind, Input, JoinInput
from instep._task_messages import failure_to
from instep.values import Digest


class TankError(Exception):
    pass


def caught(raise_it: object) -> BaseException:
    try:
        raise_it()  # type: ignore[operator]
    except BaseException as err:  # noqa: BLE001
        return err
    raise AssertionError("nothing was raised")


def causes_of(failure: Failure) -> list[Failure]:
    found = []
    while failure.cause is not None:
        failure = failure.cause
        found.append(failure)
    return found


def test_describe_user_error_has_classes_message_and_frames() -> None:
    def fail() -> None:
        raise TankError("the tank is empty")

    failure = describe(caught(fail), FailureKind.USER_ERROR, {"artifact": "tank"})

    assert failure.classes == (
        f"{__name__}.TankError",
        "builtins.Exception",
        "builtins.BaseException",
    )
    assert failure.message == "the tank is empty"
    assert failure.details == {"artifact": "tank"}
    assert failure.frames[-1].function.endswith("fail")
    assert failure.frames[-1].user_code
    assert failure.frames[-1].source_line == 'raise TankError("the tank is empty")'
    assert failure.traceback.startswith("Traceback (most recent call last):\n")
    assert failure.traceback.endswith("TankError: the tank is empty\n")
    assert not failure.truncated


def test_describe_drops_frames_of_instep_and_keeps_those_of_libraries() -> None:
    # Reading an attribute of a branch goes through Instep's code into the decoder that is given here.
    branch = Branch(JoinInput("work", "1", {"x": Input("x", Digest("b3:1", 1))}), {}, lambda one: int("x"))

    failure = describe(caught(lambda: branch.x), FailureKind.USER_ERROR)
    internal = describe(caught(lambda: branch.x), FailureKind.INTERNAL)

    assert "instep/_inputs.py" not in failure.traceback
    assert "instep/_inputs.py" in internal.traceback
    assert not any(frame.file.endswith("instep/_inputs.py") for frame in failure.frames)
    assert any(frame.file.endswith("instep/_inputs.py") for frame in internal.frames)


@pytest.mark.parametrize(
    ("file", "is_user"),
    [
        ("/home/ada/flow.py", True),
        ("<string>", True),
        ("<frozen importlib._bootstrap>", False),
        ("/venv/lib/python3.11/site-packages/pandas/core/frame.py", False),
        (sys.modules["os"].__file__, False),
        (sys.modules["instep._failure"].__file__, False),
    ],
)
def test_is_user_file_knows_whose_code_it_is(file: str, is_user: bool) -> None:
    assert is_user_file(file) is is_user


def test_describe_follows_explicit_causes_and_contexts() -> None:
    def fail() -> None:
        try:
            try:
                raise KeyError("inner")
            except KeyError as err:
                raise ValueError("middle") from err
        except ValueError:
            raise TypeError("outer")  # noqa: B904

    failure = describe(caught(fail), FailureKind.USER_ERROR)

    assert [cause.message for cause in causes_of(failure)] == ["middle", "'inner'"]
    assert "direct cause" in failure.traceback


def test_describe_hides_a_suppressed_context() -> None:
    def fail() -> None:
        try:
            raise KeyError("inner")
        except KeyError:
            raise TypeError("outer") from None

    assert describe(caught(fail), FailureKind.USER_ERROR).cause is None


def test_describe_ends_a_circle_of_causes() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first

    assert [cause.message for cause in causes_of(describe(first, FailureKind.USER_ERROR))] == ["second"]


def test_describe_lists_members_of_a_group() -> None:
    group = ExceptionGroup("both", [ValueError("one"), KeyError("two")])

    assert [one.message for one in describe(group, FailureKind.USER_ERROR).suppressed] == ["one", "'two'"]


def test_describe_cuts_a_long_message_in_the_middle() -> None:
    failure = describe(ValueError("a" + "x" * 5_000_000 + "z"), FailureKind.USER_ERROR)

    assert len(failure.message.encode()) <= MESSAGE_BYTES
    assert len(failure.traceback.encode()) <= TRACEBACK_BYTES
    assert failure.message.startswith("ax")
    assert failure.message.endswith("xz")
    assert failure.truncated


def test_describe_cuts_deep_recursion() -> None:
    def descend() -> None:
        descend()

    failure = describe(caught(descend), FailureKind.USER_ERROR)

    assert len(failure.frames) == FRAMES
    assert failure.truncated


def test_describe_fits_many_large_causes_into_the_limit() -> None:
    error: Exception = ValueError("x" * 20_000)
    for _ in range(30):
        outer = ValueError("x" * 20_000)
        outer.__cause__ = error
        error = outer

    failure = describe(error, FailureKind.USER_ERROR)

    assert failure_to(failure).ByteSize() <= TOTAL_BYTES
    assert failure.truncated
    assert len(causes_of(failure)) <= 16


def test_describe_survives_text_that_is_no_utf8_and_a_str_that_fails() -> None:
    class RudeError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert describe(ValueError("\udc80"), FailureKind.USER_ERROR).message == "\\udc80"
    assert "__str__ failed" in describe(RudeError(), FailureKind.USER_ERROR).message


def test_class_names_name_the_program_by_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    main = ModuleType("__main__")
    main.__file__ = "/home/ada/pricing.py"
    monkeypatch.setitem(sys.modules, "__main__", main)

    assert class_names(type("Odd", (Exception,), {"__module__": "__main__"}))[0] == "pricing.Odd"
