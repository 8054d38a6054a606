"""What this machine has, and what processes take of it, as Linux tells under /proc and /sys."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from instep_server.core.policy import BYTES_PER_MB, Resources

_RECENT_TICKS = 20
"""For how many looks an out-of-memory kill counts as recent: a large process takes a while to be gone."""


def find_machine(root: Path = Path("/")) -> Resources:
    """Finds out what this machine has: its cores and GPUs as far as this process may use them, and its memory.

    Args:
        root: Where /proc and /dev are.
    """
    return Resources(
        millicpu=1000 * len(os.sched_getaffinity(0)), memory_mb=_memory_mb(root), gpu=_count_gpus(root)
    )


def _memory_mb(root: Path) -> int:
    """Memory of the machine, or what the control group of this process may use of it."""
    total = re.search(r"MemTotal:\s+(\d+) kB", _read(root / "proc/meminfo"))
    sizes = [int(total[1]) * 1024] if total else []
    for file in (_own_group(root) / "memory.max", root / "sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = _read(file).strip()
        sizes += [int(text)] if text.isdigit() else []
    return min(sizes, default=0) // BYTES_PER_MB


def _count_gpus(root: Path) -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([one for one in visible.split(",") if one.strip() not in ("", "-1")])
    return len([path for path in (root / "dev").glob("nvidia*") if path.name[6:].isdigit()])


class MemoryWatch:
    """Watches the memory of processes, and for processes that the kernel kills for want of memory.

    Args:
        root: Where /proc and /sys are.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._proc = root / "proc"
        self._group = _own_group(root)
        self._kills: deque[int] = deque([self._count_kills()], maxlen=_RECENT_TICKS)

    def tick(self) -> None:
        """Notes how many processes the kernel has killed so far. Called about twice a second."""
        self._kills.append(self._count_kills())

    def has_killed(self) -> bool:
        """Tells whether the kernel has killed a process for want of memory in the last seconds."""
        return self._count_kills() > self._kills[0]

    def over(self, limits: Mapping[int, int]) -> dict[int, int]:
        """Finds process groups that take more memory than they may.

        Pages that processes share are shared out among them, so that a forked worker does not count for all that
        its host has loaded.

        Args:
            limits: The most that each may take, in bytes, by id of the process group.

        Returns:
            What those take that take more, in bytes, by id of the process group.
        """
        members: dict[int, list[Path]] = {group: [] for group in limits}
        for path in self._proc.iterdir() if limits else ():
            if path.name.isdigit() and (group := _group_of(path)) in members:
                members[group].append(path)
        # To share pages out takes the kernel a while, so it is asked only where all pages together are too many.
        suspects = [group for group in limits if sum(map(_resident, members[group])) > limits[group]]
        used = {group: sum(map(_proportional, members[group])) for group in suspects}
        return {group: size for group, size in used.items() if size > limits[group]}

    def _count_kills(self) -> int:
        """Counts by this process's own control group where the kernel does so, else by the machine."""
        text = _read(self._group / "memory.events") or _read(self._proc / "vmstat")
        count = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
        return int(count[1]) if count else 0


def _own_group(root: Path) -> Path:
    """Finds the directory of the control group of this process, as version 2 has them."""
    name = re.search(r"^0::/(.*)$", _read(root / "proc/self/cgroup"), re.MULTILINE)
    return root / "sys/fs/cgroup" / (name[1] if name else "")


def _group_of(path: Path) -> int:
    """Tells the process group of a process. -1: it is gone."""
    # The name of the program stands in parentheses and may contain any characters.
    fields = _read(path / "stat").rpartition(")")[2].split()
    return int(fields[2]) if len(fields) > 2 else -1


def _resident(path: Path) -> int:
    """Tells the memory of a process, in bytes. 0: it is gone."""
    size = re.search(r"^VmRSS:\s+(\d+) kB", _read(path / "status"), re.MULTILINE)
    return int(size[1]) * 1024 if size else 0


def _proportional(path: Path) -> int:
    """Tells the memory of a process, in bytes, with its part of shared pages only."""
    size = re.search(r"^Pss:\s+(\d+) kB", _read(path / "smaps_rollup"), re.MULTILINE)
    return int(size[1]) * 1024 if size else _resident(path)


def _read(path: Path) -> str:
    """Reads a file of the kernel's. Empty: there is none, or its process is gone."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
