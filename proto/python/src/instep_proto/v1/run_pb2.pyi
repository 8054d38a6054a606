from instep_proto.v1 import digest_pb2 as _digest_pb2
from instep_proto.v1 import failure_pb2 as _failure_pb2
from instep_proto.v1 import graph_pb2 as _graph_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUN_STATE_UNSPECIFIED: _ClassVar[RunState]
    RUN_STATE_PENDING: _ClassVar[RunState]
    RUN_STATE_RUNNING: _ClassVar[RunState]
    RUN_STATE_CANCELLING: _ClassVar[RunState]
    RUN_STATE_SUCCEEDED: _ClassVar[RunState]
    RUN_STATE_FAILED: _ClassVar[RunState]
    RUN_STATE_CANCELLED: _ClassVar[RunState]

class TaskState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_STATE_UNSPECIFIED: _ClassVar[TaskState]
    TASK_STATE_WAITING: _ClassVar[TaskState]
    TASK_STATE_READY: _ClassVar[TaskState]
    TASK_STATE_ACTIVE: _ClassVar[TaskState]
    TASK_STATE_RETRY_WAIT: _ClassVar[TaskState]
    TASK_STATE_SUCCEEDED: _ClassVar[TaskState]
    TASK_STATE_FAILED: _ClassVar[TaskState]
    TASK_STATE_SKIPPED: _ClassVar[TaskState]
    TASK_STATE_CANCELLED: _ClassVar[TaskState]

class AttemptState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ATTEMPT_STATE_UNSPECIFIED: _ClassVar[AttemptState]
    ATTEMPT_STATE_LEASED: _ClassVar[AttemptState]
    ATTEMPT_STATE_STARTED: _ClassVar[AttemptState]
    ATTEMPT_STATE_SUCCEEDED: _ClassVar[AttemptState]
    ATTEMPT_STATE_FAILED: _ClassVar[AttemptState]
    ATTEMPT_STATE_CANCELLED: _ClassVar[AttemptState]
    ATTEMPT_STATE_DECLINED: _ClassVar[AttemptState]
    ATTEMPT_STATE_LOST: _ClassVar[AttemptState]
    ATTEMPT_STATE_RECLAIMED: _ClassVar[AttemptState]

class EventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_KIND_UNSPECIFIED: _ClassVar[EventKind]
    EVENT_KIND_RUN_STATE: _ClassVar[EventKind]
    EVENT_KIND_TASK_STATE: _ClassVar[EventKind]
    EVENT_KIND_ATTEMPT_STATE: _ClassVar[EventKind]
    EVENT_KIND_TASKS_MADE: _ClassVar[EventKind]
    EVENT_KIND_NOTICE: _ClassVar[EventKind]
RUN_STATE_UNSPECIFIED: RunState
RUN_STATE_PENDING: RunState
RUN_STATE_RUNNING: RunState
RUN_STATE_CANCELLING: RunState
RUN_STATE_SUCCEEDED: RunState
RUN_STATE_FAILED: RunState
RUN_STATE_CANCELLED: RunState
TASK_STATE_UNSPECIFIED: TaskState
TASK_STATE_WAITING: TaskState
TASK_STATE_READY: TaskState
TASK_STATE_ACTIVE: TaskState
TASK_STATE_RETRY_WAIT: TaskState
TASK_STATE_SUCCEEDED: TaskState
TASK_STATE_FAILED: TaskState
TASK_STATE_SKIPPED: TaskState
TASK_STATE_CANCELLED: TaskState
ATTEMPT_STATE_UNSPECIFIED: AttemptState
ATTEMPT_STATE_LEASED: AttemptState
ATTEMPT_STATE_STARTED: AttemptState
ATTEMPT_STATE_SUCCEEDED: AttemptState
ATTEMPT_STATE_FAILED: AttemptState
ATTEMPT_STATE_CANCELLED: AttemptState
ATTEMPT_STATE_DECLINED: AttemptState
ATTEMPT_STATE_LOST: AttemptState
ATTEMPT_STATE_RECLAIMED: AttemptState
EVENT_KIND_UNSPECIFIED: EventKind
EVENT_KIND_RUN_STATE: EventKind
EVENT_KIND_TASK_STATE: EventKind
EVENT_KIND_ATTEMPT_STATE: EventKind
EVENT_KIND_TASKS_MADE: EventKind
EVENT_KIND_NOTICE: EventKind

