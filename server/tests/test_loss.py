"""What people read when a process ended without a report."""

from __future__ import annotations

import signal

import pytest
from instep_server.core import loss
from instep_server.core.failure import FailureKind


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (signal.SIGSEGV, "Task fit/7 crashed: its process ended by a segmentation fault (SIGSEGV)."),
        (signal.SIGABRT, "Task fit/7 crashed: its process ended by a call of abort (SIGABRT)."),
        (signal.SIGKILL, "Task fit/7 was killed (SIGKILL)."),
        (signal.SIGTERM, "Task fit/7 was killed (SIGTERM)."),
        (50, "Task fit/7 was killed (signal 50)."),
    ],
)
def test_lost_by_a_signal(number: int, message: str) -> None:
    failure = loss.lost("fit", 7, "python", signal=number)
    assert (failure.kind, failure.message, failure.signal) == (FailureKind.WORKER_LOST, message, number)


@pytest.mark.parametrize(
    ("language", "code", "message"),
    [
        (
            "python",
            0,
            "Task fit/7 ended without completing: its process exited with code 0, as by a call of sys.exit()."
            " A step ends by returning, with self.next() as its last statement.",
        ),
        (
            "r",
            3,
            "Task fit/7 ended without completing: its process exited with code 3, as by a call of quit() or q()."
            " A step ends when its function returns.",
        ),
        (
            "julia",
            1,
            "Task fit/7 ended without completing: its process exited with code 1, as by a call of exit()."
            " A step ends when its function returns.",
        ),
        (
            "python",
            76,
            "Task fit/7 could not run: its version of Instep does not fit that of the orchestrator (exit code 76).",
        ),
    ],
)
def test_lost_by_an_exit(language: str, code: int, message: str) -> None:
    failure = loss.lost("fit", 7, language, exit_code=code)
    assert (failure.message, failure.exit_code) == (message, code)


def test_lost_for_want_of_memory_is_told_only_when_the_kernel_says_so() -> None:
    failure = loss.lost("fit", 7, "python", signal=9, out_of_memory=True)
    assert failure.kind is FailureKind.OUT_OF_MEMORY
    assert failure.message == "Task fit/7 was killed (SIGKILL): the machine ran out of memory."


def test_too_large_names_what_was_taken_and_declared() -> None:
    failure = loss.too_large("fit", 7, 5123, 4000)
    assert (failure.kind, failure.signal) == (FailureKind.OUT_OF_MEMORY, 9)
    assert (
        failure.message
        == "Task fit/7 was killed (SIGKILL): it took 5,123 MB of memory, and its step declares memory=4000."
    )


def test_overran_names_the_limit() -> None:
    failure = loss.overran("fit", 7, 90_500)
    assert (failure.kind, failure.classes) == (FailureKind.ATTEMPT_TIMEOUT, ("TimeoutException",))
    assert failure.message == "Task fit/7 was ended: it took longer than 90.5 s, the limit of its step."


def test_stopped_tells_why_and_how() -> None:
    assert (
        loss.stopped("fit", 7, "Task a/2 failed.", 9).message
        == "Task fit/7 was ended (SIGKILL): Task a/2 failed."
    )
    assert loss.stopped("fit", 7, "Enough.", None).message == "Task fit/7 was ended: Enough."
    assert loss.stopped("fit", 7, "Enough.", None).kind is FailureKind.CANCELLED


def test_lease_expired_tells_for_how_long() -> None:
    message = loss.lease_expired("fit", 7, 30.0).message
    assert message == "Task fit/7 was given up: its process was not heard of for 30 s."


@pytest.mark.parametrize(
    ("code", "number", "message"),
    [
        (3, None, "The interpreter for fit.R ended before it had loaded it (exit code 3)."),
        (None, signal.SIGSEGV, "The interpreter for fit.R ended before it had loaded it (SIGSEGV)."),
        (None, None, "The interpreter for fit.R ended before it had loaded it."),
        (
            loss.NO_R_PACKAGE,
            None,
            "fit.R can't be loaded, because R has no package instep; `make setup` in Instep's folder installs it.",
        ),
    ],
)
def test_a_host_that_is_lost(code: int | None, number: int | None, message: str) -> None:
    assert loss.host_lost("fit.R", exit_code=code, signal=number) == message
