"""Wakes those who wait for something new about a run."""

from __future__ import annotations

import asyncio

POLL_SECONDS = 0.25
"""How often to look for what another server may have written."""


class Changes:
    """What was committed by this server, for those who wait for it."""

    def __init__(self) -> None:
        self._next: dict[int, asyncio.Future[None]] = {}

    def announce(self, runs: set[int]) -> None:
        """Wakes those who wait for these runs, by row id."""
        for run in runs:
            waiting = self._next.pop(run, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

    def expect(self, run: int) -> asyncio.Future[None]:
        """Gives what the next announcement about a run completes. Ask before looking at the database."""
        if run not in self._next:
            self._next[run] = asyncio.get_running_loop().create_future()
        return self._next[run]


async def until(change: asyncio.Future[None]) -> None:
    """Waits for an announcement, but not longer than one poll."""
    await asyncio.wait({change}, timeout=POLL_SECONDS)
