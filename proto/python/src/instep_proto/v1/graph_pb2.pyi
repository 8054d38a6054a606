from instep_proto.v1 import source_pb2 as _source_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Isolation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ISOLATION_UNSPECIFIED: _ClassVar[Isolation]
    ISOLATION_FORK: _ClassVar[Isolation]
    ISOLATION_SPAWN: _ClassVar[Isolation]
    ISOLATION_REUSE: _ClassVar[Isolation]

class LossPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOSS_POLICY_UNSPECIFIED: _ClassVar[LossPolicy]
    LOSS_POLICY_WARN: _ClassVar[LossPolicy]
    LOSS_POLICY_ERROR: _ClassVar[LossPolicy]
    LOSS_POLICY_IGNORE: _ClassVar[LossPolicy]

class TransitionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSITION_KIND_UNSPECIFIED: _ClassVar[TransitionKind]
    TRANSITION_KIND_END: _ClassVar[TransitionKind]
    TRANSITION_KIND_LINEAR: _ClassVar[TransitionKind]
    TRANSITION_KIND_SPLIT: _ClassVar[TransitionKind]
    TRANSITION_KIND_FOREACH: _ClassVar[TransitionKind]
    TRANSITION_KIND_SWITCH: _ClassVar[TransitionKind]

class ParameterType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PARAMETER_TYPE_UNSPECIFIED: _ClassVar[ParameterType]
    PARAMETER_TYPE_STRING: _ClassVar[ParameterType]
    PARAMETER_TYPE_INT: _ClassVar[ParameterType]
    PARAMETER_TYPE_FLOAT: _ClassVar[ParameterType]
    PARAMETER_TYPE_BOOL: _ClassVar[ParameterType]
    PARAMETER_TYPE_JSON: _ClassVar[ParameterType]
ISOLATION_UNSPECIFIED: Isolation
ISOLATION_FORK: Isolation
ISOLATION_SPAWN: Isolation
ISOLATION_REUSE: Isolation
LOSS_POLICY_UNSPECIFIED: LossPolicy
LOSS_POLICY_WARN: LossPolicy
LOSS_POLICY_ERROR: LossPolicy
LOSS_POLICY_IGNORE: LossPolicy
TRANSITION_KIND_UNSPECIFIED: TransitionKind
TRANSITION_KIND_END: TransitionKind
TRANSITION_KIND_LINEAR: TransitionKind
TRANSITION_KIND_SPLIT: TransitionKind
TRANSITION_KIND_FOREACH: TransitionKind
TRANSITION_KIND_SWITCH: TransitionKind
PARAMETER_TYPE_UNSPECIFIED: ParameterType
PARAMETER_TYPE_STRING: ParameterType
PARAMETER_TYPE_INT: ParameterType
PARAMETER_TYPE_FLOAT: ParameterType
PARAMETER_TYPE_BOOL: ParameterType
PARAMETER_TYPE_JSON: ParameterType

class FlowFragment(_message.Message):
    __slots__ = ("flow", "language", "location", "doc", "includes", "steps", "parameters", "constants", "isolation", "problems", "on_loss", "decorators", "configs")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    INCLUDES_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    CONSTANTS_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    ON_LOSS_FIELD_NUMBER: _ClassVar[int]
    DECORATORS_FIELD_NUMBER: _ClassVar[int]
    CONFIGS_FIELD_NUMBER: _ClassVar[int]
    flow: str
    language: str
    location: _source_pb2.SourceLocation
    doc: str
    includes: _containers.RepeatedCompositeFieldContainer[Include]
    steps: _containers.RepeatedCompositeFieldContainer[StepSpec]
    parameters: _containers.RepeatedCompositeFieldContainer[ParameterSpec]
    constants: _containers.RepeatedCompositeFieldContainer[ConstantSpec]
    isolation: Isolation
    problems: _containers.RepeatedCompositeFieldContainer[GraphProblem]
    on_loss: LossPolicy
    decorators: _containers.RepeatedCompositeFieldContainer[Decorator]
    configs: _containers.RepeatedCompositeFieldContainer[ConfigSpec]
    def __init__(self, flow: _Optional[str] = ..., language: _Optional[str] = ..., location: _Optional[_Union[_source_pb2.SourceLocation, _Mapping]] = ..., doc: _Optional[str] = ..., includes: _Optional[_Iterable[_Union[Include, _Mapping]]] = ..., steps: _Optional[_Iterable[_Union[StepSpec, _Mapping]]] = ..., parameters: _Optional[_Iterable[_Union[ParameterSpec, _Mapping]]] = ..., constants: _Optional[_Iterable[_Union[ConstantSpec, _Mapping]]] = ..., isolation: _Optional[_Union[Isolation, str]] = ..., problems: _Optional[_Iterable[_Union[GraphProblem, _Mapping]]] = ..., on_loss: _Optional[_Union[LossPolicy, str]] = ..., decorators: _Optional[_Iterable[_Union[Decorator, _Mapping]]] = ..., configs: _Optional[_Iterable[_Union[ConfigSpec, _Mapping]]] = ...) -> None: ...

