"""Runs the benchmarks: `make bench`, or `python -m benchmarks [flows] [handoff] [values]`.

Without a selection everything is measured, and benchmarks/README.md is written. A selection is only printed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.measure import FLOW_CASES, HANDOFF_CASES, Case, measure, prepare_peer
from benchmarks.report import Row, flow_rows, handoff_rows, table
from benchmarks.values import measure_values, value_rows

ROOT = Path(__file__).resolve().parent.parent
FLOW_REPEATS = 7
HANDOFF_REPEATS = 2
VALUE_REPEATS = 7

FLOWS_TEXT = f"""## Flows

Each flow of `benchmarks/flows` runs as a whole command, from a fresh store, all in turn, {FLOW_REPEATS} times after a
round that does not count. Medians (lowest to highest). All with their default number of workers.

- **hello**: three empty steps; time of the whole command.
- **foreach**: 100 empty tasks, each a process of its own; tasks per second of the whole command, start and end included.
"""

HANDOFF_TEXT = f"""## A frame from step to step

One step assigns a frame of 800 MB, 8 columns of random doubles; the next one adds up all its cells. The time from the
last line of the one to the sum in the other counts: storing, the end of one task, the start of the next, reading, and
going over the cells. Both keep it in their store in the same file system, which has none of it before. Medians of
{HANDOFF_REPEATS} (lowest to highest) after a round that does not count; the ratio is how many times faster Instep is.
Metaflow is from Python to Python in each line: its flows have one language.
"""

VALUES_TEXT = f"""## Values

What storing and reading costs by itself, without a run. Instep and its peer take turns {VALUE_REPEATS} times in one
process after a round that does not count, in the same folder. The fastest time (to the slowest); ratios are of the
fastest. Storing by Instep is encoding, hashing, writing, and fsync of file and folder. What is read is in the cache of
the file system, for both.

- **frame**: 8 columns of 12.5 million random doubles. The plain write is write() of the columns to one file, and fsync;
  in R it is writeBin() of the columns, without fsync. The plain read in R is readBin() of the stored file to raw bytes.
- **table**: 5 million rows of whole numbers, doubles, booleans, text (100,000 different) and a categorical (factor),
  5 % of each missing. Feather is pyarrow's, uncompressed, with fsync; saveRDS() is uncompressed, without fsync.
- **records**: a list of 10,000 records of 5 fields, encoded and decoded in memory, against pickle.dumps() and loads(),
  or serialize() and unserialize(), which only their own language reads.
- **scalars**: the same for 10,000 numbers, texts and truth values, each an artifact of its own with its digest.
- **memory**: the peak of resident memory while the frame with 5 % missing cells is stored, beyond what was there
  before; and how much resident memory grows when a stored frame is opened, which maps it.
- **changed dict**: a dict (list) with a frame of 1 GB and a number is stored and read back, the number is changed, and
  the dict is stored again. Bytes that the process gave to write(). What is no blob of its own goes into the database.
"""


def main() -> int:
    """Measures what is selected, and writes the report if that is everything."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measures Instep against its peers."
    )
    parser.add_argument("parts", nargs="*", help="what to measure; everything if nothing is named")
    parts = parser.parse_args().parts
    if unknown := set(parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    peer = prepare_peer(ROOT / ".cache" / "bench-venv")
    sections = [
        f"{text}\n{table(run(peer))}\n" for name, (text, run) in PARTS.items() if not parts or name in parts
    ]
    head = "# Benchmarks\n\nMade by `make bench`; do not edit by hand. `python -m benchmarks values` measures one part.\n"
    report = "\n".join([head, *sections, f"Machine: {describe(peer)}.\n"])
    if not parts:
        (ROOT / "benchmarks" / "README.md").write_text(report)
    print(f"\n{report}")
    return 0


def _flows(peer: Path) -> list[Row]:
    return flow_rows(measure(FLOW_CASES, peer=peer, repeats=FLOW_REPEATS, tell=_tell))


def _handoff(peer: Path) -> list[Row]:
    return handoff_rows(measure(HANDOFF_CASES, peer=peer, repeats=HANDOFF_REPEATS, tell=_tell))


def _values(peer: Path) -> list[Row]:
    return value_rows(measure_values(repeats=VALUE_REPEATS, tell=lambda line: print(line, flush=True)))


def _tell(case: Case, seconds: float) -> None:
    print(f"{case.name:<24} {seconds:7.2f} s", flush=True)


PARTS: dict[str, tuple[str, Callable[[Path], list[Row]]]] = {
    "flows": (FLOWS_TEXT, _flows),
    "handoff": (HANDOFF_TEXT, _handoff),
    "values": (VALUES_TEXT, _values),
}
"""Each part's explanation, and what measures it with the peer's Python."""

if __name__ == "__main__":
    sys.exit(main())
