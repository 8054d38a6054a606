"""Sparse matrices of SciPy, written and read. Imported only when there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import scipy.sparse as sp
from instep_proto.v1 import value_pb2 as pb

from instep.values._numpy import UnstorableError, cells_of
from instep.values._writer import Writer

if TYPE_CHECKING:
    from instep.values._reader import Reader

_LAYOUTS: Final = {"csc": pb.SPARSE_LAYOUT_CSC, "csr": pb.SPARSE_LAYOUT_CSR, "coo": pb.SPARSE_LAYOUT_COO}
_FORMATS: Final = {layout: name for name, layout in _LAYOUTS.items()}


def encode_sparse(writer: Writer, value: Any) -> int:
    """Adds a sparse matrix of two dimensions; explicit zeros are kept, and entries stay in their order."""
    layout = _LAYOUTS.get(value.format)
    try:
        cells_of(writer, value.data[:0])
    except UnstorableError:
        layout = None
    if layout is None or value.ndim != 2:
        return writer.opaque(value)
    node, index = writer.node()
    sparse = node.sparse
    sparse.layout = layout
    sparse.dims.extend(value.shape)
    first, second = (value.row, value.col) if value.format == "coo" else (value.indptr, value.indices)
    sparse.indptr = writer.encode(writer, np.asarray(first))
    sparse.indices = writer.encode(writer, np.asarray(second))
    sparse.values = writer.encode(writer, value.data)
    node.origin = "scipy" if isinstance(value, sp.sparray) else "scipy.matrix"
    return index


ENCODERS: Final = dict.fromkeys(
    (sp.csc_array, sp.csr_array, sp.coo_array, sp.csc_matrix, sp.csr_matrix, sp.coo_matrix), encode_sparse
)
"""Encoders by exact type."""


def decode_sparse(reader: Reader, node: pb.Node, index: int) -> object:
    """Reads a sparse matrix. Without values each entry is True."""
    sparse = node.sparse
    name = _FORMATS.get(sparse.layout)
    dims = tuple(sparse.dims)
    if name is None or len(dims) != 2 or any(not 0 <= extent < 2**63 - 1 for extent in dims):
        reader.refuse(f"a sparse matrix has layout {sparse.layout} and dimensions {dims}")
    if len(sparse.dimnames) not in (0, 2):
        reader.refuse(f"a sparse matrix has {len(sparse.dimnames)} dimnames")
    first, second = (_indices(reader, child, index) for child in (sparse.indptr, sparse.indices))
    if sparse.HasField("values"):
        values = reader.value(sparse.values, index)
    else:
        values = np.ones(len(second), np.bool_)
    if (
        not isinstance(values, np.ndarray)
        or len(values) != len(second)
        or isinstance(values, np.ma.MaskedArray)
    ):
        reader.refuse("the values of a sparse matrix are not as many numbers as it has indices")
    _check_indices(reader, name, dims, first, second)
    suffix = "matrix" if node.origin == "scipy.matrix" else "array"
    maker: Any = getattr(sp, f"{name}_{suffix}")
    entries = (values, (first, second)) if name == "coo" else (values, second, first)
    return maker(entries, shape=dims, copy=False)


def _indices(reader: Reader, child: int, index: int) -> Any:
    found = reader.value(child, index)
    if (
        not isinstance(found, np.ndarray)
        or found.dtype.kind not in "iu"
        or isinstance(found, np.ma.MaskedArray)
    ):
        reader.refuse("the indices of a sparse matrix are not integers")
    return found


def _check_indices(reader: Reader, name: str, dims: tuple[int, ...], first: Any, second: Any) -> None:
    """Checks that all indices are inside of the matrix: SciPy trusts them when it calculates."""
    rows, columns = dims
    if name == "coo":
        fits = len(first) == len(second) and _inside(first, rows) and _inside(second, columns)
    else:
        major, minor = (columns, rows) if name == "csc" else (rows, columns)
        fits = (
            len(first) == major + 1
            and first[0] == 0
            and first[-1] == len(second)
            and bool((np.diff(first.astype(np.int64)) >= 0).all())
            and _inside(second, minor)
        )
    if not fits:
        reader.refuse("the indices of a sparse matrix are outside of it")


def _inside(indices: Any, extent: int) -> bool:
    return not indices.size or bool(0 <= indices.min() <= indices.max() < extent)
