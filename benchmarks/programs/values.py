"""Measures how Python stores and reads values, each next to its peer in the same process.

`python values.py CASE FOLDER REPEATS` prints a line for each measurement: its name and the numbers, in seconds or
bytes. What is written stays in FOLDER for the program in R, and the other way round.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from instep.values import Encoded, ObjectStore, decode, encode
from pyarrow import feather

COLUMNS = 8
ROWS = 12_500_000
LARGE_ROWS = 15_625_000
TABLE_ROWS = 5_000_000
SMALL = 10_000
MISSING = 0.05
RANDOM = np.random.default_rng(1)

T = TypeVar("T")


# Values.


def frame(rows: int = ROWS) -> pd.DataFrame:
    """Makes 8 columns of doubles: 800 MB, or 1 GB of `LARGE_ROWS` rows."""
    return pd.DataFrame({f"x{i}": RANDOM.random(rows) for i in range(COLUMNS)})


def frame_with_missing() -> pd.DataFrame:
    """Makes the same frame with missing values in every column, which have to be marked in a copy."""
    made = frame()
    for column in made:
        made.loc[_some(ROWS), column] = np.nan
    return made


def table() -> pd.DataFrame:
    """Makes whole numbers, doubles, booleans, text and a categorical, all with missing values."""
    words = np.array([f"item {i:06d}" for i in range(100_000)])
    made = pd.DataFrame(
        {
            "id": pd.array(RANDOM.integers(0, 1_000_000, TABLE_ROWS, dtype=np.int32)).astype("Int32"),
            "x": RANDOM.random(TABLE_ROWS),
            "flag": pd.array(RANDOM.random(TABLE_ROWS) < 0.5, dtype="boolean"),
            "text": pd.Series(words[RANDOM.integers(0, len(words), TABLE_ROWS)]),
            "grade": pd.Categorical.from_codes(RANDOM.integers(0, 5, TABLE_ROWS), list("abcde")),
        }
    )
    for column in made:
        made.loc[_some(TABLE_ROWS), column] = None
    return made


def _some(rows: int) -> Any:
    return RANDOM.random(rows) < MISSING


def records() -> list[object]:
    """Makes records of five fields."""
    return [
        {"id": i, "name": f"record {i}", "score": i / 7, "good": i % 2 == 0, "note": None}
        for i in range(SMALL)
    ]


def scalars() -> list[object]:
    """Makes whole numbers, floats, text and booleans in turn."""
    kinds: list[Callable[[int], object]] = [int, lambda i: i / 3, str, lambda i: i % 8 == 3]
    return [kinds[i % 4](i) for i in range(SMALL)]


# Cases.


def write_frame(folder: Path, repeats: int) -> None:
    """Stores the frame; the peer writes the bytes of its columns to a file."""
    value = frame()
    buffers = [memoryview(value[name].to_numpy()).cast("B") for name in value]
    file = folder / "plain"
    _compare(value, folder, repeats, file, plain=lambda: _write_plain(file, buffers))


def read_frame(folder: Path, repeats: int) -> None:
    """Opens the frames that both languages have stored, without touching their cells."""
    for language in ("python", "r"):
        opening = []
        for _ in range(repeats + 1):
            before = _status("VmRSS")
            seconds, value = _timed(partial(_load, folder, language))
            opening.append(seconds)
            grown = (_status("VmRSS") - before) / value.memory_usage(index=False).sum()
        _tell(f"open.{language}", *opening[1:])
        _tell(f"grown.{language}", grown)


def write_table(folder: Path, repeats: int) -> None:
    """Stores the table; the peer is feather, whose file is brought to disk as ours are."""
    value = table()
    file = folder / "table.feather"
    _compare(value, folder, repeats, file, feather=lambda: _write_feather(file, value))


def read_table(folder: Path, repeats: int) -> None:
    """Reads the table that R has stored; the peer reads it from feather."""
    file = folder / "table.feather"
    _write_feather(file, _load(folder, "r"))
    _alternate(
        repeats,
        instep=lambda: _timed(lambda: _load(folder, "r"))[0],
        feather=lambda: _timed(lambda: feather.read_feather(file))[0],
    )
    file.unlink()


def small(folder: Path, repeats: int) -> None:
    """Encodes and decodes small values in memory; the peer is pickle."""
    many = records()
    each = scalars()
    _round_trip("records", [many], repeats)
    _round_trip("scalars", each, repeats)


def memory(folder: Path, repeats: int) -> None:
    """Stores a frame with missing cells, once, and tells the peak of memory beyond the frame, by its size."""
    value = frame_with_missing()
    gc.collect()
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    _store(value, folder / "objects")
    _tell("beyond", (_status("VmHWM") - before) / value.memory_usage(index=False).sum())


def unchanged(folder: Path, repeats: int) -> None:
    """Stores a dict with a frame of 1 GB, reads it, changes another entry, and stores it again."""
    objects = ObjectStore(folder / "objects")
    value: Any = {"frame": frame(LARGE_ROWS), "n": 1}
    for name in ("first", "again"):
        before = _written()
        stored = _store(value, objects.root)
        _tell(name, _written() - before)
        value = decode(stored.manifest, objects.open)
        value["n"] = 2


def _compare(value: object, folder: Path, repeats: int, file: Path, **peer: Callable[[], None]) -> None:
    """Times storing a value against a peer that writes `file`. What was stored last stays."""
    objects = folder / "python"

    def ours() -> float:
        _clear(objects)
        seconds, stored = _timed(lambda: _store(value, objects))
        (folder / "python.manifest").write_bytes(stored.manifest)
        return seconds

    def timed(write: Callable[[], None]) -> float:
        _clear(file)
        return _timed(write)[0]

    _alternate(repeats, instep=ours, **{name: partial(timed, write) for name, write in peer.items()})
    _clear(file)


def _round_trip(name: str, values: list[Any], repeats: int) -> None:
    """Times encoding and decoding of each of `values`, all in memory."""
    fetch = ObjectStore(os.devnull).open  # not called: all bytes are in the manifest

    def ours() -> float:
        return _timed(lambda: [decode(encode(value, inline=True).manifest, fetch) for value in values])[0]

    def peer() -> float:
        return _timed(lambda: [pickle.loads(pickle.dumps(value, 5)) for value in values])[0]

    _alternate(repeats, **{f"{name}.instep": ours, f"{name}.pickle": peer})


# Tools.


def _store(value: object, objects: Path) -> Encoded:
    encoded = encode(value)
    store = ObjectStore(objects)
    for blob in encoded.blobs:
        store.put(blob)
    return encoded


def _load(folder: Path, language: str) -> Any:
    manifest = (folder / f"{language}.manifest").read_bytes()
    return decode(manifest, ObjectStore(folder / language).open)


def _write_plain(path: Path, buffers: list[memoryview]) -> None:
    with path.open("wb", buffering=0) as file:
        for buffer in buffers:
            rest = buffer
            while rest:
                rest = rest[file.write(rest) :]
        os.fsync(file.fileno())


def _write_feather(path: Path, value: pd.DataFrame) -> None:
    with path.open("wb") as file:
        feather.write_feather(value, file, compression="uncompressed")
        file.flush()
        os.fsync(file.fileno())


def _clear(path: Path) -> None:
    """Removes a file or folder, and lets the disk come to rest: what came before is not to be paid later."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    os.sync()


def _alternate(repeats: int, **measured: Callable[[], float]) -> None:
    """Takes turns, after a round that does not count, and prints the seconds of each."""
    seconds: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(repeats + 1):
        for name, measure in measured.items():
            seconds[name].append(measure())
            gc.collect()
    for name, all_seconds in seconds.items():
        _tell(name, *all_seconds[1:])


def _timed(run: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def _status(field: str) -> int:
    """Gives a figure about this process's memory, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def _written() -> int:
    """Gives the number of bytes that this process has given to write() so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar:"))


def _tell(name: str, *numbers: float) -> None:
    print(name, *map(json.dumps, map(float, numbers)), flush=True)


CASES = (write_frame, read_frame, write_table, read_table, small, memory, unchanged)

if __name__ == "__main__":
    case = {case.__name__: case for case in CASES}[sys.argv[1]]
    case(Path(sys.argv[2]), int(sys.argv[3]))
