"""Rules for all calls of a worker together."""

from __future__ import annotations

from collections.abc import Iterator

from instep_conformance.transcript import Transcript


def broken_by(transcript: Transcript) -> Iterator[str]:
    """Yields the rules that the calls break, as sentences."""
    yield from _repeats(transcript)
    yield from _heartbeats(transcript)


def _repeats(transcript: Transcript) -> Iterator[str]:
    """A call that is made again is the same call: the orchestrator tells by its id."""
    for rpc, id_name in (
        ("CompleteTask", "completion_id"),
        ("LeaseTask", "request_id"),
        ("RegisterWorker", "worker_id"),
    ):
        first: dict[str, object] = {}
        for request in transcript.of(rpc):
            known = first.setdefault(getattr(request, id_name), request)
            if known != request:
                yield f"{rpc} is repeated with the same {id_name} and another content."


def _heartbeats(transcript: Transcript) -> Iterator[str]:
    """Only the newest counts, so each must be newer than those before."""
    newest: dict[bytes, tuple[int, int]] = {}
    for request in transcript.of("Heartbeat"):
        seq, phase = newest.get(request.lease_token, (0, 0))
        if request.seq <= seq:
            yield f"Heartbeat {request.seq} comes after heartbeat {seq}."
        if request.phase < phase:
            yield "The phase of an attempt goes back."
        newest[request.lease_token] = (request.seq, request.phase)
