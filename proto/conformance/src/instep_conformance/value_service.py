"""A program that reads stored values and stores them again: one language's side of the value vectors.

It answers requests on stdin, one after the other, until stdin ends. A request is one byte for its kind, four for the
length of its body (little-endian), and the body. An answer on stdout is `0`, or `1` with an error's message, and then
length and body in the same way. There are two kinds:

`I`  without a body: gives two lines, the language and the name of the SDK
`E`  a serialized Manifest with all bytes in its parts: reads the value, stores it again, and gives the new manifest,
     again with all bytes in it
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from typing import IO, Self

END_SECONDS = 20.0


class Refused(Exception):  # noqa: N818 - a service may refuse
    """The program answers with an error."""


class ValueService:
    """The program. Ends when the context ends.

    Args:
        command: Program and arguments.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.language, self.sdk = "", ""

    def __enter__(self) -> Self:
        try:
            self.language, self.sdk = self._ask(b"I", b"").decode().split("\n")[:2]
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def echo(self, manifest: bytes) -> bytes:
        """Has a value read and stored again.

        Raises:
            Refused: It cannot.
        """
        return self._ask(b"E", manifest)

    def _end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _ask(self, kind: bytes, body: bytes) -> bytes:
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        requests.write(kind + struct.pack("<i", len(body)) + body)
        failed, length = struct.unpack("<ci", _read(answers, 5))
        answer = _read(answers, length)
        if failed != b"0":
            raise Refused(answer.decode(errors="replace"))
        return answer


def _read(pipe: IO[bytes], size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = pipe.read(size - len(data))
        if not piece:
            raise Refused("The program has ended.")
        data += piece
    return data
