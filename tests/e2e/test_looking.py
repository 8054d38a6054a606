"""Commands that look at runs answer at once: they import nothing that they have no use for."""

from __future__ import annotations

import re

import pytest
from project import Project

FLOW = """
    from instep import FlowSpec, step

    class Look(FlowSpec):
        @step
        def start(self):
            self.word = "hello"
            print("a line")
            self.next(self.end)

        @step
        def end(self):
            pass

    if __name__ == "__main__":
        Look()
"""

SLOW = {"alembic", "cloudpickle", "numpy", "pandas", "polars", "pyarrow", "rich", "sqlalchemy"}
"""Libraries that take long to import, by their first names."""


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("look.py show", "start"),
        ("look.py logs 1/start", "a line"),
        ("look.py dump 1/start", "hello"),
        ("instep runs", "Look/1"),
        ("instep show Look", "start"),
        ("instep logs Look/start", "a line"),
        ("instep dump Look/start", "hello"),
    ],
)
def test_command_imports_no_library_that_is_slow(project: Project, command: str, shown: str) -> None:
    project.write("look.py", FLOW)
    project.call("look.py", "run")
    project.environment["PYTHONPROFILEIMPORTTIME"] = "1"  # all processes of the command tell what they import
    done = project.call(*command.split())
    assert shown in done.stdout
    imported = {name.split(".")[0] for name in re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE)}
    assert {"instep", "instep_server"} <= imported
    assert not imported & SLOW
