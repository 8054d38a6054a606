"""Each kind of value in all four directions, and passed on by the other language on its way back."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
COMMANDS = {
    "python": [sys.executable, str(HERE / "exchange.py")],
    "r": ["Rscript", str(HERE / "exchange.R")],
}
Directory = Callable[[str], Path]

pytestmark = pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")


def run(language: str, *arguments: str | Path) -> str:
    """Runs a command of one language's side and gives what it printed. Fails when it fails."""
    done = subprocess.run(
        [*COMMANDS[language], *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    """Gives the directory with what a language wrote."""
    directories: dict[str, Path] = {}

    def write(language: str) -> Path:
        if language not in directories:
            directories[language] = tmp_path_factory.mktemp(language)
            run(language, "write", directories[language])
        return directories[language]

    return write


@pytest.mark.holds("1.6", "python", "r", "mixed")
@pytest.mark.parametrize("reader", ["python", "r"])
@pytest.mark.parametrize("writer", ["python", "r"])
def test_values_of_one_language_are_read_by_the_other(written: Directory, writer: str, reader: str) -> None:
    assert run(reader, "check", written(writer)) == ""


@pytest.mark.holds("1.6 15.6", "mixed")
@pytest.mark.parametrize(("writer", "between"), [("python", "r"), ("r", "python")])
def test_values_come_back_from_the_other_language(
    written: Directory, writer: str, between: str, tmp_path: Path
) -> None:
    run(between, "echo", written(writer), tmp_path / "echo")
    assert (tmp_path / "echo" / "writer").read_text().split() == [writer, between]
    assert run(writer, "check", tmp_path / "echo") == ""


def test_both_languages_have_the_same_cases(written: Directory) -> None:
    names = [{path.name for path in written(language).glob("*.manifest")} for language in COMMANDS]
    assert names[0] == names[1]
