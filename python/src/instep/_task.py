"""What a worker knows of its task, as plain values.

The types mirror the messages of the protocol; `instep._task_messages` translates. The rest of the runtime never
sees a message.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from instep._retry import CALL_SECONDS
from instep.values import Digest, OnLoss


class InputKind(enum.Enum):
    """What kind of thing an input is."""

    ARTIFACT = "artifact"
    PARAMETER = "parameter"
    CONSTANT = "constant"
    CONFIG = "config"


class TransitionKind(enum.Enum):
    """How a step goes on."""

    END = "end"
    LINEAR = "linear"
    SPLIT = "split"
    FOREACH = "foreach"
    SWITCH = "switch"


class FailureKind(enum.Enum):
    """What kind of thing went wrong in an attempt, as far as a worker can tell."""

    USER_ERROR = "user_error"
    CANCELLED = "cancelled"
    ATTEMPT_TIMEOUT = "attempt_timeout"
    OUT_OF_MEMORY = "out_of_memory"
    WORKER_LOST = "worker_lost"
    INPUT_MISSING = "input_missing"
    INPUT_DECODE = "input_decode"
    OUTPUT_ENCODE = "output_encode"
    CODE_LOAD = "code_load"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Input:
    """A named value that a task can read. It is read when user code first touches it."""

    name: str
    """Name under which the step reads it."""
    digest: Digest
    """Content address of its manifest."""
    manifest: bytes = b""
    """The manifest itself. Empty: it must be fetched."""
    kind: InputKind = InputKind.ARTIFACT
    """Whether steps may assign to the name."""


@dataclass(frozen=True, slots=True)
class JoinInput:
    """One of the tasks that a join takes its inputs from."""

    step: str
    """Name of the last step of the branch."""
    task_id: str
    """Id of the task."""
    artifacts: dict[str, Input]
    """What the task left behind, by name."""


@dataclass(frozen=True, slots=True)
class ForeachLevel:
    """One level of foreach that is open at a task."""

    variable: str
    """Name of the artifact whose items were spread."""
    items: Input
    """The artifact at the time of the split."""
    index: int
    """Position of this task's item, counted from 0."""
    count: int
    """Number of items."""


@dataclass(frozen=True, slots=True)
class Transition:
    """How a step goes on, as its code declares it."""

    kind: TransitionKind
    """The form."""
    targets: tuple[str, ...] = ()
    """Names of the steps, in order."""
    foreach: str = ""
    """Name of the artifact whose items are spread, for FOREACH."""
    condition: str = ""
    """Name of the artifact that chooses, for SWITCH."""
    case_keys: tuple[bytes, ...] = ()
    """Manifests of the keys of a SWITCH, in order."""
    case_targets: tuple[str, ...] = ()
    """Names of the steps under these keys."""


@dataclass(frozen=True, slots=True)
class Catch:
    """What becomes of a step when its last attempt raises: it counts as done."""

    var: str
    """Name of the artifact that gets the error, and None when there was none. Empty: none does."""
    print_exception: bool
    """True when the traceback goes to the log."""
    only_handle: bool
    """True when user code is not to run, because earlier attempts died with it."""


@dataclass(frozen=True, slots=True)
class Project:
    """The project that a flow belongs to, and the branch of it that a run is on."""

    name: str
    """Name."""
    branch: str
    """`user.<name>`, `test.<branch>`, `prod` or `prod.<branch>`."""
    is_production: bool
    """True on branches that begin with `prod`."""
    flow: str
    """Name of the flow."""


@dataclass(frozen=True, slots=True)
class Task:
    """A leased task: everything that a worker needs to run it."""

    lease_token: bytes = field(repr=False)
    """Secret that is shown with each call about the attempt."""
    heartbeat_ms: int
    """How often to send a heartbeat."""
    flow: str
    """Name of the flow."""
    run_id: str
    """Id of the run."""
    task_id: str
    """Id of the task."""
    step: str
    """Name of the step."""
    attempt: int
    """Number of the attempt, counted from 0."""
    file: str
    """Absolute path of the file with the step's code."""
    function: str
    """Name of the top-level function to call. Empty: the flow's own step of this name."""
    transition: Transition
    """How the step goes on."""
    is_join: bool
    """True when the step takes `inputs`."""
    inputs: dict[str, Input]
    """What the task can read, by name."""
    joins: tuple[JoinInput, ...]
    """The first inputs of a join."""
    joins_next: int | None
    """Position of the first input that is not in `joins`. None: all are."""
    foreach: tuple[ForeachLevel, ...]
    """Open levels of foreach, outermost first."""
    env: dict[str, str]
    """Variables to set before user code runs."""
    origin_run_id: str
    """Id of the run that this run resumes. Empty: none."""
    user: str
    """Login name of the person who started the run."""
    tags: tuple[str, ...]
    """User tags of the run."""
    parameter_names: tuple[str, ...]
    """Variables of all parameters, sorted."""
    namespace: str
    """The namespace in which the run was started."""
    on_loss: OnLoss
    """What to do about details of values that do not come back as they were."""
    max_attempts: int = 1
    """How many attempts there may be in all."""
    timeout_seconds: float = 0.0
    """How long user code may take. 0: as long as it takes."""
    catch: Catch | None = None
    """What happens to errors. None: they fail the attempt."""
    previous_failure: Failure | None = None
    """Why the attempt before this one failed. None: this is the first."""
    project: Project | None = None
    """The project that the flow belongs to. None: none."""

    @property
    def catches(self) -> bool:
        """True when an error of user code in this attempt is handled."""
        return self.catch is not None and self.attempt >= self.max_attempts - 1


