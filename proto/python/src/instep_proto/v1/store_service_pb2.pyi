from instep_proto.v1 import digest_pb2 as _digest_pb2
from instep_proto.v1 import key_value_pb2 as _key_value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Location(_message.Message):
    __slots__ = ("path", "http", "server", "encoding", "expires_unix_ms")
    PATH_FIELD_NUMBER: _ClassVar[int]
    HTTP_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    path: str
    http: HttpRequest
    server: bool
    encoding: str
    expires_unix_ms: int
    def __init__(self, path: _Optional[str] = ..., http: _Optional[_Union[HttpRequest, _Mapping]] = ..., server: _Optional[bool] = ..., encoding: _Optional[str] = ..., expires_unix_ms: _Optional[int] = ...) -> None: ...

class HttpRequest(_message.Message):
    __slots__ = ("method", "url", "headers")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    method: str
    url: str
    headers: _containers.RepeatedCompositeFieldContainer[_key_value_pb2.KeyValue]
    def __init__(self, method: _Optional[str] = ..., url: _Optional[str] = ..., headers: _Optional[_Iterable[_Union[_key_value_pb2.KeyValue, _Mapping]]] = ...) -> None: ...

class ResolveBlobsRequest(_message.Message):
    __slots__ = ("lease_token", "digests")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    lease_token: bytes
    digests: _containers.RepeatedCompositeFieldContainer[_digest_pb2.Digest]
    def __init__(self, lease_token: _Optional[bytes] = ..., digests: _Optional[_Iterable[_Union[_digest_pb2.Digest, _Mapping]]] = ...) -> None: ...

class ResolveBlobsResponse(_message.Message):
    __slots__ = ("blobs",)
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    blobs: _containers.RepeatedCompositeFieldContainer[ResolvedBlob]
    def __init__(self, blobs: _Optional[_Iterable[_Union[ResolvedBlob, _Mapping]]] = ...) -> None: ...

class ResolvedBlob(_message.Message):
    __slots__ = ("missing", "inline", "locations")
    MISSING_FIELD_NUMBER: _ClassVar[int]
    INLINE_FIELD_NUMBER: _ClassVar[int]
    LOCATIONS_FIELD_NUMBER: _ClassVar[int]
    missing: bool
    inline: bytes
    locations: _containers.RepeatedCompositeFieldContainer[Location]
    def __init__(self, missing: _Optional[bool] = ..., inline: _Optional[bytes] = ..., locations: _Optional[_Iterable[_Union[Location, _Mapping]]] = ...) -> None: ...

class PrepareUploadsRequest(_message.Message):
    __slots__ = ("lease_token", "digests")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    lease_token: bytes
    digests: _containers.RepeatedCompositeFieldContainer[_digest_pb2.Digest]
    def __init__(self, lease_token: _Optional[bytes] = ..., digests: _Optional[_Iterable[_Union[_digest_pb2.Digest, _Mapping]]] = ...) -> None: ...

class PrepareUploadsResponse(_message.Message):
    __slots__ = ("uploads",)
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    uploads: _containers.RepeatedCompositeFieldContainer[PreparedUpload]
    def __init__(self, uploads: _Optional[_Iterable[_Union[PreparedUpload, _Mapping]]] = ...) -> None: ...

class PreparedUpload(_message.Message):
    __slots__ = ("present", "upload_id", "locations", "committed_bytes")
    PRESENT_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    LOCATIONS_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_BYTES_FIELD_NUMBER: _ClassVar[int]
    present: bool
    upload_id: str
    locations: _containers.RepeatedCompositeFieldContainer[Location]
    committed_bytes: int
    def __init__(self, present: _Optional[bool] = ..., upload_id: _Optional[str] = ..., locations: _Optional[_Iterable[_Union[Location, _Mapping]]] = ..., committed_bytes: _Optional[int] = ...) -> None: ...

class CommitUploadsRequest(_message.Message):
    __slots__ = ("lease_token", "uploads")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    lease_token: bytes
    uploads: _containers.RepeatedCompositeFieldContainer[FinishedUpload]
    def __init__(self, lease_token: _Optional[bytes] = ..., uploads: _Optional[_Iterable[_Union[FinishedUpload, _Mapping]]] = ...) -> None: ...

class FinishedUpload(_message.Message):
    __slots__ = ("upload_id", "digest", "part_tags")
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    PART_TAGS_FIELD_NUMBER: _ClassVar[int]
    upload_id: str
    digest: _digest_pb2.Digest
    part_tags: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, upload_id: _Optional[str] = ..., digest: _Optional[_Union[_digest_pb2.Digest, _Mapping]] = ..., part_tags: _Optional[_Iterable[str]] = ...) -> None: ...

class CommitUploadsResponse(_message.Message):
    __slots__ = ("uploads",)
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    uploads: _containers.RepeatedCompositeFieldContainer[CommittedUpload]
    def __init__(self, uploads: _Optional[_Iterable[_Union[CommittedUpload, _Mapping]]] = ...) -> None: ...

class CommittedUpload(_message.Message):
    __slots__ = ("ok", "reason")
    OK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ok: bool
    reason: str
    def __init__(self, ok: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class ReadBlobRequest(_message.Message):
    __slots__ = ("lease_token", "digest", "offset", "length")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    lease_token: bytes
    digest: _digest_pb2.Digest
    offset: int
    length: int
    def __init__(self, lease_token: _Optional[bytes] = ..., digest: _Optional[_Union[_digest_pb2.Digest, _Mapping]] = ..., offset: _Optional[int] = ..., length: _Optional[int] = ...) -> None: ...

class ReadBlobResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class WriteBlobRequest(_message.Message):
    __slots__ = ("lease_token", "upload_id", "offset", "data", "last")
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    lease_token: bytes
    upload_id: str
    offset: int
    data: bytes
    last: bool
    def __init__(self, lease_token: _Optional[bytes] = ..., upload_id: _Optional[str] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ..., last: _Optional[bool] = ...) -> None: ...

class WriteBlobResponse(_message.Message):
    __slots__ = ("committed_bytes",)
    COMMITTED_BYTES_FIELD_NUMBER: _ClassVar[int]
    committed_bytes: int
    def __init__(self, committed_bytes: _Optional[int] = ...) -> None: ...
