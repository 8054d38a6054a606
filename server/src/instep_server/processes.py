"""Interpreters that this server starts by itself: hosts, and workers that are not forked."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from instep_server.core.loss import NO_R_PACKAGE
from instep_server.errors import HostError
from instep_server.logs import LogStream

_PROGRAM_IS_WRONG = {errno.EACCES, errno.ENOENT, errno.ENOEXEC}
_R_OPTIONS = ("--no-echo", "--no-save", "--no-restore", "-e")
_R_FINDS_US = (
    'invisible(tryCatch(loadNamespace("instep"), packageNotFoundError = function(e) {'
    f' if (e$package == "instep") quit(save = "no", status = {NO_R_PACKAGE}L, runLast = FALSE) }})); '
)


_NOT_AT_WORK = (b"T", b"t", b"Z", b"X")
"""States of processes that are stopped, traced, or have ended."""


@dataclass(slots=True)
class Command:
    """A program to start."""

    arguments: list[str]
    """The program and its arguments."""
    env: dict[str, str] = field(default_factory=dict)
    """Variables beside those of this process."""


def host_command(language: str, file: str, pipe: int) -> Command:
    """Tells how to start a host.

    Args:
        language: Language of the file. Neither Python nor R: the file is a program, which is its own host.
        file: The file to load.
        pipe: Descriptor of its end of the pipe.
    """
    if language == "python":
        return Command([_python(), "-P", "-m", "instep._host", "--file", file, "--fd", str(pipe)])
    if language == "r":
        env = {"INSTEP_HOST_FILE": file, "INSTEP_HOST_FD": str(pipe)}
        return Command([_rscript(), *_R_OPTIONS, f"{_R_FINDS_US}instep:::host_main()"], env)
    return Command([file], {"INSTEP_HOST_FD": str(pipe)})


def worker_command(language: str, file: str, pipe: int) -> Command:
    """Tells how to start a worker in a fresh process.

    Args:
        language: Language of the file that it will load. Neither Python nor R: the file is a program.
        file: The file.
        pipe: Descriptor of a pipe from which it reads its bootstrap.
    """
    env = {"INSTEP_BOOTSTRAP_FD": str(pipe)}
    if language == "python":
        return Command([_python(), "-P", "-m", "instep._worker"], env)
    if language == "r":
        return Command([_rscript(), *_R_OPTIONS, f"{_R_FINDS_US}instep:::worker_main()"], env)
    return Command([file], env)


def start(
    command: Command,
    *,
    keep: int,
    stdout: int,
    stderr: int,
    working_directory: str | None = None,
    env: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a program in a process group of its own, without stdin.

    Args:
        command: What to start.
        keep: Descriptor that it inherits.
        stdout: Descriptor that becomes its stdout.
        stderr: Descriptor that becomes its stderr.
        working_directory: Where it starts. None: where this process is.
        env: More variables.

    Raises:
        HostError: It cannot be started.
    """
    try:
        return subprocess.Popen(
            command.arguments,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            pass_fds=(keep,),
            process_group=0,
            cwd=working_directory or None,
            env={**os.environ, **command.env, **(env or {})},
        )
    except OSError as err:
        program = command.arguments[0]
        advice = f" {_advice(program, err)}" if err.errno in _PROGRAM_IS_WRONG else ""
        raise HostError(f"{program} can't be started: {err.strerror}.{advice}") from err


def watch(process: subprocess.Popen[bytes], ended: Callable[[int, int], None]) -> None:
    """Waits for the end of a process in the background, and reaps it with what is left of its group.

    Args:
        process: The process, which leads its own group.
        ended: Called in the event loop with its return code as `Popen` has it, and its largest resident memory.
    """
    loop = asyncio.get_running_loop()
    handle = os.pidfd_open(process.pid)

    def reap() -> None:
        loop.remove_reader(handle)
        os.close(handle)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        kill_group(process.pid, signal.SIGKILL)
        ended(process.returncode, usage.ru_maxrss * 1024)

    loop.add_reader(handle, reap)


def is_at_work(pid: int) -> bool:
    """Tells whether a process lives and is not stopped, as by SIGSTOP or a debugger."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # The name, in parentheses, may hold anything.
            state = stat.read().rpartition(b")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in _NOT_AT_WORK


def kill_group(leader: int, number: int) -> None:
    """Sends a signal to a process group. A group that is gone is ignored."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)


def end_leftovers(spool: Path) -> None:
    """Ends what the steps of a server that is gone have started, and what nobody ended because its host was killed, too.

    It is known by its output, or by its environment, which names the files of that output. What has made itself
    independent by a session of its own is left alone, as it is when a worker ends in peace. Without /proc nothing
    is found.

    Args:
        spool: Directory of the spool files of the server's workers.
    """
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is somebody else's
            pid = int(entry.name)
            if os.getpgid(pid) != os.getsid(pid) and _writes_to(entry, spool):
                os.kill(pid, signal.SIGKILL)


def _writes_to(entry: Path, spool: Path) -> bool:
    folder = f"{spool}{os.sep}"
    if any(os.readlink(entry / "fd" / str(stream.value)).startswith(folder) for stream in LogStream):
        return True
    return f"INSTEP_STDOUT_FILE={folder}".encode() in (entry / "environ").read_bytes()


def _python() -> str:
    return os.environ.get("INSTEP_PYTHON") or sys.executable


def _rscript() -> str:
    return os.environ.get("INSTEP_RSCRIPT") or "Rscript"


def _advice(program: str, err: OSError) -> str:
    if program == _rscript():
        return "Install R, or name its Rscript in INSTEP_RSCRIPT."
    if program == _python():
        return "Name the Python to use in INSTEP_PYTHON."
    if isinstance(err, PermissionError):
        return f"A file that is neither Python nor R is a program, and must be executable: chmod +x {program}"
    return "A file that is neither Python nor R is a program: its first line names its interpreter, after #!."
