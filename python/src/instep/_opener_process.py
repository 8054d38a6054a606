"""An opener as a process: an interpreter of the other language that holds one object, and the pipe to it.

Theory of operation. The process inherits one end of a pair of sockets and nothing else. It ends when the pipe is
closed, even in the middle of a call; so it never outlives this process, however that ends. Commands and answers
alternate strictly. A call that is interrupted here leaves the pipe between two messages, and so ends the opener.
What `fork` copies of this module belongs to the parent: the child closes its copy of the pipe and never uses it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import weakref
from typing import Final

from instep_proto.v1 import opener_pb2 as pb

from instep._interpreters import R_OPTIONS, advice, python, rscript
from instep._pipe import read_message, write_message
from instep.errors import OpenerFailedError

_END_SECONDS: Final = 10
_LANGUAGES: Final = {"r": "R", "python": "Python"}


class OpenerProcess:
    """A running opener.

    Args:
        language: Its language, `r` or `python`.

    Raises:
        OpenerFailedError: It can't be started, or lacks Instep's package.
    """

    language: str
    """The language, as people write it."""
    interpreter: str
    """Absolute path of the interpreter."""
    runtime: str
    """Version of the language's runtime."""
    version: str
    """Version of Instep's package there."""
    pid: int
    """Id of the process."""
    directory: str
    """A directory for what passes between the two. It goes with the process."""

    def __init__(self, language: str) -> None:
        self.language = _LANGUAGES.get(language, language)
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self.directory = tempfile.mkdtemp(prefix="instep-")
        self._pipe, far = socket.socketpair()
        with far:
            command, environment = _command(language, far.fileno())
            try:
                process = _start(command, {**environment, "TMPDIR": self.directory}, far.fileno())
            except OSError as err:
                self._pipe.close()
                shutil.rmtree(self.directory, ignore_errors=True)
                raise OpenerFailedError(
                    f"Can't start {command[0]!r} to open an object of {self.language}: {err.strerror}. {advice(language)}"
                ) from err
        self.pid = process.pid
        self._end = weakref.finalize(self, _end, self._owner, process, self._pipe, self.directory)
        _running.add(self)
        try:
            ready = self._receive(f"It did not start. {advice(language)}").ready
        except BaseException:
            self.close()
            raise
        self.interpreter, self.runtime, self.version = ready.interpreter, ready.runtime, ready.version

    def request(self, command: pb.OpenerCommand) -> pb.OpenerEvent:
        """Sends a command and waits for the answer, however long that takes.

        Raises:
            OpenerFailedError: The process has ended.
        """
        with self._lock:
            if self.is_closed:
                raise OpenerFailedError(f"The {self.language} process was closed. Open the object again.")
            try:
                with contextlib.suppress(OSError):  # it has ended: reading says so
                    write_message(self._pipe.fileno(), command.SerializeToString())
                return self._receive("It ended during a call.")
            except BaseException:  # an interrupt: the answer is still to come
                self.close()
                raise

    def _receive(self, problem: str) -> pb.OpenerEvent:
        try:
            return pb.OpenerEvent.FromString(read_message(self._pipe.fileno()))
        except (OSError, EOFError) as err:
            raise OpenerFailedError(
                f"The {self.language} process {self.pid} is gone. {problem} What it wrote to stderr says more."
            ) from err

    @property
    def is_closed(self) -> bool:
        """Whether the process has ended, or belongs to the parent of this process."""
        return not self._end.alive or self._owner != os.getpid()

    def close(self) -> None:
        """Ends the process and deletes its directory. Nothing happens when that was done already."""
        self._end()


def _command(language: str, fd: int) -> tuple[list[str], dict[str, str]]:
    """Tells how to start an opener: the words, and variables for its environment."""
    if language == "r":
        return [rscript(), *R_OPTIONS, "instep:::opener_main()"], {"INSTEP_OPENER_FD": str(fd)}
    return [python(), "-P", "-m", "instep._opener", "--fd", str(fd)], {}


def _start(command: list[str], environment: dict[str, str], fd: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, pass_fds=[fd], env={**os.environ, **environment}
    )


def _end(owner: int, process: subprocess.Popen[bytes], pipe: socket.socket, directory: str) -> None:
    """Ends an opener. Called once: by `close`, by the garbage collector, or when this process ends."""
    if owner != os.getpid():
        return
    pipe.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    shutil.rmtree(directory, ignore_errors=True)


_running: weakref.WeakSet[OpenerProcess] = weakref.WeakSet()


def _let_go() -> None:
    """Closes a forked child's copies of the pipes, so that an opener sees the end of the process that started it."""
    for process in _running:
        process._pipe.close()


os.register_at_fork(after_in_child=_let_go)
