"""Decides how many workers a run needs, of which kind, and which task each of them gets.

Workers of one pool are alike: they come from the same file, need the same of the machine, and may run any ready
task of the pool. A pool has its tasks in the order in which they became ready; between pools, the task that was
made first goes first.

Tasks whose steps say what they need start only when the machine has that much left. When the first of them has to
wait, those after it wait too, so that one that needs much is not overtaken for ever; tasks that need nothing go on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from instep_server.core.graph_types import GraphStep, Isolation
from instep_server.core.policy import NOTHING, Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolKey:
    """What makes workers alike."""

    language: str
    """Language of the file."""
    file: str
    """Absolute path of the file that they have loaded."""
    isolation: Isolation
    """How their processes are made."""
    step: str
    """The only step that they run, for REUSE. Empty: any step of the file."""
    needs: Resources = NOTHING
    """What each of them takes of the machine while it runs a task."""


def pool_of(step: GraphStep, needs: Resources) -> PoolKey:
    """Tells which workers can run a task.

    Args:
        step: The step of the task.
        needs: What its next attempt needs.

    Returns:
        Key of the pool.
    """
    entry = step.spec.entry_point
    only = step.name if step.isolation is Isolation.REUSE else ""
    return PoolKey(language=entry.language, file=entry.file, isolation=step.isolation, step=only, needs=needs)


@dataclass(slots=True)
class _Pool:
    ready: deque[int] = field(default_factory=deque)
    starting: int = 0
    active: int = 0


class Dispatch:
    """The ready tasks of one run and the workers that are to come for them.

    Args:
        max_workers: How many tasks may run at once, at least 1.
        machine: What the machine has.
    """

    def __init__(self, max_workers: int, machine: Resources) -> None:
        self._max_workers = max_workers
        self._allowed = float(max_workers)
        self._machine = machine
        self._pools: dict[PoolKey, _Pool] = {}

    def put(self, key: PoolKey, task_id: int) -> None:
        """Adds a ready task.

        Args:
            key: Its pool.
            task_id: The task.
        """
        self._pools.setdefault(key, _Pool()).ready.append(task_id)

    def wanted(self) -> list[PoolKey]:
        """Tells which workers to start now, and counts them as starting.

        Returns:
            A pool for each worker.
        """
        found: list[PoolKey] = []
        free, left = self._free_places(), self._left()
        blocked = False
        while free > 0:
            waiting = [
                (pool.ready[pool.starting], key)
                for key, pool in self._pools.items()
                if len(pool.ready) > pool.starting and not (blocked and key.needs != NOTHING)
            ]
            if not waiting:
                break
            _, key = min(waiting, key=lambda entry: entry[0])
            if not key.needs.fits(left):
                blocked = True
                continue
            self._pools[key].starting += 1
            left -= key.needs
            free -= 1
            found.append(key)
        return found

    def arrived(self, key: PoolKey) -> int | None:
        """Gives a task to a worker that was starting.

        Args:
            key: The worker's pool.

        Returns:
            The task, which is active now. None: there is none any more.
        """
        pool = self._pools[key]
        pool.starting -= 1
        if not pool.ready:
            return None
        pool.active += 1
        return pool.ready.popleft()

    def gave_up(self, key: PoolKey) -> None:
        """Forgets a worker that was starting and will not arrive.

        Args:
            key: Its pool.
        """
        self._pools[key].starting -= 1

    def narrow(self) -> int:
        """Has no more workers at once than there are now: the system has no room for another process.

        Whenever as many tasks have ended as may run at once, one more is tried again.

        Returns:
            How many there are.
        """
        used = self._used_places()
        self._allowed = max(1.0, float(used))
        return used

    def done(self, key: PoolKey) -> None:
        """Frees the place of an active task that has ended.

        Args:
            key: The pool of its worker.
        """
        self._pools[key].active -= 1
        self._allowed = min(self._allowed + 1 / self._allowed, self._max_workers)

    def next_for(self, key: PoolKey) -> int | None:
        """Gives another task to a worker whose task has ended.

        Args:
            key: The worker's pool.

        Returns:
            The task, which is active now. None: there is none that this worker should run, because there is none
            in its pool, or because a task of another pool has waited longer.
        """
        pool = self._pools[key]
        heads = [one.ready[0] for one in self._pools.values() if one.ready]
        # Workers that are starting have come for the tasks at the head of the queue.
        uncovered = len(pool.ready) > pool.starting
        if not uncovered or min(heads) != pool.ready[0]:
            return None
        if self._free_places() <= 0 or not key.needs.fits(self._left()):
            return None
        pool.active += 1
        return pool.ready.popleft()

    def oldest(self, key: PoolKey) -> int | None:
        """Takes the task out that waits longest for workers that cannot be started.

        Args:
            key: The pool.

        Returns:
            The task. None: there is none.
        """
        pool = self._pools[key]
        return pool.ready.popleft() if pool.ready else None

    def clear(self) -> None:
        """Forgets all ready tasks: none is to run any more."""
        for pool in self._pools.values():
            pool.ready.clear()

    def _free_places(self) -> int:
        return int(self._allowed) - self._used_places()

    def _used_places(self) -> int:
        return sum(pool.starting + pool.active for pool in self._pools.values())

    def _left(self) -> Resources:
        """What the machine has left."""
        left = self._machine
        for key, pool in self._pools.items():
            left -= key.needs * (pool.starting + pool.active)
        return left
