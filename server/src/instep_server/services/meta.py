"""Tells what this server is."""

from __future__ import annotations

from instep_proto.v1 import key_value_pb2, meta_service_pb2, meta_service_pb2_grpc

from instep_server import __version__, limits
from instep_server.orchestrator import now_ms
from instep_server.services.guard import Context, Service
from instep_server.settings import Settings


def limit_entries(settings: Settings) -> list[key_value_pb2.KeyValue]:
    """Writes the limits as messages have them, sorted by name."""
    known = limits.announced() | {
        "heartbeat_ms": settings.heartbeat_ms,
        "lease_ttl_ms": settings.lease_ms,
        "orphan_ms": settings.orphan_ms,
    }
    return [key_value_pb2.KeyValue(key=name, value=str(known[name])) for name in sorted(known)]


class MetaService(Service, meta_service_pb2_grpc.MetaServiceServicer):
    """The service of the same name."""

    async def GetServerInfo(
        self, request: meta_service_pb2.GetServerInfoRequest, context: Context
    ) -> meta_service_pb2.GetServerInfoResponse:
        """Needs no token."""
        return meta_service_pb2.GetServerInfoResponse(
            version_min=limits.VERSION_MIN,
            version_max=limits.VERSION_MAX,
            capabilities=limits.CAPABILITIES,
            limits=limit_entries(self.orchestrator.tools.settings),
            server_id=self.orchestrator.server_id,
            server_unix_ms=now_ms(),
            server_version=__version__,
        )
