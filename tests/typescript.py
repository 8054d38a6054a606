"""The TypeScript library of examples/typescript, for tests that run steps in it."""

from __future__ import annotations

from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
LIBRARY = EXAMPLES / "typescript"
CONFORMANCE = LIBRARY / "conformance" / "steps.js"


def need_build() -> None:
    """Skips a test when the library is not built. `make test` builds it before."""
    built = (LIBRARY / "build/index.js", CONFORMANCE, EXAMPLES / "three_languages/draw.js")
    if not all(file.exists() for file in built):
        pytest.skip("examples/typescript is not built: scripts/typescript.sh builds it, with Node and npm")


def program(steps: str) -> str:
    """Writes a program that offers these functions, in plain JavaScript, so that it needs no compiler."""
    return f"""\
#!/usr/bin/env node
const {{ current, host, mergeArtifacts, tableFromArrays }} = require({str(LIBRARY)!r});
host({{
{steps}
}});
"""
