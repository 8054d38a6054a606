"""Which module may import what."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import instep_server
import pytest

ROOT = Path(instep_server.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
NOT_IN_CORE = {
    "alembic",
    "apsw",
    "asyncio",
    "datetime",
    "google",
    "grpc",
    "instep_proto",
    "os",
    "random",
    "secrets",
    "signal",
    "socket",
    "sqlalchemy",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
    "uuid",
}
CORE_MAY_USE = {"instep_server.core", "instep_server.limits"}
ONLY_TO_GENERATE_AND_MIGRATE = {"schema.py", "statements.py", "generate.py", "opening.py"}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def top(name: str) -> str:
    return name.split(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_imports_only_what_it_may(path: Path) -> None:
    found = imports(path)
    assert "instep" not in {top(name) for name in found}, "the server never imports the SDK"
    if ROOT / "core" in path.parents:
        assert not {top(name) for name in found} & NOT_IN_CORE
        ours = {name for name in found if top(name) == "instep_server"}
        assert all(any(name.startswith(allowed) for allowed in CORE_MAY_USE) for name in ours)
    if {"sqlalchemy", "alembic"} & {top(name) for name in found}:
        assert path.name in ONLY_TO_GENERATE_AND_MIGRATE or "migrations" in path.parts
    if {"apsw", "sqlite3"} & found:
        assert "db" in path.parts


def test_limits_import_nothing() -> None:
    assert imports(ROOT / "limits.py") == {"__future__"}


def test_server_starts_without_heavy_imports() -> None:
    script = (
        "import sys, instep_server.program;"
        "print(sorted({'sqlalchemy', 'alembic', 'pyarrow', 'pandas', 'numpy', 'instep'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
