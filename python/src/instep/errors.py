"""The errors that Instep raises, as one tree.

A class exists for each thing that a caller would catch. It carries its facts as attributes; nobody needs to
parse a message. Errors that a server reports carry the same name in every language: reason ``RUN_UNKNOWN`` is
``RunUnknownError`` here and ``instep_error_run_unknown`` in R.

::

    InstepError
    ├── UsageError                      the caller's mistake
    │   ├── NamespaceMismatchError      something exists, but outside of the namespace
    │   ├── NotFoundError               flow, run, step, task, attempt, artifact, origin of a resume
    │   ├── GraphInvalidError           the flow's graph cannot run
    │   ├── ParameterInvalidError       a parameter is missing or does not fit
    │   ├── ConfigInvalidError          a config is missing or cannot be read
    │   ├── DecoratorInvalidError       a decorator is unknown or does not fit
    │   ├── TagInvalidError             a tag is malformed or cannot be changed
    │   ├── PathspecInvalidError        text that should name a run, step, task or artifact does not
    │   ├── ValueEncodeError            a value cannot be stored
    │   ├── OpaqueForeignError          a value of another language was opened
    │   ├── ForeachError                a value cannot be spread over tasks
    │   ├── StoreMissingError           there is no store to read
    │   └── StepUseError                a step's code asks of `self` or `inputs` what cannot be
    │       ├── AttributeUnknownError   nothing of that name was set (also an AttributeError)
    │       ├── AttributeFixedError     a name that may not be assigned or deleted (also an AttributeError)
    │       ├── FlowNotStorableError    a flow was assigned to an artifact (also a TypeError)
    │       ├── TransitionError         `self.next` was not called as declared
    │       ├── MergeArtifactsException
    │       └── MissingInMergeArtifactsException
    ├── StepFailedError                 the user's step failed
    │   ├── TimeoutException            an attempt took longer than `timeout` allows (also a TimeoutError)
    │   ├── FailureHandledByCatch       attempts died without raising, and `catch` handled that
    │   ├── SourceLoadError             a file of the user's cannot be loaded
    │   └── RemoteError                 a function that was called in the other language failed
    ├── SystemFailedError               the system could not do it
    │   ├── AccessError                 tokens
    │   ├── LeaseError                  a worker has lost the right to its task
    │   ├── StoreError                  blobs, uploads, logs
    │   ├── ValueDecodeError            a stored value cannot be read
    │   ├── ServerFailedError           the orchestrator could not be started, or is gone
    │   ├── OpenerFailedError           the process that holds an object of the other language could not be started, or is gone
    │   ├── InterpreterFailedError      the interpreter for looking at a task again could not be started
    │   └── TransportError              a call failed on its way
    └── InstepInternalError             a bug in Instep
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ISSUES = "the project's issue tracker"


class InstepError(Exception):
    """Root of all errors that Instep raises on purpose.

    Args:
        message: One sentence that names the object, the value seen and what was expected; then the fix.
        facts: What the message is made of, kept as attributes.
    """

    message: str
    """The message, without the class name."""
    reason: str = ""
    """The server's reason, such as ``RUN_UNKNOWN``. Empty: no server reported the error."""
    metadata: Mapping[str, str] = MappingProxyType({})
    """Facts that the server told."""
    retry_after_ms: int | None = None
    """How long the server asks to wait before another try, in milliseconds. None: it gave no advice."""

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.__dict__.update(facts)


class UsageError(InstepError):
    """The caller asked for something that cannot be."""


class StepFailedError(InstepError):
    """The user's own step failed."""


class SystemFailedError(InstepError):
    """The system could not do what was asked, through no fault of the caller or the step."""


class InstepInternalError(InstepError):
    """A rule that Instep keeps itself is broken: a bug in Instep."""

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message, **facts)
        self.add_note(f"This is a bug in Instep. Please report it, with this text, in {ISSUES}.")


# The caller's mistake.


class NotFoundError(UsageError):
    """Something that was named does not exist."""


class NamespaceMismatchError(UsageError):
    """Something exists, but its run does not have the tag that is the namespace."""

    pathspec: str
    """What was asked for."""
    namespace: str
    """The namespace."""


class FlowUnknownError(NotFoundError):
    """The store has no such flow."""


class RunUnknownError(NotFoundError):
    """The flow has no such run."""


class OriginUnknownError(NotFoundError):
    """There is no run to resume, or it has no such step."""


class StepUnknownError(NotFoundError):
    """The run has no such step."""


class TaskUnknownError(NotFoundError):
    """The run has no such task."""


