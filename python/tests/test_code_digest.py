"""The digest of a step's code changes with what the step does, and with nothing else."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path
from textwrap import dedent

import pytest
from flow_files import load_flow
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instep._code_digest import digest_of_function, digest_of_step

IMPORTS = "from instep import Config, Parameter, retry, environment\n"
FLOW = '''
import os, json as js
import helper
import package.deep
from helper import shout as louder
from package import *

LIMIT = 3
TABLE = {"a": 1}
TABLE["b"] = 2
UNUSED = 1
try:
    import fast
except ImportError:
    fast = None

def scale(x, by=LIMIT):
    """Scales."""
    return clean(x) * by

def clean(x):
    return [part for part in x]

def unused():
    return 1

class Model:
    """A model."""
    def fit(self):
        return TABLE

def traced(function):
    return function

class Base(FlowSpec):
    def report(self):
        return self._unit

    _unit = "kg"

    @step
    def begin(self):
        self.next(self.start)

class Flow(Base):
    folds = Parameter("folds", default=5, help="Folds.")

    @retry(times=2)
    @traced
    @step
    def start(self):
        """Starts."""
        # A comment.
        self.x = scale([1, 2], by=2)
        self.model = Model().fit()
        self.text = louder("a") + package.deep.whisper("b") + js.dumps([])
        self.report()
        self.count = helper.count(self)
        self.next(self.other)

    @step
    def other(self):
        self.y = starred()
        self.next(self.end)

    @property
    def width(self):
        return 3

    @step
    def end(self):
        pass
'''
HELPER = """
FACTOR = 2
def shout(text): return text.upper() * FACTOR
def count(flow): return flow.width
def unused(): return 1
"""
PACKAGE = "from package.deep import starred\n"
DEEP = "def whisper(text): return text\ndef starred(): return 1\n"
_numbers = itertools.count()


def digests(folder: Path, flow: str = FLOW, helper: str = HELPER, deep: str = DEEP) -> dict[str, str]:
    """Digests of all steps of the flow, written into a new folder."""
    here = folder / f"version{next(_numbers)}"
    (here / "package").mkdir(parents=True)
    (here / "helper.py").write_text(dedent(helper))
    (here / "package" / "__init__.py").write_text(PACKAGE)
    (here / "package" / "deep.py").write_text(deep)
    # The modules that it imports are read and not run.
    stubs = "import sys, types\nfor _name in ('helper', 'package', 'package.deep'):\n"
    stubs += "    sys.modules[_name] = types.ModuleType(_name)\n"
    stubs += "sys.modules['helper'].shout = sys.modules['package'].starred = len\n"
    stubs += "sys.modules['package'].deep = sys.modules['package.deep']\n"
    loaded = load_flow(here, stubs + IMPORTS + dedent(flow))
    return {name: digest_of_step(loaded, name) for name in ("begin", "start", "other", "end")}


@pytest.fixture(autouse=True)
def _modules(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in ("helper", "package", "package.deep"):
        monkeypatch.setitem(sys.modules, name, sys)  # put back at the end


def replaced(text: str, old: str, new: str) -> str:
    assert old in text, old
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# A comment.", "# Another one.\n\n"),
        ('"""Starts."""', '"""Begins."""'),
        ('        """Starts."""\n', ""),
        ('"""Scales."""', "'''Other words.'''"),
        ('"""A model."""', "pass"),
        ("[1, 2], by=2", "[1,\n   2],\n by = 2"),
        ('louder("a")', "louder('a')"),
        ("UNUSED = 1", "UNUSED = 2"),
        ("def unused():\n    return 1", "def unused():\n    return 2"),
        ("@retry(times=2)", "@retry(times=3)\n    @environment(vars={})"),
        ("@retry(times=2)\n    @traced\n    @step", "@step\n    @traced"),
        ("default=5", "default=6"),
        ("self.y = starred()", "self.y = 2"),
        ("LIMIT = 3\nTABLE", "TABLE_2 = 1\nLIMIT = 3\nTABLE"),
    ],
)
def test_digest_of_a_step_stays_when_what_it_does_stays(tmp_path: Path, old: str, new: str) -> None:
    assert digests(tmp_path, replaced(FLOW, old, new))["start"] == digests(tmp_path)["start"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("by=2", "by=3"),
        ("clean(x) * by", "clean(x) + by"),
        ("[part for part in x]", "[part for part in x if part]"),
        ("LIMIT = 3", "LIMIT = 4"),
        ('TABLE["b"] = 2', 'TABLE["b"] = 3'),
        ('TABLE["b"] = 2', "TABLE.clear()"),
        ("        return TABLE", "        return dict(TABLE)"),
        ("return self._unit", "return self._unit + 's'"),
        ('_unit = "kg"', '_unit = "g"'),
        ("return function", "return function or print"),
        ("        return 3", "        return 4"),
        ("self.next(self.other)", "self.next(self.end)"),
        ("import os, json as js", "import os, pickle as js"),
    ],
)
def test_digest_of_a_step_changes_with_what_it_reaches(tmp_path: Path, old: str, new: str) -> None:
    before, after = digests(tmp_path), digests(tmp_path, replaced(FLOW, old, new))
    assert before["start"] != after["start"]
    assert {name for name in before if before[name] != after[name]} == {"start"}


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("FACTOR = 2", "FACTOR = 3", {"start"}),
        ("text.upper()", "text.lower()", {"start"}),
        ("flow.width", "flow.width + 1", {"start"}),
        ("def unused(): return 1", "def unused(): return 2", set()),
    ],
)
def test_digest_reaches_into_imported_files(tmp_path: Path, old: str, new: str, changed: set[str]) -> None:
    before, after = digests(tmp_path), digests(tmp_path, helper=replaced(HELPER, old, new))
    assert {name for name in before if before[name] != after[name]} == changed


def test_digest_reaches_through_packages_and_star_imports(tmp_path: Path) -> None:
    before = digests(tmp_path)
    whisper = digests(tmp_path, deep=replaced(DEEP, "return text", "return text * 2"))
    starred = digests(tmp_path, deep=replaced(DEEP, "return 1", "return 2"))
    assert {name for name in before if before[name] != whisper[name]} == {"start"}
    assert {name for name in before if before[name] != starred[name]} == {"other"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_digest_does_not_see_layout(tmp_path: Path, data: st.DataObject) -> None:
    lines = dedent(FLOW).splitlines()
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(lines)))
        before = lines[place - 1] if place else ""
        inside_text = before.endswith("\\")
        if not inside_text:
            lines.insert(place, data.draw(st.sampled_from(["", "# comment", "        # deep", "\t"])))
    assert digests(tmp_path, "\n".join(lines)) == digests(tmp_path)
    assert digests(tmp_path, ast.unparse(ast.parse(dedent(FLOW)))) == digests(tmp_path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=st.integers(0, 99), new=st.integers(0, 99), depth=st.integers(0, 5))
def test_digest_sees_a_constant_however_deep_it_is_reached(
    tmp_path: Path, old: int, new: int, depth: int
) -> None:
    def flow(value: int) -> str:
        calls = "\n".join(f"def f{i}(): return f{i + 1}()" for i in range(depth))
        return f"""
{calls}
def f{depth}(): return VALUE
VALUE = {value}
class Flow(FlowSpec):
    @step
    def begin(self): self.x = f0(); self.next(self.start)
    @step
    def start(self): self.next(self.other)
    @step
    def other(self): self.next(self.end)
    @step
    def end(self): pass
