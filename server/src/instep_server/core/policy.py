"""What is done about a step's tasks beside running them: retries, catching, limits, environment, resources.

Decorators say it, as `decorators` reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

from instep_server.core.failure import Failure, FailureKind

BYTES_PER_MB = 1024 * 1024
"""What a decorator means by one MB of memory."""

_NAMES = {
    FailureKind.WORKER_LOST: "WorkerLost",
    FailureKind.OUT_OF_MEMORY: "OutOfMemory",
    FailureKind.ATTEMPT_TIMEOUT: "TimeoutException",
}
"""Names by which `on` of `retry` knows failures that no error of user code stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When a failed attempt is followed by another one."""

    times: int
    """How many attempts there may be after the first."""
    wait_seconds: float = 0.0
    """How long to wait before the second attempt."""
    backoff: float = 1.0
    """By how much each wait is longer than the one before."""
    max_wait_seconds: float = 3600.0
    """The longest wait."""
    jitter: float = 0.0
    """How much of a wait is left to chance, from 0 to 1."""
    on: tuple[str, ...] = ()
    """Classes of errors that another attempt may mend, with or without their module. Empty: all."""

    def covers(self, failure: Failure) -> bool:
        """Tells whether another attempt may mend a failure.

        Args:
            failure: The failure.
        """
        names = {*failure.classes, *(name.rpartition(".")[2] for name in failure.classes)}
        if failure.kind in _NAMES:
            names.add(_NAMES[failure.kind])
        return not self.on or not names.isdisjoint(self.on)

    def wait_ms(self, number: int, chance: float) -> int:
        """Tells how long to wait before an attempt.

        Args:
            number: Which one after the first it is, counted from 1.
            chance: A number from -1 to 1, drawn at random.

        Returns:
            Milliseconds.
        """
        wait = min(self.max_wait_seconds, self.wait_seconds * self.backoff ** (number - 1))
        return round(1000 * wait * (1 + self.jitter * chance))


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """What becomes of a task whose last attempt fails: it counts as done."""

    var: str = ""
    """Name of the artifact that gets the error. Empty: none does."""
    print_exception: bool = True
    """True when the traceback goes to the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a task needs of the machine, or what a machine has."""

    millicpu: int = 0
    """Thousandths of a core."""
    memory_mb: int = 0
    """Memory. A task that takes more is ended. 0: not said."""
    gpu: int = 0
    """Number of GPUs."""

    def fits(self, into: Resources) -> bool:
        """Tells whether there is as much of everything as is needed.

        Args:
            into: What there is.
        """
        return self.millicpu <= into.millicpu and self.memory_mb <= into.memory_mb and self.gpu <= into.gpu

    def __mul__(self, count: int) -> Resources:
        """What several tasks alike need."""
        return Resources(
            millicpu=self.millicpu * count, memory_mb=self.memory_mb * count, gpu=self.gpu * count
        )

    def __sub__(self, other: Resources) -> Resources:
        """What is left when some is taken."""
        return Resources(
            millicpu=self.millicpu - other.millicpu,
            memory_mb=self.memory_mb - other.memory_mb,
            gpu=self.gpu - other.gpu,
        )

    def __str__(self) -> str:
        """For people: `cpu=2, memory=4000`, without what is 0."""
        parts = {"cpu": f"{self.millicpu / 1000:g}", "memory": str(self.memory_mb), "gpu": str(self.gpu)}
        return ", ".join(f"{name}={text}" for name, text in parts.items() if text != "0")


NOTHING = Resources()
"""What a task needs whose step does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPolicy:
    """What is done about the tasks of a step."""

    retry: Retry | None = None
    """When a failed attempt is followed by another one. None: never."""
    catch: Catch | None = None
    """What becomes of a task whose last attempt fails. None: it fails."""
    timeout_ms: int = 0
    """How long an attempt may take. 0: any time."""
    env: tuple[tuple[str, str], ...] = ()
    """Environment variables of its tasks, by name."""
    resources: tuple[Resources, ...] = ()
    """What the first attempt needs, the second, and so on; the last holds for all that follow. Empty: not said."""

    @property
    def retries(self) -> int:
        """How many attempts there may be after the first."""
        return self.retry.times if self.retry is not None else 0

    def retries_after(self, tries: int, failure: Failure) -> bool:
        """Tells whether another attempt follows, which runs user code.

        Args:
            tries: How many attempts have begun.
            failure: Why the last of them failed.
        """
        return self.retry is not None and tries <= self.retry.times and self.retry.covers(failure)

    def needs(self, number: int) -> Resources:
        """Tells what an attempt needs.

        Args:
            number: Number of the attempt, counted from 0.
        """
        return self.resources[min(number, len(self.resources) - 1)] if self.resources else NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The project of a flow, as its decorator says."""

    name: str
    """Name."""
    branch: str = ""
    """The branch, unless the run says otherwise. Empty: the person's own."""
    production: bool = False
    """True: the production branch, unless the run says otherwise."""