class AttemptUnknownError(NotFoundError):
    """The task has no such attempt."""


class ArtifactUnknownError(NotFoundError):
    """The task has no such artifact."""


class GraphInvalidError(UsageError):
    """The graph of the flow has problems and cannot run."""


class ParameterInvalidError(UsageError):
    """A parameter's value is missing, unknown, or does not fit its type."""


class ConfigInvalidError(UsageError):
    """A config has no value, or one that cannot be read; or an expression with configs cannot be evaluated."""

    flow: str = ""
    """Name of the flow. Empty: it is not known."""


class DecoratorInvalidError(UsageError):
    """A decorator is unknown, has wrong arguments, or is where it cannot be."""


class TagInvalidError(UsageError):
    """A tag is malformed, is a system tag that was to be removed, or a run would have too many."""


class PathspecInvalidError(UsageError):
    """A text that should name a run, a step, a task or an artifact has the wrong form."""


class StoreMissingError(UsageError):
    """No store was found where one was looked for."""


class StepUseError(UsageError):
    """A step's code asks of ``self`` or ``inputs`` what cannot be."""


class AttributeUnknownError(StepUseError, AttributeError):
    """No step before this one has set an attribute of that name."""


class AttributeFixedError(StepUseError, AttributeError):
    """A step assigns to, or deletes, a name that it may only read."""


class FlowNotStorableError(StepUseError, TypeError):
    """A step stores the flow itself, or one of its inputs, in an artifact."""


class TransitionError(StepUseError):
    """A step does not go on as its transition declares."""


class MergeArtifactsException(StepUseError):  # noqa: N818 - the name that users of Metaflow catch
    """Inputs of a join differ in artifacts that were to be merged. Nothing was merged."""

    artifact_names: list[str]
    """Names of all artifacts that differ, sorted."""


class MissingInMergeArtifactsException(StepUseError):  # noqa: N818 - the name that users of Metaflow catch
    """Artifacts that were to be merged are in no input of the join. Nothing was merged."""

    artifact_names: list[str]
    """Names of the artifacts that no input has, sorted."""


class ValueEncodeError(UsageError):
    """A value, or something inside it, cannot be stored."""

    code: str
    """Which rule it breaks, such as ``OPAQUE_HANDLE`` or ``COLUMN_MIXED``."""
    path: str
    """Where in the artifact it is, such as ``self.result["fits"][3]``."""


class OpaqueForeignError(UsageError):
    """A value that only another language can open was used as if it were open."""


class ForeachError(UsageError):
    """A value cannot be spread over tasks."""


class RequestConflictError(UsageError):
    """The same request id was used for two different requests."""


class LimitExceededError(UsageError):
    """Something is larger than its limit."""


class TimeoutException(StepFailedError, TimeoutError):  # noqa: N818 - the name that users of Metaflow catch
    """An attempt took longer than the `timeout` of its step allows."""

    seconds: float
    """The limit."""


class FailureHandledByCatch(StepFailedError):  # noqa: N818 - the name that users of Metaflow know
    """All attempts of a task died without raising an error that `catch` could have stored."""


class SourceLoadError(StepFailedError):
    """A file of the user's cannot be loaded, or lacks the step that it should declare."""

    file: str
    """Absolute path of the file."""
    line: int
    """The line to look at, counted from 1. 0: unknown."""


class RemoteError(StepFailedError):
    """A function that was called in the other language failed there."""

    language: str
    """Language that it failed in: `r` or `python`."""
    classes: tuple[str, ...]
    """Class of the error there, most specific first: of R's condition, or of the exception and its bases."""
    remote_message: str
    """The error's message there."""
    call: str
    """The call that R raised the error in, as text. Empty: there is none."""
    traceback: str
    """The call stack there, as that language shows it."""


# The system could not do it.


class AccessError(SystemFailedError):
    """A token does not open what was asked for."""


class TokenMalformedError(AccessError):
    """A token has not the form of a token."""


class TokenUnknownError(AccessError):
    """No token was given, or one that the server does not know."""


class TokenExpiredError(AccessError):
    """The time of a token is over."""


class TokenScopeError(AccessError):
    """A token is for something else."""


class LeaseError(SystemFailedError):
    """A worker has no longer the right to act on its task."""


class LeaseLostError(LeaseError):
    """The lease was lost; the user's code must stop and its results are discarded."""


class LeaseClosedError(LeaseError):
    """The attempt has already ended under another completion id."""


class SessionReplacedError(LeaseError):
    """Another process registered under the same worker id."""


class CompletionConflictError(LeaseError):
    """The same completion id was used for two different outcomes."""


