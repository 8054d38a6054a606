"""Hostile messages: every call of every service, with requests that no SDK would send.

One server has three runs. The first has ended; its artifact must stay as it is. The second is the victim's: its worker
holds a lease that the attacker doesn't know, and must be able to complete it when the attack is over. The newest, which
requests without a run are about, belongs to the attacker, who has a client's token, a worker's session and
its lease.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from instep_proto.v1 import (
    control_service_pb2,
    error_pb2,
    failure_pb2,
    host_pb2,
    log_service_pb2,
    meta_service_pb2,
    run_pb2,
    store_service_pb2,
    worker_service_pb2,
)
from rig import HandWorker, Rig, StepDef, hash_of, running, value
from values.fuzz import messages

from reliability.report import Tally

LINE = (StepDef("start", ["end"]), StepDef("end"))
PARALLEL = 16
"""Requests that are under way at a time."""
SECONDS = 30.0
"""A call that is not answered by then stalls."""
WAITING = {"LeaseTask": 0.5, "WatchRun": 0.5, "TailLogs": 0.5}
"""Calls that may wait for something to happen, and how long the attacker does."""
OVERSIZED = 5 << 20
DEPTH = 3_000
ROUND = 100
"""Requests for which the attacker has one run. Some of them end it."""

_MODULES = (meta_service_pb2, control_service_pb2, worker_service_pb2, store_service_pb2, log_service_pb2)
METHODS: tuple[MethodDescriptor, ...] = tuple(
    method
    for module in _MODULES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
)
"""Every call of the protocol."""
_STREAMED = {"WatchRun", "TailLogs", "ReadBlob"}
_RARE = ("LoadFlow", "CloseWorker")
"""Calls that start a process each time, or end the attacker's session: once in a round, at its end."""
_OF_CLIENTS = {"TailLogs"}


@dataclass(frozen=True, slots=True)
class Attack:
    """A request, and how it is sent."""

    method: MethodDescriptor
    request: bytes
    metadata: tuple[tuple[str, str], ...]
    kind: str
    """What is wrong with it, for people."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an attack."""

    attack: Attack
    outcome: str
    is_right: bool


class Attacker:
    """Makes requests.

    Args:
        rng: Where chance comes from.
        rig: The server.
        worker: The attacker's own worker.
    """

    def __init__(self, rng: random.Random, rig: Rig, worker: HandWorker) -> None:
        self._rng = rng
        self._client = rig.metadata
        self._worker = worker.session
        lease = worker.task.lease.lease_token
        self._bytes = (lease[:-1], bytes(32), b"", rng.randbytes(32))
        self._words = ("0", "../../../../tmp/x", "/", "a\0b", "~", "$(id)", "x" * 70_000)
        # Requests that are wrong all over are refused at the door; these get further.
        self._likely: dict[str, Any] = {
            "flow": "Demo",
            "run_id": worker.task.run_id,
            "task_id": "1",
            "step": "start",
            "name": "trace",
            "lease_token": lease,
            "worker_id": worker.id,
            "load_id": rig.load().load_id,
            "file": str(rig.flow),
            "language": "python",
            "hash": hash_of(value("first")),
        }

    def attack(self, method: MethodDescriptor) -> Attack:
        """Makes a request for a call, with the token that it takes."""
        metadata = self._client if _is_for_clients(method) else self._worker
        chance = self._rng.random()
        if chance < 0.02:
            return Attack(method, self._rng.randbytes(self._rng.randrange(1, 200)), metadata, "random bytes")
        request = self._message(method.input_type, depth=0).SerializeToString()
        if chance < 0.2 and request:
            return Attack(method, self._damaged(request), metadata, "damaged bytes")
        return Attack(method, request, metadata, "wrong content")

    def _damaged(self, data: bytes) -> bytes:
        at = self._rng.randrange(len(data))
        match self._rng.randrange(3):
            case 0:
                return data[:at]
            case 1:
                return data[:at] + bytes([data[at] ^ (1 << self._rng.randrange(8))]) + data[at + 1 :]
            case _:
                return data[:at] + self._rng.randbytes(5) + data[at:]

    def _message(self, descriptor: Descriptor, depth: int) -> Message:
        message = GetMessageClass(descriptor)()
        for field in descriptor.fields:
            if self._rng.random() < 0.35:
                continue
            times = self._rng.choice((1, 1, 2, 40)) if field.is_repeated else 1
            for _ in range(times if depth < 4 else 1):
                if field.message_type is not None:
                    if depth < 6:
                        _put(message, field, self._message(field.message_type, depth + 1))
                else:
                    _put(message, field, self._content(field))
        return message

    def _content(self, field: Any) -> Any:
        if field.name in self._likely and self._rng.random() < 0.8:
            return self._likely[field.name]
        if field.type == field.TYPE_BYTES:
            return self._rng.choice(self._bytes)
        if field.cpp_type == field.CPPTYPE_STRING and self._rng.random() < 0.6:
            return self._rng.choice(self._words)
        if field.cpp_type in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
            return self._rng.choice((0.0, -1.0, 1e308, float("nan"), float("inf")))
        return messages.content(self._rng, field)