@dataclass(frozen=True, slots=True)
class Output:
    """An artifact that an attempt left behind, its blobs already stored."""

    name: str
    """Name of the artifact."""
    digest: Digest
    """Content address of its manifest."""
    manifest: bytes
    """The manifest. Empty: it was stored as a blob."""
    portable: bool
    """True when every language can read it."""
    summary: str
    """What it is in a few words."""
    type_name: str
    """Class of the value."""
    blobs: tuple[Digest, ...]
    """Blobs that the value is made of."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One call of a stack."""

    function: str
    """Qualified name of the function."""
    file: str
    """Path of the source file."""
    line: int
    """Line, counted from 1."""
    module: str
    """Name of the module."""
    source_line: str
    """Text of the line. Empty: unknown."""
    user_code: bool
    """True when it is neither a library's nor Python's own."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed."""

    kind: FailureKind
    """What kind of thing went wrong."""
    classes: tuple[str, ...]
    """Qualified class names, most specific first."""
    message: str
    """The message."""
    frames: tuple[Frame, ...] = ()
    """The call stack, outermost call first."""
    traceback: str = ""
    """The call stack for people."""
    details: dict[str, str] = field(default_factory=dict)
    """Further facts."""
    cause: Failure | None = None
    """What this failure came from."""
    suppressed: tuple[Failure, ...] = ()
    """The members of an exception group."""
    truncated: bool = False
    """True when something was cut to fit."""
    language: str = "python"
    """Language of the code that failed. Empty: no user code was involved."""


@dataclass(frozen=True, slots=True)
class Success:
    """How an attempt ended that went well."""

    outputs: tuple[Output, ...]
    """What it assigned or changed."""
    deleted: tuple[str, ...] = ()
    """Names of artifacts that it deleted."""
    foreach_count: int | None = None
    """Number of items, when the transition is FOREACH."""
    switch_case: int | None = None
    """Position of the chosen case, when the transition is SWITCH."""
    forwarded: tuple[Input, ...] = ()
    """What a join took over unchanged."""
    reads: tuple[str, ...] = ()
    """Names of inputs that user code looked at, those that were not there included, sorted."""
    caught: Failure | None = None
    """The error that was handled. None: user code ended well."""


@dataclass(frozen=True, slots=True)
class Failed:
    """How an attempt ended that failed."""

    failure: Failure
    """Why."""
    outputs: tuple[Output, ...] = ()
    """What it had assigned before."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """How an attempt ended that was told to stop."""

    reason: str
    """Why, as the orchestrator said."""


Outcome = Success | Failed | Cancelled


@dataclass(frozen=True, slots=True)
class Report:
    """An outcome with what else is worth knowing."""

    outcome: Outcome
    """How the attempt ended."""
    timings: dict[str, float]
    """Seconds by phase, in order."""
    stdout_end: int
    """Where the log of stdout ends, in bytes."""
    stderr_end: int
    """Where the log of stderr ends, in bytes."""
    max_rss_bytes: int
    """Largest resident memory of the process."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """What a worker must know before its first call."""

    endpoint: str
    """gRPC target of the orchestrator."""
    token: bytes = field(repr=False)
    """Token for the first call."""
    worker_id: str
    """Id under which the worker registers."""
    store_probe_file: str = ""
    """File whose content proves that the worker shares the store's file system. Empty: it does not."""
    env: dict[str, str] = field(default_factory=dict)
    """Variables to set."""
    file: str = ""
    """File of user code to load. Empty: the process has loaded it already."""
    reuse: bool = False
    """True to ask for further tasks after the first."""
    call_seconds: float = CALL_SECONDS
    """How long one try of a call may take."""