class ConcurrentPollError(LeaseError):
    """The session has another poll in flight."""


class StoreError(SystemFailedError):
    """Bytes could not be stored or read."""


class BlobMissingError(StoreError):
    """Blobs that an outcome names are not in the store."""


class BlobCorruptError(StoreError):
    """A stored blob is damaged."""


class ValueDecodeError(SystemFailedError):
    """A stored value is damaged, or cannot be read by this version of Instep."""

    code: str
    """Which rule it breaks, such as ``MALFORMED``."""
    path: str
    """Where in the value it is, such as ``value["fits"][3]``. Empty: the value as a whole."""


class DigestMismatchError(StoreError):
    """Bytes do not have the digest that was given for them."""


class StoreFullError(StoreError):
    """The store or the database has no room left."""


class StoreUnusableError(StoreError):
    """The store can't be used: it is damaged, read-only, or of another version."""


class UploadUnknownError(StoreError):
    """The upload is not known; it must be prepared again."""


class UploadOffsetError(StoreError):
    """The upload goes on at another offset."""


class LogOffsetError(StoreError):
    """The log goes on at another offset."""


class ServerFailedError(SystemFailedError):
    """The orchestrator could not be started, or has ended unexpectedly."""


class OpenerFailedError(SystemFailedError):
    """The process that holds an object of another language could not be started, or is gone."""


class InterpreterFailedError(SystemFailedError):
    """The interpreter in which a task is to be looked at, or run again, could not be started."""


class TransportError(SystemFailedError):
    """A call failed on its way. This tells nothing about what was asked for."""

    code: str
    """Name of the gRPC status, such as ``UNAVAILABLE``."""


class MalformedError(SystemFailedError):
    """A request breaks a rule of the protocol."""


class VersionUnsupportedError(SystemFailedError):
    """Client and server have no protocol version in common."""


class CapabilityRequiredError(SystemFailedError):
    """The worker lacks a capability that the server requires."""


class LoadUnknownError(SystemFailedError):
    """The loaded flow is no longer known to the server; it must be loaded again."""


class WriteConflictError(SystemFailedError):
    """Somebody else wrote first; the call can be made again."""


class OverloadedError(SystemFailedError):
    """The server has too much to do; the call can be made again later."""


REASONS: Mapping[str, type[InstepError]] = {
    "MALFORMED": MalformedError,
    "TOKEN_MALFORMED": TokenMalformedError,
    "LIMIT_EXCEEDED": LimitExceededError,
    "DIGEST_MISMATCH": DigestMismatchError,
    "TOKEN_UNKNOWN": TokenUnknownError,
    "TOKEN_EXPIRED": TokenExpiredError,
    "TOKEN_SCOPE": TokenScopeError,
    "FLOW_UNKNOWN": FlowUnknownError,
    "RUN_UNKNOWN": RunUnknownError,
    "STEP_UNKNOWN": StepUnknownError,
    "TASK_UNKNOWN": TaskUnknownError,
    "ARTIFACT_UNKNOWN": ArtifactUnknownError,
    "UPLOAD_UNKNOWN": UploadUnknownError,
    "ATTEMPT_UNKNOWN": AttemptUnknownError,
    "COMPLETION_CONFLICT": CompletionConflictError,
    "REQUEST_CONFLICT": RequestConflictError,
    "LEASE_LOST": LeaseLostError,
    "LEASE_CLOSED": LeaseClosedError,
    "SESSION_REPLACED": SessionReplacedError,
    "VERSION_UNSUPPORTED": VersionUnsupportedError,
    "CAPABILITY_REQUIRED": CapabilityRequiredError,
    "BLOB_MISSING": BlobMissingError,
    "CONCURRENT_POLL": ConcurrentPollError,
    "WRITE_CONFLICT": WriteConflictError,
    "UPLOAD_OFFSET": UploadOffsetError,
    "LOG_OFFSET": LogOffsetError,
    "BLOB_CORRUPT": BlobCorruptError,
    "OVERLOADED": OverloadedError,
    "STORE_FULL": StoreFullError,
    "GRAPH_INVALID": GraphInvalidError,
    "PARAMETER_INVALID": ParameterInvalidError,
    "LOAD_UNKNOWN": LoadUnknownError,
    "INTERNAL": InstepInternalError,
    "TAG_INVALID": TagInvalidError,
    "DECORATOR_INVALID": DecoratorInvalidError,
    "ORIGIN_UNKNOWN": OriginUnknownError,
    "STORE_UNUSABLE": StoreUnusableError,
}
"""The class for each reason of the protocol, by its name without the prefix ``ERROR_REASON_``."""
