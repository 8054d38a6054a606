"""Sends what a task writes to stdout and stderr while it runs.

The streams are spool files, so nothing is lost when the process dies. The worker reads its own files and sends
what is new, by offset. At the end the orchestrator takes the rest from the files itself, when it shares them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from instep._session import Session
from instep.errors import LogOffsetError

CHUNK_BYTES = 256 * 1024
INTERVAL = 0.5
"""Seconds between two sendings, unless the orchestrator asks for more."""


@dataclass(slots=True)
class _Stream:
    name: str
    file: str
    offset: int = 0
    closed: bool = False


class LogSender:
    """Sends the new bytes of a task's spool files.

    Args:
        session: The worker's session.
        lease_token: The lease of the attempt.
        stdout_file: Spool file of stdout. Empty: there is none.
        stderr_file: Spool file of stderr. Empty: there is none.
    """

    def __init__(self, session: Session, lease_token: bytes, stdout_file: str, stderr_file: str) -> None:
        self._session = session
        self._lease_token = lease_token
        files = {"STDOUT": stdout_file, "STDERR": stderr_file}
        self._streams = [_Stream(name, file) for name, file in files.items() if file]
        self.interval = INTERVAL
        self._sending = threading.Lock()  # at the end of a task, both its threads send

    def send_new(self) -> None:
        """Sends what was written since the last time, at most 256 KiB of each stream.

        Raises:
            LeaseError: The attempt is over.
            TransportError: The orchestrator did not answer. The next call sends the same bytes.
        """
        for stream in self._streams:
            self._send_piece(stream, budget=0.0)

    def send_rest(self) -> None:
        """Sends everything to the end and closes the logs, for an orchestrator that does not see the files."""
        for stream in self._streams:
            while self._send_piece(stream, budget=None):
                pass
            if not stream.closed:
                self._session.append_log(self._lease_token, stream.name, stream.offset, b"", end=True)

    def _send_piece(self, stream: _Stream, *, budget: float | None) -> bool:
        """Sends one piece. False: there was nothing to send."""
        with self._sending:
            return self._send_next(stream, budget)

    def _send_next(self, stream: _Stream, budget: float | None) -> bool:
        data = b"" if stream.closed else _read(stream.file, stream.offset)
        if not data:
            return False
        try:
            position = self._session.append_log(
                self._lease_token, stream.name, stream.offset, data, budget=budget
            )
        except LogOffsetError as err:
            stream.offset = int(getattr(err, "metadata", {})["expected"])
            return True
        stream.offset = position.next_offset
        stream.closed = position.closed
        self.interval = max(self.interval, position.interval)
        return True


def _read(file: str, offset: int) -> bytes:
    """Reads a piece of a spool file. Empty: nothing is there, or somebody has removed the file."""
    try:
        with open(file, "rb") as opened:
            opened.seek(offset)
            return opened.read(CHUNK_BYTES)
    except FileNotFoundError:
        return b""
