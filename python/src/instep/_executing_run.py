"""A run that a program has started: its process, what happens in it, and how it ends.

A thread reads what the command tells (`command.proto`), shows it, and keeps the events. Everybody else waits on one
condition. The command ends when this process does: its socket is closed then.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import socket
import subprocess
import sys
import tempfile
import weakref
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from threading import Condition, Thread
from typing import TYPE_CHECKING, Protocol

from instep import errors
from instep._client import RUN_STATUSES, Run, Scope
from instep._pipe import Frames, write_message
from instep._run_events import EventReader, RunEvent
from instep.errors import GraphInvalidError, InstepError, ServerFailedError

if TYPE_CHECKING:
    from instep_proto.v1.command_pb2 import CommandEvent, CommandRequest
    from instep_proto.v1.run_pb2 import Run as RunRecord

READ_BYTES = 65536


class Show(Protocol):
    """Shows a run to a person. All methods are called by one thread."""

    def begin(self, executing: ExecutingRun) -> None:
        """Shows that the command has begun."""

    def update(self, executing: ExecutingRun, reader: EventReader, events: list[RunEvent]) -> None:
        """Shows what happened."""

    def end(self, executing: ExecutingRun, reader: EventReader) -> None:
        """Shows that the command has ended."""


class ExecutingRun:
    """A run that was started from code. Made by `Runner`.

    Iterating over it yields its events as they come (`RunEvent`), to the end of the run; with `async for`, too.

    Args:
        request: What the command is to do.
        environment: The command's environment.
        cwd: Its working directory.
        show: Shows the run.
        on_event: Called with each event, by another thread than the caller's. None: nothing is.
        translate: Makes texts of the command what its user should read.
    """

    def __init__(
        self,
        request: CommandRequest,
        *,
        environment: Mapping[str, str],
        cwd: Path,
        show: Show,
        on_event: Callable[[RunEvent], None] | None,
        translate: Callable[[str], str] = str,
    ) -> None:
        self._show = show
        self._on_event = on_event
        self.translate = translate
        self._output = self._spool()
        self._errors = self._spool()
        self._events: list[RunEvent] = []
        self._changed = Condition()
        self._record: RunRecord | None = None
        self._home = Path()
        self._error: BaseException | None = None
        self._is_over = False
        self._socket, theirs = socket.socketpair()
        _live.add(self)
        with theirs:
            self._process = subprocess.Popen(
                # -P: a module in the working directory must not stand in for one of ours.
                [sys.executable, "-P", "-m", "instep._cli._driven", "--fd", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._errors,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for us: we say what it means
                env=dict(environment),
                cwd=cwd,
            )
        write_message(self._socket.fileno(), request.SerializeToString())
        # What is shown by the thread belongs to where the caller is: in a notebook, to the caller's cell.
        context = contextvars.copy_context()
        Thread(target=context.run, args=(self._follow,), name="instep-run", daemon=True).start()

    def _spool(self) -> int:
        """Opens a file without a name that lasts as long as this object."""
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
        weakref.finalize(self, os.close, fd)
        return fd

    def __repr__(self) -> str:
        name = self._record and f" {self._record.flow}/{self._record.run_id}"
        return f"<ExecutingRun{name or ''}: {self.status}>"

    @property
    def run(self) -> Run | None:
        """The run, as the client sees it, in any namespace. None: none was recorded yet."""
        return None if self._record is None else Run._of(Scope(self._home, None), self._record)

    @property
    def status(self) -> str:
        """One of `starting`, `running`, `succeeded`, `failed`, `cancelled`."""
        if self._record is None:
            return "failed" if self._is_over else "starting"
        status = RUN_STATUSES[self._record.state]
        if status in ("succeeded", "failed", "cancelled"):
            return status
        return "failed" if self._is_over else "running"

    @property
    def returncode(self) -> int | None:
        """Exit code of the command, as on a command line: 0 for success. None: it is under way."""
        return self._process.poll()

    @property
    def stdout(self) -> str:
        """What the command has written to standard output."""
        return self.translate(_written(self._output).decode(errors="replace"))

    @property
    def stderr(self) -> str:
        """What the command has written to standard error: why it failed."""
        return self.translate(_written(self._errors).decode(errors="replace"))

    def __iter__(self) -> Iterator[RunEvent]:
        seen = 0
        while (event := self._event(seen)) is not None:
            yield event
            seen += 1

    async def __aiter__(self) -> AsyncIterator[RunEvent]:
        seen = 0
        while (event := await asyncio.to_thread(self._event, seen)) is not None:
            yield event
            seen += 1

    def _event(self, index: int) -> RunEvent | None:
        """Waits for an event. None: there are no more."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._events) > index or self._is_over)
            return self._events[index] if len(self._events) > index else None

    def wait(self, timeout: float | None = None) -> ExecutingRun:
        """Waits for the end of the run.

        Args:
            timeout: Seconds to wait. The run goes on after them. None: any time.

        Returns:
            This object.

        Raises:
            TimeoutError: The run has not ended in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_over, timeout):
                raise TimeoutError(f"{self!r} has not ended after {timeout} s. It goes on.")
        if self._error is not None:
            raise self._error
        return self

    async def async_wait(self, timeout: float | None = None) -> ExecutingRun:
        """Waits for the end of the run, in a coroutine; else as `wait`.

        Args:
            timeout: Seconds to wait. None: any time.
        """
        return await asyncio.to_thread(self.wait, timeout)

    def cancel(self) -> None:
        """Cancels the run: nothing new starts, and running tasks are ended. Does not wait. May be called again."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def wait_until_recorded(self) -> None:
        """Waits until the run is recorded.

        Raises:
            InstepError: It will never be.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._record is not None or self._is_over)
        if self._error is not None and self._record is None:
            raise self._error

    def _follow(self) -> None:
        """Reads to the end what the command tells."""
        reader = EventReader()
        try:
            self._show.begin(self)
            for message in self._messages():
                self._take(message, reader)
        except BaseException as err:  # noqa: BLE001 - whoever waits gets it
            self._error = self._error or err
            self.cancel()
            for _ in self._messages():  # the command must not wait for a reader
                pass
        self._process.wait()
        if self._record is None and self._error is None:
            self._error = self._refusal()
        try:
            self._show.end(self, reader)
        except BaseException as err:  # noqa: BLE001 - as above
            self._error = self._error or err
        finally:
            self._socket.close()
            with self._changed:
                self._is_over = True
                self._changed.notify_all()

    def _messages(self) -> Iterator[CommandEvent]:
        from instep_proto.v1.command_pb2 import CommandEvent

        frames = Frames()
        while data := self._socket.recv(READ_BYTES):
            for message in frames.feed(data):
                yield CommandEvent.FromString(message)

    def _take(self, message: CommandEvent, reader: EventReader) -> None:
        match message.WhichOneof("event"):
            case "started":
                self._home = Path(message.started.home)
                self._record = message.started.run
            case "ended":
                self._record = message.ended
            case "error":
                kind = getattr(errors, message.error.type, InstepError)
                self._error = kind(self.translate(message.error.message))
        events = list(reader.read(message))
        self._show.update(self, reader, events)
        with self._changed:
            self._events += events
            self._changed.notify_all()
        if self._on_event is not None:
            for event in events:
                self._on_event(event)

    def _refusal(self) -> InstepError:
        """Tells why the command has ended without a run, and without an error: the flow's graph has problems."""
        text = self.stderr.strip()
        if self._process.returncode < 0 or not text:
            return ServerFailedError(
                f"The command ended before it started a run (exit code {self.returncode})."
            )
        return GraphInvalidError(text.removeprefix("Error: "))


