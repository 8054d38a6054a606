"""What a worker does to its own process: streams, signals, environment, random state, and how it ends."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import faulthandler
import io
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import NoReturn

STDOUT_FILE = "INSTEP_STDOUT_FILE"
"""Variable that names the spool file of stdout. Absent: stdout is not a spool file."""
STDERR_FILE = "INSTEP_STDERR_FILE"
"""The same for stderr."""

# Threads of libraries whose pools are dead in a forked child, which then waits for them forever. They exist once the
# library was used; importing it is no harm. Other threads (OpenBLAS, jemalloc) know about fork.
_POOLS = ("async-executor", "event_engine", "grpc_", "polars-0", "rayon", "tokio-")
_PR_SET_PDEATHSIG = 1
_LINE_BUFFERED = 1  # _IOLBF
_OOM_SCORE = b"500"
_END_SECONDS = 30
_C = ctypes.CDLL(None)


def python_version() -> str:
    """Names the version of Python, such as `3.11.7`."""
    return ".".join(map(str, sys.version_info[:3]))


def can_fork() -> bool:
    """Tells whether a child that is forked off this process can run any code.

    It cannot when user code has started threads, or has used a library that keeps a pool of them.
    """
    if threading.active_count() > 1:
        return False
    return not any(name.startswith(_POOLS) for name in _thread_names())


def lead_group(parent: int) -> None:
    """Makes the process the leader of a group of its own, and makes it die with the process that forked it.

    Args:
        parent: Process id of that process.
    """
    os.setpgid(0, 0)
    die_with(parent)


def die_with(parent: int) -> None:
    """Makes the process die with its parent, at once when that is gone already.

    Args:
        parent: Process id of its parent.
    """
    _C.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def reset_signals() -> None:
    """Undoes what a host does about signals."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def redirect(stdout_file: str, stderr_file: str) -> None:
    """Makes spool files of stdout and stderr, and makes stdin empty.

    Raises:
        OSError: A file cannot be opened.
    """
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    for target, file, variable in ((1, stdout_file, STDOUT_FILE), (2, stderr_file, STDERR_FILE)):
        opened = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(opened, target)
        os.close(opened)
        os.environ[variable] = file


def die_first() -> None:
    """Has the kernel end this process, and what it starts, before the orchestrator, when the machine's memory is used up."""
    with contextlib.suppress(OSError):  # there is no such file on this system
        file = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(file, _OOM_SCORE)
        finally:
            os.close(file)


def prepare_streams() -> None:
    """Makes what is printed reach the files at once, in order with child processes; reports crashes."""
    for number, stream in ((1, sys.__stdout__), (2, sys.__stderr__)):
        if isinstance(stream, io.TextIOWrapper) and not stream.closed:
            stream.flush()
            # Made anew in place, without a buffer as `python -u` does: loggers may hold the object already.
            file = open(number, "wb", 0, closefd=False)  # noqa: SIM115 - lives as long as the process
            io.TextIOWrapper.__init__(
                stream, file, encoding="utf-8", errors="backslashreplace", write_through=True
            )
    # The same for native code, which would otherwise see a file and keep 4 KiB to itself.
    for name in ("stdout", "stderr"):
        _C.setvbuf(ctypes.c_void_p.in_dll(_C, name), None, _LINE_BUFFERED, 0)
    faulthandler.enable(2)


def write_error(text: str) -> None:
    """Writes to stderr, whatever user code has put into `sys.stderr`."""
    flush_streams()
    rest = memoryview(text.encode("utf-8", "backslashreplace"))
    with contextlib.suppress(OSError):  # a full disk; what it is about is reported to the orchestrator, too
        while rest:
            rest = rest[os.write(2, rest) :]


def flush_streams() -> None:
    """Writes out what the streams of Python and of native code hold back."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the user may have put anything there, or closed it
            stream.flush()
    _C.fflush(None)


def log_sizes() -> tuple[int, int]:
    """Tells the sizes of the spool files of stdout and stderr, in bytes. 0: there is none."""
    flush_streams()
    return _spool_size(STDOUT_FILE), _spool_size(STDERR_FILE)


def empty_logs() -> None:
    """Empties the spool files, between two tasks of one worker."""
    for target, variable in ((1, STDOUT_FILE), (2, STDERR_FILE)):
        if os.environ.get(variable):
            os.ftruncate(target, 0)


def set_environment(variables: Mapping[str, str]) -> None:
    """Sets environment variables."""
    os.environ.update(variables)


def reseed() -> None:
    """Gives the process random numbers of its own, which no other task shares."""
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


def forget_exit_functions() -> None:
    """Forgets what the process that forked this one wants to do at its own exit."""
    atexit._clear()


def end(code: int) -> NoReturn:
    """Ends the process as Python would: waits for threads, runs exit functions, flushes. Does not return.

    Args:
        code: Exit code.
    """
    # Threads and exit functions are the user's; one that hangs must not keep the run waiting.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_END_SECONDS)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    flush_streams()
    os._exit(code)


def _thread_names() -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError):  # a container without /proc
        for task in os.listdir("/proc/self/task"):
            with contextlib.suppress(FileNotFoundError), open(f"/proc/self/task/{task}/comm") as file:
                yield file.read()


def _spool_size(variable: str) -> int:
    file = os.environ.get(variable)
    return os.stat(file).st_size if file else 0
