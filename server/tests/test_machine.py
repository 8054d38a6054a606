"""What is read from /proc and /sys, from made-up trees and from this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from instep_server.machine import MemoryWatch, find_machine


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def stat_of(group: int) -> str:
    return f"7 (a) strange) name) S 1 {group} 1 0"


def test_machine_has_its_cores_memory_and_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    write(tmp_path, {"proc/meminfo": "MemTotal:        2048000 kB\nMemFree: 1 kB\n"})
    write(tmp_path, {"dev/nvidia0": "", "dev/nvidia1": "", "dev/nvidiactl": ""})
    machine = find_machine(tmp_path)
    assert machine.millicpu == 1000 * len(os.sched_getaffinity(0))
    assert (machine.memory_mb, machine.gpu) == (2000, 2)


@pytest.mark.parametrize(("visible", "count"), [("", 0), ("-1", 0), ("0,2", 2), ("GPU-a", 1)])
def test_gpus_are_those_that_may_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str, count: int
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert find_machine(tmp_path).gpu == count


@pytest.mark.parametrize(
    ("files", "size"),
    [
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "1073741824\n"}, 1024),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 2000),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 2000),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "104857600\n"}, 100),
    ],
)
def test_memory_is_what_the_control_group_allows(tmp_path: Path, files: dict[str, str], size: int) -> None:
    write(tmp_path, {"proc/meminfo": "MemTotal:        2048000 kB\n", **files})
    assert find_machine(tmp_path).memory_mb == size


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("sys/fs/cgroup/a/memory.events", "low 0\noom 9\noom_kill {}\n"),
        ("proc/vmstat", "nr_free_pages 5\noom_kill {}\n"),
    ],
)
def test_kernel_has_killed_when_its_count_grew(tmp_path: Path, file: str, text: str) -> None:
    write(tmp_path, {"proc/self/cgroup": "0::/a\n", file: text.format(3)})
    watch = MemoryWatch(tmp_path)
    assert not watch.has_killed()
    write(tmp_path, {file: text.format(4)})
    assert watch.has_killed()
    watch.tick()
    assert watch.has_killed(), "it was a moment ago"
    for _ in range(20):
        watch.tick()
    assert not watch.has_killed()


def test_kernel_that_does_not_count_has_not_killed(tmp_path: Path) -> None:
    assert not MemoryWatch(tmp_path).has_killed()


def test_groups_are_added_up_with_their_part_of_shared_pages(tmp_path: Path) -> None:
    for pid, group in ((10, 10), (11, 10), (20, 20)):
        write(
            tmp_path,
            {
                f"proc/{pid}/stat": stat_of(group),
                f"proc/{pid}/status": "Name:\ta\nVmRSS:\t  100 kB\n",
                f"proc/{pid}/smaps_rollup": "00-ff ---p\nPss:                60 kB\n",
            },
        )
    watch = MemoryWatch(tmp_path)
    assert watch.over({10: 119 * 1024, 20: 59 * 1024, 30: 0}) == {10: 120 * 1024, 20: 60 * 1024}
    assert watch.over({10: 120 * 1024, 20: 100 * 1024}) == {}


def test_kernel_without_shares_counts_all_pages(tmp_path: Path) -> None:
    write(tmp_path, {"proc/10/stat": stat_of(10), "proc/10/status": "VmRSS:\t100 kB\n"})
    assert MemoryWatch(tmp_path).over({10: 1}) == {10: 100 * 1024}


def test_this_process_takes_some_memory() -> None:
    group = os.getpgid(0)
    assert MemoryWatch().over({group: 2**20})[group] > 2**20
    assert MemoryWatch().over({}) == {}
    assert find_machine().memory_mb > 100
