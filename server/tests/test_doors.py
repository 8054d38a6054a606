"""Every call of every service is refused without the right token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from instep_proto.v1 import (
    control_service_pb2,
    log_service_pb2,
    meta_service_pb2,
    store_service_pb2,
    worker_service_pb2,
)
from rig import HandWorker, Rig, StepDef, running

EACH = [
    StepDef("start", ["work"], foreach="xs"),
    StepDef("work", ["join"]),
    StepDef("join", ["end"], join=True),
    StepDef("end"),
]
MODULES = (meta_service_pb2, control_service_pb2, worker_service_pb2, store_service_pb2, log_service_pb2)
METHODS = [
    method
    for module in MODULES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
    if method.name != "GetServerInfo"  # needs no token
]
OF_CLIENTS = [
    one for one in METHODS if one.containing_service.name == "ControlService" or one.name == "TailLogs"
]
OF_WORKERS = [one for one in METHODS if one not in OF_CLIENTS]
OF_WORKERS_ALONE = [one for one in OF_WORKERS if one.name not in ("ResolveBlobs", "ReadBlob")]
WITH_LEASE = [one for one in OF_WORKERS if "lease_token" in one.input_type.fields_by_name]


class Door:
    """A server with two workers at work and one that has ended."""

    def __init__(self, rig: Rig) -> None:
        self.channel = rig.channel
        self.client = rig.metadata
        rig.run = rig.submit(max_workers=2)
        self.ended = rig.hand.worker()
        self.ended.register()
        self.ended.succeed(outputs={"xs": "x"}, foreach_count=2)
        self.ended.exit()
        self.one, self.two = rig.hand.worker(), rig.hand.worker()
        for worker in (self.one, self.two):
            worker.register()

    def call(self, method: MethodDescriptor, metadata: Any = (), **fields: Any) -> None:
        """Makes a call that a right token would open."""
        path = f"/{method.containing_service.full_name}/{method.name}"
        request = GetMessageClass(method.input_type)(**fields).SerializeToString()
        if method.server_streaming:
            list(self.channel.unary_stream(path)(request, metadata=metadata, timeout=20))
        else:
            self.channel.unary_unary(path)(request, metadata=metadata, timeout=20)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    home: Path = tmp_path_factory.mktemp("doors") / ".instep"
    with running(home, EACH, by_hand=True) as rig:
        door = Door(rig)
        yield door
        for worker in (door.one, door.two):
            worker.exit(signal=9)


def _id(method: MethodDescriptor) -> str:
    return f"{method.containing_service.name}.{method.name}"


@pytest.mark.parametrize("method", METHODS, ids=_id)
def test_calls_without_a_good_token_are_refused(door: Door, method: MethodDescriptor, refusal) -> None:
    """I20: none, unknown ones, malformed ones, and that of a worker that has ended."""
    reasons = {
        (): "TOKEN_UNKNOWN",
        (("authorization", f"Bearer {'00' * 32}"),): "TOKEN_UNKNOWN",
        (("authorization", "Bearer 00"),): "TOKEN_MALFORMED",
        (("authorization", "nonsense"),): "TOKEN_MALFORMED",
        door.ended.session: "TOKEN_UNKNOWN",
    }
    assert {metadata: refusal(door.call, method, metadata).reason for metadata in reasons} == reasons


@pytest.mark.parametrize("method", OF_CLIENTS, ids=_id)
def test_workers_can_not_call_what_clients_can(door: Door, method: MethodDescriptor, refusal) -> None:
    refused = refusal(door.call, method, door.one.session)
    assert (refused.code, refused.reason) == ("PERMISSION_DENIED", "TOKEN_SCOPE")


@pytest.mark.parametrize("method", OF_WORKERS_ALONE, ids=_id)
def test_clients_can_not_call_what_workers_can(door: Door, method: MethodDescriptor, refusal) -> None:
    refused = refusal(door.call, method, door.client)
    assert (refused.code, refused.reason) == ("PERMISSION_DENIED", "TOKEN_SCOPE")


@pytest.mark.parametrize("method", WITH_LEASE, ids=_id)
def test_the_lease_of_another_task_is_refused(door: Door, method: MethodDescriptor, refusal) -> None:
    """I20, I2: that of a task that another worker has, that of an attempt that has ended, and none at all."""

    def reason(worker: HandWorker | None) -> str:
        token = worker.task.lease.lease_token if worker is not None else b""
        reason: str = refusal(door.call, method, door.one.session, lease_token=token).reason
        return reason

    assert reason(door.two) == "TOKEN_SCOPE"
    assert reason(door.ended) == "TOKEN_UNKNOWN"  # its process has ended, too
    assert reason(None) == "TOKEN_MALFORMED"


def test_refusals_do_not_tell_the_token(door: Door) -> None:
    """I13."""
    token = door.one.task.lease.lease_token
    with pytest.raises(grpc.RpcError) as caught:
        door.call(OF_WORKERS[2], door.two.session, lease_token=token)
    assert token.hex() not in f"{caught.value.details()}{caught.value.trailing_metadata()}"
