"""Flow files for the tests: written to disk, loaded as a host would, and read as a fragment."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from textwrap import dedent

from instep._flow import FlowSpec
from instep._fragment import fragment_of
from instep_proto.v1 import graph_pb2

HEADER = "from instep._flow import FlowSpec, step\n"


def load_flow(folder: Path, text: str, *, file: str = "flow.py") -> type[FlowSpec]:
    """Loads the last flow class that a file declares. The file's first line imports FlowSpec and step."""
    path = folder / file
    path.write_text(HEADER + dedent(text))
    name = f"{folder.name}_{path.stem}".replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    flows = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, FlowSpec) and value.__module__ == name
    ]
    return flows[-1]


def read_flow(folder: Path, text: str, *, file: str = "flow.py") -> graph_pb2.FlowFragment:
    """Reads the fragment of the last flow class that a file declares."""
    return fragment_of(load_flow(folder, text, file=file), str(folder / file))


def steps_of(fragment: graph_pb2.FlowFragment) -> dict[str, graph_pb2.StepSpec]:
    """The steps of a fragment by name."""
    return {step.name: step for step in fragment.steps}
