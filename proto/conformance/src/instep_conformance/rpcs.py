"""The calls that a worker makes, found in the generated messages."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from instep_proto.v1 import log_service_pb2, meta_service_pb2, store_service_pb2, worker_service_pb2

_SERVICES = (
    (worker_service_pb2, "WorkerService"),
    (store_service_pb2, "StoreService"),
    (log_service_pb2, "LogService"),
    (meta_service_pb2, "MetaService"),
)


@dataclass(frozen=True, slots=True)
class Rpc:
    """A call."""

    name: str
    """Its name, such as `LeaseTask`."""
    path: str
    """Its path, such as `/instep.v1.WorkerService/LeaseTask`."""
    request: type[Message]
    """Class of its request."""
    response: type[Message]
    """Class of its response."""
    streams: bool
    """True when there are several responses."""


def _rpcs() -> dict[str, Rpc]:
    found = {}
    for module, service in _SERVICES:
        descriptor = module.DESCRIPTOR.services_by_name[service]
        for method in descriptor.methods:
            rpc = Rpc(
                name=method.name,
                path=f"/{descriptor.full_name}/{method.name}",
                request=GetMessageClass(method.input_type),
                response=GetMessageClass(method.output_type),
                streams=method.server_streaming,
            )
            found[rpc.path] = rpc
    return found


RPCS = _rpcs()
"""All calls of the four services by path."""
