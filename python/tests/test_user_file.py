from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from instep._task_messages import task_from
from instep._user_file import load
from instep.errors import SourceLoadError
from scripted_orchestrator import task_of

FLOW = """
from instep import FlowSpec, step

class Base(FlowSpec):
    @step
    def start(self):
        pass

class Sample(Base):
    numbers = [1, 2]

    @step
    def end(self):
        pass

def prep(self):
    pass

VALUES = [1, {}, []]
if __name__ == "__main__":
    Sample()
"""


@pytest.fixture(autouse=True)
def _restored_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    before = dict(sys.modules)
    yield
    for name in sys.modules.keys() - before.keys():
        del sys.modules[name]


def write(folder: Path, text: str, name: str = "sample_flow.py") -> str:
    file = folder / name
    file.write_text(text)
    return str(file)


def test_load_finds_the_flow_and_the_functions(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, FLOW))
    assert loaded.flow is not None
    assert loaded.flow.__name__ == "Sample"
    assert loaded.module.__name__ == "sample_flow"
    assert "prep" in loaded.functions()
    assert sys.path[0] == str(tmp_path)


def test_load_of_a_file_without_a_flow(tmp_path: Path) -> None:
    assert load(write(tmp_path, "def prep(self): pass\n")).flow is None


def test_load_does_not_replace_a_module_of_the_same_name(tmp_path: Path) -> None:
    import json

    loaded = load(write(tmp_path, "x = 1\n", "json.py"))

    assert loaded.module.__name__ == "json__flow"
    assert sys.modules["json"] is json


def test_load_keeps_the_users_error_as_the_cause(tmp_path: Path) -> None:
    file = write(tmp_path, "x = 1\nraise ValueError('no tank')\n")
    with pytest.raises(SourceLoadError, match="can't be loaded: ValueError: no tank") as caught:
        load(file)
    assert (caught.value.file, caught.value.line) == (file, 2)
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize(
    ("step", "function", "message"),
    [
        ("start", "", None),
        ("any", "prep", None),
        ("nowhere", "", "declares no step 'nowhere'"),
        ("any", "nothing", "has no function 'nothing', which step 'any' runs"),
    ],
)
def test_check_step_finds_the_code(tmp_path: Path, step: str, function: str, message: str | None) -> None:
    file = write(tmp_path, FLOW)
    loaded = load(file)
    task = task_from(task_of(Path(file), step, function=function))
    if message is None:
        loaded.check_step(task)
    else:
        with pytest.raises(SourceLoadError, match=message):
            loaded.check_step(task)


def test_check_step_in_a_file_without_a_flow(tmp_path: Path) -> None:
    file = write(tmp_path, "x = 1\n")
    with pytest.raises(SourceLoadError, match="declares no flow"):
        load(file).check_step(task_from(task_of(Path(file), "start")))
