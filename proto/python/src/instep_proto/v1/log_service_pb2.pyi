from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LogStream(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOG_STREAM_UNSPECIFIED: _ClassVar[LogStream]
    LOG_STREAM_STDOUT: _ClassVar[LogStream]
    LOG_STREAM_STDERR: _ClassVar[LogStream]
LOG_STREAM_UNSPECIFIED: LogStream
LOG_STREAM_STDOUT: LogStream
LOG_STREAM_STDERR: LogStream

class AppendLogsRequest(_message.Message):
    __slots__ = ("lease_token", "stream", "offset", "data", "dropped_bytes", "end")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    DROPPED_BYTES_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    lease_token: bytes
    stream: LogStream
    offset: int
    data: bytes
    dropped_bytes: int
    end: bool
    def __init__(self, lease_token: _Optional[bytes] = ..., stream: _Optional[_Union[LogStream, str]] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ..., dropped_bytes: _Optional[int] = ..., end: _Optional[bool] = ...) -> None: ...

class AppendLogsResponse(_message.Message):
    __slots__ = ("next_offset", "min_interval_ms", "closed")
    NEXT_OFFSET_FIELD_NUMBER: _ClassVar[int]
    MIN_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    next_offset: int
    min_interval_ms: int
    closed: bool
    def __init__(self, next_offset: _Optional[int] = ..., min_interval_ms: _Optional[int] = ..., closed: _Optional[bool] = ...) -> None: ...

class TailLogsRequest(_message.Message):
    __slots__ = ("flow", "run_id", "task_id", "attempt", "stream", "offset", "follow")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    flow: str
    run_id: str
    task_id: str
    attempt: int
    stream: LogStream
    offset: int
    follow: bool
    def __init__(self, flow: _Optional[str] = ..., run_id: _Optional[str] = ..., task_id: _Optional[str] = ..., attempt: _Optional[int] = ..., stream: _Optional[_Union[LogStream, str]] = ..., offset: _Optional[int] = ..., follow: _Optional[bool] = ...) -> None: ...

class TailLogsResponse(_message.Message):
    __slots__ = ("offset", "data", "at_unix_ms", "end", "dropped_bytes")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    AT_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    DROPPED_BYTES_FIELD_NUMBER: _ClassVar[int]
    offset: int
    data: bytes
    at_unix_ms: int
    end: bool
    dropped_bytes: int
    def __init__(self, offset: _Optional[int] = ..., data: _Optional[bytes] = ..., at_unix_ms: _Optional[int] = ..., end: _Optional[bool] = ..., dropped_bytes: _Optional[int] = ...) -> None: ...
