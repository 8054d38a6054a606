"""What becomes of values of Python that R reads and stores again: the rules of docs/values.md."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
from instep.values import NA_FLOAT, NamedList


def after_r(value: Any) -> Any:
    """Gives what Python reads when R read the value and stored it again."""
    if type(value) is int:
        return after_r_whole(value)
    if type(value) in {set, frozenset}:
        return _list(sorted(value, key=lambda x: x.encode() if isinstance(x, str) else x))
    if type(value) in {list, tuple}:
        return _list(value)
    if type(value) is dict:
        return _dict(value)
    return value


def after_r_whole(value: int) -> int | float:
    """R has integers of 32 bits, doubles that are exact to 2^53, and integer64; beyond, text with a class."""
    return float(value) if 2**31 <= abs(value) <= 2**53 else value


def _list(values: Sequence[Any]) -> Any:
    kinds = set(map(type, values)) - {type(None)}
    kind = kinds.pop() if len(kinds) == 1 else None
    is_mixed = kind is float and None in values and any(_is_na(value) for value in values)
    if kind not in {bool, int, float, str, dt.time} or is_mixed:
        return [after_r(value) for value in values]
    return after_r(values[0]) if len(values) == 1 else _vector(values, kind)


def _is_na(value: Any) -> bool:
    return value is not None and np.float64(value).tobytes() == np.float64(NA_FLOAT).tobytes()


def _vector(values: Sequence[Any], kind: Any) -> Any:
    """R has vectors where Python has lists of scalars of one type; Python reads them as arrays."""
    if kind in {str, dt.time}:
        return list(values)
    if kind is float:
        return np.array([NA_FLOAT if value is None else value for value in values])
    if kind is bool:
        return _array(values, "bool")
    largest = max(abs(value) for value in values if value is not None)
    if any(value is not None and not -(2**63) < value < 2**63 for value in values):
        return list(values)
    return _array(values, "int32" if largest < 2**31 else "float64" if largest <= 2**53 else "int64")


def _array(values: Sequence[Any], dtype: str) -> Any:
    missing = [value is None for value in values]
    if dtype == "float64":
        return np.array([NA_FLOAT if value is None else float(value) for value in values])
    array = np.array([value or 0 for value in values], dtype)
    return np.ma.MaskedArray(array, mask=missing) if any(missing) else array


def _dict(value: dict[Any, Any]) -> Any:
    names, values = list(value), [after_r(element) for element in value.values()]
    if "" in names:
        return NamedList(values, names)
    return dict(zip(map(after_r, names), values, strict=True))
