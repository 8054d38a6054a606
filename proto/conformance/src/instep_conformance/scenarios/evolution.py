"""A newer orchestrator: fields, values and capabilities that this worker does not know."""

from __future__ import annotations

from google.protobuf.message import Message
from instep_proto.v1 import failure_pb2, key_value_pb2
from instep_proto.v1 import worker_service_pb2 as pb

from instep_conformance.faults import changed
from instep_conformance.kit import Kit
from instep_conformance.scenario import scenario

_UNKNOWN_FIELD = b"\xfa\xff\x07\x03\x01\x02\x03"
"""Field 16383, three bytes."""
_UNKNOWN_ENUM = 99


@scenario("newer orchestrators")
def unknown_fields(kit: Kit) -> None:
    """Every message of every answer has a field that the worker does not know: nothing changes."""
    kit.orchestrator.mutate = _add_unknown_fields
    kit.wait_task()
    kit.start()
    kit.wait_until_running()
    kit.let_go()
    kit.expect(kit.outputs(kit.run()) == {"done": True}, "the task is done")


@scenario("newer orchestrators", shares_store=False)
def unknown_fields_from_afar(kit: Kit) -> None:
    """The same for a worker that reads and writes through the orchestrator."""
    kit.orchestrator.mutate = _add_unknown_fields
    value = {f"name {index}": float(index) for index in range(5000)}
    kit.task("echo").inputs.append(kit.input("value", value, inline=False))
    kit.expect(kit.outputs(kit.run()) == {"copy": value}, "the copy is as the value")


@scenario("newer orchestrators")
def unknown_values(kit: Kit) -> None:
    """Enumerations of a task have values that the worker does not know: it treats them as not set."""
    previous = failure_pb2.Failure(message="Nobody knows.")
    previous.MergeFromString(b"\x08\x63\x10\x63")  # kind = 99, retry_advice = 99
    task = kit.task("add", {"a": 1, "b": 2}, attempt=1, max_attempts=2, previous_failure=previous)
    task.MergeFromString(b"\xf8\x01\x63")  # on_loss = 99
    for one in task.inputs:
        one.MergeFromString(b"\x20\x63")  # kind = 99
    kit.expect(kit.outputs(kit.run()) == {"total": 3}, "the sum is 3")


@scenario("newer orchestrators")
def unknown_capabilities(kit: Kit) -> None:
    """The registration answers with capabilities and limits of tomorrow, and some that are no numbers: nothing changes."""

    def change(answer: pb.RegisterWorkerResponse) -> None:
        answer.capabilities.append("instep.cap.tomorrow.v9")
        answer.limits.append(key_value_pb2.KeyValue(key="tomorrow_ms", value="many"))

    kit.orchestrator.script("RegisterWorker", changed(change))
    kit.task("add", {"a": 1, "b": 2})
    kit.expect(kit.outputs(kit.run()) == {"total": 3}, "the sum is 3")


def _add_unknown_fields(message: Message) -> None:
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for one in value if field.is_repeated else [value]:
                _add_unknown_fields(one)
    message.MergeFromString(_UNKNOWN_FIELD)
