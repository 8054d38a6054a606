"""An R console as a person has it: a real terminal, with keys and a screen of a given width."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from project import Project

PROMPT = "ready> "
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[=>]")
PATIENCE_SECONDS = 90.0


class RConsole:
    """`R` in a terminal, in a project's folder.

    Args:
        project: The project.
        columns: Width of the terminal.
    """

    def __init__(self, project: Project, columns: int = 80) -> None:
        self._master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        environment = {**project.environment, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        del environment["COLUMNS"]
        self._process = subprocess.Popen(
            ["R", "--interactive", "--no-save", "--no-restore", "--quiet", "--no-readline"],
            cwd=project.folder,
            env=environment,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(terminal)
        self._unread = ""
        self.raw = ""
        self._wait(r"> $")
        self.call(f'options(prompt = "{PROMPT}", width = {columns})')

    def __enter__(self) -> RConsole:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process.poll() is None:
            os.write(self._master, b'\x15q("no")\n')
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
        os.close(self._master)

    @property
    def pid(self) -> int:
        """Process id of R."""
        return self._process.pid

    def type(self, line: str) -> None:
        """Types a line."""
        os.write(self._master, line.encode() + b"\n")

    def call(self, code: str) -> str:
        """Types code, waits for the prompt, and answers with what was shown in between."""
        self.type(code)
        return self.prompt()

    def prompt(self) -> str:
        """Waits for the prompt. Answers with what was shown before it."""
        return self._wait(re.escape(PROMPT) + "$").rpartition(PROMPT)[0]

    def wait(self, pattern: str) -> str:
        """Waits until something is shown. Answers with all that was shown up to it."""
        return self._wait(pattern)

    def press_interrupt(self) -> None:
        """Presses Ctrl-C."""
        os.write(self._master, b"\x03")

    def _wait(self, pattern: str) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := re.search(pattern, self._unread)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._master], [], [], left)[0]:
                raise AssertionError(f"{pattern!r} was not shown, but:\n{self._unread}")
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # the other end is closed
                piece = b""
            if not piece:
                raise AssertionError(f"R ended before {pattern!r} was shown:\n{self._unread}")
            self.raw += piece.decode(errors="replace")
            self._unread += CONTROL.sub("", piece.decode(errors="replace")).replace("\r\n", "\n")
        shown, self._unread = self._unread[: found.end()], self._unread[found.end() :]
        return shown
