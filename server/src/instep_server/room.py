"""How many processes and threads may still be started, and how many files may be open.

gRPC, in the server and in workers of R, starts threads of its own. Where it can't, it ends its process by abort() or
waits for ever, and nobody learns why. So what there is room for is found out before: the server refuses to start
without, and a run has no more workers at once than fit. What is counted may be old when it is used, because other
programs start processes, too; a fork that fails later makes the run go on with fewer workers.
"""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from instep_server.errors import InstepError

_FAR_AWAY = 16_384
"""A limit from which on nobody needs to count."""
_FILES = 4_096
"""How many files the server may have open, if it has to raise its limit for that and can."""
_FILES_OF_SERVER = 40
"""How many files a server has open without any task, at most."""
_FILES_OF_TASK = 6
"""How many files a server has open for a task, at most."""
_MAY_EXCEED = (1 << 21) | (1 << 24)
"""The capabilities SYS_ADMIN and SYS_RESOURCE, for which the limit of a user does not hold."""


@dataclass(frozen=True, slots=True)
class Room:
    """Room for processes and threads."""

    limit: int
    """How many there may be."""
    left: int
    """How many more can be started."""
    name: str
    """What sets the limit."""

    def __str__(self) -> str:
        """Says what the limit is."""
        return f"{self.limit} processes and threads are allowed here ({self.name}), which leaves room for {self.left}"


def threads_of_grpc() -> int:
    """Tells how many threads gRPC starts in a process: a pool by the number of processors, a timer, a watcher."""
    return min(max(os.cpu_count() or 1, 4), 16) + 2


def threads_of_task() -> int:
    """Tells how many processes and threads a place for a task takes.

    A worker is itself, the threads of gRPC, and what keeps its lease; and one that is ending may still be there when the
    next one starts.
    """
    return 2 * (threads_of_grpc() + 2)


def check_room(root: Path = Path("/")) -> None:
    """Makes sure that a server, the command that started it, and one task fit. Raises the limit of open files.

    Args:
        root: Where /proc and /sys are.

    Raises:
        InstepError: They do not.
    """
    files = _raise_limit()
    if files < _FILES_OF_SERVER + 2 * _FILES_OF_TASK:
        raise InstepError(
            f"Too many open files are to be expected: a process may have {files} (ulimit -n), and Instep needs"
            f" {_FILES_OF_SERVER + 2 * _FILES_OF_TASK}. Raise the limit."
        )
    # This server with the thread that commits, what watches the run, the flow's host, and a worker.
    needed = (threads_of_grpc() + 1) + 2 + 1 + (threads_of_grpc() + 2)
    room = find_room(root)
    if room is not None and room.left < needed:
        raise InstepError(
            f"{room}, and Instep needs {needed}: its threads are counted, too. End other programs, or raise the limit."
        )


def fitting_workers(wanted: int, root: Path = Path("/")) -> tuple[int, str]:
    """Tells how many workers fit.

    Args:
        wanted: How many there are to be, at least 1.
        root: Where /proc and /sys are.

    Returns:
        How many fit, at least 1 and at most as many as wanted; and why not all, for people.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    reasons = [
        (
            (files - _FILES_OF_SERVER) // _FILES_OF_TASK,
            f"{files} open files are allowed here (ulimit -n), and a task takes {_FILES_OF_TASK}",
        )
    ]
    if (room := find_room(root)) is not None:
        reasons.append((room.left // threads_of_task(), f"{room}, and a task takes {threads_of_task()}"))
    fitting, why = min(reasons)
    if fitting >= wanted:
        return wanted, ""
    fitting = max(1, fitting)
    return fitting, f"No more than {fitting} of {wanted} tasks run at once: {why}."


def _raise_limit() -> int:
    """Raises this process's limit of open files as far as is useful and possible.

    Returns:
        The limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return _FILES if soft == resource.RLIM_INFINITY else soft


def find_room(root: Path = Path("/")) -> Room | None:
    """Finds the limit that leaves least room.

    Args:
        root: Where /proc and /sys are.

    Returns:
        What it leaves. None: no limit is near.
    """
    found = [*_by_groups(root), *_by_user(root / "proc")]
    return min(found, key=lambda room: room.left, default=None)


def _by_user(proc: Path) -> Iterator[Room]:
    limit, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if limit in range(_FAR_AWAY) and not _may_exceed(proc):
        yield Room(limit, max(0, limit - _count(proc)), "ulimit -u")


def _may_exceed(proc: Path) -> bool:
    """Tells whether the limit of a user does not hold for this process."""
    capabilities = re.search(r"^CapEff:\s*(\w+)", _read(proc / "self/status"), re.MULTILINE)
    return os.getuid() == 0 or bool(capabilities and int(capabilities[1], 16) & _MAY_EXCEED)


def _count(proc: Path) -> int:
    """Counts the threads of this user."""
    mine = re.compile(rf"^Uid:\s+{os.getuid()}\s.*?^Threads:\s+(\d+)", re.MULTILINE | re.DOTALL)
    names = [name for name in os.listdir(proc) if name.isdigit()] if proc.is_dir() else []
    found = (mine.search(_read(proc / name / "status")) for name in names)
    return sum(int(one[1]) for one in found if one)


def _by_groups(root: Path) -> Iterator[Room]:
    """Finds the limits of this process's control groups, as version 1 and 2 have them."""
    for version in re.finditer(r"^\d+:(pids|):/(.*)$", _read(root / "proc/self/cgroup"), re.MULTILINE):
        top = root / "sys/fs/cgroup" / version[1]
        group = top / version[2]
        for folder in [group, *group.parents]:
            limit, used = _read(folder / "pids.max").strip(), _read(folder / "pids.current").strip()
            if limit.isdigit() and used.isdigit() and int(limit) < _FAR_AWAY:
                yield Room(int(limit), max(0, int(limit) - int(used)), "pids.max of the control group")
            if folder == top:
                break


def _read(path: Path) -> str:
    """Reads a file of the kernel's. Empty: there is none, or its process is gone."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
