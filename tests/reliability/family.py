"""The processes of one command: found by descent, told apart by what they do."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

_PROC = Path("/proc")


class Role(StrEnum):
    """What a process does."""

    COMMAND = "command line"
    SESSION = "R session"
    """The session of R that started the command line, which is the host of its flow, too."""
    ORCHESTRATOR = "orchestrator"
    HOST = "host"
    WORKER = "worker"
    USER = "process that a step has started"


_PROGRAMS = {"R": Role.SESSION, "python": Role.COMMAND}
"""What a command does that a person has typed, by its program. R begins as a shell."""


class Family:
    """A command and all that descends from it.

    A process is known by the parent that it had when it was first seen, so that it stays of the family when that
    parent ends.

    Args:
        root: Process id of the command.
    """

    def __init__(self, root: int) -> None:
        self.root = root
        self._strangers: set[int] = set()
        self._parents = {root: 0}

    def members(self, role: Role) -> list[int]:
        """Lists the processes that live and do this, oldest first."""
        self._look()
        return [pid for pid in self._parents if self._role(pid) is role]

    def strike(self, pids: list[int]) -> list[int]:
        """Kills processes, all at one moment: none sees the end of another.

        Returns:
            Those that were still there.
        """
        for number in (signal.SIGSTOP, signal.SIGKILL):
            pids = self.send(pids, number)
        return pids

    def send(self, pids: list[int], number: int) -> list[int]:
        """Sends a signal to processes.

        Returns:
            Those that were still there.
        """
        hit = []
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
                hit.append(pid)
        return hit

    def _look(self) -> None:
        living = {int(name) for name in os.listdir(_PROC) if name.isdigit()}
        self._strangers &= living
        for pid in self._parents.keys() - living:
            del self._parents[pid]
        for pid in sorted(living - self._strangers - self._parents.keys()):
            parent = _parent(pid)
            if parent in self._parents:
                self._parents[pid] = parent
            elif parent != 0:
                self._strangers.add(pid)

    def _role(self, pid: int) -> Role | None:
        """Tells what a process does. None: it has ended, or does nothing yet."""
        line = _command_line(pid)
        if not line or (state := _stat(pid)) is None or state[0] == "Z":
            return None
        if pid == self.root:
            return _PROGRAMS.get(_program(pid).rstrip(".0123456789"))
        if "instep_server" in line:
            return Role.ORCHESTRATOR
        if "instep._cli" in line:
            return Role.COMMAND
        if "instep._host" in line or "instep:::host_main" in line:
            return Role.HOST
        if "instep._worker" in line or "instep:::worker_main" in line:
            return Role.WORKER
        parent = self._role(self._parents[pid]) if self._parents[pid] in self._parents else None
        # A host leads a session, a worker a group; one that does not yet is about to become something else.
        _, _, group, session = state[:4]
        if parent is Role.COMMAND:
            return Role.HOST if session == str(pid) else None
        if parent in (Role.HOST, Role.SESSION):
            return Role.WORKER if group == str(pid) else None
        return Role.USER if parent is Role.WORKER else None


def _program(pid: int) -> str:
    try:
        return os.readlink(_PROC / str(pid) / "exe").rpartition("/")[2]
    except OSError:
        return ""


def _command_line(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _stat(pid: int) -> list[str] | None:
    """Reads state, parent and so on of a process. None: it has ended."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _parent(pid: int) -> int:
    """Tells the parent of a process. 0: it has ended."""
    found = _stat(pid)
    return int(found[1]) if found else 0
