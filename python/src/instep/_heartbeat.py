"""The thread that keeps a lease, passes on what the orchestrator wants, and sends logs, while user code runs.

It starts late, half a second into the task, so that short tasks pay nothing for it but a sleeping thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from instep._logs import LogSender
from instep._session import Session
from instep.errors import InstepError, LeaseError

FIRST_SECONDS = 0.5
AGAIN_SECONDS = 1.0
"""How long to wait after a heartbeat that was not answered."""


class Heartbeat:
    """Keeps the lease of one attempt until it is stopped.

    Args:
        session: The worker's session.
        lease_token: The lease.
        interval: Seconds between two heartbeats.
        logs: What sends the task's logs.
        on_cancel: Called with the reason when the task is to stop. Called once.
        on_lost: Called when the lease is lost, or the orchestrator does not answer for too long.
    """

    phase = "STARTED"
    """What the attempt is busy with: ``STARTED``, ``RUNNING`` or ``STORING``."""

    def __init__(
        self,
        session: Session,
        lease_token: bytes,
        interval: float,
        logs: LogSender,
        on_cancel: Callable[[str], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._session = session
        self._lease_token = lease_token
        self._interval = interval
        self._logs = logs
        self._on_cancel = on_cancel
        self._on_lost = on_lost
        self._seq = 0
        self._heeds = True
        self._cancelled = False
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="instep-heartbeat", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop_heeding(self) -> None:
        """Goes on with heartbeats, but heeds no verdict any more: the attempt is being reported."""
        self._heeds = False

    def stop(self) -> None:
        """Ends the thread. Does not wait for the call that it may be in."""
        self._heeds = False
        self._stop.set()

    def ask(self) -> str | None:
        """Sends a heartbeat now.

        Returns:
            Why the task is to stop. None: it is to go on.

        Raises:
            LeaseError: The attempt is over.
            TransportError: The orchestrator did not answer.
        """
        with self._lock:
            self._seq += 1
            beat = self._session.heartbeat(self._lease_token, self._seq, self.phase)
        if beat.interval > 0:
            self._interval = beat.interval
        return beat.cancel_reason

    def _run(self) -> None:
        failing_since: float | None = None
        next_beat = time.monotonic() + min(FIRST_SECONDS, self._interval)
        while not self._stop.wait(min(self._logs.interval, max(next_beat - time.monotonic(), 0.0))):
            try:
                if time.monotonic() >= next_beat:
                    self._beat()
                    next_beat = time.monotonic() + self._interval
                self._logs.send_new()
                failing_since = None
            except LeaseError:
                self._lose()
            except InstepError:
                # Counted from the first failure that is seen: before, code of the user's may have kept this thread
                # from running for any time.
                now = time.monotonic()
                failing_since = failing_since or now
                next_beat = now + min(AGAIN_SECONDS, self._interval)
                if now - failing_since > self._session.orphan_seconds:
                    self._lose()

    def _beat(self) -> None:
        reason = self.ask()
        if reason is not None and self._heeds and not self._cancelled:
            self._cancelled = True
            self._on_cancel(reason)

    def _lose(self) -> None:
        self._stop.set()
        if self._heeds:
            self._on_lost()