"""

    before, after = digests(tmp_path, flow(old)), digests(tmp_path, flow(new))
    assert (before["begin"] == after["begin"]) == (old == new)
    assert before["start"] == after["start"]


@pytest.mark.parametrize(
    ("body", "reaches"),
    [
        ("VALUE = 1; return VALUE", False),
        ("global VALUE; VALUE = 1; return VALUE", True),
        ("return [VALUE for VALUE in 'ab']", True),  # in doubt it is reached
        ("return (lambda VALUE: VALUE)(1)", False),
        ("return (lambda VALUE=VALUE: VALUE)()", True),
        ("def VALUE(): return 1\n    return VALUE()", False),
        ("import VALUE\n    return VALUE", False),
        ("def inner(): return VALUE\n    return inner()", True),
        ("return other.VALUE", False),
        ("return f'{VALUE}'", True),
    ],
)
def test_names_of_a_function_hide_those_of_its_file(tmp_path: Path, body: str, reaches: bool) -> None:
    file = tmp_path / f"code{next(_numbers)}.py"
    found = []
    for value in (1, 2):
        file = tmp_path / f"code{next(_numbers)}.py"
        file.write_text(f"VALUE = {value}\ndef work(self):\n    {body}\n")
        found.append(digest_of_function(str(file), "work"))
    assert (found[0] != found[1]) == reaches


def test_import_inside_a_function_is_followed(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text("def work(self):\n    from inner import f\n    return f()\n")
    (tmp_path / "inner.py").write_text("def f(): return 1\n")
    before = digest_of_function(str(tmp_path / "flow.py"), "work")
    other = tmp_path / "other"
    other.mkdir()
    (other / "flow.py").write_text((tmp_path / "flow.py").read_text())
    (other / "inner.py").write_text("def f(): return 2\n")
    assert before != digest_of_function(str(other / "flow.py"), "work")


def test_function_that_is_not_there_has_no_digest(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text("def work(self): ...\n")
    assert digest_of_function(str(tmp_path / "flow.py"), "other") == ""
    assert digest_of_function(str(tmp_path / "missing.py"), "work") == ""
