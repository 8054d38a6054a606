"""A user's folder with flow files, for whole-system tests: real commands, real processes, both languages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARK = "INSTEP_TEST_PROJECT"
"""Set in every process of a project; it finds those that were left behind."""
COMMAND_SECONDS = 150
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Done:
    """A command that ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """Everything the user saw, on one line: how lines are wrapped does not matter to a test."""
        return " ".join((self.stdout + "\n" + self.stderr).split())


class Project:
    """A folder in which a user works. Its store is `.instep` inside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("INSTEP_", "PYTHON"))
        }
        self.environment = {
            **kept,
            MARK: str(folder),
            "INSTEP_PYTHON": sys.executable,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "200",
        }

    def write(self, name: str, text: str) -> Path:
        """Writes a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Starts a command. One that begins with a flow file runs with the interpreter of its language."""
        return subprocess.Popen(
            self._line(command),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def call(self, *command: str, expect: int | None = 0) -> Done:
        """Runs a command to its end.

        Args:
            *command: Words; the first can be a flow file.
            expect: The exit status that it must have; None for any.
        """
        process = self.start(*command)
        return self.finish(process, expect=expect, command=command)

    def finish(
        self, process: subprocess.Popen[str], *, expect: int | None = 0, command: tuple[str, ...] = ()
    ) -> Done:
        """Waits until a command ends."""
        try:
            stdout, stderr = process.communicate(timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            raise AssertionError(f"{command} hangs.\n{stdout}\n{stderr}") from None
        if expect is not None and process.returncode != expect:
            raise AssertionError(
                f"{' '.join(command)} ended with {process.returncode}, not {expect}.\n{stdout}\n{stderr}"
            )
        return Done(process.returncode, stdout, stderr)

    def read(self, code: str, **names: str) -> Any:
        """Evaluates a Python expression in a client process, with `Flow` at hand, and returns its JSON value."""
        program = (
            f"import json\nfrom instep import *\nprint(json.dumps({code.format(**names) if names else code}))"
        )
        return json.loads(self.call(sys.executable, "-c", program).stdout)

    def r(self, code: str) -> str:
        """Runs R code in a client session, with the package attached, and returns what it prints."""
        path = self.write(".client.R", f"library(instep)\n{textwrap.dedent(code)}")
        return self.call("Rscript", str(path)).stdout

    def left_behind(self) -> list[str]:
        """Lists processes of this project that still run."""
        return [
            line for entry in Path("/proc").iterdir() if entry.name.isdigit() for line in self._mine(entry)
        ]

    def _mine(self, entry: Path) -> list[str]:
        try:
            if f"{MARK}={self.folder}".encode() not in (entry / "environ").read_bytes().split(b"\0"):
                return []
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return []  # it has ended meanwhile, or is not ours
        return [f"{entry.name} {command}"] if command else []

    def _line(self, command: tuple[str, ...]) -> list[str]:
        suffix = Path(command[0]).suffix
        interpreter = {".py": [sys.executable], ".R": ["Rscript"]}.get(suffix, [])
        return [*interpreter, *command]


def wait_until(condition: Callable[[], object], *, seconds: float = 30) -> None:
    """Waits until something that other processes do is done.

    Raises:
        TimeoutError: It was not done in time.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("What the test waits for did not happen.")
        time.sleep(POLL_SECONDS)
