from instep_proto.v1 import failure_pb2 as _failure_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OpenerCommand(_message.Message):
    __slots__ = ("open", "call")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    open: OpenValue
    call: CallFunction
    def __init__(self, open: _Optional[_Union[OpenValue, _Mapping]] = ..., call: _Optional[_Union[CallFunction, _Mapping]] = ...) -> None: ...

class OpenValue(_message.Message):
    __slots__ = ("manifest", "object_directory")
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    OBJECT_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    manifest: bytes
    object_directory: str
    def __init__(self, manifest: _Optional[bytes] = ..., object_directory: _Optional[str] = ...) -> None: ...

class CallFunction(_message.Message):
    __slots__ = ("function", "arguments", "object_directory")
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    OBJECT_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    function: str
    arguments: _containers.RepeatedCompositeFieldContainer[CallArgument]
    object_directory: str
    def __init__(self, function: _Optional[str] = ..., arguments: _Optional[_Iterable[_Union[CallArgument, _Mapping]]] = ..., object_directory: _Optional[str] = ...) -> None: ...

class CallArgument(_message.Message):
    __slots__ = ("name", "manifest")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    manifest: bytes
    def __init__(self, name: _Optional[str] = ..., manifest: _Optional[bytes] = ...) -> None: ...

class OpenerEvent(_message.Message):
    __slots__ = ("ready", "result", "failure")
    READY_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    ready: OpenerReady
    result: CallResult
    failure: _failure_pb2.Failure
    def __init__(self, ready: _Optional[_Union[OpenerReady, _Mapping]] = ..., result: _Optional[_Union[CallResult, _Mapping]] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ...) -> None: ...

class OpenerReady(_message.Message):
    __slots__ = ("language", "runtime", "interpreter", "version")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    INTERPRETER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    language: str
    runtime: str
    interpreter: str
    version: str
    def __init__(self, language: _Optional[str] = ..., runtime: _Optional[str] = ..., interpreter: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class CallResult(_message.Message):
    __slots__ = ("manifest", "losses")
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    manifest: bytes
    losses: _containers.RepeatedCompositeFieldContainer[CallLoss]
    def __init__(self, manifest: _Optional[bytes] = ..., losses: _Optional[_Iterable[_Union[CallLoss, _Mapping]]] = ...) -> None: ...

class CallLoss(_message.Message):
    __slots__ = ("name", "rule", "path", "message")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    rule: str
    path: str
    message: str
    def __init__(self, name: _Optional[str] = ..., rule: _Optional[str] = ..., path: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...
