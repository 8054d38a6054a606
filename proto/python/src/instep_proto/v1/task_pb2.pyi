from instep_proto.v1 import digest_pb2 as _digest_pb2
from instep_proto.v1 import failure_pb2 as _failure_pb2
from instep_proto.v1 import graph_pb2 as _graph_pb2
from instep_proto.v1 import key_value_pb2 as _key_value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InputKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INPUT_KIND_UNSPECIFIED: _ClassVar[InputKind]
    INPUT_KIND_ARTIFACT: _ClassVar[InputKind]
    INPUT_KIND_PARAMETER: _ClassVar[InputKind]
    INPUT_KIND_CONSTANT: _ClassVar[InputKind]
    INPUT_KIND_CONFIG: _ClassVar[InputKind]
INPUT_KIND_UNSPECIFIED: InputKind
INPUT_KIND_ARTIFACT: InputKind
INPUT_KIND_PARAMETER: InputKind
INPUT_KIND_CONSTANT: InputKind
INPUT_KIND_CONFIG: InputKind

class Lease(_message.Message):
    __slots__ = ("lease_id", "lease_token", "ttl_ms", "heartbeat_ms", "start_within_ms")
    LEASE_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TTL_MS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_MS_FIELD_NUMBER: _ClassVar[int]
    START_WITHIN_MS_FIELD_NUMBER: _ClassVar[int]
    lease_id: str
    lease_token: bytes
    ttl_ms: int
    heartbeat_ms: int
    start_within_ms: int
    def __init__(self, lease_id: _Optional[str] = ..., lease_token: _Optional[bytes] = ..., ttl_ms: _Optional[int] = ..., heartbeat_ms: _Optional[int] = ..., start_within_ms: _Optional[int] = ...) -> None: ...

class Catch(_message.Message):
    __slots__ = ("var", "print_exception", "only_handle")
    VAR_FIELD_NUMBER: _ClassVar[int]
    PRINT_EXCEPTION_FIELD_NUMBER: _ClassVar[int]
    ONLY_HANDLE_FIELD_NUMBER: _ClassVar[int]
    var: str
    print_exception: bool
    only_handle: bool
    def __init__(self, var: _Optional[str] = ..., print_exception: _Optional[bool] = ..., only_handle: _Optional[bool] = ...) -> None: ...

class Project(_message.Message):
    __slots__ = ("name", "branch", "is_production")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    IS_PRODUCTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    branch: str
    is_production: bool
    def __init__(self, name: _Optional[str] = ..., branch: _Optional[str] = ..., is_production: _Optional[bool] = ...) -> None: ...

class Input(_message.Message):
    __slots__ = ("name", "artifact", "manifest", "kind")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    name: str
    artifact: _digest_pb2.Digest
    manifest: bytes
    kind: InputKind
    def __init__(self, name: _Optional[str] = ..., artifact: _Optional[_Union[_digest_pb2.Digest, _Mapping]] = ..., manifest: _Optional[bytes] = ..., kind: _Optional[_Union[InputKind, str]] = ...) -> None: ...

class JoinInput(_message.Message):
    __slots__ = ("step", "task_id", "position", "artifacts")
    STEP_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    step: str
    task_id: str
    position: int
    artifacts: _containers.RepeatedCompositeFieldContainer[Input]
    def __init__(self, step: _Optional[str] = ..., task_id: _Optional[str] = ..., position: _Optional[int] = ..., artifacts: _Optional[_Iterable[_Union[Input, _Mapping]]] = ...) -> None: ...

