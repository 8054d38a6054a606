"""What the kit may import: it stands beside the product, and must not share its mistakes."""

from __future__ import annotations

import ast
from pathlib import Path

import instep_conformance
import pytest

ROOT = Path(instep_conformance.__file__).parent


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_module_imports_neither_server_nor_sdk(path: Path) -> None:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    assert not {name.split(".")[0] for name in found} & {"instep", "instep_server"}