def _put(message: Message, field: Any, content: Any) -> None:
    if field.is_repeated and field.message_type is not None:
        getattr(message, field.name).add().CopyFrom(content)
    elif field.is_repeated:
        getattr(message, field.name).append(content)
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(content)
    else:
        setattr(message, field.name, content)


def _is_for_clients(method: MethodDescriptor) -> bool:
    return method.containing_service.name == "ControlService" or method.name in _OF_CLIENTS


def monstrous(rig: Rig, worker: HandWorker) -> Iterator[Attack]:
    """Requests that are too large, and such that are too deep, for each call."""
    deep = b""
    for _ in range(DEPTH):  # by hand: protobuf itself makes no message this deep
        deep = _field(failure_pb2.Failure.DESCRIPTOR.fields_by_name["cause"].number, deep)
    for method in METHODS:
        metadata = rig.metadata if _is_for_clients(method) else worker.session
        yield Attack(method, _field(1, b"x" * OVERSIZED), metadata, "5 MiB")
        number = next((one.number for one in method.input_type.fields if one.message_type is not None), 1)
        yield Attack(method, _field(number, deep), metadata, f"{DEPTH:,} levels")


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def send(channel: grpc.Channel, attacks: Sequence[Attack]) -> Iterator[Answer]:
    """Sends requests, several at a time, and tells what became of them."""
    for start in range(0, len(attacks), PARALLEL):
        calls = [(attack, _call(channel, attack)) for attack in attacks[start : start + PARALLEL]]
        for attack, call in calls:
            yield _answer(attack, call)


def _call(channel: grpc.Channel, attack: Attack) -> Any:
    method = attack.method
    path = f"/{method.containing_service.full_name}/{method.name}"
    seconds = WAITING.get(method.name, SECONDS)
    if method.name in _STREAMED:
        return channel.unary_stream(path)(attack.request, metadata=attack.metadata, timeout=seconds)
    return channel.unary_unary(path).future(attack.request, metadata=attack.metadata, timeout=seconds)


def _answer(attack: Attack, call: Any) -> Answer:
    try:
        list(call) if attack.method.name in _STREAMED else call.result()
    except grpc.RpcError as err:
        trailer = dict(err.trailing_metadata() or ()).get("instep-error-bin")
        if trailer is None:
            return _without_verdict(attack, err)
        reason = error_pb2.ErrorReason.Name(error_pb2.ErrorDetail.FromString(trailer).reason)
        outcome = f"refused: `{reason.removeprefix('ERROR_REASON_')}`"
        return Answer(attack, outcome, "INTERNAL" not in outcome)
    return Answer(attack, "answered", True)


def _without_verdict(attack: Attack, err: grpc.RpcError) -> Answer:
    code = err.code()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Answer(attack, "waits for something to happen", attack.method.name in WAITING)
    # gRPC itself refuses what is too large or no message.
    is_right = code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL)
    return Answer(attack, f"refused by gRPC: `{code.name}`", is_right)


