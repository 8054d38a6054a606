"""What all calls have in common: the token at the door, and our errors as statuses on the way out."""

from __future__ import annotations

import asyncio
import functools
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias, TypeVar

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from instep_proto.v1 import error_pb2, key_value_pb2

from instep_server.errors import (
    InstepError,
    Reason,
    RequestError,
    StoreDamagedError,
    StoreError,
    StoreFullError,
)
from instep_server.orchestrator import Orchestrator
from instep_server.tokens import Grant, TokenKind

TRAILER = "instep-error-bin"
MAX_FACT = 3_000
"""Longest text of a fact, so that the trailer stays below 4 KiB."""

_CODE = grpc.StatusCode
_STATUS = {
    **dict.fromkeys(
        (
            Reason.MALFORMED,
            Reason.TOKEN_MALFORMED,
            Reason.LIMIT_EXCEEDED,
            Reason.DIGEST_MISMATCH,
            Reason.PARAMETER_INVALID,
            Reason.TAG_INVALID,
            Reason.DECORATOR_INVALID,
        ),
        _CODE.INVALID_ARGUMENT,
    ),
    **dict.fromkeys((Reason.TOKEN_UNKNOWN, Reason.TOKEN_EXPIRED), _CODE.UNAUTHENTICATED),
    Reason.TOKEN_SCOPE: _CODE.PERMISSION_DENIED,
    **dict.fromkeys(
        (
            Reason.FLOW_UNKNOWN,
            Reason.RUN_UNKNOWN,
            Reason.STEP_UNKNOWN,
            Reason.TASK_UNKNOWN,
            Reason.ARTIFACT_UNKNOWN,
            Reason.UPLOAD_UNKNOWN,
            Reason.ATTEMPT_UNKNOWN,
            Reason.LOAD_UNKNOWN,
            Reason.ORIGIN_UNKNOWN,
        ),
        _CODE.NOT_FOUND,
    ),
    **dict.fromkeys((Reason.COMPLETION_CONFLICT, Reason.REQUEST_CONFLICT), _CODE.ALREADY_EXISTS),
    **dict.fromkeys(
        (
            Reason.LEASE_LOST,
            Reason.LEASE_CLOSED,
            Reason.SESSION_REPLACED,
            Reason.VERSION_UNSUPPORTED,
            Reason.CAPABILITY_REQUIRED,
            Reason.BLOB_MISSING,
            Reason.GRAPH_INVALID,
            Reason.STORE_UNUSABLE,
        ),
        _CODE.FAILED_PRECONDITION,
    ),
    **dict.fromkeys((Reason.CONCURRENT_POLL, Reason.WRITE_CONFLICT), _CODE.ABORTED),
    **dict.fromkeys((Reason.UPLOAD_OFFSET, Reason.LOG_OFFSET), _CODE.OUT_OF_RANGE),
    Reason.BLOB_CORRUPT: _CODE.DATA_LOSS,
    **dict.fromkeys((Reason.OVERLOADED, Reason.STORE_FULL), _CODE.RESOURCE_EXHAUSTED),
    Reason.INTERNAL: _CODE.INTERNAL,
}
"""The status that goes with each verdict."""

S = TypeVar("S", bound="Service")
Q = TypeVar("Q")
A = TypeVar("A")
Context: TypeAlias = grpc.aio.ServicerContext


class Service:
    """A service of the orchestrator.

    Args:
        orchestrator: Does the work.
    """

    def __init__(self, orchestrator: Orchestrator) -> None:
        self.orchestrator = orchestrator

    def authorize(self, context: Context, kinds: tuple[TokenKind, ...]) -> Grant:
        """Checks the token of a call.

        Args:
            context: The call.
            kinds: What the token has to be good for, one of these.

        Raises:
            RequestError: There is none, or it is not good for this.
        """
        for key, value in context.invocation_metadata() or ():
            if key == "authorization":
                return self.orchestrator.tokens.check(_token_of(str(value)), *kinds)
        raise RequestError(Reason.TOKEN_UNKNOWN, "The call has no token. Send `authorization: Bearer <hex>`.")


@dataclass(frozen=True, slots=True)
class Malformed:
    """What stands for a request that can't be read."""

    why: str
    """What protobuf says about it."""


def method_handlers(service: Service, descriptor: ServiceDescriptor) -> grpc.GenericRpcHandler:
    """Makes what a server calls for the methods of a service.

    It is what protobuf's own generated code makes, but for requests that can't be read: these become a verdict,
    too, instead of a status of the library's.

    Args:
        service: Has a method for each.
        descriptor: The service in proto/.
    """

    def handler(method: MethodDescriptor) -> grpc.RpcMethodHandler:
        make = (
            grpc.unary_stream_rpc_method_handler
            if method.server_streaming
            else grpc.unary_unary_rpc_method_handler
        )
        request = GetMessageClass(method.input_type)
        return make(
            getattr(service, method.name),
            request_deserializer=lambda data: _parsed(request, data),
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )

    return grpc.method_handlers_generic_handler(
        descriptor.full_name, {method.name: handler(method) for method in descriptor.methods}
    )


