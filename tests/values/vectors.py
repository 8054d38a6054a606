"""Writes the test vectors of the conformance kit: values as bytes, and what is in them. See their README.md.

python -m values.vectors        in directory tests: writes them anew, from what both languages store now
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from instep_conformance.truth import truth_of
from instep_conformance.vectors import VECTORS, Vector
from instep_proto.v1 import value_pb2 as pb

HERE = Path(__file__).parent
COMMANDS = {
    "python": [sys.executable, str(HERE / "exchange.py")],
    "r": ["Rscript", str(HERE / "exchange.R")],
}

CASES = (
    "none", "logical_unit", "integer_unit", "double_unit", "string_unit", "complex_unit", "raw", "integer_wide",
    "integer64", "bigint", "decimal", "na_logical", "na_integer", "na_double", "na_string", "doubles", "doubles_na",
    "integers", "integers_na", "logicals_na", "complexes", "strings", "empty_list", "empty_doubles", "packed_doubles",
    "list_mixed", "record", "nested", "partial_names", "pairs", "named_doubles", "named_strings", "matrix", "array3",
    "named_dimnames", "factor", "ordered", "date", "dates", "instant", "instants", "naive", "duration", "time", "frame",
    "frame_types", "frame_row_names", "frame_no_columns", "frame_doubled_labels",
)  # fmt: skip
"""Cases of exchange.py and exchange.R that are the same bytes in every run."""


def run(language: str, *arguments: str | Path) -> None:
    """Runs a command of one language's side of the exchange."""
    subprocess.run([*COMMANDS[language], *map(str, arguments)], check=True, timeout=120)


def _keep(name: str, written: Path, target: Path) -> None:
    """Copies one case out of what a language wrote."""
    target.mkdir(parents=True)
    shutil.copy(written / f"{name}.manifest", target / "manifest.bin")
    manifest = pb.Manifest.FromString((target / "manifest.bin").read_bytes())
    for digest in {part.blob.hash for part in manifest.parts if part.HasField("blob")}:
        value = digest.removeprefix("b3:")
        (target / "blobs").mkdir(exist_ok=True)
        shutil.copyfile(written / "objects" / "b3" / value[:2] / value[2:], target / "blobs" / value)
    vector = Vector(target)
    text = json.dumps(truth_of(vector.manifest, vector.fetch), ensure_ascii=False, indent=1)
    (target / "truth.json").write_text(text + "\n")


def main() -> None:
    for language in COMMANDS:
        shutil.rmtree(VECTORS / language, ignore_errors=True)
        with tempfile.TemporaryDirectory() as directory:
            run(language, "write", directory)
            for name in CASES:
                _keep(name, Path(directory), VECTORS / language / name)


if __name__ == "__main__":
    main()
