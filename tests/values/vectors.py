"""Test vectors: values as bytes, and what is in them. See vectors/README.md.

python -m values.vectors        in directory tests: writes them anew, from what both languages store now
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from instep_proto.v1 import value_pb2 as pb

HERE = Path(__file__).parent
VECTORS = HERE / "vectors"
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

SHAPES = {pb.SHAPE_SCALAR: "scalar", pb.SHAPE_UNIT: "unit", pb.SHAPE_VECTOR: "vector"}


class Truth:
    """Describes a stored value in JSON, by pyarrow's reading of the parts and not by Instep's."""

    def __init__(self, manifest: pb.Manifest, blobs: Path) -> None:
        self._manifest = manifest
        self._blobs = blobs

    def node(self, index: int) -> dict[str, Any]:
        node = self._manifest.nodes[index]
        kind = node.WhichOneof("kind") or ""
        return {"kind": kind, **getattr(self, f"_{kind}")(getattr(node, kind))}

    def _null(self, null: pb.Null) -> dict[str, Any]:
        return {}

    def _vector(self, vector: pb.Vector) -> dict[str, Any]:
        found = {"logical": vector.logical, "shape": SHAPES[vector.shape], "values": self._rows(vector)}
        if vector.HasField("names"):
            found["names"] = self._rows(self._manifest.nodes[vector.names].vector)
        if vector.HasField("levels"):
            found["levels"] = self._rows(self._manifest.nodes[vector.levels].vector)
        return {**found, **_params(vector)}

    def _array(self, array: pb.Array) -> dict[str, Any]:
        return {
            "logical": array.logical,
            "dims": list(array.dims),
            "column_major": array.column_major,
            "values": _cells(self._part(array.part).column(0)),
            "dimnames": [None if child < 0 else self.node(child)["values"] for child in array.dimnames],
            "dimnames_names": _names(array.dimnames_names),
            **_params(array),
        }

    def _table(self, table: pb.Table) -> dict[str, Any]:
        part = self._part(table.part)
        columns = [self._column(column, part.column(i)) for i, column in enumerate(table.columns)]
        return {"rows": table.rows, "family": table.family, "columns": columns}

    def _column(self, column: pb.Column, cells: pa.ChunkedArray) -> dict[str, Any]:
        found = {
            "label": column.label,
            "logical": column.logical,
            "index": column.index,
            "values": _cells(cells),
        }
        if column.HasField("levels"):
            found["levels"] = self._rows(self._manifest.nodes[column.levels].vector)
        return {**found, **_params(column)}

    def _seq(self, seq: pb.Seq) -> dict[str, Any]:
        return {"family": seq.family, "values": [self.node(child) for child in seq.values]}

    def _record(self, record: pb.Record) -> dict[str, Any]:
        return {"names": _names(record.names), "values": [self.node(child) for child in record.values]}

    def _pairs(self, pairs: pb.Pairs) -> dict[str, Any]:
        return {"keys": [self.node(i) for i in pairs.keys], "values": [self.node(i) for i in pairs.values]}

    def _rows(self, vector: pb.Vector) -> list[Any]:
        return _cells(self._part(vector.part).column(0).slice(vector.start, vector.count))

    def _part(self, index: int) -> pa.Table:
        part = self._manifest.parts[index]
        data = part.inline
        if part.HasField("blob"):
            data = (self._blobs / part.blob.hash.removeprefix("b3:")).read_bytes()[part.offset :][
                : part.length
            ]
        return pa.ipc.open_stream(data).read_all()


def _names(names: Any) -> list[str | None]:
    return [name.text if name.HasField("text") else None for name in names]


def _params(node: Any) -> dict[str, Any]:
    return {"params": {param.key: param.value for param in node.params}} if node.params else {}


def _cells(cells: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_temporal(cells.type):
        cells = cells.cast(pa.int32() if cells.type.bit_width == 32 else pa.int64())
    return [_cell(cell) for cell in cells.to_pylist()]


def _cell(cell: Any) -> Any:
    """Numbers as text, since JSON has no NaN and readers of it no integers of 64 bits."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return repr(cell)
    if isinstance(cell, bytes):
        return cell.hex()
    if isinstance(cell, dict):
        return [_cell(cell["re"]), _cell(cell["im"])]
    return cell


def truth_of(directory: Path) -> dict[str, Any]:
    """Describes the vector in a directory."""
    manifest = pb.Manifest.FromString((directory / "manifest.bin").read_bytes())
    return Truth(manifest, directory / "blobs").node(0)


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
    text = json.dumps(truth_of(target), ensure_ascii=False, indent=1)
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