def _parsed(request: type[Message], data: bytes) -> Message | Malformed:
    try:
        return request.FromString(data)
    except DecodeError as err:
        return Malformed(str(err))


def _checked(request: Q | Malformed) -> Q:
    if isinstance(request, Malformed):
        raise RequestError(Reason.MALFORMED, f"The request is no such message: {request.why}.")
    return request


def unary(
    *kinds: TokenKind,
) -> Callable[[Callable[[S, Q, Grant], A]], Callable[[S, Q, Context], Awaitable[A]]]:
    """Makes a handler of a call with one answer from a function of request and grant that waits for nothing.

    Args:
        kinds: What the token has to be good for.
    """

    def decorate(handle: Callable[[S, Q, Grant], A]) -> Callable[[S, Q, Context], Awaitable[A]]:
        @functools.wraps(handle)
        async def call(self: S, request: Q | Malformed, context: Context) -> A:
            try:
                grant = self.authorize(context, kinds)
                return handle(self, _checked(request), grant)
            except Exception as err:  # noqa: BLE001 - every error becomes a status here, at the boundary
                await refuse(context, err)

        return call

    return decorate


def waiting(
    *kinds: TokenKind,
) -> Callable[[Callable[[S, Q, Grant], Awaitable[A]]], Callable[[S, Q, Context], Awaitable[A]]]:
    """As `unary`, for functions that wait.

    A call that was begun is carried out to its end, also when the caller goes away: what waits for the record
    must not be cut off from it.
    """

    def decorate(handle: Callable[[S, Q, Grant], Awaitable[A]]) -> Callable[[S, Q, Context], Awaitable[A]]:
        @functools.wraps(handle)
        async def call(self: S, request: Q | Malformed, context: Context) -> A:
            try:
                grant = self.authorize(context, kinds)
                return await asyncio.shield(handle(self, _checked(request), grant))
            except Exception as err:  # noqa: BLE001 - every error becomes a status here, at the boundary
                await refuse(context, err)

        return call

    return decorate


def streaming(
    *kinds: TokenKind,
) -> Callable[[Callable[[S, Q, Grant], AsyncIterator[A]]], Callable[[S, Q, Context], AsyncIterator[A]]]:
    """As `unary`, for calls with a stream of answers."""

    def decorate(
        handle: Callable[[S, Q, Grant], AsyncIterator[A]],
    ) -> Callable[[S, Q, Context], AsyncIterator[A]]:
        @functools.wraps(handle)
        async def call(self: S, request: Q | Malformed, context: Context) -> AsyncIterator[A]:
            try:
                grant = self.authorize(context, kinds)
                async for answer in handle(self, _checked(request), grant):
                    yield answer
            except Exception as err:  # noqa: BLE001 - every error becomes a status here, at the boundary
                await refuse(context, err)

        return call

    return decorate


async def refuse(context: Context, err: Exception) -> NoReturn:
    """Ends a call with the status that an error stands for.

    Args:
        context: The call.
        err: The error. One that is not ours is a bug, and goes to the log.
    """
    match err:
        case grpc.aio.AbortError():
            raise err
        case RequestError():
            reason, facts = err.reason, dict(err.facts)
        case StoreDamagedError():
            reason, facts = Reason.BLOB_CORRUPT, {}
        case StoreFullError():
            reason, facts = Reason.STORE_FULL, {}
        case StoreError():
            reason, facts = Reason.STORE_UNUSABLE, {}
        case InstepError():
            reason, facts = Reason.INTERNAL, {}
        case _:
            traceback.print_exception(err, file=sys.stderr)
            reason, facts = Reason.INTERNAL, {}
            err = InstepError(f"{type(err).__name__}: {err}. This is a bug in Instep; please report it.")
    detail = error_pb2.ErrorDetail(
        reason=_number(reason),
        metadata=[
            key_value_pb2.KeyValue(key=key, value=value[:MAX_FACT]) for key, value in sorted(facts.items())
        ],
    )
    await context.abort(_STATUS[reason], str(err), ((TRAILER, detail.SerializeToString()),))
    raise AssertionError("abort raises")


def _number(reason: Reason) -> Any:
    """A number as an enum of a message takes it: its class exists in stubs only."""
    return int(reason)


def _token_of(value: str) -> bytes:
    scheme, _, text = value.partition(" ")
    try:
        if scheme.lower() == "bearer":
            return bytes.fromhex(text)
    except ValueError:
        pass
    raise RequestError(Reason.TOKEN_MALFORMED, "The token must be `Bearer` and hex digits.")
