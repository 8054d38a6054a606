"""One graph with the code of each step in both languages, written as a flow of Python, of R, or mixed of both."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from project import Project

LANGUAGES = ("python", "r", "mixed")
MIXES = [("python", 1), ("r", 1), ("mixed", 0), ("mixed", 1)]
"""Languages with the steps of a mixed flow that are in R, for tests in which it matters which."""
HEAD_PYTHON = """
import os, signal, sys, time
from instep import (Config, FlowSpec, IncludeFile, JSONType, Parameter, catch, current, environment, project,
                    resources, retry, step, timeout)
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A step.

    Attributes:
        py: Its code in Python.
        r: Its code in R, which does the same.
        next: Names of the steps after it, with spaces between; or for a switch the names by key.
        foreach: Name of the artifact that it splits over.
        condition: Name of the artifact that chooses a case of the switch.
        join: It takes inputs.
        py_with: Decorators in Python, a line each; `#start` and `#end` mark the step itself.
        r_with: Decorators in R, with commas between.
    """

    py: str = ""
    r: str = ""
    next: str | Mapping[Any, str] = ""
    foreach: str = ""
    condition: str = ""
    join: bool = False
    py_with: str = ""
    r_with: str = ""


def write(
    project: Project,
    language: str,
    steps: Mapping[str, Step],
    *,
    py: str = "",
    r: str = "",
    r_steps: int = 1,
    py_flow: str = "",
) -> str:
    """Writes the flow `Sample`.

    Args:
        project: Where to.
        language: That of all steps, or `mixed`.
        steps: The steps by name.
        py: What the class has besides its steps.
        r: What the pipe has before its steps, if the flow is in R.
        r_steps: In a mixed flow: 1 if the second, fourth, ... step is in R, 0 if the first, third, ... is.
        py_flow: Decorators of the class.

    Returns:
        The file to run. A mixed flow is run from its file in Python.
    """
    in_r = {
        name
        for position, name in enumerate(steps)
        if language == "r" or (language == "mixed" and position % 2 == r_steps)
    }
    parts = [_r_step(name, steps[name]) for name in steps if name in in_r]
    if language != "python":
        include = ', include = "flow.py"' if language == "mixed" else ""
        pipe = [f'flow("Sample"{include})', *([] if language == "mixed" or not r else [r]), *parts, "run()"]
        project.write("flow.R", "library(instep)\n\n" + " |>\n  ".join(pipe) + "\n")
    if language == "r":
        return "flow.R"
    methods = [_python_step(name, steps[name]) for name in steps if name not in in_r]
    include = '    include = ["flow.R"]\n' if language == "mixed" else ""
    body = include + textwrap.indent(textwrap.dedent(py), "    ") + "\n" + "\n".join(methods)
    main = 'if __name__ == "__main__":\n    Sample()\n'
    project.write("flow.py", f"{HEAD_PYTHON}\n{py_flow}\nclass Sample(FlowSpec):\n{body}\n{main}")
    return "flow.py"


def plain(value: Any) -> Any:
    """Gives a value as plain lists, dictionaries and scalars, whichever language made it."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, pd.DataFrame):
        return {str(name): value[name].tolist() for name in value}
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def _python_step(name: str, step: Step) -> str:
    marks = {"#start": "start=True", "#end": "end=True"}
    decorators = [line for line in step.py_with.splitlines() if line not in marks]
    arguments = ", ".join(marks[line] for line in step.py_with.splitlines() if line in marks)
    lines = [
        *decorators,
        f"@step({arguments})" if arguments else "@step",
        f"def {name}(self{', inputs' if step.join else ''}):",
    ]
    code = textwrap.dedent(step.py).strip("\n") or "pass"
    if isinstance(step.next, str):
        targets = [json.dumps(one) for one in step.next.split()]
    else:
        targets = ["{" + ", ".join(f"{key!r}: {json.dumps(to)}" for key, to in step.next.items()) + "}"]
    options = [f"{key}={getattr(step, key)!r}" for key in ("foreach", "condition") if getattr(step, key)]
    if targets:
        code += f"\nself.next({', '.join([*targets, *options])})"
    return textwrap.indent("\n".join([*lines, textwrap.indent(code, "    ")]), "    ") + "\n"


def _r_step(name: str, step: Step) -> str:
    code = textwrap.indent(textwrap.dedent(step.r).strip("\n"), "    ")
    parts = [f'"{name}"', f"\\(self{', inputs' if step.join else ''}) {{\n{code}\n  }}"]
    if step.r_with:
        parts.append(step.r_with)
    if isinstance(step.next, str):
        targets = [json.dumps(one) for one in step.next.split()]
        if targets:
            parts.append(
                f"next_step = c({', '.join(targets)})" if len(targets) > 1 else f"next_step = {targets[0]}"
            )
    else:
        parts.append(
            "next_step = list("
            + ", ".join(f"{_r(key)} ~ {json.dumps(to)}" for key, to in step.next.items())
            + ")"
        )
    parts += [f'{key} = "{getattr(step, key)}"' for key in ("foreach", "condition") if getattr(step, key)]
    return f"step({', '.join(parts)})"


def _r(key: Any) -> str:
    if isinstance(key, bool):
        return str(key).upper()
    return f"{key}L" if isinstance(key, int) else json.dumps(key)
