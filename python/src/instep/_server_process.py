"""The orchestrator as a process of ours: starts it, learns where it listens, ends it.

Parent and server hold the two ends of a socket pair. The server writes where it listens; after that the pair
says only one thing, by being closed: the parent is gone. The server then ends its runs and itself, so that no
way of ending the parent leaves a server behind.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from instep.errors import ServerFailedError

START_SECONDS = 60.0
STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server listens."""

    target: str
    """gRPC target."""
    token: str
    """Token for the calls of clients, in hex."""
    call_seconds: float
    """How long a call may take before it is made again."""


class ServerProcess:
    """A running server. Starting it does not wait for it; `address` does.

    Args:
        home: The store's directory.
        host_fd: Descriptor of the pipe to a host that already runs. The server gets it and this process closes
            it. None: there is no such host.

    Raises:
        ServerFailedError: The process cannot be started.
    """

    def __init__(self, home: Path, *, host_fd: int | None = None) -> None:
        self._address: ServerAddress | None = None
        self._control, theirs = socket.socketpair()
        fds = [theirs.fileno()] + ([host_fd] if host_fd is not None else [])
        # -P: a module in the working directory must not stand in for one of the server's.
        command = [
            sys.executable,
            "-P",
            "-m",
            "instep_server",
            "--home",
            str(home),
            "--control-fd",
            str(fds[0]),
        ]
        if host_fd is not None:
            command += ["--host-fd", str(host_fd)]
        try:
            # Its own session: Ctrl-C is for us, and we tell the server what it means.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=2, pass_fds=fds, start_new_session=True
            )
        except OSError as err:
            self._control.close()
            raise ServerFailedError(f"Can't start the orchestrator with {sys.executable!r}: {err}.") from err
        finally:
            theirs.close()
            if host_fd is not None:
                os.close(host_fd)
        _live.add(self)

    def address(self) -> ServerAddress:
        """Tells where the server listens. Waits until it does.

        Raises:
            ServerFailedError: It ended before that, or did not listen in time.
        """
        if self._address is None:
            lines = self._read_block()
            self._address = ServerAddress(target=lines[0], token=lines[1], call_seconds=float(lines[2]))
        return self._address

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ends_within(self, seconds: float) -> bool:
        """Tells whether the process has ended, or does so in time.

        Args:
            seconds: How long to wait for it.
        """
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def outlives(self, seconds: float) -> bool:
        """Waits for some time, unless the process ends.

        Args:
            seconds: How long.

        Returns:
            False: it has ended.
        """
        return not self.ends_within(seconds)

    def exit_text(self) -> str:
        """Says how the process ended, which it must have."""
        return _describe_exit(self._process.wait(STOP_SECONDS))

    def stop(self, *, wait: bool = True) -> None:
        """Ends the server. May be called again.

        Args:
            wait: True to wait for its end, which comes after that of its runs. False to let it end by itself.
        """
        _live.discard(self)
        with self._control, suppress(OSError):
            # Only our half: a server that does not listen yet is still to say so before it sees the end.
            self._control.shutdown(socket.SHUT_WR)
            if wait and not self.ends_within(STOP_SECONDS):
                self._process.kill()
        if wait:
            self._process.wait()

    def forget(self) -> None:
        """Drops the server in a process that was forked off its owner, which alone may end it."""
        self._control.close()
        self._process.returncode = 0  # keeps subprocess from waiting for a process that is no child of ours

    def _read_block(self) -> list[str]:
        self._control.settimeout(START_SECONDS)
        block = b""
        try:
            while not block.endswith(b"\n\n"):
                piece = self._control.recv(4096)
                if not piece:
                    raise ServerFailedError(self._why_not(block))
                block += piece
        except TimeoutError as err:
            raise ServerFailedError(f"The orchestrator does not listen after {START_SECONDS:.0f} s.") from err
        except OSError as err:
            raise ServerFailedError(self._why_not(block)) from err
        return block.decode().split("\n")

    def _why_not(self, block: bytes) -> str:
        text = block.decode(errors="replace").strip()
        if text.startswith("error: "):
            return f"The orchestrator can't start: {text.removeprefix('error: ')}"
        return f"The orchestrator ended before it listened ({self.exit_text()})."


def _describe_exit(returncode: int) -> str:
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return f"signal {signal.Signals(-returncode).name}"
    except ValueError:
        return f"signal {-returncode}"


_live: weakref.WeakSet[ServerProcess] = weakref.WeakSet()


def _forget_all() -> None:
    for server in list(_live):
        server.forget()
    _live.clear()


# A child that inherits the control socket would keep the server alive after its owner's end.
os.register_at_fork(after_in_child=_forget_all)