def _written(file: int, start: int = 0) -> bytes:
    """Reads what another process has written, from a position on."""
    return os.pread(file, os.fstat(file).st_size - start, start)


_live: weakref.WeakSet[ExecutingRun] = weakref.WeakSet()


def _forget_all() -> None:
    for executing in _live:
        executing._socket.close()


# A child that inherits the socket would keep the command alive after its owner's end.
os.register_at_fork(after_in_child=_forget_all)


class TextShow:
    """Hands on what the command writes, as it comes."""

    def __init__(self) -> None:
        self._shown = {"stdout": 0, "stderr": 0}
        self._decoders = {name: getincrementaldecoder("utf-8")(errors="replace") for name in self._shown}

    def begin(self, executing: ExecutingRun) -> None:
        """Shows nothing."""

    def update(self, executing: ExecutingRun, reader: EventReader, events: list[RunEvent]) -> None:
        """Hands on what is new.

        Args:
            executing: The run.
            reader: What can be said about it.
            events: What happened.
        """
        self._hand_on(executing)

    def end(self, executing: ExecutingRun, reader: EventReader) -> None:
        """Hands on the rest.

        Args:
            executing: The run.
            reader: What can be said about it.
        """
        self._hand_on(executing)

    def _hand_on(self, executing: ExecutingRun) -> None:
        for name, out in (("stdout", sys.stdout), ("stderr", sys.stderr)):
            file = executing._output if name == "stdout" else executing._errors
            new = _written(file, self._shown[name])
            self._shown[name] += len(new)
            if text := self._decoders[name].decode(new):
                out.write(executing.translate(text))
                out.flush()


class NoShow:
    """Shows nothing."""

    def begin(self, executing: ExecutingRun) -> None:
        """Shows nothing."""

    def update(self, executing: ExecutingRun, reader: EventReader, events: list[RunEvent]) -> None:
        """Shows nothing."""

    def end(self, executing: ExecutingRun, reader: EventReader) -> None:
        """Shows nothing."""
