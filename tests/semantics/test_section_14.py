"""Graphs that are refused before a run starts: what is told about each, in either language and in mixed flows."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from bilingual import LANGUAGES, Step, write
from project import Project

from scripts.statements import statements


@dataclass(frozen=True)
class Bad:
    """A graph that is refused.

    Attributes:
        holds: Numbers of the statements.
        steps: The graph.
        words: What the message says besides the place, in any language.
        hint: A part of what it says to do.
        languages: Those in which such a graph can be written.
        py: What the class has besides steps.
        r: The same in R.
    """

    holds: str
    steps: dict[str, Step]
    words: tuple[str, ...]
    hint: str
    languages: tuple[str, ...] = LANGUAGES
    py: str = ""
    r: str = ""


def plain(**nexts: str) -> dict[str, Step]:
    """Steps by name with their targets. `!` before these marks a join, `*` a foreach, `?` a switch."""
    steps = {}
    for name, to in nexts.items():
        join = to.startswith("!")
        to = to.removeprefix("!")
        if to.startswith("*"):
            steps[name] = Step(next=to[1:], foreach="xs", join=join)
        elif to.startswith("?"):
            steps[name] = Step(
                next=dict(zip("yn", to[1:].split(), strict=False)), condition="answer", join=join
            )
        else:
            steps[name] = Step(next=to, join=join)
    return steps


END = Step()
BAD = {
    "no start": Bad("14.4", plain(a="end", end=""), ("Sample", "no start"), "start"),
    "no end": Bad("14.4", plain(start="a", a=""), ("Sample", "no end"), "end"),
    "two ends": Bad(
        "14.4 14.5",
        {"start": Step(next="one two"), "one": Step(py_with="#end", r_with="end = TRUE"), "two": Step(), "end": END},
        ("'one'", "'end'", "compete"), "",
    ),
    "a marked start beside start": Bad(
        "14.5", {"start": Step(next="end"), "other": Step(next="end", py_with="#start", r_with="start = TRUE"),
                 "end": END},
        ("'other'", "'start'", "compete"), "",
    ),
    "no transition": Bad("14.6", plain(start="a", a="", end=""), ("'a'",), "next"),
    "a transition that is not last": Bad(
        "14.6", {"start": Step(py="self.next('end')\nself.x = 1"), "end": END}, ("'start'", "last"), "end of the step",
        languages=("python",),
    ),
    "a transition in a block": Bad(
        "14.6", {"start": Step(py="if self.x:\n    self.next('end')"), "end": END}, ("'start'", "inside if"), "",
        languages=("python",),
    ),
    "a transition with an unknown keyword": Bad(
        "14.7", {"start": Step(py="self.next('end', wide=1)"), "end": END}, ("'start'", "wide"), "self.next(",
        languages=("python",),
    ),
    "a foreach with two targets": Bad(
        "14.7", {"start": Step(next="a b", foreach="xs"), **plain(a="j", b="j", j="!end", end="")},
        ("'start'", "foreach"), "",
    ),
    "a key that is not literal": Bad(
        "14.7", {"start": Step(py="key = 1\nself.next({key: 'a', 2: 'end'}, condition='x')"), **plain(a="end", end="")},
        ("'start'",), "", languages=("python",),
    ),
    "an unknown target": Bad("14.8", plain(start="fitt", fit="end", end=""), ("'start'", "'fitt'"), "'fit'"),
    "start as target": Bad("14.9", plain(start="a", a="start", end=""), ("'a'", "'start'"), ""),
    "end with a transition": Bad("14.10", plain(start="a", a="end", end="a"), ("'end'", "'a'"), ""),
    "end with inputs": Bad("14.10", plain(start="a b", a="end", b="end", end="!"), ("'end'", "inputs"), "join"),
    "a loop": Bad("14.11", plain(start="a", a="b", b="c", c="a", end=""), ("a->b->c->a",), ""),
    "a step out of reach": Bad("14.12", plain(start="end", a="end", end=""), ("'a'", "'start'"), ""),
    "an open split": Bad("14.13", plain(start="a b", a="end", b="end", end=""), ("'start'", "'a' and 'b'"), "join"),
    "an open foreach": Bad("14.13", plain(start="*a", a="end", end=""), ("'start'", "'a'"), "join"),
    "a join without a split": Bad("14.14", plain(start="j", j="!end", end=""), ("'j'", "no split"), ""),
    "a join that lacks a branch": Bad(
        "14.15", plain(start="a b c", a="j", b="j", c="k", j="!k", k="!end", end=""), ("'j'", "'c'", "'start'"), ""
    ),
    "a join of two splits": Bad(
        "14.15", plain(start="a b", a="*w", w="j", b="j", j="!end", end=""), ("'j'", "'w'", "'b'", "'a'", "'start'"), ""
    ),
    "a doubled target": Bad("14.16", plain(start="a a", a="end", end=""), ("'start'", "'a'", "more than once"), ""),
    "a join that splits": Bad(
        "14.17", plain(start="a b", a="j", b="j", j="!*c", c="k", k="!end", end=""), ("'j'",), "step"
    ),
    "branches that meet without a join": Bad(
        "14.18", plain(start="a b", a="c", b="c", c="end", end=""), ("'start'", "'a' and 'b'", "'c'"), "inputs"
    ),
    "a foreach without a body": Bad("14.19 4.13", plain(start="*j", j="!end", end=""), ("'start'", "'j'", "no body"), ""),
    "a switch with one target": Bad(
        "14.20 5.9", {"start": Step(next={"y": "a"}, condition="answer"), **plain(a="end", end="")},
        ("'start'", "'a'", "one target"), "",
    ),
    "a switch without a condition": Bad(
        "14.20 14.7 5.9", {"start": Step(next={"y": "a", "n": "end"}), **plain(a="end", end="")},
        ("'start'", "condition"), "",
    ),
    "a switch without cases": Bad(
        "14.20 5.9", {"start": Step(next="a", condition="answer"), **plain(a="end", end="")}, ("'start'",), "",
    ),
    "a switch with foreach": Bad(
        "5.9", {"start": Step(next={"y": "a", "n": "end"}, condition="answer", foreach="xs"), **plain(a="end", end="")},
        ("'start'", "foreach"), "",
    ),
    "a switch path into a join": Bad(
        "14.21 5.6", plain(start="s b", s="?a j", a="j", b="j", j="!end", end=""), ("'s'", "'j'"), "step between"
    ),
    "paths that meet in a join": Bad(
        "14.22", plain(start="?a b", a="j", b="j", j="!end", end=""), ("'j'", "no split"), ""
    ),
    "a name with a capital": Bad("14.23", plain(start="Fit", Fit="end", end=""), ("Fit",), "a-z, 0-9 and _"),
    "a name that begins with _": Bad("14.23", plain(start="_a", _a="end", end=""), ("_a",), "a-z, 0-9 and _"),
    "a reserved name": Bad("14.24", plain(start="cmd", cmd="end", end=""), ("cmd", "reserved"), "hoose another"),
    "a parameter with a reserved name": Bad(
        "14.26 6.12", plain(start="end", end=""), ("'max-workers'",), "another name",
        py='p = Parameter("max-workers", default=1)', r='parameter("max-workers", default = 1L)',
    ),
    "parameters of one name": Bad(
        "14.26 6.12", plain(start="end", end=""), ("'Folds'", "'folds'"), "",
        py='p = Parameter("folds", default=1)\nq = Parameter("Folds", default=1)',
        r='parameter("folds", default = 1L) |> parameter("Folds", default = 1L)',
    ),
    "catch where a foreach opens": Bad(
        "14.26 7.14",
        {"start": Step(next="a", foreach="xs", py_with="@catch(var='e')", r_with="catch(var = 'e')"),
         **plain(a="j", j="!end", end="")},
        ("'catch'", "'start'", "foreach"), "",
    ),
    "catch on a switch": Bad(
        "14.26 7.14 5.9",
        {"start": Step(next={"y": "a", "n": "end"}, condition="x", py_with="@catch()", r_with="catch()"),
         **plain(a="end", end="")},
        ("'catch'", "'start'", "switch"), "",
    ),
    "a wrong argument of a decorator": Bad(
        "14.26 7.17", {"start": Step(next="end", py_with="@retry(tries=1)", r_with="retry(tries = 1)"), "end": END},
        ("'retry'", "'start'", "'tries'", "'times'"), "",
    ),
    "a decorator twice": Bad(
        "14.26 7.17",
        {"start": Step(next="end", py_with="@retry()\n@retry()", r_with="retry(), retry()"), "end": END},
        ("'retry'", "'start'"), "",
    ),
    "too many retries": Bad(
        "14.26 7.3", {"start": Step(next="end", py_with="@retry(times=5)", r_with="retry(times = 5)"), "end": END},
        ("'retry'", "'start'", "4"), "",
    ),
    "no time at all": Bad(
        "14.26 7.15", {"start": Step(next="end", py_with="@timeout()", r_with="timeout()"), "end": END},
        ("'timeout'", "'start'"), "",
    ),
}  # fmt: skip


@pytest.mark.holds("14.3", "python", "r", "mixed")
@pytest.mark.holds(
    "14.4 14.5 14.6 14.7 14.8 14.9 14.10 14.11 14.12 14.13 14.14 14.15", "python", "r", "mixed"
)
@pytest.mark.holds("14.16 14.17 14.18 14.19 14.20 14.21 14.22 14.23 14.24 14.26", "python", "r", "mixed")
@pytest.mark.holds("4.13 5.6 5.9 6.12 7.14 7.17", "python", "r", "mixed")
@pytest.mark.parametrize(
    ("kind", "language"), [(kind, language) for kind, bad in BAD.items() for language in bad.languages]
)
def test_bad_graph_is_refused_with_its_place(project: Project, kind: str, language: str) -> None:
    bad = BAD[kind]
    file = write(project, language, bad.steps, py=bad.py, r=bad.r)
    done = project.call(file, "run", expect=1)
    for word in bad.words:
        assert word in done.text or word.replace("'", '"') in done.text
    assert bad.hint in done.text
    assert re.search(r"flow\.(py|R):[1-9]", done.text), "The message has no place."
    assert "Traceback" not in done.text
    assert "Backtrace" not in done.text
    assert not list((project.folder / ".instep").glob("logs/Sample/*"))


def test_every_row_has_a_case_in_every_language() -> None:
    """14.25 has a test of its own."""
    rows = {one.number for one in statements() if one.section.startswith("14.")}
    for language in LANGUAGES:
        held = {number for bad in BAD.values() if language in bad.languages for number in bad.holds.split()}
        assert rows - held == {"14.1", "14.2", "14.3", "14.25"}


ARGUMENTS = {
    "python": ("def start():", "def start(self, a, b):"),
    "r": ("\\() NULL", "\\(self, a, b) NULL"),
}


@pytest.mark.holds("14.25", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("which", [0, 1])
def test_functions_of_steps_take_self_and_joins_inputs(project: Project, language: str, which: int) -> None:
    steps = plain(start="a", a="end", end="")
    file = write(project, language, steps)
    if language == "python":
        path, old, new = project.folder / "flow.py", "def start(self):", ARGUMENTS["python"][which]
    else:
        path, old, new = (
            project.folder / "flow.R",
            'step("a", \\(self) {\n\n  }',
            f'step("a", {ARGUMENTS["r"][which]}',
        )
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    done = project.call(file, "check", expect=1)
    name = "start" if language == "python" else "a"
    assert f"'{name}'" in done.text or f'"{name}"' in done.text
    assert "self" in done.text
    assert "inputs" in done.text
    assert re.search(r"flow\.(py|R):[1-9]", done.text)


@pytest.mark.holds("14.1 14.2", "python", "r", "mixed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_marked_steps_and_a_single_one_are_valid(project: Project, run, language: str) -> None:
    steps = {
        "begin": Step(next="done", py_with="#start", r_with="start = TRUE"),
        "done": Step(py_with="#end", r_with="end = TRUE"),
    }
    file = write(project, language, steps)
    done = project.call(file, "check")
    assert "The graph looks good: 2 steps" in done.text
    assert done.stderr == ""
    project.call(file, "run")
    assert run("1").end_task.pathspec == "Sample/1/done/2"
    if language != "mixed":
        file = write(project, language, {"only": Step(py="self.x = 1", r="self$x <- 1L")})
        project.call(file, "run")
        assert run("2").data.x == 1
