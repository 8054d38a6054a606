"""What is in a stored value, in JSON: by pyarrow's reading of the parts, and not by the code under test.

The form is told in vectors/README.md.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from instep_proto.v1 import value_pb2 as pb

from instep_conformance.values import Fetch, part_bytes

_SHAPES = {pb.SHAPE_SCALAR: "scalar", pb.SHAPE_UNIT: "unit", pb.SHAPE_VECTOR: "vector"}


class _Truth:
    def __init__(self, manifest: pb.Manifest, fetch: Fetch) -> None:
        self._manifest = manifest
        self._fetch = fetch

    def node(self, index: int) -> dict[str, Any]:
        node = self._manifest.nodes[index]
        kind = node.WhichOneof("kind") or ""
        return {"kind": kind, **getattr(self, f"_{kind}")(getattr(node, kind))}

    def _null(self, null: pb.Null) -> dict[str, Any]:
        return {}

    def _vector(self, vector: pb.Vector) -> dict[str, Any]:
        found = {"logical": vector.logical, "shape": _SHAPES[vector.shape], "values": self._rows(vector)}
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
        data = part_bytes(self._manifest.parts[index], self._fetch)
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


def truth_of(manifest: pb.Manifest, fetch: Fetch) -> dict[str, Any]:
    """Describes a stored value.

    Args:
        manifest: Its manifest.
        fetch: Gives blobs.
    """
    return _Truth(manifest, fetch).node(0)
