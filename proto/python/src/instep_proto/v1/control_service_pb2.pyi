from instep_proto.v1 import digest_pb2 as _digest_pb2
from instep_proto.v1 import graph_pb2 as _graph_pb2
from instep_proto.v1 import log_service_pb2 as _log_service_pb2
from instep_proto.v1 import run_pb2 as _run_pb2
from instep_proto.v1 import task_pb2 as _task_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LoadFlowRequest(_message.Message):
    __slots__ = ("file", "language", "configs")
    FILE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    CONFIGS_FIELD_NUMBER: _ClassVar[int]
    file: str
    language: str
    configs: _containers.RepeatedCompositeFieldContainer[ConfigValue]
    def __init__(self, file: _Optional[str] = ..., language: _Optional[str] = ..., configs: _Optional[_Iterable[_Union[ConfigValue, _Mapping]]] = ...) -> None: ...

class ConfigValue(_message.Message):
    __slots__ = ("name", "text", "file")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    file: str
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., file: _Optional[str] = ...) -> None: ...

class LoadFlowResponse(_message.Message):
    __slots__ = ("load_id", "graph", "problems")
    LOAD_ID_FIELD_NUMBER: _ClassVar[int]
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    load_id: str
    graph: _graph_pb2.Graph
    problems: _containers.RepeatedCompositeFieldContainer[_graph_pb2.GraphProblem]
    def __init__(self, load_id: _Optional[str] = ..., graph: _Optional[_Union[_graph_pb2.Graph, _Mapping]] = ..., problems: _Optional[_Iterable[_Union[_graph_pb2.GraphProblem, _Mapping]]] = ...) -> None: ...

class ParameterValue(_message.Message):
    __slots__ = ("name", "manifest")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    manifest: bytes
    def __init__(self, name: _Optional[str] = ..., manifest: _Optional[bytes] = ...) -> None: ...

class SubmitRunRequest(_message.Message):
    __slots__ = ("client_request_id", "load_id", "parameters", "max_workers", "max_num_splits", "max_log_bytes", "tags", "user", "working_directory", "namespace", "held", "on_loss", "decorators", "reuse", "branch", "production")
    CLIENT_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LOAD_ID_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    MAX_WORKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_NUM_SPLITS_FIELD_NUMBER: _ClassVar[int]
    MAX_LOG_BYTES_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    WORKING_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    ON_LOSS_FIELD_NUMBER: _ClassVar[int]
    DECORATORS_FIELD_NUMBER: _ClassVar[int]
    REUSE_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    PRODUCTION_FIELD_NUMBER: _ClassVar[int]
    client_request_id: str
    load_id: str
    parameters: _containers.RepeatedCompositeFieldContainer[ParameterValue]
    max_workers: int
    max_num_splits: int
    max_log_bytes: int
    tags: _containers.RepeatedScalarFieldContainer[str]
    user: str
    working_directory: str
    namespace: str
    held: bool
    on_loss: _graph_pb2.LossPolicy
    decorators: _containers.RepeatedCompositeFieldContainer[_graph_pb2.Decorator]
    reuse: Reuse
    branch: str
    production: bool
    def __init__(self, client_request_id: _Optional[str] = ..., load_id: _Optional[str] = ..., parameters: _Optional[_Iterable[_Union[ParameterValue, _Mapping]]] = ..., max_workers: _Optional[int] = ..., max_num_splits: _Optional[int] = ..., max_log_bytes: _Optional[int] = ..., tags: _Optional[_Iterable[str]] = ..., user: _Optional[str] = ..., working_directory: _Optional[str] = ..., namespace: _Optional[str] = ..., held: _Optional[bool] = ..., on_loss: _Optional[_Union[_graph_pb2.LossPolicy, str]] = ..., decorators: _Optional[_Iterable[_Union[_graph_pb2.Decorator, _Mapping]]] = ..., reuse: _Optional[_Union[Reuse, _Mapping]] = ..., branch: _Optional[str] = ..., production: _Optional[bool] = ...) -> None: ...

class Reuse(_message.Message):
    __slots__ = ("origin_run_id", "step", "unchanged_only")
    ORIGIN_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_ONLY_FIELD_NUMBER: _ClassVar[int]
    origin_run_id: str
    step: str
    unchanged_only: bool
    def __init__(self, origin_run_id: _Optional[str] = ..., step: _Optional[str] = ..., unchanged_only: _Optional[bool] = ...) -> None: ...

class SubmitRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: _run_pb2.Run
    def __init__(self, run: _Optional[_Union[_run_pb2.Run, _Mapping]] = ...) -> None: ...

class StartRunRequest(_message.Message):
    __slots__ = ("flow", "run_id")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    flow: str
    run_id: str
    def __init__(self, flow: _Optional[str] = ..., run_id: _Optional[str] = ...) -> None: ...

class StartRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: _run_pb2.Run
    def __init__(self, run: _Optional[_Union[_run_pb2.Run, _Mapping]] = ...) -> None: ...

class CancelRunRequest(_message.Message):
    __slots__ = ("flow", "run_id", "reason")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    flow: str
    run_id: str
    reason: str
    def __init__(self, flow: _Optional[str] = ..., run_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CancelRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: _run_pb2.Run
    def __init__(self, run: _Optional[_Union[_run_pb2.Run, _Mapping]] = ...) -> None: ...

class WatchRunRequest(_message.Message):
    __slots__ = ("flow", "run_id", "cursor", "logs", "log_cursor")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    LOG_CURSOR_FIELD_NUMBER: _ClassVar[int]
    flow: str
    run_id: str
    cursor: int
    logs: bool
    log_cursor: int
    def __init__(self, flow: _Optional[str] = ..., run_id: _Optional[str] = ..., cursor: _Optional[int] = ..., logs: _Optional[bool] = ..., log_cursor: _Optional[int] = ...) -> None: ...

class WatchRunResponse(_message.Message):
    __slots__ = ("events", "logs", "log_cursor")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    LOG_CURSOR_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_run_pb2.Event]
    logs: _containers.RepeatedCompositeFieldContainer[LogChunk]
    log_cursor: int
    def __init__(self, events: _Optional[_Iterable[_Union[_run_pb2.Event, _Mapping]]] = ..., logs: _Optional[_Iterable[_Union[LogChunk, _Mapping]]] = ..., log_cursor: _Optional[int] = ...) -> None: ...

class LogChunk(_message.Message):
    __slots__ = ("step", "task_id", "attempt", "stream", "offset", "data")
    STEP_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    step: str
    task_id: str
    attempt: int
    stream: _log_service_pb2.LogStream
    offset: int
    data: bytes
    def __init__(self, step: _Optional[str] = ..., task_id: _Optional[str] = ..., attempt: _Optional[int] = ..., stream: _Optional[_Union[_log_service_pb2.LogStream, str]] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class ListFlowsRequest(_message.Message):
    __slots__ = ("tags",)
    TAGS_FIELD_NUMBER: _ClassVar[int]
    tags: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tags: _Optional[_Iterable[str]] = ...) -> None: ...

class ListFlowsResponse(_message.Message):
    __slots__ = ("flows",)
    FLOWS_FIELD_NUMBER: _ClassVar[int]
    flows: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, flows: _Optional[_Iterable[str]] = ...) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__ = ("flow", "limit", "states", "tags", "before_unix_ms", "since_unix_ms", "step", "after")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    SINCE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    flow: str
    limit: int
    states: _containers.RepeatedScalarFieldContainer[_run_pb2.RunState]
    tags: _containers.RepeatedScalarFieldContainer[str]
    before_unix_ms: int
    since_unix_ms: int
    step: str
    after: str
    def __init__(self, flow: _Optional[str] = ..., limit: _Optional[int] = ..., states: _Optional[_Iterable[_Union[_run_pb2.RunState, str]]] = ..., tags: _Optional[_Iterable[str]] = ..., before_unix_ms: _Optional[int] = ..., since_unix_ms: _Optional[int] = ..., step: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("runs", "next")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[_run_pb2.Run]
    next: str
    def __init__(self, runs: _Optional[_Iterable[_Union[_run_pb2.Run, _Mapping]]] = ..., next: _Optional[str] = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__ = ("flow", "run_id")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    flow: str
    run_id: str
    def __init__(self, flow: _Optional[str] = ..., run_id: _Optional[str] = ...) -> None: ...

class GetRunResponse(_message.Message):
    __slots__ = ("run", "graph")
    RUN_FIELD_NUMBER: _ClassVar[int]
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    run: _run_pb2.Run
    graph: _graph_pb2.Graph
    def __init__(self, run: _Optional[_Union[_run_pb2.Run, _Mapping]] = ..., graph: _Optional[_Union[_graph_pb2.Graph, _Mapping]] = ...) -> None: ...

class ListStepsRequest(_message.Message):
    __slots__ = ("flow", "run_id")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    flow: str
    run_id: str
    def __init__(self, flow: _Optional[str] = ..., run_id: _Optional[str] = ...) -> None: ...

class ListStepsResponse(_message.Message):
    __slots__ = ("steps",)
    STEPS_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[_run_pb2.Step]
    def __init__(self, steps: _Optional[_Iterable[_Union[_run_pb2.Step, _Mapping]]] = ...) -> None: ...

class ListTasksRequest(_message.Message):
    __slots__ = ("flow", "run_id", "step", "task_id", "limit", "after_task_id", "states")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    AFTER_TASK_ID_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    flow: str
    run_id: str
    step: str
    task_id: str
    limit: int
    after_task_id: str
    states: _containers.RepeatedScalarFieldContainer[_run_pb2.TaskState]
    def __init__(self, flow: _Optional[str] = ..., run_id: _Optional[str] = ..., step: _Optional[str] = ..., task_id: _Optional[str] = ..., limit: _Optional[int] = ..., after_task_id: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_run_pb2.TaskState, str]]] = ...) -> None: ...

