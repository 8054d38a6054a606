"""When an attempt is followed by another one, and what tasks need of a machine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from instep_server.core.failure import Failure, FailureKind
from instep_server.core.policy import NOTHING, Resources, Retry, StepPolicy


def failure(kind: FailureKind = FailureKind.USER_ERROR, *classes: str) -> Failure:
    return Failure(kind=kind, message="Boom.", classes=classes)


def test_waits_grow_up_to_the_longest() -> None:
    retry = Retry(times=4, wait_seconds=1, backoff=3, max_wait_seconds=10)
    assert [retry.wait_ms(number, 0) for number in (1, 2, 3, 4)] == [1000, 3000, 9000, 10_000]


@given(st.integers(1, 4), st.floats(0, 100), st.floats(1, 1000), st.floats(0, 1), st.floats(-1, 1))
def test_chance_changes_a_wait_by_no_more_than_jitter(
    number: int, seconds: float, backoff: float, jitter: float, chance: float
) -> None:
    retry = Retry(times=4, wait_seconds=seconds, backoff=backoff, jitter=jitter)
    middle = retry.wait_ms(number, 0)
    assert 0 <= middle <= 3_600_000
    assert abs(retry.wait_ms(number, chance) - middle) <= jitter * middle + 2  # both are rounded


@pytest.mark.parametrize(
    ("on", "failed", "covered"),
    [
        ((), failure(), True),
        ((), failure(FailureKind.WORKER_LOST), True),
        (("ValueError",), failure(FailureKind.USER_ERROR, "builtins.ValueError", "builtins.Exception"), True),
        (("builtins.Exception",), failure(FailureKind.USER_ERROR, "a.B", "builtins.Exception"), True),
        (("a.ValueError",), failure(FailureKind.USER_ERROR, "builtins.ValueError"), False),
        (("http_500",), failure(FailureKind.USER_ERROR, "http_500", "error", "condition"), True),
        (("WorkerLost",), failure(FailureKind.WORKER_LOST), True),
        (("WorkerLost",), failure(FailureKind.OUT_OF_MEMORY), False),
        (("a", "OutOfMemory"), failure(FailureKind.OUT_OF_MEMORY, "builtins.MemoryError"), True),
        (("MemoryError",), failure(FailureKind.OUT_OF_MEMORY, "builtins.MemoryError"), True),
        (("TimeoutException",), failure(FailureKind.ATTEMPT_TIMEOUT), True),
        (("ValueError",), failure(FailureKind.OUTPUT_ENCODE), False),
    ],
)
def test_on_names_classes_with_or_without_module_and_kinds_of_loss(
    on: tuple[str, ...], failed: Failure, covered: bool
) -> None:
    assert Retry(times=1, on=on).covers(failed) is covered


def test_attempts_can_need_more_each_time() -> None:
    needs = tuple(Resources(memory_mb=size) for size in (4000, 16_000))
    policy = StepPolicy(resources=needs)
    assert [policy.needs(number).memory_mb for number in (0, 1, 2)] == [4000, 16_000, 16_000]
    assert StepPolicy().needs(3) is NOTHING


def test_resources_fit_when_there_is_enough_of_everything() -> None:
    machine = Resources(millicpu=2000, memory_mb=8000)
    assert Resources(millicpu=2000, memory_mb=8000).fits(machine)
    assert not Resources(millicpu=2001).fits(machine)
    assert not Resources(memory_mb=8001).fits(machine)
    assert not Resources(gpu=1).fits(machine)


def test_resources_say_what_they_are() -> None:
    assert str(Resources(millicpu=500, memory_mb=4000)) == "cpu=0.5, memory=4000"
    assert str(Resources(millicpu=2000, gpu=1)) == "cpu=2, gpu=1"
