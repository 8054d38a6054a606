"""How much room there is for processes, threads and open files."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
from instep_server import room
from instep_server.errors import InstepError
from instep_server.room import check_room, find_room, fitting_workers, threads_of_task


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine on which two processes of this user run, with five threads, and one of another user."""
    me = os.getuid()
    for number, (user, threads) in {10: (me, 1), 11: (me, 4), 12: (me + 1, 100)}.items():
        status = (
            f"Name:\tp\nUid:\t{user}\t{user}\t{user}\t{user}\nVmRSS:\t1 kB\nThreads:\t{threads}\nCapEff:\t0\n"
        )
        (tmp_path / f"proc/{number}").mkdir(parents=True)
        (tmp_path / f"proc/{number}/status").write_text(status)
    return tmp_path


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """The limits of this process, as `getrlimit` tells them."""
    told = {resource.RLIMIT_NPROC: resource.RLIM_INFINITY, resource.RLIMIT_NOFILE: 1000}
    monkeypatch.setattr(resource, "getrlimit", lambda which: (told[which], told[which]))
    monkeypatch.setattr(room, "_may_exceed", lambda proc: False)
    return told


def group(root: Path, folder: str, line: str, limit: str, used: str) -> None:
    """Puts this process into a control group."""
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    (root / "proc/self/cgroup").write_text(line)
    (root / folder).mkdir(parents=True)
    (root / folder / "pids.max").write_text(limit)
    (root / folder / "pids.current").write_text(used)


def test_threads_of_this_user_count(root: Path, limits: dict[int, int]) -> None:
    limits[resource.RLIMIT_NPROC] = 64
    found = find_room(root)
    assert found is not None
    assert (found.limit, found.left) == (64, 59)


def test_without_a_limit_nothing_is_counted(root: Path, limits: dict[int, int]) -> None:
    assert find_room(root) is None
    assert fitting_workers(500 // 6, root) == (500 // 6, "")
    check_room(root)


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        ("sys/fs/cgroup/a/b", "0::/a/b\n"),
        ("sys/fs/cgroup/a", "0::/a/b\n"),
        ("sys/fs/cgroup/pids/a", "3:memory:/x\n5:pids:/a\n0::/\n"),
    ],
)
def test_control_groups_count_with_those_above(
    root: Path, limits: dict[int, int], folder: str, line: str
) -> None:
    group(root, folder, line, "50\n", "20\n")
    found = find_room(root)
    assert found is not None
    assert (found.limit, found.left) == (50, 30)


def test_a_group_without_a_limit_is_none(root: Path, limits: dict[int, int]) -> None:
    group(root, "sys/fs/cgroup/a", "0::/a\n", "max\n", "20\n")
    assert find_room(root) is None


def test_a_run_gets_as_many_workers_as_fit(root: Path, limits: dict[int, int]) -> None:
    limits[resource.RLIMIT_NPROC] = 5 + 3 * threads_of_task()
    count, why = fitting_workers(10, root)
    assert count == 3
    assert why.startswith("No more than 3 of 10 tasks run at once: ")
    assert fitting_workers(3, root) == (3, "")
    limits[resource.RLIMIT_NPROC] = 5
    assert fitting_workers(10, root)[0] == 1


def test_open_files_limit_workers_too(root: Path, limits: dict[int, int]) -> None:
    limits[resource.RLIMIT_NOFILE] = 64
    count, why = fitting_workers(10, root)
    assert count == 4
    assert "64 open files are allowed here (ulimit -n)" in why


def test_a_server_does_not_start_without_room(root: Path, limits: dict[int, int]) -> None:
    limits[resource.RLIMIT_NPROC] = 12
    with pytest.raises(InstepError, match=r"12 processes and threads are allowed here \(ulimit -u\)"):
        check_room(root)
    limits[resource.RLIMIT_NPROC] = resource.RLIM_INFINITY
    limits[resource.RLIMIT_NOFILE] = 30
    with pytest.raises(InstepError, match=r"a process may have 30 \(ulimit -n\)"):
        check_room(root)
