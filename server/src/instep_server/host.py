"""A host: a warm interpreter with a user's file, at the other end of a pipe."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from instep_proto.v1 import host_pb2

from instep_server import processes
from instep_server.core.loss import host_lost, no_host
from instep_server.errors import HostError
from instep_server.frames import FrameBuffer, FrameError, frame
from instep_server.workers import Exit


@dataclass(frozen=True, slots=True)
class HostListener:
    """Who is told what a host reports."""

    forked: Callable[[str, int, str], None]
    """A worker was forked: its id, its process id, and why it could not be (empty: it was)."""
    exited: Callable[[str, Exit], None]
    """A worker has ended: its id, and how."""
    gone: Callable[[Host], None]
    """The host itself has ended."""


class Host(asyncio.Protocol):
    """The server's end of the pipe to one host.

    Args:
        listener: Who is told.
        name: What to call it in messages before it has loaded its file.
        process: Id of its process, which leads a group, when that is ours: `ended` will tell how it ends. None: it
            is not.

    Attributes:
        loaded: What the host says about its file. Fails with HostError when it ends before.
        is_alive: False once the pipe is closed.
        forks: False when it cannot fork, or when a worker that it forked did not come up.
    """

    def __init__(self, listener: HostListener, name: str, *, process: int | None) -> None:
        self.loaded: asyncio.Future[host_pb2.HostLoaded] = asyncio.get_running_loop().create_future()
        self.loaded.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.is_alive = True
        self.forks = True
        self._listener = listener
        self._name = name
        self._process = process
        self._buffer = FrameBuffer()
        self._transport: asyncio.WriteTransport | None = None
        self._questions: dict[str, asyncio.Future[host_pb2.DefaultsEvaluated]] = {}

    @property
    def is_loaded(self) -> bool:
        """True once it has told of its file."""
        return self.loaded.done() and not self.loaded.cancelled() and self.loaded.exception() is None

    async def attach(self, pipe: socket.socket) -> None:
        """Begins to listen.

        Args:
            pipe: Our end of the pipe, which this object owns from now on.
        """
        pipe.setblocking(False)
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=pipe)

    def fork(self, worker: host_pb2.ForkWorker) -> None:
        """Tells the host to fork a worker."""
        self._send(host_pb2.HostCommand(fork=worker))

    def signal(self, worker_id: str, number: int) -> None:
        """Tells the host to send a signal to a worker and its children."""
        self._send(host_pb2.HostCommand(signal=host_pb2.SignalWorker(worker_id=worker_id, signal=number)))

    async def evaluate(self, question: host_pb2.EvaluateDefaults) -> host_pb2.DefaultsEvaluated:
        """Has the host call functions that give parameters their defaults.

        Args:
            question: Which ones. Its id is new.

        Returns:
            The answer.

        Raises:
            HostError: The host has ended.
        """
        if not self.is_alive:
            raise HostError(host_lost(self._name, exit_code=None, signal=None))
        answer: asyncio.Future[host_pb2.DefaultsEvaluated] = asyncio.get_running_loop().create_future()
        self._questions[question.id] = answer
        self._send(host_pb2.HostCommand(evaluate=question))
        return await answer

    def close(self) -> None:
        """Closes the pipe, at which the host ends its workers and itself. One that has no workers is ended."""
        if self._transport is not None:
            self._transport.close()
        if not self.forks and self._process is not None:
            processes.kill_group(self._process, signal.SIGKILL)

    def ended(self, end: Exit) -> None:
        """Learns how its process ended, if it is a child of ours."""
        self._process = None  # another one may get its id
        if not self.loaded.done():
            self.loaded.set_exception(HostError(host_lost(self._name, exit_code=end.code, signal=end.signal)))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        try:
            for message in self._buffer.feed(data):
                self._handle(host_pb2.HostEvent.FromString(message))
        except (DecodeError, FrameError):
            self._refuse()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self.is_alive = False
        if self._process is None:
            self.ended(Exit())
        for question in self._questions.values():
            question.set_exception(HostError(host_lost(self._name, exit_code=None, signal=None)))
        self._questions.clear()
        self._listener.gone(self)

    def _refuse(self) -> None:
        """Ends a host that does not speak our language."""
        self.forks = False
        if not self.loaded.done():
            self.loaded.set_exception(HostError(no_host(self._name)))
        self.close()

    def _handle(self, event: host_pb2.HostEvent) -> None:
        match event.WhichOneof("event"):
            case "loaded":
                self.forks = event.loaded.can_fork
                if not self.loaded.done():
                    self.loaded.set_result(event.loaded)
            case "forked":
                self._listener.forked(event.forked.worker_id, event.forked.pid, event.forked.error)
            case "exited":
                exited = event.exited
                self._listener.exited(
                    exited.worker_id,
                    Exit(
                        code=exited.exit_code if exited.HasField("exit_code") else None,
                        signal=exited.signal if exited.HasField("signal") else None,
                        max_rss_bytes=exited.max_rss_bytes,
                    ),
                )
            case "evaluated" if question := self._questions.pop(event.evaluated.id, None):
                question.set_result(event.evaluated)

    def _send(self, command: host_pb2.HostCommand) -> None:
        if self._transport is not None and self.is_alive:
            self._transport.write(frame(command.SerializeToString()))
