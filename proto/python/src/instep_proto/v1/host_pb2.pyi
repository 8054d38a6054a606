from instep_proto.v1 import failure_pb2 as _failure_pb2
from instep_proto.v1 import graph_pb2 as _graph_pb2
from instep_proto.v1 import key_value_pb2 as _key_value_pb2
from instep_proto.v1 import task_pb2 as _task_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HostCommand(_message.Message):
    __slots__ = ("fork", "signal", "evaluate")
    FORK_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    EVALUATE_FIELD_NUMBER: _ClassVar[int]
    fork: ForkWorker
    signal: SignalWorker
    evaluate: EvaluateDefaults
    def __init__(self, fork: _Optional[_Union[ForkWorker, _Mapping]] = ..., signal: _Optional[_Union[SignalWorker, _Mapping]] = ..., evaluate: _Optional[_Union[EvaluateDefaults, _Mapping]] = ...) -> None: ...

class EvaluateDefaults(_message.Message):
    __slots__ = ("id", "parameters", "user", "working_directory", "project")
    ID_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    WORKING_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    id: str
    parameters: _containers.RepeatedScalarFieldContainer[str]
    user: str
    working_directory: str
    project: _task_pb2.Project
    def __init__(self, id: _Optional[str] = ..., parameters: _Optional[_Iterable[str]] = ..., user: _Optional[str] = ..., working_directory: _Optional[str] = ..., project: _Optional[_Union[_task_pb2.Project, _Mapping]] = ...) -> None: ...

class DefaultsEvaluated(_message.Message):
    __slots__ = ("id", "values", "failure")
    ID_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    id: str
    values: _containers.RepeatedCompositeFieldContainer[DefaultValue]
    failure: _failure_pb2.Failure
    def __init__(self, id: _Optional[str] = ..., values: _Optional[_Iterable[_Union[DefaultValue, _Mapping]]] = ..., failure: _Optional[_Union[_failure_pb2.Failure, _Mapping]] = ...) -> None: ...

class DefaultValue(_message.Message):
    __slots__ = ("parameter", "manifest")
    PARAMETER_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    parameter: str
    manifest: bytes
    def __init__(self, parameter: _Optional[str] = ..., manifest: _Optional[bytes] = ...) -> None: ...

class ForkWorker(_message.Message):
    __slots__ = ("worker_id", "bootstrap", "stdout_file", "stderr_file", "working_directory")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    BOOTSTRAP_FIELD_NUMBER: _ClassVar[int]
    STDOUT_FILE_FIELD_NUMBER: _ClassVar[int]
    STDERR_FILE_FIELD_NUMBER: _ClassVar[int]
    WORKING_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    bootstrap: WorkerBootstrap
    stdout_file: str
    stderr_file: str
    working_directory: str
    def __init__(self, worker_id: _Optional[str] = ..., bootstrap: _Optional[_Union[WorkerBootstrap, _Mapping]] = ..., stdout_file: _Optional[str] = ..., stderr_file: _Optional[str] = ..., working_directory: _Optional[str] = ...) -> None: ...

class WorkerBootstrap(_message.Message):
    __slots__ = ("endpoint", "token", "worker_id", "store_probe_file", "env", "file", "reuse", "call_ms")
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    STORE_PROBE_FILE_FIELD_NUMBER: _ClassVar[int]
    ENV_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    REUSE_FIELD_NUMBER: _ClassVar[int]
    CALL_MS_FIELD_NUMBER: _ClassVar[int]
    endpoint: str
    token: bytes
    worker_id: str
    store_probe_file: str
    env: _containers.RepeatedCompositeFieldContainer[_key_value_pb2.KeyValue]
    file: str
    reuse: bool
    call_ms: int
    def __init__(self, endpoint: _Optional[str] = ..., token: _Optional[bytes] = ..., worker_id: _Optional[str] = ..., store_probe_file: _Optional[str] = ..., env: _Optional[_Iterable[_Union[_key_value_pb2.KeyValue, _Mapping]]] = ..., file: _Optional[str] = ..., reuse: _Optional[bool] = ..., call_ms: _Optional[int] = ...) -> None: ...

class SignalWorker(_message.Message):
    __slots__ = ("worker_id", "signal")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    signal: int
    def __init__(self, worker_id: _Optional[str] = ..., signal: _Optional[int] = ...) -> None: ...

class HostEvent(_message.Message):
    __slots__ = ("loaded", "forked", "exited", "evaluated")
    LOADED_FIELD_NUMBER: _ClassVar[int]
    FORKED_FIELD_NUMBER: _ClassVar[int]
    EXITED_FIELD_NUMBER: _ClassVar[int]
    EVALUATED_FIELD_NUMBER: _ClassVar[int]
    loaded: HostLoaded
    forked: WorkerForked
    exited: WorkerExited
    evaluated: DefaultsEvaluated
    def __init__(self, loaded: _Optional[_Union[HostLoaded, _Mapping]] = ..., forked: _Optional[_Union[WorkerForked, _Mapping]] = ..., exited: _Optional[_Union[WorkerExited, _Mapping]] = ..., evaluated: _Optional[_Union[DefaultsEvaluated, _Mapping]] = ...) -> None: ...

class HostLoaded(_message.Message):
    __slots__ = ("language", "file", "pid", "fragment", "functions", "problem", "runtime", "can_fork", "function_codes")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    FRAGMENT_FIELD_NUMBER: _ClassVar[int]
    FUNCTIONS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    CAN_FORK_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_CODES_FIELD_NUMBER: _ClassVar[int]
    language: str
    file: str
    pid: int
    fragment: _graph_pb2.FlowFragment
    functions: _containers.RepeatedScalarFieldContainer[str]
    problem: _graph_pb2.GraphProblem
    runtime: str
    can_fork: bool
    function_codes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, language: _Optional[str] = ..., file: _Optional[str] = ..., pid: _Optional[int] = ..., fragment: _Optional[_Union[_graph_pb2.FlowFragment, _Mapping]] = ..., functions: _Optional[_Iterable[str]] = ..., problem: _Optional[_Union[_graph_pb2.GraphProblem, _Mapping]] = ..., runtime: _Optional[str] = ..., can_fork: _Optional[bool] = ..., function_codes: _Optional[_Iterable[str]] = ...) -> None: ...

class WorkerForked(_message.Message):
    __slots__ = ("worker_id", "pid", "error")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    pid: int
    error: str
    def __init__(self, worker_id: _Optional[str] = ..., pid: _Optional[int] = ..., error: _Optional[str] = ...) -> None: ...

class WorkerExited(_message.Message):
    __slots__ = ("worker_id", "exit_code", "signal", "max_rss_bytes")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    MAX_RSS_BYTES_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    exit_code: int
    signal: int
    max_rss_bytes: int
    def __init__(self, worker_id: _Optional[str] = ..., exit_code: _Optional[int] = ..., signal: _Optional[int] = ..., max_rss_bytes: _Optional[int] = ...) -> None: ...