class Run(_message.Message):
    __slots__ = ("flow", "run_id", "state", "created_unix_ms", "started_unix_ms", "finished_unix_ms", "user", "user_tags", "system_tags", "failure", "failed_task_id", "failed_step", "origin_run_id", "inputs", "cursor", "file", "working_directory", "namespace", "caught")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    STARTED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    USER_TAGS_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_TAGS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    FAILED_TASK_ID_FIELD_NUMBER: _ClassVar[int]
    FAILED_STEP_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    WORKING_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    CAUGHT_FIELD_NUMBER: _ClassVar[int]
    flow: str
    run_id: str
    state: RunState
    created_unix_ms: int
    started_unix_ms: int
    finished_unix_ms: int
    user: str
    user_tags: _containers.RepeatedScalarFieldContainer[str]
    system_tags: _containers.RepeatedScalarFieldContainer[str]
    failure: _failure_pb2.Failure
    failed_task_id: str
    failed_step: str
    origin_run_id: str
    inputs: _containers.RepeatedCompositeFieldContainer[Artifact]
    cursor: int
    file: str
    working_directory: str
    namespace: str
    caught: bool
    def __init__(self, flow: _Optional[str] = ..., run_id: _Optional[str] = ..., state: _Optional[_Union[RunState, str]] = ..., created_unix_ms: _Optional[int] = ..., started_unix_ms: _Optional[int] = ..., finished_unix_ms: _Optional[int] = ..., user: _Optional[str] = ..., user_tags: _Optional[_Iterable[str]] = ..., system_tags: _Optional[_Iterable[str]] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., failed_task_id: _Optional[str] = ..., failed_step: _Optional[str] = ..., origin_run_id: _Optional[str] = ..., inputs: _Optional[_Iterable[_Union[Artifact, _Mapping]]] = ..., cursor: _Optional[int] = ..., file: _Optional[str] = ..., working_directory: _Optional[str] = ..., namespace: _Optional[str] = ..., caught: _Optional[bool] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("name", "language", "tasks", "succeeded", "failed", "created_unix_ms", "finished_unix_ms", "spec")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    name: str
    language: str
    tasks: int
    succeeded: int
    failed: int
    created_unix_ms: int
    finished_unix_ms: int
    spec: _graph_pb2.StepSpec
    def __init__(self, name: _Optional[str] = ..., language: _Optional[str] = ..., tasks: _Optional[int] = ..., succeeded: _Optional[int] = ..., failed: _Optional[int] = ..., created_unix_ms: _Optional[int] = ..., finished_unix_ms: _Optional[int] = ..., spec: _Optional[_Union[_graph_pb2.StepSpec, _Mapping]] = ...) -> None: ...

class TaskRecord(_message.Message):
    __slots__ = ("task_id", "step", "state", "created_unix_ms", "finished_unix_ms", "index", "foreach_path", "parent_task_ids", "attempts", "language", "child_task_ids", "cloned_from", "reason")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    FOREACH_PATH_FIELD_NUMBER: _ClassVar[int]
    PARENT_TASK_IDS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    CHILD_TASK_IDS_FIELD_NUMBER: _ClassVar[int]
    CLONED_FROM_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    step: str
    state: TaskState
    created_unix_ms: int
    finished_unix_ms: int
    index: int
    foreach_path: _containers.RepeatedScalarFieldContainer[int]
    parent_task_ids: _containers.RepeatedScalarFieldContainer[str]
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    language: str
    child_task_ids: _containers.RepeatedScalarFieldContainer[str]
    cloned_from: ClonedFrom
    reason: str
    def __init__(self, task_id: _Optional[str] = ..., step: _Optional[str] = ..., state: _Optional[_Union[TaskState, str]] = ..., created_unix_ms: _Optional[int] = ..., finished_unix_ms: _Optional[int] = ..., index: _Optional[int] = ..., foreach_path: _Optional[_Iterable[int]] = ..., parent_task_ids: _Optional[_Iterable[str]] = ..., attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ..., language: _Optional[str] = ..., child_task_ids: _Optional[_Iterable[str]] = ..., cloned_from: _Optional[_Union[ClonedFrom, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class ClonedFrom(_message.Message):
    __slots__ = ("run_id", "task_id")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    task_id: str
    def __init__(self, run_id: _Optional[str] = ..., task_id: _Optional[str] = ...) -> None: ...

class Attempt(_message.Message):
    __slots__ = ("number", "state", "leased_unix_ms", "finished_unix_ms", "failure", "pid", "host", "timings", "max_rss_bytes", "caught")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LEASED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    MAX_RSS_BYTES_FIELD_NUMBER: _ClassVar[int]
    CAUGHT_FIELD_NUMBER: _ClassVar[int]
    number: int
    state: AttemptState
    leased_unix_ms: int
    finished_unix_ms: int
    failure: _failure_pb2.Failure
    pid: int
    host: str
    timings: _containers.RepeatedCompositeFieldContainer[Timing]
    max_rss_bytes: int
    caught: bool
    def __init__(self, number: _Optional[int] = ..., state: _Optional[_Union[AttemptState, str]] = ..., leased_unix_ms: _Optional[int] = ..., finished_unix_ms: _Optional[int] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., pid: _Optional[int] = ..., host: _Optional[str] = ..., timings: _Optional[_Iterable[_Union[Timing, _Mapping]]] = ..., max_rss_bytes: _Optional[int] = ..., caught: _Optional[bool] = ...) -> None: ...

class Timing(_message.Message):
    __slots__ = ("phase", "duration_ms")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    phase: str
    duration_ms: int
    def __init__(self, phase: _Optional[str] = ..., duration_ms: _Optional[int] = ...) -> None: ...

class Artifact(_message.Message):
    __slots__ = ("name", "digest", "size", "portable", "summary", "type", "producer_task_id", "producer_step", "language")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PORTABLE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_TASK_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_STEP_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    digest: _digest_pb2.Digest
    size: int
    portable: bool
    summary: str
    type: str
    producer_task_id: str
    producer_step: str
    language: str
    def __init__(self, name: _Optional[str] = ..., digest: _Optional[_Union[_digest_pb2.Digest, _Mapping]] = ..., size: _Optional[int] = ..., portable: _Optional[bool] = ..., summary: _Optional[str] = ..., type: _Optional[str] = ..., producer_task_id: _Optional[str] = ..., producer_step: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("cursor", "at_unix_ms", "flow", "run_id", "kind", "step", "task_id", "attempt", "run_state", "task_state", "attempt_state", "failure", "count", "artifacts", "artifact_bytes", "text", "language", "pid", "foreach_path", "cloned_from")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RUN_STATE_FIELD_NUMBER: _ClassVar[int]
    TASK_STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_STATE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_BYTES_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    FOREACH_PATH_FIELD_NUMBER: _ClassVar[int]
    CLONED_FROM_FIELD_NUMBER: _ClassVar[int]
    cursor: int
    at_unix_ms: int
    flow: str
    run_id: str
    kind: EventKind
    step: str
    task_id: str
    attempt: int
    run_state: RunState
    task_state: TaskState
    attempt_state: AttemptState
    failure: _failure_pb2.Failure
    count: int
    artifacts: int
    artifact_bytes: int
    text: str
    language: str
    pid: int
    foreach_path: _containers.RepeatedScalarFieldContainer[int]
    cloned_from: ClonedFrom
    def __init__(self, cursor: _Optional[int] = ..., at_unix_ms: _Optional[int] = ..., flow: _Optional[str] = ..., run_id: _Optional[str] = ..., kind: _Optional[_Union[EventKind, str]] = ..., step: _Optional[str] = ..., task_id: _Optional[str] = ..., attempt: _Optional[int] = ..., run_state: _Optional[_Union[RunState, str]] = ..., task_state: _Optional[_Union[TaskState, str]] = ..., attempt_state: _Optional[_Union[AttemptState, str]] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., count: _Optional[int] = ..., artifacts: _Optional[int] = ..., artifact_bytes: _Optional[int] = ..., text: _Optional[str] = ..., language: _Optional[str] = ..., pid: _Optional[int] = ..., foreach_path: _Optional[_Iterable[int]] = ..., cloned_from: _Optional[_Union[ClonedFrom, _Mapping]] = ...) -> None: ...