@dataclass(slots=True)
class Siege:
    """One server under attack.

    Args:
        home: Where its store may be made.
        seed: Seed of the attacks.
    """

    home: Path
    seed: int

    def run(self, count: int, *, monsters: bool) -> list[Answer]:
        """Attacks, and sees whether all that must not change is as it was.

        Args:
            count: Number of requests.
            monsters: Whether there are requests that are too large or too deep as well.

        Raises:
            AssertionError: Something is not as it was.
        """
        rng = random.Random(self.seed)
        before = set(self.home.parent.iterdir())
        with running(self.home, LINE, by_hand=True) as rig:
            made = set(self.home.parent.iterdir()) - before
            ended = _ended_run(rig)
            kept = rig.artifacts(ended, "1")
            victim = _worker_of_new_run(rig, "second")
            answers: list[Answer] = []
            with grpc.insecure_channel(rig.target, options=[("grpc.enable_http_proxy", 0)]) as channel:
                for number in range(0, count, ROUND):
                    attacker = _worker_of_new_run(rig, f"attack {number}")
                    attacks = list(self._attacks(rng, rig, attacker, min(ROUND, count - number)))
                    if monsters and number == 0:
                        attacks += monstrous(rig, attacker)
                    answers += send(channel, attacks)
                    attacker.exit()
                    victim.call("Heartbeat", seq=number + 2, phase=worker_service_pb2.ATTEMPT_PHASE_RUNNING)
            victim.succeed("of the victim", outputs={"trace": "victim's"})
            victim.exit()
            assert rig.artifacts(ended, "1") == kept == {"trace": "first"}, "an artifact has changed"
            for run_id in ("1", "2"):
                tasks = rig.tasks(rig.call("GetRun", flow="Demo", run_id=run_id).run, "start")
                assert [one.state for one in tasks] == [run_pb2.TASK_STATE_SUCCEEDED], f"run {run_id}"
        left = set(self.home.parent.iterdir()) - before - made
        assert left <= {self.home}, f"files appeared beside the store: {left}"
        return answers

    def _attacks(self, rng: random.Random, rig: Rig, worker: HandWorker, count: int) -> Iterator[Attack]:
        attacker = Attacker(rng, rig, worker)
        for _ in range(count):
            yield attacker.attack(rng.choice([method for method in METHODS if method.name not in _RARE]))
        for name in _RARE:
            yield attacker.attack(next(method for method in METHODS if method.name == name))


def _ended_run(rig: Rig) -> run_pb2.Run:
    run: run_pb2.Run = rig.submit("first")
    start = rig.hand.worker()
    start.register()
    start.succeed(outputs={"trace": "first"})
    start.exit()
    end = rig.hand.worker()
    end.register()
    end.succeed("end")
    end.exit()
    rig.finish(run)
    return run


def _worker_of_new_run(rig: Rig, request_id: str) -> HandWorker:
    """Starts a run, and waits for its worker. Runs that the attacker has started get none: theirs end at once."""
    run = rig.submit(request_id)
    while True:
        command = rig.hand.command()
        if command.WhichOneof("command") != "fork":
            continue
        worker = HandWorker(rig, command.fork)
        rig.hand.tell(forked=host_pb2.WorkerForked(worker_id=worker.id, pid=os.getpid()))
        try:
            worker.register()
        except grpc.RpcError:  # its run has ended meanwhile
            worker.exit()
            continue
        if worker.task.run_id == run.run_id:
            worker.call("Heartbeat", seq=1, phase=worker_service_pb2.ATTEMPT_PHASE_RUNNING)
            return worker
        worker.exit()


def campaign(scale: float) -> Tally:
    """Sends 100,000 hostile requests to 100 servers, or fewer."""
    tally = Tally(
        "hostile",
        "Hostile messages",
        "Requests that no SDK would send, to every call of every service, by somebody who has a client's token, a\n"
        "worker's session and its lease: wrong content (names that are paths, numbers beyond all limits, fields left out\n"
        "or given 40 times, tokens of others), damaged and random bytes, 5 MiB, 3,000 levels. Right is: each is answered\n"
        "or refused with a reason, none by an internal error; the server stays up and writes nothing to stderr; an ended\n"
        "run stays as it is; another run's worker completes afterwards; no file appears beside the store.",
        "python -m reliability hostile",
    )
    for seed in range(max(1, round(100 * scale))):
        with tempfile.TemporaryDirectory() as folder:
            try:
                answers = Siege(Path(folder).resolve() / ".instep", seed).run(1_000, monsters=seed == 0)
            except AssertionError as err:
                tally.find(f"seed {seed}: {err}")
                continue
        for answer in answers:
            service = answer.attack.method.containing_service.name
            if answer.is_right:
                tally.add(f"{answer.attack.kind}, {service}", "any", answer.outcome)
            else:
                tally.find(
                    f"seed {seed}: {answer.attack.method.name}, {answer.attack.kind}: {answer.outcome}"
                )
    return tally
