"""Runs the benchmarks: `make bench`, or `python -m benchmarks [PART ...]`.

Without a selection everything is measured, and benchmarks/README.md is written with its chart. A selection is only
printed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import chart, floor, handoff, inspection, scale, speed, values
from benchmarks.machine import describe
from benchmarks.measure import prepare_peer

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "benchmarks"
FINDINGS = FOLDER / "findings.md"

Measure = Callable[[Path, Callable[[str, float], None], dict[str, float]], str]
"""Measures a part with the peer's Python, tells what it does, adds to the figures, and returns a table."""

PARTS: Mapping[str, tuple[str, Measure]] = {
    "flows": (speed.TEXT, speed.measure_speed),
    "floor": (floor.TEXT, floor.measure_floor),
    "scale": (scale.TEXT, scale.measure_scale),
    "inspection": (inspection.TEXT, inspection.measure_inspection),
    "handoff": (handoff.TEXT, handoff.measure_handoff),
    "values": (values.TEXT, values.measure_values),
}
"""Each part's explanation, and what measures it."""

HEAD = f"""# Benchmarks

Made by `make bench`; do not edit by hand. `python -m benchmarks floor` measures one part. Everything is measured in one
run, one thing at a time, on a machine that does nothing else. *Reached* compares with the targets of the design.

![Tasks per second of Metaflow, of Instep and at the limit of this machine]({chart.FILE})
"""


def main() -> int:
    """Measures what is selected, and writes the report if that is everything."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measures Instep against its peers."
    )
    parser.add_argument(
        "parts", nargs="*", help=f"what to measure, of {', '.join(PARTS)}; everything if nothing is named"
    )
    parts = parser.parse_args().parts
    if unknown := set(parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    start = time.monotonic()
    peer = prepare_peer(ROOT / ".cache" / "bench-venv")
    figures: dict[str, float] = {}
    sections = []
    for name, (text, measure) in PARTS.items():
        if not parts or name in parts:
            sections.append(f"{text}\n{measure(peer, _tell, figures)}\n")
        if name == "floor" and not parts:
            sections.append(FINDINGS.read_text())
    minutes = (time.monotonic() - start) / 60
    report = "\n".join([HEAD, *sections, f"Measured in {minutes:.0f} minutes on {describe(peer)}.\n"])
    if not parts:
        (FOLDER / "README.md").write_text(report)
        chart.draw(peer, figures, FOLDER)
    print(f"\n{report}")
    return 0


def _tell(name: str, seconds: float) -> None:
    print(f"{name:<40} {seconds:10.4f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
