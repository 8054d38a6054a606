"""Which tests hold which statement of docs/semantics.md, and the page that says so.

A test names the statements that it holds, and the languages of the flows in which it does:

* pytest: ``@pytest.mark.holds("4.6 4.7", "python", "r", "mixed")`` on the test.
* testthat: a line ``# holds: 4.6 4.7`` directly before ``test_that(``; the language is R.

Marks are read from the sources, so that all tests of both runners are seen without running any of them.
``tests/semantics/languages.toml`` says for which languages each statement needs a test. Called as a program, this
module writes docs/statements.md; with ``--check`` it writes nothing and fails when the page is not what it would write.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SEMANTICS = ROOT / "docs/semantics.md"
PAGE = ROOT / "docs/statements.md"
LANGUAGES = ROOT / "tests/semantics/languages.toml"
PYTEST_FOLDERS = ("python/tests", "server/tests", "tests")
TESTTHAT_FOLDER = "r/tests/testthat"

NAMES = {"python": "Python", "r": "R", "mixed": "mixed"}
"""The languages of flows, in the order in which they are listed."""

_PARAGRAPH = re.compile(r"^\*\*(\d+\.\d+)\*\* ")
_ROW = re.compile(r"^\| \*\*(\d+\.\d+)\*\* \| (.*?) \|")
_SECTION = re.compile(r"^## (\d+)\. (.*)")
_SENTENCE = re.compile(r"(?<![0-9])\.(?=\s|$)")
_TESTTHAT = re.compile(
    r'^# holds:(?P<numbers>[ 0-9.]+)\n(?:#[^\n]*\n)*test_that\("(?P<name>[^"\n]*)', re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A numbered statement.

    Attributes:
        number: Its number, such as `4.6`.
        text: Its first sentence.
        section: Number and title of its section.
    """

    number: str
    text: str
    section: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A test that holds statements.

    Attributes:
        test: File and name of the test, as `file::name`.
        numbers: The statements.
        languages: The languages in which it holds them.
    """

    test: str
    numbers: tuple[str, ...]
    languages: tuple[str, ...]


def statements() -> list[Statement]:
    """Reads the numbered statements, in the order of the numbers.

    Raises:
        ValueError: Two have one number.
    """
    found: dict[str, Statement] = {}
    section = ""
    for block in SEMANTICS.read_text(encoding="utf-8").split("\n\n"):
        if heading := _SECTION.match(block):
            section = f"{heading[1]}. {heading[2]}"
        rows = [(match[1], match[2]) for line in block.splitlines() if (match := _ROW.match(line))]
        if paragraph := _PARAGRAPH.match(block):
            rows.append((paragraph[1], _first_sentence(block[paragraph.end() :])))
        for number, text in rows:
            if number in found:
                raise ValueError(f"docs/semantics.md has two statements {number}.")
            found[number] = Statement(number, text, section)
    return sorted(found.values(), key=lambda one: _order(one.number))


def needed() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Reads for which languages each statement needs a test, and for which of these there is none yet."""
    said = tomllib.loads(LANGUAGES.read_text(encoding="utf-8"))
    languages = {
        one.number: set(said["statements"].get(one.number, said["sections"][one.number.split(".")[0]]))
        for one in statements()
    }
    return languages, {number: set(names) for number, names in said.get("open", {}).items()}


def marks() -> list[Mark]:
    """Reads the marks of all tests.

    Raises:
        ValueError: A mark cannot be read from the source, or names a language that there is not.
    """
    found: list[Mark] = []
    for folder in PYTEST_FOLDERS:
        for path in sorted((ROOT / folder).rglob("test_*.py")):
            found += _pytest_marks(path)
    for path in sorted((ROOT / TESTTHAT_FOLDER).glob("test-*.R")):
        file = path.relative_to(ROOT).as_posix()
        text = path.read_text(encoding="utf-8")
        here = [
            Mark(f"{file}::{match['name']}", tuple(match["numbers"].split()), ("r",))
            for match in _TESTTHAT.finditer(text)
        ]
        if len(here) != len(re.findall(r"^# holds:", text, re.MULTILINE)):
            raise ValueError(f"{file}: a line '# holds:' has no numbers, or no test_that() after it.")
        found += here
    return found


def missing() -> dict[str, set[str]]:
    """Gives the languages in which no test holds a statement, by number; statements without any are left out."""
    lacks = needed()[0]
    for mark in marks():
        for number in mark.numbers:
            lacks[number] -= set(mark.languages)
    return {number: languages for number, languages in lacks.items() if languages}


def page() -> str:
    """Writes the text of docs/statements.md."""
    languages, still_open = needed()
    tests = marks()
    lines = [
        "# Statements and the tests that hold them",
        "",
        "<!-- Written by scripts/statements.py; change docs/semantics.md, the marks of tests, or languages.toml. -->",
        "",
        "Each numbered statement of [semantics.md](semantics.md) with the languages of the flows in which it is tested,",
        "and the tests that fail when it is broken. *Mixed* is one flow with steps in both languages.",
    ]
    section = ""
    for one in statements():
        if one.section != section:
            section = one.section
            lines += ["", f"## {section}"]
        lines += ["", f"**{one.number}** {one.text} — {_listed(languages[one.number])}", ""]
        lines += [
            f"- `{test.test}` ({_listed(set(test.languages))})"
            for test in tests
            if one.number in test.numbers
        ]
        if one.number in still_open:
            lines.append(f"- *No test yet: {_listed(still_open[one.number])}.*")
    return "\n".join(lines) + "\n"


def _pytest_marks(path: Path) -> Iterator[Mark]:
    file = path.relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf-8")
    if ".holds(" not in text:
        return
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in (node for one in function.decorator_list for node in ast.walk(one)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr != "holds":
                continue
            numbers, *languages = (ast.literal_eval(argument) for argument in node.args)
            if not languages or not set(languages) <= NAMES.keys():
                raise ValueError(f"{file}:{node.lineno}: languages are {', '.join(NAMES)}, not {languages}.")
            yield Mark(f"{file}::{function.name}", tuple(numbers.split()), tuple(languages))


def _first_sentence(text: str) -> str:
    line = " ".join(text.split())
    for end in _SENTENCE.finditer(line):
        sentence = line[: end.end()]
        if sentence.count("(") == sentence.count(")") and sentence.count("`") % 2 == 0:
            return sentence
    return line


def _listed(languages: set[str]) -> str:
    return ", ".join(name for key, name in NAMES.items() if key in languages)


def _order(number: str) -> tuple[int, int]:
    section, _, position = number.partition(".")
    return int(section), int(position)


def main() -> int:
    """Writes the page, or checks it. Gives the exit status."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/statements.md is stale; write it with `make docs`.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