class ListTasksResponse(_message.Message):
    __slots__ = ("tasks", "next_after_task_id")
    TASKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_AFTER_TASK_ID_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[_run_pb2.TaskRecord]
    next_after_task_id: str
    def __init__(self, tasks: _Optional[_Iterable[_Union[_run_pb2.TaskRecord, _Mapping]]] = ..., next_after_task_id: _Optional[str] = ...) -> None: ...

class ListArtifactsRequest(_message.Message):
    __slots__ = ("flow", "run_id", "task_id", "attempt")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    flow: str
    run_id: str
    task_id: str
    attempt: int
    def __init__(self, flow: _Optional[str] = ..., run_id: _Optional[str] = ..., task_id: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...

class ListArtifactsResponse(_message.Message):
    __slots__ = ("artifacts",)
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    artifacts: _containers.RepeatedCompositeFieldContainer[_run_pb2.Artifact]
    def __init__(self, artifacts: _Optional[_Iterable[_Union[_run_pb2.Artifact, _Mapping]]] = ...) -> None: ...

class GetArtifactRequest(_message.Message):
    __slots__ = ("flow", "run_id", "task_id", "name", "attempt")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    flow: str
    run_id: str
    task_id: str
    name: str
    attempt: int
    def __init__(self, flow: _Optional[str] = ..., run_id: _Optional[str] = ..., task_id: _Optional[str] = ..., name: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...

class ChangeTagsRequest(_message.Message):
    __slots__ = ("flow", "run_id", "remove", "add")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    ADD_FIELD_NUMBER: _ClassVar[int]
    flow: str
    run_id: str
    remove: _containers.RepeatedScalarFieldContainer[str]
    add: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, flow: _Optional[str] = ..., run_id: _Optional[str] = ..., remove: _Optional[_Iterable[str]] = ..., add: _Optional[_Iterable[str]] = ...) -> None: ...

class ChangeTagsResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: _run_pb2.Run
    def __init__(self, run: _Optional[_Union[_run_pb2.Run, _Mapping]] = ...) -> None: ...

class GetTaskRequest(_message.Message):
    __slots__ = ("flow", "run_id", "task_id", "attempt")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    flow: str
    run_id: str
    task_id: str
    attempt: int
    def __init__(self, flow: _Optional[str] = ..., run_id: _Optional[str] = ..., task_id: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...

class GetTaskResponse(_message.Message):
    __slots__ = ("task", "object_root", "working_directory")
    TASK_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ROOT_FIELD_NUMBER: _ClassVar[int]
    WORKING_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    task: _task_pb2.Task
    object_root: str
    working_directory: str
    def __init__(self, task: _Optional[_Union[_task_pb2.Task, _Mapping]] = ..., object_root: _Optional[str] = ..., working_directory: _Optional[str] = ...) -> None: ...

class GetArtifactResponse(_message.Message):
    __slots__ = ("artifact", "manifest", "object_root", "blobs")
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ROOT_FIELD_NUMBER: _ClassVar[int]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    artifact: _run_pb2.Artifact
    manifest: bytes
    object_root: str
    blobs: _containers.RepeatedCompositeFieldContainer[_digest_pb2.Digest]
    def __init__(self, artifact: _Optional[_Union[_run_pb2.Artifact, _Mapping]] = ..., manifest: _Optional[bytes] = ..., object_root: _Optional[str] = ..., blobs: _Optional[_Iterable[_Union[_digest_pb2.Digest, _Mapping]]] = ...) -> None: ...
