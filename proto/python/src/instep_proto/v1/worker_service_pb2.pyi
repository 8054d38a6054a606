from instep_proto.v1 import failure_pb2 as _failure_pb2
from instep_proto.v1 import key_value_pb2 as _key_value_pb2
from instep_proto.v1 import run_pb2 as _run_pb2
from instep_proto.v1 import task_pb2 as _task_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AttemptPhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ATTEMPT_PHASE_UNSPECIFIED: _ClassVar[AttemptPhase]
    ATTEMPT_PHASE_STARTED: _ClassVar[AttemptPhase]
    ATTEMPT_PHASE_RUNNING: _ClassVar[AttemptPhase]
    ATTEMPT_PHASE_STORING: _ClassVar[AttemptPhase]

class Directive(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTIVE_UNSPECIFIED: _ClassVar[Directive]
    DIRECTIVE_CONTINUE: _ClassVar[Directive]
    DIRECTIVE_CANCEL: _ClassVar[Directive]

class Disposition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DISPOSITION_UNSPECIFIED: _ClassVar[Disposition]
    DISPOSITION_RECORDED: _ClassVar[Disposition]
    DISPOSITION_DUPLICATE: _ClassVar[Disposition]
ATTEMPT_PHASE_UNSPECIFIED: AttemptPhase
ATTEMPT_PHASE_STARTED: AttemptPhase
ATTEMPT_PHASE_RUNNING: AttemptPhase
ATTEMPT_PHASE_STORING: AttemptPhase
DIRECTIVE_UNSPECIFIED: Directive
DIRECTIVE_CONTINUE: Directive
DIRECTIVE_CANCEL: Directive
DISPOSITION_UNSPECIFIED: Disposition
DISPOSITION_RECORDED: Disposition
DISPOSITION_DUPLICATE: Disposition

class RegisterWorkerRequest(_message.Message):
    __slots__ = ("worker_id", "version_min", "version_max", "capabilities", "language", "runtime_version", "sdk", "host", "pid", "labels", "environment_digest", "store_probe", "lease")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_MIN_FIELD_NUMBER: _ClassVar[int]
    VERSION_MAX_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_VERSION_FIELD_NUMBER: _ClassVar[int]
    SDK_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    STORE_PROBE_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    version_min: int
    version_max: int
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    language: str
    runtime_version: str
    sdk: str
    host: str
    pid: int
    labels: _containers.RepeatedCompositeFieldContainer[_key_value_pb2.KeyValue]
    environment_digest: str
    store_probe: bytes
    lease: LeaseTaskRequest
    def __init__(self, worker_id: _Optional[str] = ..., version_min: _Optional[int] = ..., version_max: _Optional[int] = ..., capabilities: _Optional[_Iterable[str]] = ..., language: _Optional[str] = ..., runtime_version: _Optional[str] = ..., sdk: _Optional[str] = ..., host: _Optional[str] = ..., pid: _Optional[int] = ..., labels: _Optional[_Iterable[_Union[_key_value_pb2.KeyValue, _Mapping]]] = ..., environment_digest: _Optional[str] = ..., store_probe: _Optional[bytes] = ..., lease: _Optional[_Union[LeaseTaskRequest, _Mapping]] = ...) -> None: ...

class RegisterWorkerResponse(_message.Message):
    __slots__ = ("session_token", "version", "capabilities", "limits", "object_root", "lease")
    SESSION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ROOT_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    session_token: bytes
    version: int
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    limits: _containers.RepeatedCompositeFieldContainer[_key_value_pb2.KeyValue]
    object_root: str
    lease: LeaseTaskResponse
    def __init__(self, session_token: _Optional[bytes] = ..., version: _Optional[int] = ..., capabilities: _Optional[_Iterable[str]] = ..., limits: _Optional[_Iterable[_Union[_key_value_pb2.KeyValue, _Mapping]]] = ..., object_root: _Optional[str] = ..., lease: _Optional[_Union[LeaseTaskResponse, _Mapping]] = ...) -> None: ...

class LeaseTaskRequest(_message.Message):
    __slots__ = ("request_id", "held_lease_ids", "wait_ms", "draining")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    HELD_LEASE_IDS_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    held_lease_ids: _containers.RepeatedScalarFieldContainer[str]
    wait_ms: int
    draining: bool
    def __init__(self, request_id: _Optional[str] = ..., held_lease_ids: _Optional[_Iterable[str]] = ..., wait_ms: _Optional[int] = ..., draining: _Optional[bool] = ...) -> None: ...

class LeaseTaskResponse(_message.Message):
    __slots__ = ("task", "none", "drain")
    TASK_FIELD_NUMBER: _ClassVar[int]
    NONE_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    none: NoTask
    drain: Drain
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., none: _Optional[_Union[NoTask, _Mapping]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ...) -> None: ...

class NoTask(_message.Message):
    __slots__ = ("retry_after_ms",)
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    retry_after_ms: int
    def __init__(self, retry_after_ms: _Optional[int] = ...) -> None: ...

class Drain(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class ListJoinInputsRequest(_message.Message):
    __slots__ = ("lease_token", "position")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    lease_token: bytes
    position: int
    def __init__(self, lease_token: _Optional[bytes] = ..., position: _Optional[int] = ...) -> None: ...

class ListJoinInputsResponse(_message.Message):
    __slots__ = ("joins", "joins_next")
    JOINS_FIELD_NUMBER: _ClassVar[int]
    JOINS_NEXT_FIELD_NUMBER: _ClassVar[int]
    joins: _containers.RepeatedCompositeFieldContainer[_task_pb2.JoinInput]
    joins_next: int
    def __init__(self, joins: _Optional[_Iterable[_Union[_task_pb2.JoinInput, _Mapping]]] = ..., joins_next: _Optional[int] = ...) -> None: ...

class HeartbeatRequest(_message.Message):
    __slots__ = ("lease_token", "seq", "phase", "progress_counter", "progress_text", "checkpoint", "rss_bytes", "cpu_ms")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_COUNTER_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_TEXT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    RSS_BYTES_FIELD_NUMBER: _ClassVar[int]
    CPU_MS_FIELD_NUMBER: _ClassVar[int]
    lease_token: bytes
    seq: int
    phase: AttemptPhase
    progress_counter: int
    progress_text: str
    checkpoint: bytes
    rss_bytes: int
    cpu_ms: int
    def __init__(self, lease_token: _Optional[bytes] = ..., seq: _Optional[int] = ..., phase: _Optional[_Union[AttemptPhase, str]] = ..., progress_counter: _Optional[int] = ..., progress_text: _Optional[str] = ..., checkpoint: _Optional[bytes] = ..., rss_bytes: _Optional[int] = ..., cpu_ms: _Optional[int] = ...) -> None: ...

class HeartbeatResponse(_message.Message):
    __slots__ = ("ttl_ms", "heartbeat_ms", "directive", "cancel_reason", "cancel_grace_ms")
    TTL_MS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_MS_FIELD_NUMBER: _ClassVar[int]
    DIRECTIVE_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REASON_FIELD_NUMBER: _ClassVar[int]
    CANCEL_GRACE_MS_FIELD_NUMBER: _ClassVar[int]
    ttl_ms: int
    heartbeat_ms: int
    directive: Directive
    cancel_reason: str
    cancel_grace_ms: int
    def __init__(self, ttl_ms: _Optional[int] = ..., heartbeat_ms: _Optional[int] = ..., directive: _Optional[_Union[Directive, str]] = ..., cancel_reason: _Optional[str] = ..., cancel_grace_ms: _Optional[int] = ...) -> None: ...

class CompleteTaskRequest(_message.Message):
    __slots__ = ("lease_token", "completion_id", "success", "failure", "cancelled", "declined", "timings", "max_rss_bytes", "stdout_end", "stderr_end", "want_next", "partial_outputs")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_ID_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    DECLINED_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    MAX_RSS_BYTES_FIELD_NUMBER: _ClassVar[int]
    STDOUT_END_FIELD_NUMBER: _ClassVar[int]
    STDERR_END_FIELD_NUMBER: _ClassVar[int]
    WANT_NEXT_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    lease_token: bytes
    completion_id: str
    success: Success
    failure: _failure_pb2.Failure
    cancelled: CancelledOutcome
    declined: Declined
    timings: _containers.RepeatedCompositeFieldContainer[_run_pb2.Timing]
    max_rss_bytes: int
    stdout_end: int
    stderr_end: int
    want_next: LeaseTaskRequest
    partial_outputs: _containers.RepeatedCompositeFieldContainer[_task_pb2.Output]
    def __init__(self, lease_token: _Optional[bytes] = ..., completion_id: _Optional[str] = ..., success: _Optional[_Union[Success, _Mapping]] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., cancelled: _Optional[_Union[CancelledOutcome, _Mapping]] = ..., declined: _Optional[_Union[Declined, _Mapping]] = ..., timings: _Optional[_Iterable[_Union[_run_pb2.Timing, _Mapping]]] = ..., max_rss_bytes: _Optional[int] = ..., stdout_end: _Optional[int] = ..., stderr_end: _Optional[int] = ..., want_next: _Optional[_Union[LeaseTaskRequest, _Mapping]] = ..., partial_outputs: _Optional[_Iterable[_Union[_task_pb2.Output, _Mapping]]] = ...) -> None: ...

class Success(_message.Message):
    __slots__ = ("outputs", "deleted", "foreach_count", "switch_case", "forwarded", "reads", "caught")
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    FOREACH_COUNT_FIELD_NUMBER: _ClassVar[int]
    SWITCH_CASE_FIELD_NUMBER: _ClassVar[int]
    FORWARDED_FIELD_NUMBER: _ClassVar[int]
    READS_FIELD_NUMBER: _ClassVar[int]
    CAUGHT_FIELD_NUMBER: _ClassVar[int]
    outputs: _containers.RepeatedCompositeFieldContainer[_task_pb2.Output]
    deleted: _containers.RepeatedScalarFieldContainer[str]
    foreach_count: int
    switch_case: int
    forwarded: _containers.RepeatedCompositeFieldContainer[_task_pb2.Input]
    reads: _containers.RepeatedScalarFieldContainer[str]
    caught: _failure_pb2.Failure
    def __init__(self, outputs: _Optional[_Iterable[_Union[_task_pb2.Output, _Mapping]]] = ..., deleted: _Optional[_Iterable[str]] = ..., foreach_count: _Optional[int] = ..., switch_case: _Optional[int] = ..., forwarded: _Optional[_Iterable[_Union[_task_pb2.Input, _Mapping]]] = ..., reads: _Optional[_Iterable[str]] = ..., caught: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ...) -> None: ...

class CancelledOutcome(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Declined(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class CompleteTaskResponse(_message.Message):
    __slots__ = ("disposition", "cancel_won", "next")
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    CANCEL_WON_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    disposition: Disposition
    cancel_won: bool
    next: LeaseTaskResponse
    def __init__(self, disposition: _Optional[_Union[Disposition, str]] = ..., cancel_won: _Optional[bool] = ..., next: _Optional[_Union[LeaseTaskResponse, _Mapping]] = ...) -> None: ...

class CloseWorkerRequest(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class CloseWorkerResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
