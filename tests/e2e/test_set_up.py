"""Set-up in a checkout that is set up: it does nothing, and says so."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_second_set_up_does_nothing_in_a_moment() -> None:
    if not (ROOT / ".cache" / "setup" / "r.json").exists():
        pytest.skip("This checkout was not set up by `make setup`.")
    subprocess.run([ROOT / "scripts" / "setup.sh"], capture_output=True, check=True)
    start = time.monotonic()
    again = subprocess.run([ROOT / "scripts" / "setup.sh"], capture_output=True, text=True, check=True)
    assert time.monotonic() - start < 3
    assert again.stdout == "set-up: everything is in place\n"


def test_generated_code_is_up_to_date() -> None:
    check = [sys.executable, str(ROOT / "scripts" / "generate.py"), "--check"]
    assert subprocess.run(check, capture_output=True, text=True, check=False).stderr == ""
