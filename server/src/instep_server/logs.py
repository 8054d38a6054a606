"""The logs of attempts: files that take what tasks write, and spool files from which it comes.

A worker's stdout and stderr are spool files. What is in them is moved to the attempt's log file piece by piece:
as the worker sends it, when it reports, and when its process has ended. A piece is written at its place and
then recorded as a chunk, so that bytes beyond the last recorded chunk are as good as not there. A chunk has a checksum,
which is checked whenever it is read.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from zlib import crc32

from instep_server.errors import Reason, RequestError, StoreDamagedError, store_error
from instep_server.limits import LOG_BATCH_BYTES

_ADVICE = "`instep fsck` names its task; `instep fsck --repair` makes what is left of it readable again."


class LogStream(IntEnum):
    """A task's output streams. The numbers are those of the protocol."""

    STDOUT = 1
    """Standard output."""
    STDERR = 2
    """Standard error."""

    @property
    def suffix(self) -> str:
        """Ending of its files."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A piece of a log that was written."""

    stream: LogStream
    """The stream."""
    start: int
    """Place in the log's file."""
    length: int
    """Number of bytes."""
    dropped: int
    """Bytes that were dropped before these."""
    checksum: int
    """CRC-32 of the bytes."""


@dataclass(slots=True)
class StreamLog:
    """One stream of one attempt, while it grows.

    Attributes:
        stream: Which one.
        file: The log's file.
        limit: How many bytes of output it takes.
        received: How many bytes the worker has written, as far as known, dropped ones included.
        stored: How long the log is.
        closed: True when it takes no more, because the limit is reached.
    """

    stream: LogStream
    file: Path
    limit: int
    received: int = 0
    stored: int = 0
    closed: bool = False

    def append(self, offset: int, data: bytes, dropped: int = 0) -> list[LogChunk]:
        """Adds output. Bytes that are there already are skipped.

        Args:
            offset: Position of the first byte in the worker's output.
            data: The bytes.
            dropped: How many bytes before `offset` the worker dropped.

        Returns:
            The pieces that were written, to be recorded.

        Raises:
            RequestError: LOG_OFFSET, there is a gap.
            StoreError: The file cannot be written.
        """
        if offset - dropped > self.received:
            raise RequestError(
                Reason.LOG_OFFSET,
                f"The log goes on at byte {self.received}, not at {offset}.",
                expected=str(self.received),
            )
        gap = max(0, offset - self.received)
        new = data[max(0, self.received - offset) :]
        self.received = max(self.received, offset + len(data))
        if not new or self.closed:
            return []
        room = self.limit - self.stored
        if len(new) <= room:
            return [self._write(new, gap)]
        self.closed = True
        cut = f"\n[instep] This log is cut here: it has reached its limit of {self.limit:,} bytes.\n"
        return [self._write(new[:room] + cut.encode(), gap)]

    def note(self, text: str) -> list[LogChunk]:
        """Adds lines of Instep's own, whatever the limit.

        Args:
            text: The lines.

        Returns:
            The pieces that were written, to be recorded.
        """
        return [self._write(text.encode(), 0)]

    def _write(self, data: bytes, dropped: int) -> LogChunk:
        try:
            file = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                written = 0
                while written < len(data):  # the last room of a disk is written before it is said to be full
                    written += os.pwrite(file, data[written:], self.stored + written)
            finally:
                os.close(file)
        except OSError as err:
            raise store_error(err, self.file) from err
        chunk = LogChunk(self.stream, self.stored, len(data), dropped, crc32(data))
        self.stored += len(data)
        return chunk


class LogFiles:
    """The log files of a store.

    Args:
        root: Their directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, flow: str, run: int, task: int, attempt: int, stream: LogStream) -> Path:
        """Tells where the log of a stream lies."""
        return Path(f"{self._root}/{flow}/{run}/{task}.{attempt}.{stream.suffix}")

    def make_folder(self, flow: str, run: int) -> None:
        """Makes the directory for the logs of a run.

        Raises:
            StoreError: It cannot be made.
        """
        folder = self._root / flow / str(run)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise store_error(err, folder) from err

    def read(self, path: Path, start: int, length: int, checksum: int | None) -> bytes:
        """Reads a chunk of a log and checks it.

        Args:
            path: The log's file.
            start: Place of the chunk.
            length: Number of bytes.
            checksum: Its CRC-32. None: it was recorded before there were any.

        Raises:
            StoreDamagedError: The chunk is not what was written, or not there.
            StoreError: The file cannot be read.
        """
        try:
            with path.open("rb") as file:
                data = os.pread(file.fileno(), length, start)
        except FileNotFoundError as err:
            raise StoreDamagedError(f"The log {path} is gone. {_ADVICE}") from err
        except OSError as err:
            raise store_error(err, path) from err
        if len(data) != length:
            raise StoreDamagedError(f"The log {path} is shorter than what was written. {_ADVICE}")
        if checksum not in (None, crc32(data)):
            raise StoreDamagedError(
                f"The log {path} is damaged between its bytes {start:,} and {start + length:,}. {_ADVICE}"
            )
        return data


class Spool:
    """The spool files of one worker. A worker that runs several tasks empties them between two.

    Args:
        folder: Where they are.
        worker_id: The worker.
    """

    def __init__(self, folder: Path, worker_id: str) -> None:
        self._stem = str(folder / worker_id)

    def path(self, stream: LogStream) -> str:
        """Tells where a stream's file is."""
        return f"{self._stem}.{stream.suffix}"

    def drain(self, log: StreamLog, end: int | None = None) -> list[LogChunk]:
        """Moves output to the attempt's log.

        Args:
            log: The log.
            end: Where the attempt's output ends, counted from its beginning. None: at the end of the file.

        Returns:
            The pieces that were written, to be recorded.
        """
        if end is not None and end <= log.received:
            return []
        return [
            chunk
            for offset, data in self._pieces(log.stream, log.received, end)
            for chunk in log.append(offset, data)
        ]

    def tail(self, stream: LogStream, length: int) -> str:
        """Reads the end of a stream's file as text, for messages."""
        try:
            with Path(self.path(stream)).open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - length))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def remove(self) -> None:
        """Deletes the files. What can't be deleted goes with the server's directory."""
        for stream in LogStream:
            with contextlib.suppress(OSError):
                os.unlink(self.path(stream))

    def _pieces(self, stream: LogStream, offset: int, end: int | None) -> Iterator[tuple[int, bytes]]:
        try:
            file = os.open(self.path(stream), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            while end is None or offset < end:
                wanted = LOG_BATCH_BYTES if end is None else min(LOG_BATCH_BYTES, end - offset)
                data = os.pread(file, wanted, offset)
                if not data:
                    return
                yield offset, data
                offset += len(data)
        finally:
            os.close(file)
