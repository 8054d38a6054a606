from __future__ import annotations

from instep_server import limits
from instep_server.core import patience
from instep_server.core.patience import Verdict


def test_stopping_climbs_the_ladder() -> None:
    grace, last = limits.CANCEL_GRACE_MS, limits.CANCEL_GRACE_MS + limits.KILL_GRACE_MS
    assert [patience.judge_stopping(since) for since in (0, grace, grace + 1, last, last + 1)] == [
        Verdict.WAIT,
        Verdict.WAIT,
        Verdict.TERMINATE,
        Verdict.TERMINATE,
        Verdict.KILL,
    ]


def test_running_waits_until_the_lease_ends() -> None:
    assert patience.judge_running(-1, 10**9, 0) is Verdict.WAIT
    assert patience.judge_running(1, 0, 0) is Verdict.EXPIRE


def test_running_is_stopped_some_time_after_its_limit() -> None:
    assert patience.judge_running(-1, 1000 + limits.TIMEOUT_GRACE_MS, 1000) is Verdict.WAIT
    assert patience.judge_running(-1, 1001 + limits.TIMEOUT_GRACE_MS, 1000) is Verdict.STOP
    assert patience.judge_running(1, 1001 + limits.TIMEOUT_GRACE_MS, 1000) is Verdict.EXPIRE


def test_starting_gives_fresh_processes_more_time_and_an_ending_run_less() -> None:
    since = limits.REGISTER_WITHIN_MS + 1
    assert patience.judge_starting(since, forked=True, ending=False) is Verdict.KILL
    assert patience.judge_starting(since, forked=False, ending=False) is Verdict.WAIT
    assert patience.judge_starting(limits.LINGER_MS + 1, forked=False, ending=True) is Verdict.KILL


def test_idle_and_killed_do_not_stay_for_ever() -> None:
    assert patience.judge_idle(limits.LINGER_MS) is Verdict.WAIT
    assert patience.judge_idle(limits.LINGER_MS + 1) is Verdict.KILL
    assert patience.judge_killed(limits.LINGER_MS) is Verdict.WAIT
    assert patience.judge_killed(limits.LINGER_MS + 1) is Verdict.MISSING
