from instep_proto.v1 import control_service_pb2 as _control_service_pb2
from instep_proto.v1 import graph_pb2 as _graph_pb2
from instep_proto.v1 import run_pb2 as _run_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CommandRequest(_message.Message):
    __slots__ = ("file", "language", "program", "command", "program_options", "command_options")
    FILE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    COMMAND_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    file: str
    language: str
    program: str
    command: str
    program_options: str
    command_options: str
    def __init__(self, file: _Optional[str] = ..., language: _Optional[str] = ..., program: _Optional[str] = ..., command: _Optional[str] = ..., program_options: _Optional[str] = ..., command_options: _Optional[str] = ...) -> None: ...

class CommandEvent(_message.Message):
    __slots__ = ("started", "happened", "notice", "ended", "error")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    HAPPENED_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    started: CommandStarted
    happened: _control_service_pb2.WatchRunResponse
    notice: str
    ended: _run_pb2.Run
    error: CommandError
    def __init__(self, started: _Optional[_Union[CommandStarted, _Mapping]] = ..., happened: _Optional[_Union[_control_service_pb2.WatchRunResponse, _Mapping]] = ..., notice: _Optional[str] = ..., ended: _Optional[_Union[_run_pb2.Run, _Mapping]] = ..., error: _Optional[_Union[CommandError, _Mapping]] = ...) -> None: ...

class CommandStarted(_message.Message):
    __slots__ = ("run", "graph", "home")
    RUN_FIELD_NUMBER: _ClassVar[int]
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    HOME_FIELD_NUMBER: _ClassVar[int]
    run: _run_pb2.Run
    graph: _graph_pb2.Graph
    home: str
    def __init__(self, run: _Optional[_Union[_run_pb2.Run, _Mapping]] = ..., graph: _Optional[_Union[_graph_pb2.Graph, _Mapping]] = ..., home: _Optional[str] = ...) -> None: ...

class CommandError(_message.Message):
    __slots__ = ("type", "message")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    type: str
    message: str
    def __init__(self, type: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...
