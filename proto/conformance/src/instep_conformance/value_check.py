"""Gives the test vectors to a language, and looks at what it stores in turn.

Each vector is read and stored again. What comes back must be the same value, as pyarrow reads it; what the language
itself wrote must be the same bytes, but for the name of the producer. What it wrote is then given to the other languages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from instep_proto.v1 import value_pb2 as pb

from instep_conformance.sameness import differences
from instep_conformance.truth import truth_of
from instep_conformance.value_service import Refused, ValueService
from instep_conformance.vectors import Vector


@dataclass(frozen=True, slots=True)
class ValueResult:
    """How a vector went through a language."""

    vector: Vector
    """The vector."""
    reader: str
    """The language that read what the one under test wrote. Empty: the first reading, of the vector itself."""
    problems: tuple[str, ...]
    """What was wrong."""
    is_refused: bool
    """True when the value was refused, so that no wrong one came of it."""

    @property
    def name(self) -> str:
        """Names it, such as `python/doubles_na` or `python/doubles_na/r`."""
        return "/".join(filter(None, (self.vector.producer, self.vector.case, self.reader)))


def check(
    service: ValueService, readers: Sequence[ValueService], vectors: Sequence[Vector]
) -> Iterator[ValueResult]:
    """Yields the results of all vectors.

    Args:
        service: The language under test.
        readers: Others that read what it wrote.
        vectors: The vectors.
    """
    for vector in vectors:
        first, problems = _echoed(service, vector.inlined().SerializeToString(), vector)
        if first is not None and vector.producer == service.language and not problems:
            problems = _bytes_differ(first, vector)
        yield ValueResult(vector, "", tuple(problems), first is None)
        if first is None:
            continue
        for reader in readers:
            second, problems = _echoed(reader, first, vector)
            yield ValueResult(vector, reader.language, tuple(problems), second is None)


def _echoed(service: ValueService, manifest: bytes, vector: Vector) -> tuple[bytes | None, list[str]]:
    """Has a value read and stored again. None: it is refused."""
    try:
        answer = service.echo(manifest)
    except Refused as refused:
        return None, [f"{service.language} refuses it: {refused}"]
    try:
        truth = truth_of(pb.Manifest.FromString(answer), _no_blobs)
    except (DecodeError, ValueError) as err:  # pyarrow's errors are ValueErrors
        return answer, [f"what {service.language} stored is damaged: {err}"]
    return answer, list(differences(vector.truth, truth))


def _bytes_differ(answer: bytes, vector: Vector) -> list[str]:
    found, expected = pb.Manifest.FromString(answer), vector.inlined()
    found.producer = expected.producer
    return [] if found == expected else ["its own value is stored with other bytes"]


def _no_blobs(hash: str, size: int) -> bytes:
    raise ValueError(f"The manifest names a blob, {hash}, though all bytes should be in it.")
