"""Every example runs with the command in its header, and prints what its header says."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from project import Project
from typescript import LIBRARY, need_build

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def header(path: Path) -> tuple[list[list[str]], list[str]]:
    """Reads from an example the commands that run it, without interpreter, and the lines it promises to print."""
    lines = [re.sub(r"^# ?", "", line) for line in path.read_text(encoding="utf-8").splitlines()]
    first = next(at for at, line in enumerate(lines) if line.startswith("Run:"))
    words = [line.removeprefix("Run:").split() for line in lines[first : lines.index("Prints:")]]
    commands = [line[1:] for line in words if line[1:2] == [f"examples/{path.parent.name}/{path.name}"]]
    after = lines[lines.index("Prints:") + 1 :]
    promised = []
    for line in after:
        if not line.startswith("    "):
            break
        promised.append(line.strip())
    return commands, promised


def is_small(path: Path) -> bool:
    """Tells whether a file is an example that says what it prints."""
    return (
        path.suffix in (".py", ".R")
        and re.search(r"^(# )?Prints:$", path.read_text("utf-8"), re.M) is not None
    )


DEBUG = sorted((EXAMPLES / "debug").glob("debug.*"))
SMALL = sorted(path for path in EXAMPLES.rglob("*.*") if is_small(path) and path not in DEBUG)


def test_every_small_example_is_found() -> None:
    assert {path.parent.name for path in SMALL} == {
        "hello",
        "branch",
        "foreach",
        "parameters",
        "mixed",
        "references",
        "types",
        "models",
        "resume",
        "catch",
        "switch",
        "config",
        "three_languages",
    }
    assert len(SMALL) == 26


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.name)
def test_example_prints_what_its_header_says(project: Project, path: Path) -> None:
    folder = Path("examples", path.parent.name)
    if path.parent.name == "three_languages":
        need_build()
        (project.folder / "examples").mkdir()
        (project.folder / "examples/typescript").symlink_to(LIBRARY)
    shutil.copytree(path.parent, project.folder / folder, ignore=shutil.ignore_patterns(".instep"))
    commands, promised = header(path)
    fails = [path.stem == "resume" and words[1:] == ["run"] for words in commands]
    text = " ".join(
        project.call(*words, expect=int(bad)).text for words, bad in zip(commands, fails, strict=True)
    )
    assert commands
    assert promised
    for line in promised:
        assert line in text


@pytest.mark.parametrize("path", DEBUG, ids=lambda path: path.name)
def test_example_of_debugging_fails_and_is_looked_into_as_its_header_says(
    project: Project, path: Path
) -> None:
    shutil.copytree(path.parent, project.folder / "examples/debug", ignore=shutil.ignore_patterns(".instep"))
    (run, *_), promised = header(path)
    lines = [re.sub(r"^# ?", "", line) for line in path.read_text(encoding="utf-8").splitlines()]
    start = lines.index("Fails with:") + 1
    failed = project.call(*run, "--max-workers", "1", expect=1)
    for line in lines[start : start + 3]:
        assert line.strip() in failed.text
    command = next(shlex.split(line)[2:] for line in lines if line.startswith("Then:"))
    assert project.call(*command).stdout.split() == " ".join(promised).split()
