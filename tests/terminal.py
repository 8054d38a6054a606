"""A terminal, for programs that ask for input: what a person types, and what they see."""

from __future__ import annotations

import os
import re
import select
import subprocess
from types import TracebackType
from typing import Self

from project import Project

SECONDS = 60
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A program at a terminal.

    Args:
        project: Where it runs.
        *command: Words; the first can be a flow file.
        prompt: What the program shows when it waits for a line.
    """

    def __init__(self, project: Project, *command: str, prompt: str) -> None:
        self._prompt = prompt.encode()
        self._master, theirs = os.openpty()
        self._process = subprocess.Popen(
            project._line(command),
            cwd=project.folder,
            env={**project.environment, "TERM": "dumb"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        os.close(self._master)
        self._process.kill()
        self._process.wait()

    def read(self) -> str:
        """Waits for the prompt, and gives what was shown before it."""
        seen = b""
        while not (shown := ESCAPES.sub(b"", seen)).endswith(self._prompt):
            piece = self._piece()
            assert piece, f"It ended, and showed {seen!r}"
            seen += piece
        return shown.decode().replace("\r", "")

    def type(self, line: str) -> str:
        """Types a line, and gives what is shown up to the next prompt."""
        os.write(self._master, f"{line}\n".encode())
        return self.read()

    def leave(self) -> int:
        """Types Ctrl-D, and gives the exit status."""
        os.write(self._master, b"\x04")
        while self._piece():
            pass
        return self._process.wait(SECONDS)

    def _piece(self) -> bytes:
        ready, _, _ = select.select([self._master], [], [], SECONDS)
        assert ready, "The program shows nothing more, and does not end."
        try:
            return os.read(self._master, 65536)
        except OSError:  # nobody has the terminal open any more
            return b""
