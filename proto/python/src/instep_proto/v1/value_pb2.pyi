from instep_proto.v1 import digest_pb2 as _digest_pb2
from instep_proto.v1 import key_value_pb2 as _key_value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Shape(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHAPE_UNSPECIFIED: _ClassVar[Shape]
    SHAPE_SCALAR: _ClassVar[Shape]
    SHAPE_UNIT: _ClassVar[Shape]
    SHAPE_VECTOR: _ClassVar[Shape]

class SparseLayout(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SPARSE_LAYOUT_UNSPECIFIED: _ClassVar[SparseLayout]
    SPARSE_LAYOUT_CSC: _ClassVar[SparseLayout]
    SPARSE_LAYOUT_CSR: _ClassVar[SparseLayout]
    SPARSE_LAYOUT_COO: _ClassVar[SparseLayout]
SHAPE_UNSPECIFIED: Shape
SHAPE_SCALAR: Shape
SHAPE_UNIT: Shape
SHAPE_VECTOR: Shape
SPARSE_LAYOUT_UNSPECIFIED: SparseLayout
SPARSE_LAYOUT_CSC: SparseLayout
SPARSE_LAYOUT_CSR: SparseLayout
SPARSE_LAYOUT_COO: SparseLayout

class Manifest(_message.Message):
    __slots__ = ("format", "nodes", "parts", "portable", "producer")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    PORTABLE_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_FIELD_NUMBER: _ClassVar[int]
    format: int
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    parts: _containers.RepeatedCompositeFieldContainer[Part]
    portable: bool
    producer: str
    def __init__(self, format: _Optional[int] = ..., nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., parts: _Optional[_Iterable[_Union[Part, _Mapping]]] = ..., portable: _Optional[bool] = ..., producer: _Optional[str] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("inline", "blob", "offset", "length")
    INLINE_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    inline: bytes
    blob: _digest_pb2.Digest
    offset: int
    length: int
    def __init__(self, inline: _Optional[bytes] = ..., blob: _Optional[_Union[_digest_pb2.Digest, _Mapping]] = ..., offset: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...

class Node(_message.Message):
    __slots__ = ("null", "vector", "array", "table", "seq", "record", "pairs", "sparse", "opaque", "shared", "registered_type", "origin", "attrs")
    NULL_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    ARRAY_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    SPARSE_FIELD_NUMBER: _ClassVar[int]
    OPAQUE_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_TYPE_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    ATTRS_FIELD_NUMBER: _ClassVar[int]
    null: Null
    vector: Vector
    array: Array
    table: Table
    seq: Seq
    record: Record
    pairs: Pairs
    sparse: Sparse
    opaque: Opaque
    shared: _digest_pb2.Digest
    registered_type: str
    origin: str
    attrs: _containers.RepeatedCompositeFieldContainer[Attr]
    def __init__(self, null: _Optional[_Union[Null, _Mapping]] = ..., vector: _Optional[_Union[Vector, _Mapping]] = ..., array: _Optional[_Union[Array, _Mapping]] = ..., table: _Optional[_Union[Table, _Mapping]] = ..., seq: _Optional[_Union[Seq, _Mapping]] = ..., record: _Optional[_Union[Record, _Mapping]] = ..., pairs: _Optional[_Union[Pairs, _Mapping]] = ..., sparse: _Optional[_Union[Sparse, _Mapping]] = ..., opaque: _Optional[_Union[Opaque, _Mapping]] = ..., shared: _Optional[_Union[_digest_pb2.Digest, _Mapping]] = ..., registered_type: _Optional[str] = ..., origin: _Optional[str] = ..., attrs: _Optional[_Iterable[_Union[Attr, _Mapping]]] = ...) -> None: ...

class Null(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Vector(_message.Message):
    __slots__ = ("logical", "shape", "part", "start", "count", "names", "levels", "params")
    LOGICAL_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    logical: str
    shape: Shape
    part: int
    start: int
    count: int
    names: int
    levels: int
    params: _containers.RepeatedCompositeFieldContainer[_key_value_pb2.KeyValue]
    def __init__(self, logical: _Optional[str] = ..., shape: _Optional[_Union[Shape, str]] = ..., part: _Optional[int] = ..., start: _Optional[int] = ..., count: _Optional[int] = ..., names: _Optional[int] = ..., levels: _Optional[int] = ..., params: _Optional[_Iterable[_Union[_key_value_pb2.KeyValue, _Mapping]]] = ...) -> None: ...

class Array(_message.Message):
    __slots__ = ("logical", "part", "dims", "column_major", "dimnames", "dimnames_names", "levels", "params")
    LOGICAL_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    DIMS_FIELD_NUMBER: _ClassVar[int]
    COLUMN_MAJOR_FIELD_NUMBER: _ClassVar[int]
    DIMNAMES_FIELD_NUMBER: _ClassVar[int]
    DIMNAMES_NAMES_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    logical: str
    part: int
    dims: _containers.RepeatedScalarFieldContainer[int]
    column_major: bool
    dimnames: _containers.RepeatedScalarFieldContainer[int]
    dimnames_names: _containers.RepeatedCompositeFieldContainer[Name]
    levels: int
    params: _containers.RepeatedCompositeFieldContainer[_key_value_pb2.KeyValue]
    def __init__(self, logical: _Optional[str] = ..., part: _Optional[int] = ..., dims: _Optional[_Iterable[int]] = ..., column_major: _Optional[bool] = ..., dimnames: _Optional[_Iterable[int]] = ..., dimnames_names: _Optional[_Iterable[_Union[Name, _Mapping]]] = ..., levels: _Optional[int] = ..., params: _Optional[_Iterable[_Union[_key_value_pb2.KeyValue, _Mapping]]] = ...) -> None: ...

class Name(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Table(_message.Message):
    __slots__ = ("part", "rows", "columns", "family")
    PART_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    part: int
    rows: int
    columns: _containers.RepeatedCompositeFieldContainer[Column]
    family: str
    def __init__(self, part: _Optional[int] = ..., rows: _Optional[int] = ..., columns: _Optional[_Iterable[_Union[Column, _Mapping]]] = ..., family: _Optional[str] = ...) -> None: ...

class Column(_message.Message):
    __slots__ = ("label", "logical", "levels", "params", "index", "attrs", "columns")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ATTRS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    label: str
    logical: str
    levels: int
    params: _containers.RepeatedCompositeFieldContainer[_key_value_pb2.KeyValue]
    index: bool
    attrs: _containers.RepeatedCompositeFieldContainer[Attr]
    columns: _containers.RepeatedCompositeFieldContainer[Column]
    def __init__(self, label: _Optional[str] = ..., logical: _Optional[str] = ..., levels: _Optional[int] = ..., params: _Optional[_Iterable[_Union[_key_value_pb2.KeyValue, _Mapping]]] = ..., index: _Optional[bool] = ..., attrs: _Optional[_Iterable[_Union[Attr, _Mapping]]] = ..., columns: _Optional[_Iterable[_Union[Column, _Mapping]]] = ...) -> None: ...

class Seq(_message.Message):
    __slots__ = ("values", "family")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[int]
    family: str
    def __init__(self, values: _Optional[_Iterable[int]] = ..., family: _Optional[str] = ...) -> None: ...

class Record(_message.Message):
    __slots__ = ("names", "values")
    NAMES_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedCompositeFieldContainer[Name]
    values: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, names: _Optional[_Iterable[_Union[Name, _Mapping]]] = ..., values: _Optional[_Iterable[int]] = ...) -> None: ...

class Pairs(_message.Message):
    __slots__ = ("keys", "values")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[int]
    values: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, keys: _Optional[_Iterable[int]] = ..., values: _Optional[_Iterable[int]] = ...) -> None: ...

class Sparse(_message.Message):
    __slots__ = ("layout", "dims", "indptr", "indices", "values", "dimnames")
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    DIMS_FIELD_NUMBER: _ClassVar[int]
    INDPTR_FIELD_NUMBER: _ClassVar[int]
    INDICES_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    DIMNAMES_FIELD_NUMBER: _ClassVar[int]
    layout: SparseLayout
    dims: _containers.RepeatedScalarFieldContainer[int]
    indptr: int
    indices: int
    values: int
    dimnames: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, layout: _Optional[_Union[SparseLayout, str]] = ..., dims: _Optional[_Iterable[int]] = ..., indptr: _Optional[int] = ..., indices: _Optional[int] = ..., values: _Optional[int] = ..., dimnames: _Optional[_Iterable[int]] = ...) -> None: ...

class Opaque(_message.Message):
    __slots__ = ("language", "codec", "runtime", "requires", "classes", "preview", "body", "buffers")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    REQUIRES_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    BUFFERS_FIELD_NUMBER: _ClassVar[int]
    language: str
    codec: str
    runtime: str
    requires: _containers.RepeatedCompositeFieldContainer[_key_value_pb2.KeyValue]
    classes: _containers.RepeatedScalarFieldContainer[str]
    preview: str
    body: int
    buffers: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, language: _Optional[str] = ..., codec: _Optional[str] = ..., runtime: _Optional[str] = ..., requires: _Optional[_Iterable[_Union[_key_value_pb2.KeyValue, _Mapping]]] = ..., classes: _Optional[_Iterable[str]] = ..., preview: _Optional[str] = ..., body: _Optional[int] = ..., buffers: _Optional[_Iterable[int]] = ...) -> None: ...

class Attr(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: int
    def __init__(self, name: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
