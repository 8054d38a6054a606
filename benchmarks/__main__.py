"""Runs the benchmarks and writes benchmarks/README.md: `make bench`, or `python -m benchmarks [REPEATS]`."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.measure import CASES, Case, measure, prepare_peer
from benchmarks.report import report

ROOT = Path(__file__).resolve().parent.parent
REPEATS = 7


def main() -> int:
    """Measures every case and writes the report."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    peer = prepare_peer(ROOT / ".cache" / "bench-venv")

    def tell(case: Case, seconds: float) -> None:
        print(f"{case.name:<24} {seconds:7.2f} s", flush=True)

    times = measure(CASES, peer=peer, repeats=repeats, tell=tell)
    text = report(times, repeats=repeats, machine=describe(peer))
    (ROOT / "benchmarks" / "README.md").write_text(text)
    print(f"\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
