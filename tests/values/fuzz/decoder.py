"""The process that decodes cases in Python: batches on standard input, answers on standard output.

A batch is its length in 4 bytes and what `cases.pack` writes; an answer is its length and one line for each case, with
tabs between

* `read`, `refused` or `wrong`, which is a finding;
* the code of the error, or what is wrong;
* the error's message, in one line;
* how many milliseconds it took.
"""

from __future__ import annotations

import struct
import sys
import time
import warnings
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from instep.errors import BlobMissingError, InstepError, ValueDecodeError, ValueEncodeError
from instep.values import _column, _stream, decode, decode_item, encode
from instep_proto.v1 import value_pb2 as pb
from values.exchange import same
from values.fuzz.cases import unpack


class Wrong(Exception):  # noqa: N818
    """What should not have happened."""


def outcome_of(manifest: bytes, blobs: dict[str, bytes]) -> tuple[str, str, str]:
    """Decodes a case: what came of it, its code, and its message."""

    def fetch(digest: str, size: int) -> bytes:
        if digest not in blobs:
            raise BlobMissingError(f"There is no blob {digest}.", digest=digest)
        return blobs[digest]

    try:
        value = decode(manifest, fetch, allow_opaque=False)
    except (ValueDecodeError, BlobMissingError) as error:
        _check_cause(error)
        return "refused", error.code if isinstance(error, ValueDecodeError) else "BLOB_MISSING", str(error)
    _check_again(value)
    _check_arrow(manifest)
    _check_items(manifest, fetch)
    return "read", "", ""


def _check_cause(error: BaseException) -> None:
    """Memory and recursion must be bounded by checks, not by where the process runs out of them."""
    if isinstance(error.__cause__, MemoryError | RecursionError):
        raise Wrong(f"{type(error.__cause__).__name__} was met")


def _check_again(value: object) -> None:
    """A value that was read can be stored, or is refused for a reason; what was stored is read, and stored as the same."""
    try:
        first = encode(value, on_loss="ignore", inline=True)
    except ValueEncodeError:
        return
    second = encode(decode(first.manifest, _no_blobs, allow_opaque=False), on_loss="ignore", inline=True)
    if not first.losses and second.manifest != first.manifest:
        found = decode(second.manifest, _no_blobs, allow_opaque=False)
        raise Wrong(f"read {value!r:.200}, stored and read again {found!r:.200}")


def _no_blobs(digest: str, size: int) -> bytes:
    raise Wrong("there are blobs where all bytes should be in the manifest")


def _check_items(manifest: bytes, fetch: object) -> None:
    """Items are read alone, too, or refused by a named error."""
    for index in (0, 2):
        try:
            decode_item(manifest, index, fetch, allow_opaque=False)  # type: ignore[arg-type]
        except InstepError as error:
            _check_cause(error)


def _check_arrow(manifest: bytes) -> None:
    """Rows are what pyarrow reads, if it does."""
    for part in pb.Manifest.FromString(manifest).parts:
        data = part.inline[part.offset : part.offset + part.length]
        try:
            stream = _stream.read(data)
            ours = [
                [row for batch in stream.batches for row in _column.values(batch[place])]
                for place, field in enumerate(stream.fields)
                if not field.type.children
            ]
            table = pa.ipc.open_stream(data).read_all()
            table.validate(full=True)
        except (_stream.StreamError, pa.ArrowException, OSError, OverflowError):
            continue  # a part that is not used, or one that pyarrow does not take
        flat = [cells for cells in table.columns if not pa.types.is_nested(cells.type)]
        theirs = [list(_plain(cells)) for cells in flat]
        if not same([_without_payload(rows) for rows in ours], [_without_payload(rows) for rows in theirs]):
            raise Wrong(f"read {ours!r:.200}; pyarrow reads {theirs!r:.200}")


def _plain(cells: pa.ChunkedArray) -> Iterator[object]:
    if pa.types.is_temporal(cells.type):
        cells = cells.cast(pa.int32() if cells.type.bit_width == 32 else pa.int64())
    for cell in cells.to_pylist():
        yield float(cell) if isinstance(cell, np.floating) else cell


def _without_payload(rows: list[object]) -> list[object]:
    """Widening a float to 64 bits may change which NaN it is."""
    return ["NaN" if row != row else row for row in rows]


def line_of(manifest: bytes, blobs: dict[str, bytes]) -> str:
    """Decodes a case and gives its line of the answer."""
    start = time.perf_counter()
    try:
        outcome, code, message = outcome_of(manifest, blobs)
    except Wrong as error:
        outcome, code, message = "wrong", "value", str(error)
    except Exception as error:  # noqa: BLE001  any other error is what the fuzzer looks for
        outcome, code, message = "wrong", type(error).__name__, str(error)
    milliseconds = 1000 * (time.perf_counter() - start)
    text = " ".join(message.split()).encode("utf-8", "replace").decode()
    return f"{outcome}\t{code}\t{text}\t{milliseconds:.2f}"


def serve() -> None:
    """Answers until standard input ends."""
    warnings.simplefilter("ignore")
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while head := requests.read(4):
        batch = requests.read(struct.unpack("<i", head)[0])
        answer = "\n".join(line_of(manifest, blobs) for manifest, blobs in unpack(batch)).encode()
        answers.write(struct.pack("<i", len(answer)) + answer)
        answers.flush()


if __name__ == "__main__":
    import values.fuzz.types  # noqa: F401  registers a type

    serve()
