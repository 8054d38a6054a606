"""How values are stored, so that R and Python can both read them.

`encode` turns a value into a manifest and blobs, `decode` turns these back. What no other language can read is
pickled, and is a `ForeignObject` where it cannot be opened. Nothing here imports NumPy, pyarrow, pandas or polars
before there is a value that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from instep.errors import ForeachError, OpaqueForeignError, ValueDecodeError, ValueEncodeError
from instep.values._decode import decode, decode_item
from instep.values._describe import describe
from instep.values._digest import Blob, Digest
from instep.values._encode import encode
from instep.values._foreach import item_count
from instep.values._foreign import ForeignObject
from instep.values._loss import Loss, LossWarning, OnLoss
from instep.values._missing import NA, NA_FLOAT, NAType
from instep.values._named import NamedList, NamedVector
from instep.values._objects import ObjectStore
from instep.values._register import register_type
from instep.values._user_code import register_user_module
from instep.values._writer import Encoded

if TYPE_CHECKING:
    from instep.values._ndarray import NDArray

__all__ = [
    "NA",
    "NA_FLOAT",
    "Blob",
    "Digest",
    "Encoded",
    "ForeachError",
    "ForeignObject",
    "Loss",
    "LossWarning",
    "NAType",
    "NDArray",
    "NamedList",
    "NamedVector",
    "ObjectStore",
    "OnLoss",
    "OpaqueForeignError",
    "ValueDecodeError",
    "ValueEncodeError",
    "decode",
    "decode_item",
    "describe",
    "encode",
    "item_count",
    "register_type",
    "register_user_module",
]


def __getattr__(name: str) -> object:
    """Imports what needs NumPy when it is asked for."""
    if name == "NDArray":
        from instep.values._ndarray import NDArray

        return NDArray
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
