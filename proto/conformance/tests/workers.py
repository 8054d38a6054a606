"""How the workers of this repository are started."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WORKERS = ROOT / "proto" / "conformance" / "workers"
COMMANDS = {
    "python": [sys.executable, "-P", "-m", "instep._worker"],
    "r": ["Rscript", "-e", "instep:::worker_main()"],
}
FILES = {"python": WORKERS / "python" / "steps.py", "r": WORKERS / "r" / "steps.R"}
KNOWN_FAILING = ROOT / "proto" / "conformance" / "known-failing"
TYPESCRIPT = ROOT / "examples" / "typescript" / "conformance"
VALUES = {
    "python": [sys.executable, str(WORKERS / "python" / "values.py")],
    "r": ["Rscript", str(WORKERS / "r" / "values.R")],
}
