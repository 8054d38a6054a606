"""What the machine of a measurement is, in the words of a report."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path


def describe(peer: Path) -> str:
    """Describes processor, memory, system and versions in one line.

    Args:
        peer: The Python that has Metaflow.
    """
    system = _first(r'^PRETTY_NAME="?([^"\n]+)', Path("/etc/os-release")) or platform.system()
    processor = _first(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo")) or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    metaflow = _output(peer, "-c", "from importlib.metadata import version; print(version('metaflow'))")
    r = _output("Rscript", "--vanilla", "-e", "cat(format(getRversion()))")
    return (
        f"{os.cpu_count()} cores ({processor}), {memory:.0f} GiB, {system}; Python {platform.python_version()}, "
        f"R {r}, Instep {version('instep')}, Metaflow {metaflow}"
    )


def _first(pattern: str, path: Path) -> str:
    match = re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE) if path.exists() else None
    return match[1].strip() if match else ""


def _output(*command: str | Path) -> str:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout.strip()
