"""What values cost to store and to read, next to what a person would use otherwise.

The programs in `programs/`, one for each language, do the measuring: each case takes turns between Instep and its
peer in one process, so that a slow minute of the machine hits both. What one language stores is what the other one
reads. This module runs them and says what the numbers have to reach.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.measure import program_lines
from benchmarks.report import Goal, Row, table

PROGRAMS = Path(__file__).resolve().parent / "programs"

_GROUPS = (
    ("write_frame", "read_frame"),
    ("write_table", "read_table"),
    ("small",),
    ("memory",),
    ("unchanged",),
)
"""Cases by the folder that they share."""

_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "Python": (sys.executable, str(PROGRAMS / "values.py")),
    "R": ("Rscript", str(PROGRAMS / "values.R")),
}

REPEATS = 7

TEXT = f"""## Values

What storing and reading costs by itself, without a run. Instep and its peer take turns {REPEATS} times in one
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

Figures = Mapping[str, Sequence[float]]
"""Numbers of each measurement, by `LANGUAGE CASE NAME`."""


def measure_values(peer: Path, tell: Callable[[str, float], None], figures: dict[str, float]) -> str:
    """Runs all cases in both languages. `peer` and `figures` are left alone; the rest is as in `measure_speed`."""
    del peer, figures
    found: dict[str, list[float]] = {}
    for group in _GROUPS:
        with tempfile.TemporaryDirectory() as folder:
            for case in group:
                for language, command in _COMMANDS.items():
                    for line in program_lines(*command, case, folder, str(REPEATS)):
                        name, *numbers = line.split()
                        found[f"{language} {case} {name}"] = list(map(float, numbers))
                        tell(f"{language} {case} {name}", min(found[f"{language} {case} {name}"]))
    return table(_rows(found))


def _rows(figures: Figures) -> list[Row]:
    return [
        _times(figures, "Python write_frame", "store a frame of 800 MB, Python", "plain", Goal(2)),
        _times(figures, "R write_frame", "store a frame of 800 MB, R", "plain", Goal(3)),
        _opening(figures, "python", "open Python's frame, Python"),
        _opening(figures, "r", "open R's frame, Python"),
        _times(figures, "R read_frame", "read Python's frame, R", "plain", Goal(3)),
        _times(figures, "Python write_table", "store the table, Python", "feather"),
        _times(figures, "Python read_table", "read R's table, Python", "feather"),
        _times(figures, "R write_table", "store the table, R", "saveRDS"),
        _times(figures, "R read_table", "read Python's table, R", "readRDS"),
        _times(figures, "Python small", "records, Python", "pickle", prefix="records."),
        _times(figures, "R small", "records, R", "serialize", prefix="records."),
        _times(figures, "Python small", "scalars, Python", "pickle", prefix="scalars."),
        _times(figures, "R small", "scalars, R", "serialize", prefix="scalars."),
        _share(figures["Python memory beyond"], "memory to store, Python", Goal(1.3)),
        _share(figures["R memory beyond"], "memory to store, R", Goal(2)),
        _share(
            figures["Python read_frame grown.python"], "memory to open Python's frame, Python", Goal(0.01)
        ),
        _unchanged(figures, "Python"),
        _unchanged(figures, "R"),
    ]


def _times(
    figures: Figures, case: str, what: str, peer: str, goal: Goal | None = None, prefix: str = ""
) -> Row:
    theirs, ours = figures[f"{case} {prefix}{peer}"], figures[f"{case} {prefix}instep"]
    return Row(what, f"{peer}: {_text(theirs)}", _text(ours), min(ours) / min(theirs), goal)


def _opening(figures: Figures, language: str, what: str) -> Row:
    seconds = figures[f"Python read_frame open.{language}"]
    return Row(what, "", _text(seconds), None, Goal(10, "ms"), 1000 * min(seconds))


def _share(shares: Sequence[float], what: str, goal: Goal) -> Row:
    return Row(what, "the frame: 800 MB", f"{800 * shares[0]:,.0f} MB more", shares[0], goal)


def _unchanged(figures: Figures, language: str) -> Row:
    first, again = (figures[f"{language} unchanged {name}"][0] for name in ("first", "again"))
    return Row(
        f"store a changed dict, {language}",
        f"the first time: {first:,.0f} B",
        f"{again:,.0f} B",
        again / first,
        Goal(4096, "B"),
        again,
    )


def _text(seconds: Sequence[float]) -> str:
    """Writes the fastest time, and the slowest."""
    low, high = min(seconds), max(seconds)
    return f"{1000 * low:.1f} ms (to {1000 * high:.1f})" if low < 0.1 else f"{low:.2f} s (to {high:.2f})"
