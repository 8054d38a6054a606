"""What a person types and sees, as text files that are run: files of a folder, then commands with their output.

A transcript says first what it is about. Then come the files, each below a line `--- NAME`. Below `--- terminal` are
the commands, each in a line that begins with `$ `, with what it writes to the terminal and, unless it is 0, its exit
status. All commands of a transcript run in one new folder. What differs from run to run has a name in <> instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from project import Project

TEXTS = Path(__file__).with_name("texts")
TERMINAL = "terminal"
COLUMNS = "100"

Run = Callable[[str], tuple[str, int]]
"""Runs one command line. Returns what it wrote, and its exit status."""

_VARYING = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", "<time>"),
    (r"\bpid \d+", "pid <pid>"),
    (r"\bprocess \d+", "process <pid>"),
    (r"\b\d+(\.\d+)? (s|min)(?=[,)]|$)", "<duration>"),
    (r"(?<=failed after )\d+\.\d+ s|(?<=lost after )\d+\.\d+ s", "<duration>"),
    (r"(?<=machine has )cpu=\d+, memory=\d+(, gpu=\d+)?", "<machine>"),
    (r"\b\d[\d.,]* (B|kB|MB)(?=[,)])", "<size>"),
    (r"(Instep,? (version )?)\d+\.\d+\.\d+(\.dev\d+)?", r"\1<version>"),
)


@dataclass(frozen=True, slots=True)
class Transcript:
    """A text file, read."""

    about: str
    """What it shows."""
    files: dict[str, str]
    """The files of the folder, by name."""
    commands: tuple[str, ...]
    """What is typed, in order."""

    @classmethod
    def parse(cls, text: str) -> Transcript:
        """Reads a transcript; what the commands write is passed over."""
        about, *parts = re.split(r"^--- (.+)\n", text, flags=re.M)
        sections = dict(zip(parts[::2], parts[1::2], strict=True))
        commands = re.findall(r"^\$ (.+)$", sections.pop(TERMINAL), re.M)
        return cls(
            about.strip(), {name: body.strip("\n") for name, body in sections.items()}, tuple(commands)
        )

    def play(self, run: Run) -> str:
        """Runs the commands, and writes the transcript as it is now."""
        parts = [f"{self.about}\n", *(f"--- {name}\n{body}\n" for name, body in self.files.items())]
        shown = []
        for command in self.commands:
            output, status = run(command)
            if re.search(r"^(\$|---) ", output, re.M):
                raise ValueError(f"The output of {command!r} looks like a transcript:\n{output}")
            shown.append(f"$ {command}\n{output}" + (f"[exit status {status}]\n" if status else ""))
        return "\n".join([*parts, f"--- {TERMINAL}\n" + "\n".join(shown)])


def played(transcript: Transcript, project: Project) -> str:
    """Runs a transcript in the folder of a project, and gives its text as it is now."""
    for name, body in transcript.files.items():
        project.write(name, f"{body}\n")
    project.environment |= {
        "COLUMNS": COLUMNS,
        "INSTEP_USER": "ada",
        "LANGUAGE": "en",
        "LC_ALL": "C.UTF-8",
    }

    def run(command: str) -> tuple[str, int]:
        done = project.call("sh", "-c", f"exec 2>&1\n{command}", expect=None)
        return normal(done.stdout, project.folder), done.status

    return transcript.play(run)


def normal(text: str, folder: Path) -> str:
    """Puts names in the place of what differs from run to run."""
    text = text.replace(str(folder), "<folder>")
    for pattern, name in _VARYING:
        text = re.sub(pattern, name, text, flags=re.M)
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(lines).rstrip("\n") + "\n" if any(lines) else ""
