"""What a command works with: the flow it is about, the server it has started, the graph that was loaded."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

from instep._cli._signals import HANDLED, Impatient
from instep._home import flow_home
from instep._server_process import ServerProcess
from instep.errors import ConfigInvalidError, InstepError, ServerFailedError, TransportError

if TYPE_CHECKING:
    from instep_proto.v1.control_service_pb2 import LoadFlowResponse

    from instep._cli._driver import Driver
    from instep._rpc import Connection

HOST_END_SECONDS = 5.0
SERVER_END_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class FlowFile:
    """The flow that a command is about."""

    file: str
    """Absolute real path of the file that was started."""
    language: str
    """Language of the file: ``python`` or ``r``."""
    name: str
    """Name of the flow. Empty: it is learned by loading the flow."""
    program: str
    """What a person types before the command, such as ``python flow.py``."""


class Session:
    """One command's server, and what it has told. The server is started by `start` or when first needed.

    Args:
        flow: The flow.
        host_fd: Descriptor of the pipe to a host of the flow that runs already. None: none does.
        serve: Serves the flow at the pipe that it is given, in a process that is forked off for it. None: there
            is no such host.
        driver: The program that drives the command. None: a person has typed it.
    """

    def __init__(
        self,
        flow: FlowFile,
        *,
        host_fd: int | None = None,
        serve: Callable[[int], NoReturn] | None = None,
        driver: Driver | None = None,
    ) -> None:
        self.flow = flow
        self.driver = driver
        self._host_fd = host_fd
        self._serve = serve
        self._host_pid: int | None = None
        self._server: ServerProcess | None = None
        self.config_files: dict[str, str] = {}
        self.config_texts: dict[str, str] = {}
        self._from_origin: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: object, error: object, _traceback: object) -> None:
        self.close(wait=not isinstance(error, Impatient))

    @cached_property
    def home(self) -> Path:
        """The store's directory. It is made when there is none."""
        return flow_home(Path(self.flow.file))

    def start(self) -> ServerProcess:
        """Starts the server, and the host when there is one to fork off; once. Does not wait for them."""
        if self._server is None and self._serve is not None:
            ours, theirs = socket.socketpair()
            with theirs:
                self._server = ServerProcess(self.home, host_fd=ours.detach())
                self._host_pid = _fork_host(self._serve, theirs)
        elif self._server is None:
            host_fd, self._host_fd = self._host_fd, None
            self._server = ServerProcess(self.home, host_fd=host_fd)
        return self._server

    @cached_property
    def connection(self) -> Connection:
        """The connection to the server. Waits until the server listens."""
        server = self.start()
        from instep._rpc import Connection  # 60 ms, while the server starts

        address = server.address()
        return Connection(
            address.target, address.token, call_seconds=address.call_seconds, pause=server.outlives
        )

    @cached_property
    def loaded(self) -> LoadFlowResponse:
        """The flow, loaded and checked."""
        server = self.start()
        from instep_proto.v1 import control_service_pb2 as pb  # 50 ms, while the server starts

        del server
        request = pb.LoadFlowRequest(
            file=self.flow.file,
            language=self.flow.language,
            configs=[
                *(pb.ConfigValue(name=name, text=text) for name, text in self.config_texts.items()),
                *(
                    pb.ConfigValue(name=name, file=file)
                    for name, file in self.config_files.items()
                    if name not in self.config_texts
                ),
            ],
        )
        try:
            loaded = self.connection.call("ControlService/LoadFlow", request, pb.LoadFlowResponse)
        except TransportError as err:
            raise self.explain(err) from err
        if not loaded.problems:
            self._check_configs({spec.name for spec in loaded.graph.configs})
        return loaded

    def configure(self, texts: Mapping[str, str]) -> None:
        """Has the flow loaded with these texts of configs, but for those that were given on the command line.

        Args:
            texts: The texts by name.
        """
        new = {
            name: text for name, text in texts.items() if name not in {*self.config_files, *self.config_texts}
        }
        if new:
            self.config_texts.update(new)
            self._from_origin.update(new)
            self.__dict__.pop("loaded", None)

    def _check_configs(self, known: Collection[str]) -> None:
        unknown = sorted({*self.config_files, *self.config_texts} - self._from_origin - set(known))
        if unknown:
            raise ConfigInvalidError(
                f"Flow {self.flow.name!r} has no config {unknown[0]!r}. "
                f"Its configs are {', '.join(map(repr, sorted(known))) or 'none'}.",
                config=unknown[0],
            )

    @property
    def flow_name(self) -> str:
        """Name of the flow."""
        return self.flow.name or self.loaded.graph.flow

    def explain(self, error: TransportError) -> InstepError:
        """Tells whether a failed call means that the server has ended, and how.

        Args:
            error: How the call failed.

        Returns:
            The error to raise.
        """
        if self._server is None or not self._server.ends_within(SERVER_END_SECONDS):
            return error
        return ServerFailedError(
            f"The orchestrator of flow {self.flow.name!r} ended unexpectedly ({self._server.exit_text()}). "
            "What it was running is recorded as failed by the next command."
        )

    def close(self, *, wait: bool = True) -> None:
        """Ends the server, its runs and the host.

        Args:
            wait: True to wait for their end. False to let them end by themselves.
        """
        connection = self.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()
        if self._host_fd is not None:
            os.close(self._host_fd)
            self._host_fd = None
        if self._server is not None:
            self._server.stop(wait=wait)
        if self._host_pid is not None and wait:
            _reap(self._host_pid)
            self._host_pid = None


def _fork_host(serve: Callable[[int], NoReturn], pipe: socket.socket) -> int:
    # What command line, host and workers all need is imported once, before the fork, while the server starts.
    # A host must not have used gRPC; that it was imported does no harm.
    import instep_proto.v1.control_service_pb2  # noqa: F401

    sys.stdout.flush()
    sys.stderr.flush()
    try:
        pid = os.fork()
    except OSError as err:
        raise ServerFailedError(
            f"Can't start a process for the flow's file: {err.strerror}. End other programs, or raise the limit "
            "(ulimit -u)."
        ) from err
    if pid == 0:
        try:
            for number in HANDLED:
                signal.signal(number, signal.SIG_DFL)
            serve(pipe.detach())
        except BaseException:  # noqa: BLE001 - it is written out; the user's program must not go on in this process
            traceback.print_exc()
        finally:
            os._exit(1)
    return pid


def _reap(pid: int) -> None:
    """Waits for a child that is about to end, and ends it when it does not."""
    deadline = time.monotonic() + HOST_END_SECONDS
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return
        time.sleep(0.002)
