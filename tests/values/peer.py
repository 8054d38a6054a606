"""A process of R that answers requests about values, many in one go."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from instep.values import Loss, decode, encode

Heed = Callable[[Sequence[Loss], str], None]


class R:
    """A process of R that runs a script beside this file. Requests and answers are in service.R."""

    def __init__(self, script: str) -> None:
        self._process = subprocess.Popen(
            ["Rscript", str(Path(__file__).parent / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def ask(self, kind: bytes, body: bytes) -> bytes:
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        requests.write(kind + struct.pack("<i", len(body)) + body)
        failed, length = struct.unpack("<ci", _read(answers, 5))
        answer = _read(answers, length)
        assert failed == b"0", answer.decode()
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def _read(pipe: IO[bytes], size: int) -> bytes:
    parts = []
    while size > 0:
        part = pipe.read(size)
        assert part, "R has ended"
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def stored(value: object) -> bytes:
    """Gives the manifest of a value, with all bytes in it."""
    return encode(value, on_loss="ignore", inline=True).manifest


def read(manifest: bytes, heed: Heed = lambda losses, name: None) -> object:
    """Reads a manifest that has all bytes in it. `heed` takes what is lost."""
    return decode(manifest, _no_blobs, heed=heed)


def _no_blobs(hash: str, size: int) -> bytes:
    raise AssertionError("all bytes are in the manifest")
