from instep_proto.v1 import key_value_pb2 as _key_value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_MALFORMED: _ClassVar[ErrorReason]
    ERROR_REASON_TOKEN_MALFORMED: _ClassVar[ErrorReason]
    ERROR_REASON_LIMIT_EXCEEDED: _ClassVar[ErrorReason]
    ERROR_REASON_DIGEST_MISMATCH: _ClassVar[ErrorReason]
    ERROR_REASON_TOKEN_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_TOKEN_EXPIRED: _ClassVar[ErrorReason]
    ERROR_REASON_TOKEN_SCOPE: _ClassVar[ErrorReason]
    ERROR_REASON_FLOW_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_RUN_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_STEP_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_TASK_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_ARTIFACT_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_UPLOAD_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_ATTEMPT_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_COMPLETION_CONFLICT: _ClassVar[ErrorReason]
    ERROR_REASON_REQUEST_CONFLICT: _ClassVar[ErrorReason]
    ERROR_REASON_LEASE_LOST: _ClassVar[ErrorReason]
    ERROR_REASON_LEASE_CLOSED: _ClassVar[ErrorReason]
    ERROR_REASON_SESSION_REPLACED: _ClassVar[ErrorReason]
    ERROR_REASON_VERSION_UNSUPPORTED: _ClassVar[ErrorReason]
    ERROR_REASON_CAPABILITY_REQUIRED: _ClassVar[ErrorReason]
    ERROR_REASON_BLOB_MISSING: _ClassVar[ErrorReason]
    ERROR_REASON_CONCURRENT_POLL: _ClassVar[ErrorReason]
    ERROR_REASON_WRITE_CONFLICT: _ClassVar[ErrorReason]
    ERROR_REASON_UPLOAD_OFFSET: _ClassVar[ErrorReason]
    ERROR_REASON_LOG_OFFSET: _ClassVar[ErrorReason]
    ERROR_REASON_BLOB_CORRUPT: _ClassVar[ErrorReason]
    ERROR_REASON_OVERLOADED: _ClassVar[ErrorReason]
    ERROR_REASON_STORE_FULL: _ClassVar[ErrorReason]
    ERROR_REASON_GRAPH_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_PARAMETER_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_LOAD_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_INTERNAL: _ClassVar[ErrorReason]
    ERROR_REASON_TAG_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_DECORATOR_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_ORIGIN_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_STORE_UNUSABLE: _ClassVar[ErrorReason]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_MALFORMED: ErrorReason
ERROR_REASON_TOKEN_MALFORMED: ErrorReason
ERROR_REASON_LIMIT_EXCEEDED: ErrorReason
ERROR_REASON_DIGEST_MISMATCH: ErrorReason
ERROR_REASON_TOKEN_UNKNOWN: ErrorReason
ERROR_REASON_TOKEN_EXPIRED: ErrorReason
ERROR_REASON_TOKEN_SCOPE: ErrorReason
ERROR_REASON_FLOW_UNKNOWN: ErrorReason
ERROR_REASON_RUN_UNKNOWN: ErrorReason
ERROR_REASON_STEP_UNKNOWN: ErrorReason
ERROR_REASON_TASK_UNKNOWN: ErrorReason
ERROR_REASON_ARTIFACT_UNKNOWN: ErrorReason
ERROR_REASON_UPLOAD_UNKNOWN: ErrorReason
ERROR_REASON_ATTEMPT_UNKNOWN: ErrorReason
ERROR_REASON_COMPLETION_CONFLICT: ErrorReason
ERROR_REASON_REQUEST_CONFLICT: ErrorReason
ERROR_REASON_LEASE_LOST: ErrorReason
ERROR_REASON_LEASE_CLOSED: ErrorReason
ERROR_REASON_SESSION_REPLACED: ErrorReason
ERROR_REASON_VERSION_UNSUPPORTED: ErrorReason
ERROR_REASON_CAPABILITY_REQUIRED: ErrorReason
ERROR_REASON_BLOB_MISSING: ErrorReason
ERROR_REASON_CONCURRENT_POLL: ErrorReason
ERROR_REASON_WRITE_CONFLICT: ErrorReason
ERROR_REASON_UPLOAD_OFFSET: ErrorReason
ERROR_REASON_LOG_OFFSET: ErrorReason
ERROR_REASON_BLOB_CORRUPT: ErrorReason
ERROR_REASON_OVERLOADED: ErrorReason
ERROR_REASON_STORE_FULL: ErrorReason
ERROR_REASON_GRAPH_INVALID: ErrorReason
ERROR_REASON_PARAMETER_INVALID: ErrorReason
ERROR_REASON_LOAD_UNKNOWN: ErrorReason
ERROR_REASON_INTERNAL: ErrorReason
ERROR_REASON_TAG_INVALID: ErrorReason
ERROR_REASON_DECORATOR_INVALID: ErrorReason
ERROR_REASON_ORIGIN_UNKNOWN: ErrorReason
ERROR_REASON_STORE_UNUSABLE: ErrorReason

class ErrorDetail(_message.Message):
    __slots__ = ("reason", "retry_after_ms", "metadata")
    REASON_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    reason: ErrorReason
    retry_after_ms: int
    metadata: _containers.RepeatedCompositeFieldContainer[_key_value_pb2.KeyValue]
    def __init__(self, reason: _Optional[_Union[ErrorReason, str]] = ..., retry_after_ms: _Optional[int] = ..., metadata: _Optional[_Iterable[_Union[_key_value_pb2.KeyValue, _Mapping]]] = ...) -> None: ...