class ForeachFrame(_message.Message):
    __slots__ = ("variable", "items", "index", "count", "step")
    VARIABLE_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    variable: str
    items: Input
    index: int
    count: int
    step: str
    def __init__(self, variable: _Optional[str] = ..., items: _Optional[_Union[Input, _Mapping]] = ..., index: _Optional[int] = ..., count: _Optional[int] = ..., step: _Optional[str] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("lease", "flow", "run_id", "task_id", "step", "attempt", "max_attempts", "entry_point", "transition", "is_join", "inputs", "joins", "joins_next", "foreach", "attempt_timeout_ms", "progress_timeout_ms", "cancel_grace_ms", "env", "traceparent", "tracestate", "idempotency_key", "checkpoint", "previous_failure", "queued_unix_ms", "redelivery", "origin_run_id", "user", "tags", "parameter_names", "namespace", "on_loss", "catch", "project")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    ENTRY_POINT_FIELD_NUMBER: _ClassVar[int]
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    IS_JOIN_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    JOINS_FIELD_NUMBER: _ClassVar[int]
    JOINS_NEXT_FIELD_NUMBER: _ClassVar[int]
    FOREACH_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    CANCEL_GRACE_MS_FIELD_NUMBER: _ClassVar[int]
    ENV_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    TRACESTATE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FAILURE_FIELD_NUMBER: _ClassVar[int]
    QUEUED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    REDELIVERY_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_NAMES_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    ON_LOSS_FIELD_NUMBER: _ClassVar[int]
    CATCH_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    flow: str
    run_id: str
    task_id: str
    step: str
    attempt: int
    max_attempts: int
    entry_point: _graph_pb2.EntryPoint
    transition: _graph_pb2.Transition
    is_join: bool
    inputs: _containers.RepeatedCompositeFieldContainer[Input]
    joins: _containers.RepeatedCompositeFieldContainer[JoinInput]
    joins_next: int
    foreach: _containers.RepeatedCompositeFieldContainer[ForeachFrame]
    attempt_timeout_ms: int
    progress_timeout_ms: int
    cancel_grace_ms: int
    env: _containers.RepeatedCompositeFieldContainer[_key_value_pb2.KeyValue]
    traceparent: str
    tracestate: str
    idempotency_key: str
    checkpoint: bytes
    previous_failure: _failure_pb2.Failure
    queued_unix_ms: int
    redelivery: int
    origin_run_id: str
    user: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    parameter_names: _containers.RepeatedScalarFieldContainer[str]
    namespace: str
    on_loss: _graph_pb2.LossPolicy
    catch: Catch
    project: Project
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ..., flow: _Optional[str] = ..., run_id: _Optional[str] = ..., task_id: _Optional[str] = ..., step: _Optional[str] = ..., attempt: _Optional[int] = ..., max_attempts: _Optional[int] = ..., entry_point: _Optional[_Union[_graph_pb2.EntryPoint, _Mapping]] = ..., transition: _Optional[_Union[_graph_pb2.Transition, _Mapping]] = ..., is_join: _Optional[bool] = ..., inputs: _Optional[_Iterable[_Union[Input, _Mapping]]] = ..., joins: _Optional[_Iterable[_Union[JoinInput, _Mapping]]] = ..., joins_next: _Optional[int] = ..., foreach: _Optional[_Iterable[_Union[ForeachFrame, _Mapping]]] = ..., attempt_timeout_ms: _Optional[int] = ..., progress_timeout_ms: _Optional[int] = ..., cancel_grace_ms: _Optional[int] = ..., env: _Optional[_Iterable[_Union[_key_value_pb2.KeyValue, _Mapping]]] = ..., traceparent: _Optional[str] = ..., tracestate: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., checkpoint: _Optional[bytes] = ..., previous_failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ..., queued_unix_ms: _Optional[int] = ..., redelivery: _Optional[int] = ..., origin_run_id: _Optional[str] = ..., user: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., parameter_names: _Optional[_Iterable[str]] = ..., namespace: _Optional[str] = ..., on_loss: _Optional[_Union[_graph_pb2.LossPolicy, str]] = ..., catch: _Optional[_Union[Catch, _Mapping]] = ..., project: _Optional[_Union[Project, _Mapping]] = ...) -> None: ...

class Output(_message.Message):
    __slots__ = ("name", "artifact", "manifest", "portable", "summary", "blobs", "type")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    PORTABLE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    artifact: _digest_pb2.Digest
    manifest: bytes
    portable: bool
    summary: str
    blobs: _containers.RepeatedCompositeFieldContainer[_digest_pb2.Digest]
    type: str
    def __init__(self, name: _Optional[str] = ..., artifact: _Optional[_Union[_digest_pb2.Digest, _Mapping]] = ..., manifest: _Optional[bytes] = ..., portable: _Optional[bool] = ..., summary: _Optional[str] = ..., blobs: _Optional[_Iterable[_Union[_digest_pb2.Digest, _Mapping]]] = ..., type: _Optional[str] = ...) -> None: ...