class Decorator(_message.Message):
    __slots__ = ("name", "arguments", "location")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    arguments: str
    location: _source_pb2.SourceLocation
    def __init__(self, name: _Optional[str] = ..., arguments: _Optional[str] = ..., location: _Optional[_Union[_source_pb2.SourceLocation, _Mapping]] = ...) -> None: ...

class ConfigSpec(_message.Message):
    __slots__ = ("name", "variable", "manifest", "text", "help", "location")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VARIABLE_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    HELP_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    variable: str
    manifest: bytes
    text: str
    help: str
    location: _source_pb2.SourceLocation
    def __init__(self, name: _Optional[str] = ..., variable: _Optional[str] = ..., manifest: _Optional[bytes] = ..., text: _Optional[str] = ..., help: _Optional[str] = ..., location: _Optional[_Union[_source_pb2.SourceLocation, _Mapping]] = ...) -> None: ...

class Include(_message.Message):
    __slots__ = ("file", "location")
    FILE_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    file: str
    location: _source_pb2.SourceLocation
    def __init__(self, file: _Optional[str] = ..., location: _Optional[_Union[_source_pb2.SourceLocation, _Mapping]] = ...) -> None: ...

class EntryPoint(_message.Message):
    __slots__ = ("language", "file", "function")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    language: str
    file: str
    function: str
    def __init__(self, language: _Optional[str] = ..., file: _Optional[str] = ..., function: _Optional[str] = ...) -> None: ...

class Transition(_message.Message):
    __slots__ = ("kind", "targets", "foreach", "condition", "cases", "location")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    FOREACH_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    CASES_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    kind: TransitionKind
    targets: _containers.RepeatedScalarFieldContainer[str]
    foreach: str
    condition: str
    cases: _containers.RepeatedCompositeFieldContainer[SwitchCase]
    location: _source_pb2.SourceLocation
    def __init__(self, kind: _Optional[_Union[TransitionKind, str]] = ..., targets: _Optional[_Iterable[str]] = ..., foreach: _Optional[str] = ..., condition: _Optional[str] = ..., cases: _Optional[_Iterable[_Union[SwitchCase, _Mapping]]] = ..., location: _Optional[_Union[_source_pb2.SourceLocation, _Mapping]] = ...) -> None: ...

class SwitchCase(_message.Message):
    __slots__ = ("key", "target")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    target: str
    def __init__(self, key: _Optional[bytes] = ..., target: _Optional[str] = ...) -> None: ...

class StepSpec(_message.Message):
    __slots__ = ("name", "location", "doc", "entry_point", "transition", "takes_inputs", "isolation", "is_start", "is_end", "on_loss", "decorators", "code")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    ENTRY_POINT_FIELD_NUMBER: _ClassVar[int]
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    TAKES_INPUTS_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_FIELD_NUMBER: _ClassVar[int]
    IS_START_FIELD_NUMBER: _ClassVar[int]
    IS_END_FIELD_NUMBER: _ClassVar[int]
    ON_LOSS_FIELD_NUMBER: _ClassVar[int]
    DECORATORS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    name: str
    location: _source_pb2.SourceLocation
    doc: str
    entry_point: EntryPoint
    transition: Transition
    takes_inputs: bool
    isolation: Isolation
    is_start: bool
    is_end: bool
    on_loss: LossPolicy
    decorators: _containers.RepeatedCompositeFieldContainer[Decorator]
    code: str
    def __init__(self, name: _Optional[str] = ..., location: _Optional[_Union[_source_pb2.SourceLocation, _Mapping]] = ..., doc: _Optional[str] = ..., entry_point: _Optional[_Union[EntryPoint, _Mapping]] = ..., transition: _Optional[_Union[Transition, _Mapping]] = ..., takes_inputs: _Optional[bool] = ..., isolation: _Optional[_Union[Isolation, str]] = ..., is_start: _Optional[bool] = ..., is_end: _Optional[bool] = ..., on_loss: _Optional[_Union[LossPolicy, str]] = ..., decorators: _Optional[_Iterable[_Union[Decorator, _Mapping]]] = ..., code: _Optional[str] = ...) -> None: ...

