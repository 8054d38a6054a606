from instep_proto.v1 import digest_pb2 as _digest_pb2
from instep_proto.v1 import key_value_pb2 as _key_value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FailureKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILURE_KIND_UNSPECIFIED: _ClassVar[FailureKind]
    FAILURE_KIND_USER_ERROR: _ClassVar[FailureKind]
    FAILURE_KIND_CANCELLED: _ClassVar[FailureKind]
    FAILURE_KIND_ATTEMPT_TIMEOUT: _ClassVar[FailureKind]
    FAILURE_KIND_PROGRESS_TIMEOUT: _ClassVar[FailureKind]
    FAILURE_KIND_WORKER_LOST: _ClassVar[FailureKind]
    FAILURE_KIND_OUT_OF_MEMORY: _ClassVar[FailureKind]
    FAILURE_KIND_INPUT_MISSING: _ClassVar[FailureKind]
    FAILURE_KIND_INPUT_DECODE: _ClassVar[FailureKind]
    FAILURE_KIND_OUTPUT_ENCODE: _ClassVar[FailureKind]
    FAILURE_KIND_CODE_LOAD: _ClassVar[FailureKind]
    FAILURE_KIND_ENVIRONMENT: _ClassVar[FailureKind]
    FAILURE_KIND_INTERNAL: _ClassVar[FailureKind]

class RetryAdvice(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RETRY_ADVICE_UNSPECIFIED: _ClassVar[RetryAdvice]
    RETRY_ADVICE_RETRY: _ClassVar[RetryAdvice]
    RETRY_ADVICE_NEVER: _ClassVar[RetryAdvice]
FAILURE_KIND_UNSPECIFIED: FailureKind
FAILURE_KIND_USER_ERROR: FailureKind
FAILURE_KIND_CANCELLED: FailureKind
FAILURE_KIND_ATTEMPT_TIMEOUT: FailureKind
FAILURE_KIND_PROGRESS_TIMEOUT: FailureKind
FAILURE_KIND_WORKER_LOST: FailureKind
FAILURE_KIND_OUT_OF_MEMORY: FailureKind
FAILURE_KIND_INPUT_MISSING: FailureKind
FAILURE_KIND_INPUT_DECODE: FailureKind
FAILURE_KIND_OUTPUT_ENCODE: FailureKind
FAILURE_KIND_CODE_LOAD: FailureKind
FAILURE_KIND_ENVIRONMENT: FailureKind
FAILURE_KIND_INTERNAL: FailureKind
RETRY_ADVICE_UNSPECIFIED: RetryAdvice
RETRY_ADVICE_RETRY: RetryAdvice
RETRY_ADVICE_NEVER: RetryAdvice

class Failure(_message.Message):
    __slots__ = ("kind", "retry_advice", "retry_after_ms", "language", "classes", "message", "frames", "traceback", "cause", "suppressed", "details", "exit_code", "signal", "native", "truncated", "sealed")
    KIND_FIELD_NUMBER: _ClassVar[int]
    RETRY_ADVICE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    SUPPRESSED_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    NATIVE_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    kind: FailureKind
    retry_advice: RetryAdvice
    retry_after_ms: int
    language: str
    classes: _containers.RepeatedScalarFieldContainer[str]
    message: str
    frames: _containers.RepeatedCompositeFieldContainer[Frame]
    traceback: str
    cause: Failure
    suppressed: _containers.RepeatedCompositeFieldContainer[Failure]
    details: _containers.RepeatedCompositeFieldContainer[_key_value_pb2.KeyValue]
    exit_code: int
    signal: int
    native: _digest_pb2.Digest
    truncated: bool
    sealed: bytes
    def __init__(self, kind: _Optional[_Union[FailureKind, str]] = ..., retry_advice: _Optional[_Union[RetryAdvice, str]] = ..., retry_after_ms: _Optional[int] = ..., language: _Optional[str] = ..., classes: _Optional[_Iterable[str]] = ..., message: _Optional[str] = ..., frames: _Optional[_Iterable[_Union[Frame, _Mapping]]] = ..., traceback: _Optional[str] = ..., cause: _Optional[_Union[Failure, _Mapping]] = ..., suppressed: _Optional[_Iterable[_Union[Failure, _Mapping]]] = ..., details: _Optional[_Iterable[_Union[_key_value_pb2.KeyValue, _Mapping]]] = ..., exit_code: _Optional[int] = ..., signal: _Optional[int] = ..., native: _Optional[_Union[_digest_pb2.Digest, _Mapping]] = ..., truncated: _Optional[bool] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("function", "file", "line", "module", "source_line", "user_code")
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    MODULE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_LINE_FIELD_NUMBER: _ClassVar[int]
    USER_CODE_FIELD_NUMBER: _ClassVar[int]
    function: str
    file: str
    line: int
    module: str
    source_line: str
    user_code: bool
    def __init__(self, function: _Optional[str] = ..., file: _Optional[str] = ..., line: _Optional[int] = ..., module: _Optional[str] = ..., source_line: _Optional[str] = ..., user_code: _Optional[bool] = ...) -> None: ...
