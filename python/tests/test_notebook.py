"""Flows that are defined in notebooks."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import nbformat
import pytest
from instep import errors
from instep._notebook import NotebookFlow, write_flow
from nbclient import NotebookClient

FLOW = """
class Churn(FlowSpec):
    @step
    def start(self):
        local = 1
        self.y = helper(local)
        self.next("end")

    @step
    def end(self):
        pass
"""


def written(folder: Path, *cells: str) -> tuple[NotebookFlow, str]:
    """Writes the flow Churn of a notebook of these cells."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    sources = ["", *(dedent(cell) for cell in cells)]  # cells are counted from 1
    for source in sources:
        exec(source, namespace)  # noqa: S102 - as a notebook does
    flow = write_flow(namespace["Churn"], namespace, sources, folder)
    return flow, flow.file.read_text()


def loaded(flow: NotebookFlow) -> dict[str, Any]:
    """Runs a flow file as another program would import it."""
    namespace: dict[str, Any] = {"__name__": "churn_notebook", "__file__": str(flow.file)}
    exec(compile(flow.file.read_text(), str(flow.file), "exec"), namespace)  # noqa: S102 - as above
    return namespace


def test_what_a_flow_reaches_is_written_and_nothing_else(tmp_path: Path) -> None:
    flow, text = written(
        tmp_path,
        "from instep import FlowSpec, step\nimport math as m, os\nlocal = 'never'\nunused = 1",
        """
        BASE = 2
        def square(n): return n ** BASE

        def helper(n):
            return square(n) + m.floor(0.5) + inner(n)
        inner = lambda n: square(n)
        """,
        FLOW,
    )
    assert flow.file == tmp_path / "churn_notebook.py"
    assert "import math as m" in text
    assert "BASE = 2" in text
    assert "inner = lambda n: square(n)" in text
    for left_out in ("unused", "never", "import os"):
        assert left_out not in text
    assert loaded(flow)["helper"](3) == 18


def test_variables_have_the_value_of_now(tmp_path: Path) -> None:
    flow, text = written(
        tmp_path,
        "from instep import FlowSpec, step\nimport numpy as np\nfolds, big = 1, np.zeros(3)",
        "folds += 4\nbig[1] = 7",
        "def helper(n): return folds, big.sum()",
        FLOW,
    )
    assert "folds = 5" in text
    assert (tmp_path / "churn_notebook.values").is_file()
    assert loaded(flow)["helper"](0) == (5, 7.0)


def test_the_last_definition_holds(tmp_path: Path) -> None:
    cells = [
        "from instep import FlowSpec, step",
        "def helper(n): return 'old'",
        FLOW,
        "def helper(n): return 'new'",
    ]
    flow, text = written(tmp_path, *cells)
    assert loaded(flow)["helper"](0) == "new"
    assert "old" not in text


def test_classes_and_decorators_come_before_their_use(tmp_path: Path) -> None:
    flow, text = written(
        tmp_path,
        "from instep import FlowSpec, step\nfrom dataclasses import dataclass",
        """
        @dataclass
        class Point:
            x: int
        ORIGIN = Point(0)
        def twice(function): return lambda n: 2 * function(n)
        @twice
        def helper(n): return ORIGIN.x + n
        """,
        FLOW,
    )
    assert loaded(flow)["helper"](4) == 8
    assert text.index("class Point") < text.index("ORIGIN =")
    assert text.index("def twice") < text.index("@twice")


def test_places_are_those_of_the_cells(tmp_path: Path) -> None:
    flow, text = written(
        tmp_path, "from instep import FlowSpec, step", "\ndef helper(n):\n    return n", FLOW
    )
    line = text.splitlines().index("    return n") + 1
    assert (
        flow.translate(f'  File "{flow.file}", line {line}, in helper') == "  Cell In[2], line 3, in helper"
    )
    assert flow.translate(f"  churn_notebook.py:{line}: no") == "  Cell In[2]:3: no"
    assert flow.translate('File "/other.py", line 3') == 'File "/other.py", line 3'


def test_a_file_of_the_users_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "churn_notebook.py").write_text("mine")
    with pytest.raises(errors.UsageError, match="another file is there"):
        written(tmp_path, "from instep import FlowSpec, step\nhelper = abs", FLOW)
    assert (tmp_path / "churn_notebook.py").read_text() == "mine"


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.UsageError, match=r"Cell In\[3\], line 2 uses 'helper'"):
        written(
            tmp_path,
            "from instep import FlowSpec, step",
            "exec('def helper(n): return n')",
            FLOW,
        )


def run_notebook(folder: Path, cells: Sequence[str]) -> list[list[Any]]:
    """Runs a notebook in a kernel, and gives the outputs of its cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(dedent(cell)) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    NotebookClient(notebook, timeout=90, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell.outputs for cell in notebook.cells]


def test_a_flow_of_a_cell_runs_and_shows_itself_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INSTEP_HOME", raising=False)
    outputs = run_notebook(
        tmp_path,
        [
            "from instep import FlowSpec, Parameter, Runner, step",
            """
            SCALE = 3
            def helper(n):
                if n < 0:
                    raise ValueError("below zero")
                return SCALE * n
            """,
            """
            class Churn(FlowSpec):
                n = Parameter("n", default=2)

                @step
                def start(self):
                    print("at work")
                    self.y = helper(self.n)
                    self.next("end")

                @step
                def end(self):
                    pass
            """,
            "done = Runner(Churn).run(n=5)\ndone.status, done.run.data.y",
            "failed = Runner(Churn).run(n=-1)\nfailed.status",
            "running = await Runner(Churn, show_output=False).async_run()\n[event.text async for event in running][0]",
            "task = done.run['start'].task\nget_ipython().kernel.do_complete('task.data.', 10)['matches']",
            "run = done.run\nget_ipython().kernel.do_complete('run[\"st', 7)['matches']",
        ],
    )
    shown, value = outputs[3]
    assert value["data"]["text/plain"] == "('succeeded', 15)"
    assert shown["output_type"] == "display_data"
    assert "1 of 1" in shown["data"]["text/html"]
    assert "at work" in shown["data"]["text/html"]
    assert shown["data"]["text/plain"] == "Run Churn/1 succeeded: start 1/1, end 1/1"
    shown, error, value = outputs[4]
    assert value["data"]["text/plain"] == "'failed'"
    assert "failed 1" in shown["data"]["text/html"].replace("</span>", "")
    assert "Cell In[2], line 4, in helper" in error["text"]
    assert "ValueError: below zero" in error["text"]
    assert outputs[5][0]["data"]["text/plain"] == "'Run Churn/3 starts.'"
    assert "'y'" in outputs[6][0]["data"]["text/plain"]
    assert "start" in outputs[7][0]["data"]["text/plain"]


def test_instep_does_not_import_ipython() -> None:
    code = "import sys; from instep import Runner, Flow; print('IPython' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