class ParameterSpec(_message.Message):
    __slots__ = ("name", "variable", "type", "default", "required", "help", "separator", "location", "hide_default", "has_function_default", "include_file")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VARIABLE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    HELP_FIELD_NUMBER: _ClassVar[int]
    SEPARATOR_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    HIDE_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    HAS_FUNCTION_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FILE_FIELD_NUMBER: _ClassVar[int]
    name: str
    variable: str
    type: ParameterType
    default: bytes
    required: bool
    help: str
    separator: str
    location: _source_pb2.SourceLocation
    hide_default: bool
    has_function_default: bool
    include_file: IncludeFileSpec
    def __init__(self, name: _Optional[str] = ..., variable: _Optional[str] = ..., type: _Optional[_Union[ParameterType, str]] = ..., default: _Optional[bytes] = ..., required: _Optional[bool] = ..., help: _Optional[str] = ..., separator: _Optional[str] = ..., location: _Optional[_Union[_source_pb2.SourceLocation, _Mapping]] = ..., hide_default: _Optional[bool] = ..., has_function_default: _Optional[bool] = ..., include_file: _Optional[_Union[IncludeFileSpec, _Mapping]] = ...) -> None: ...

class IncludeFileSpec(_message.Message):
    __slots__ = ("is_text", "encoding", "default_file")
    IS_TEXT_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FILE_FIELD_NUMBER: _ClassVar[int]
    is_text: bool
    encoding: str
    default_file: str
    def __init__(self, is_text: _Optional[bool] = ..., encoding: _Optional[str] = ..., default_file: _Optional[str] = ...) -> None: ...

class ConstantSpec(_message.Message):
    __slots__ = ("name", "manifest", "location", "losses")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    name: str
    manifest: bytes
    location: _source_pb2.SourceLocation
    losses: _containers.RepeatedCompositeFieldContainer[ValueLoss]
    def __init__(self, name: _Optional[str] = ..., manifest: _Optional[bytes] = ..., location: _Optional[_Union[_source_pb2.SourceLocation, _Mapping]] = ..., losses: _Optional[_Iterable[_Union[ValueLoss, _Mapping]]] = ...) -> None: ...

class ValueLoss(_message.Message):
    __slots__ = ("rule", "path", "message")
    RULE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    rule: str
    path: str
    message: str
    def __init__(self, rule: _Optional[str] = ..., path: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Graph(_message.Message):
    __slots__ = ("flow", "doc", "steps", "parameters", "constants", "start", "end", "files", "configs", "decorators", "on_loss")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    CONSTANTS_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    CONFIGS_FIELD_NUMBER: _ClassVar[int]
    DECORATORS_FIELD_NUMBER: _ClassVar[int]
    ON_LOSS_FIELD_NUMBER: _ClassVar[int]
    flow: str
    doc: str
    steps: _containers.RepeatedCompositeFieldContainer[StepSpec]
    parameters: _containers.RepeatedCompositeFieldContainer[ParameterSpec]
    constants: _containers.RepeatedCompositeFieldContainer[ConstantSpec]
    start: str
    end: str
    files: _containers.RepeatedCompositeFieldContainer[LoadedFile]
    configs: _containers.RepeatedCompositeFieldContainer[ConfigSpec]
    decorators: _containers.RepeatedCompositeFieldContainer[Decorator]
    on_loss: LossPolicy
    def __init__(self, flow: _Optional[str] = ..., doc: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[StepSpec, _Mapping]]] = ..., parameters: _Optional[_Iterable[_Union[ParameterSpec, _Mapping]]] = ..., constants: _Optional[_Iterable[_Union[ConstantSpec, _Mapping]]] = ..., start: _Optional[str] = ..., end: _Optional[str] = ..., files: _Optional[_Iterable[_Union[LoadedFile, _Mapping]]] = ..., configs: _Optional[_Iterable[_Union[ConfigSpec, _Mapping]]] = ..., decorators: _Optional[_Iterable[_Union[Decorator, _Mapping]]] = ..., on_loss: _Optional[_Union[LossPolicy, str]] = ...) -> None: ...

class LoadedFile(_message.Message):
    __slots__ = ("language", "file", "digest")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    language: str
    file: str
    digest: str
    def __init__(self, language: _Optional[str] = ..., file: _Optional[str] = ..., digest: _Optional[str] = ...) -> None: ...

class GraphProblem(_message.Message):
    __slots__ = ("code", "message", "hint", "step", "locations")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    LOCATIONS_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    hint: str
    step: str
    locations: _containers.RepeatedCompositeFieldContainer[_source_pb2.SourceLocation]
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ..., step: _Optional[str] = ..., locations: _Optional[_Iterable[_Union[_source_pb2.SourceLocation, _Mapping]]] = ...) -> None: ...
