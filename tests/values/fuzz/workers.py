"""The processes that decode: started, given batches, watched, and started again when they end or hang."""

from __future__ import annotations

import os
import resource
import select
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from values.fuzz.cases import Case, pack

HERE = Path(__file__).parent
COMMANDS = {
    "python": [sys.executable, "-m", "values.fuzz.decoder"],
    "r": ["Rscript", str(HERE / "decoder.R")],
}

MEMORY = 1 << 30
"""Bytes of address space that a process gets beyond what it has after the first batch."""

CASE_SECONDS = 20.0
"""A case that takes longer hangs."""

SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=0:hard_rss_limit_mb=3000:max_allocation_size_mb=1024:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


@dataclass(frozen=True)
class Outcome:
    """What a language did with a case."""

    kind: str
    """`read`, `refused`, or `wrong`."""
    code: str = ""
    """Code of the error, or what is wrong."""
    message: str = ""
    milliseconds: float = 0.0


class _EndedError(Exception):
    """The process ended, or did not answer."""


class Worker:
    """A process that decodes cases in one language.

    Args:
        language: `python` or `r`.
        library: An R library with a package built with sanitizers. `None`: the one that is installed.
    """

    def __init__(self, language: str, library: Path | None = None) -> None:
        self.command = COMMANDS[language]
        self._environment = dict(os.environ)
        self._is_sanitized = library is not None
        if library is not None:
            paths = [str(library), *filter(None, [os.environ.get("R_LIBS")])]
            preload = " ".join(_runtime(name) for name in ("libasan.so", "libubsan.so"))
            self._environment |= {"R_LIBS": os.pathsep.join(paths), "LD_PRELOAD": preload, **SANITIZERS}
        self._process: subprocess.Popen[bytes] | None = None
        self._is_limited = False

    def decode(self, cases: Sequence[Case]) -> list[Outcome]:
        """Decodes cases. When the process ends or hangs, each is tried alone, to find the one that did it."""
        try:
            return self._ask(cases, CASE_SECONDS + len(cases))
        except _EndedError:
            return [self._alone(case) for case in cases]

    def close(self) -> None:
        """Ends the process."""
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate()
        self._process = None

    def _alone(self, case: Case) -> Outcome:
        try:
            return self._ask([case], CASE_SECONDS)[0]
        except _EndedError as error:
            return Outcome("wrong", "ended", str(error))

    def _ask(self, cases: Sequence[Case], seconds: float) -> list[Outcome]:
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        batch = pack(cases)
        try:
            process.stdin.write(struct.pack("<i", len(batch)) + batch)
            process.stdin.flush()
            (size,) = struct.unpack("<i", _read(process.stdout, 4, seconds))
            lines = _read(process.stdout, size, seconds).decode().split("\n")
        except TimeoutError:
            self.close()
            raise _EndedError(f"no answer within {seconds:.0f} seconds") from None
        except (BrokenPipeError, EOFError):
            raise _EndedError(self._end()) from None
        assert len(lines) == len(cases)
        self._limit(process.pid)
        return [_outcome(line) for line in lines]

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if self._is_sanitized else None,
                env=self._environment,
                cwd=HERE.parents[1],
                bufsize=0,
            )
            self._is_limited = (
                self._is_sanitized
            )  # sanitizers reserve terabytes, and have limits of their own
        return self._process

    def _end(self) -> str:
        """Says how the process ended."""
        assert self._process is not None
        _, errors = self._process.communicate(timeout=CASE_SECONDS)
        status = self._process.returncode
        self._process = None
        report = (errors or b"").decode("utf-8", "replace")
        at = max(report.find("ERROR: AddressSanitizer"), report.find("runtime error"), 0)
        return f"the process ended with status {status}. {report[at : at + 3000]}"

    def _limit(self, pid: int) -> None:
        """Bounds the memory of a process that has loaded everything that it needs."""
        if self._is_limited or sys.platform != "linux":
            return
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
        self._is_limited = True


def _runtime(name: str) -> str:
    """Finds a library of the compiler's sanitizers."""
    found = subprocess.run(["gcc", f"-print-file-name={name}"], check=True, capture_output=True, text=True)
    return found.stdout.strip()


def _read(pipe: IO[bytes], size: int, seconds: float) -> bytes:
    data = b""
    while len(data) < size:
        if not select.select([pipe], [], [], seconds)[0]:
            raise TimeoutError
        part = pipe.read(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _outcome(line: str) -> Outcome:
    kind, code, message, milliseconds = line.split("\t")
    return Outcome(kind, code, message, float(milliseconds))
