"""Says in a few words what a stored value is, from its manifest alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from instep_proto.v1 import value_pb2 as pb

from instep.values._column import values
from instep.values._reader import parse
from instep.values._stream import StreamError, read

_SUMMARY: Final = 200
_FAMILIES: Final = {"pandas": "pandas.DataFrame", "polars": "polars.DataFrame", "pyarrow": "pyarrow.Table"}
_PYTHON: Final = {
    "int64": "int",
    "float64": "float",
    "string": "str",
    "complex128": "complex",
    "bigint": "int",
}
_R: Final = {"bool": "logical", "int32": "integer", "float64": "numeric", "string": "character", "int64": "integer64",
             "complex128": "complex", "date": "Date", "instant": "POSIXct", "bytes": "raw", "duration": "difftime"}  # fmt: skip
_SCALAR_TEXT: Final = 60


def type_name(value: object) -> str:
    """Gives the class of a value, such as `int` or `numpy.ndarray`."""
    kind = type(value)
    module = kind.__module__
    if module == "builtins":
        return kind.__qualname__
    if module.startswith(("pandas.", "polars.", "pyarrow.", "instep.")):
        module = module.partition(".")[0]
    return f"{module}.{kind.__qualname__}"


def describe(manifest: bytes) -> tuple[str, str]:
    """Says what a stored value is. Needs no blobs.

    Args:
        manifest: The serialized manifest.

    Returns:
        The class of the value in the language that wrote it, and a summary such as `data frame 53,940 x 10`.

    Raises:
        ValueDecodeError: The bytes are not a manifest.
    """
    return describe_manifest(parse(manifest))


def describe_manifest(manifest: pb.Manifest) -> tuple[str, str]:
    """Says what a manifest holds, as `describe` does."""
    node = manifest.nodes[0]
    kind = node.WhichOneof("kind") or ""
    describer = _KINDS.get(kind)
    name, summary = describer(manifest, node) if describer else (kind or "unknown", kind or "unknown")
    if node.registered_type:
        name, summary = node.registered_type, f"{node.registered_type} ({summary})"
    return name, summary if len(summary) <= _SUMMARY else summary[: _SUMMARY - 1] + "…"


def _dims(extents: Sequence[int]) -> str:
    return " x ".join(f"{extent:,}" for extent in extents)


def _null(_: pb.Manifest, node: pb.Node) -> tuple[str, str]:
    return ("NULL", "NULL") if node.origin == "r" else ("NoneType", "None")


def _vector(manifest: pb.Manifest, node: pb.Node) -> tuple[str, str]:
    vector = node.vector
    names: Mapping[str, str] = _R if node.origin == "r" else _PYTHON
    name = names.get(vector.logical, vector.logical)
    if vector.shape != pb.SHAPE_VECTOR:
        shown = _scalar(manifest, vector)
        return name, name if shown is None else f"{name} {shown}"
    family = next((param.value for param in vector.params if param.key == "family"), "")
    if family:
        return family, f"{family} of {vector.count:,} {name}"
    if node.origin == "numpy":
        return "numpy.ndarray", f"array of {vector.count:,} {vector.logical}"
    return name, f"{name} vector of {vector.count:,}"


def _scalar(manifest: pb.Manifest, vector: pb.Vector) -> str | None:
    """Shows a scalar that is in the manifest itself. `None`: it is not, or has to be converted to be shown."""
    if (
        vector.logical not in {"bool", "string", "bigint", "decimal"} | {*_PYTHON}
        and "int" not in vector.logical
    ):
        return None
    if not 0 <= vector.part < len(manifest.parts) or not manifest.parts[vector.part].HasField("inline"):
        return None
    try:
        batches = read(manifest.parts[vector.part].inline).batches
        value: Any = values(batches[0][0])[vector.start]
    except (StreamError, IndexError):
        return None
    if isinstance(value, str) and vector.logical == "string":
        return repr(value if len(value) <= _SCALAR_TEXT else value[:_SCALAR_TEXT] + "…")
    return "NA" if value is None else str(value)[:_SCALAR_TEXT]


def _array(_: pb.Manifest, node: pb.Node) -> tuple[str, str]:
    array = node.array
    name = "numpy.ndarray" if node.origin == "numpy" else "matrix" if len(array.dims) == 2 else "array"
    return name, f"{array.logical} array {_dims(array.dims)}".rstrip()


def _table(_: pb.Manifest, node: pb.Node) -> tuple[str, str]:
    name = _FAMILIES.get(node.table.family, node.table.family)
    columns = sum(not column.index for column in node.table.columns)
    return name, f"{name} {_dims([node.table.rows, columns])}"


def _seq(_: pb.Manifest, node: pb.Node) -> tuple[str, str]:
    name = node.seq.family or "list"
    return name, f"{name} of {len(node.seq.values):,}"


def _record(_: pb.Manifest, node: pb.Node) -> tuple[str, str]:
    name = "list" if node.origin == "r" else "dict"
    return name, f"{name} of {len(node.record.values):,}"


def _pairs(_: pb.Manifest, node: pb.Node) -> tuple[str, str]:
    return "dict", f"dict of {len(node.pairs.values):,}"


def _sparse(_: pb.Manifest, node: pb.Node) -> tuple[str, str]:
    return "sparse matrix", f"sparse matrix {_dims(node.sparse.dims)}"


def _opaque(_: pb.Manifest, node: pb.Node) -> tuple[str, str]:
    opaque = node.opaque
    name = opaque.classes[0] if opaque.classes else "object"
    return name, f"{name} ({'R' if opaque.language == 'r' else opaque.language.title()} only)"


_KINDS: Final = {
    "null": _null, "vector": _vector, "array": _array, "table": _table, "seq": _seq, "record": _record,
    "pairs": _pairs, "sparse": _sparse, "opaque": _opaque,
}  # fmt: skip
