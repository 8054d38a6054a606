"""Serves calls of workers. The only module that imports gRPC's own library."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

# gRPC reads this when it is imported. What it would tell of, such as the end of a client, is none of the user's business.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

import grpc

if TYPE_CHECKING:
    from google.protobuf.message import Message

SERVER_THREADS = 4
OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


@contextmanager
def serve(
    target: str, methods: Mapping[str, tuple[type[Message], Callable[[Any], Message]]], token: str
) -> Generator[None]:
    """Serves calls, each in a thread of its own, while the context lasts.

    Args:
        target: Where to listen, as a gRPC target.
        methods: For each service and method, such as ``WorkerService/Heartbeat``, the class of its requests and what
            answers them.
        token: The token that callers must show, in hex.
    """
    server = grpc.server(ThreadPoolExecutor(SERVER_THREADS), options=OPTIONS)
    server.add_generic_rpc_handlers((_Methods(methods, token),))
    server.add_insecure_port(target)
    server.start()
    try:
        yield
    finally:
        server.stop(None).wait()


class _Methods(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Finds what answers a call."""

    def __init__(
        self, methods: Mapping[str, tuple[type[Message], Callable[[Any], Message]]], token: str
    ) -> None:
        self._methods = {f"/instep.v1.{name}": method for name, method in methods.items()}
        self._secret = ("authorization", f"Bearer {token}")

    def service(self, handler_call_details: Any) -> Any:
        """Called by gRPC."""
        method = self._methods.get(handler_call_details.method)
        if method is None or self._secret not in map(tuple, handler_call_details.invocation_metadata):
            return None
        request_type, answer = method
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: answer(request),
            request_deserializer=request_type.FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )
