"""Whether two stored values are the same value, though two languages wrote them.

What differs by right: the width of numbers, since R has integers of 32 bits and doubles; whether a vector of one value
is a scalar, since R does not say; the family of a container; the order of an array's cells, whose dimensions count; the
codes of a factor, whose labels count; the unit in which R shows a duration. docs/values.md has the rules.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]

_NUMBERS = frozenset(
    f"{kind}{bits}" for kind, widths in (("int", (8, 16, 32, 64)), ("uint", (8, 16, 32, 64)), ("float", (16, 32, 64)))
    for bits in widths
)  # fmt: skip


def differences(a: Node, b: Node, path: str = "value") -> Iterator[str]:
    """Yields how two values differ, as sentences.

    Args:
        a: What was stored, as truth.json tells it.
        b: What it became.
        path: Where they are.
    """
    if a["kind"] != b["kind"]:
        yield f"{path} is of kind {b['kind']}, and not {a['kind']}"
        return
    match a["kind"]:
        case "vector":
            yield from _vectors(a, b, path)
        case "array":
            yield from _arrays(a, b, path)
        case "table":
            yield from _tables(a, b, path)
        case "seq":
            yield from _children(a["values"], b["values"], path)
        case "record":
            if a["names"] != b["names"]:
                yield f"{path} has the names {b['names']}, and not {a['names']}"
            yield from _children(a["values"], b["values"], path)
        case "pairs":
            yield from _children(a["keys"], b["keys"], f"the keys of {path}")
            yield from _children(a["values"], b["values"], path)


def _children(a: list[Node], b: list[Node], path: str) -> Iterator[str]:
    if len(a) != len(b):
        yield f"{path} has {len(b)} elements, and not {len(a)}"
        return
    for index, (one, other) in enumerate(zip(a, b, strict=True)):
        yield from differences(one, other, f"{path}[{index}]")


def _vectors(a: Node, b: Node, path: str) -> Iterator[str]:
    if (a["shape"] == "vector") != (b["shape"] == "vector") and len(a["values"]) != 1:
        yield f"{path} has the shape {b['shape']}, and not {a['shape']}"
    if a.get("names") != b.get("names"):
        yield f"{path} has the names {b.get('names')}, and not {a.get('names')}"
    yield from _cells(a, b, path)


def _arrays(a: Node, b: Node, path: str) -> Iterator[str]:
    for fact in ("dims", "dimnames", "dimnames_names"):
        if a[fact] != b[fact]:
            yield f"{path} has the {fact} {b[fact]}, and not {a[fact]}"
            return
    yield from _cells(_in_row_order(a), _in_row_order(b), path)


def _tables(a: Node, b: Node, path: str) -> Iterator[str]:
    if a["rows"] != b["rows"]:
        yield f"{path} has {b['rows']} rows, and not {a['rows']}"
    labels = [[(column["label"], column["index"]) for column in one["columns"]] for one in (a, b)]
    if labels[0] != labels[1]:
        yield f"{path} has the columns {labels[1]}, and not {labels[0]}"
        return
    for one, other in zip(a["columns"], b["columns"], strict=True):
        yield from _cells(one, other, f"column {one['label']!r} of {path}")


def _cells(a: Node, b: Node, path: str) -> Iterator[str]:
    """Compares cells with their meaning."""
    both = {a["logical"], b["logical"]}
    are_numbers = both <= _NUMBERS
    if len(both) > 1 and not are_numbers:
        yield f"{path} is of type {b['logical']}, and not {a['logical']}"
        return
    for fact in ("tz", "ordered"):
        found, expected = b.get("params", {}).get(fact), a.get("params", {}).get(fact)
        if found != expected:
            yield f"{path} has {fact} {found}, and not {expected}"
    left, right = _labelled(a), _labelled(b)
    if len(left) != len(right):
        yield f"{path} has {len(right)} values, and not {len(left)}"
        return
    for index, (one, other) in enumerate(zip(left, right, strict=True)):
        if not (_same_number(one, other) if are_numbers else one == other):
            yield f"{path}[{index}] is {other}, and not {one}"


def _labelled(node: Node) -> list[Any]:
    if node["logical"] != "factor":
        values: list[Any] = node["values"]
        return values
    labels = {str(code): level for code, level in enumerate(node["levels"])}
    cells = [None if code is None else labels.get(code, f"code {code}") for code in node["values"]]
    return [*cells, *node["levels"]]


def _same_number(a: str | None, b: str | None) -> bool:
    if a is None or b is None:
        return a is b
    if "." in a + b or "n" in a + b or "e" in a + b:
        x, y = float(a), float(b)
        return (math.isnan(x) and math.isnan(y)) or (x == y and math.copysign(1, x) == math.copysign(1, y))
    return int(a) == int(b)


def _in_row_order(node: Node) -> Node:
    """Gives an array's cells in the order of C."""
    dims = node["dims"]
    if not node["column_major"] or len(dims) < 2:
        return node
    strides = [math.prod(dims[:axis]) for axis in range(len(dims))]
    values = [node["values"][sum(map(int.__mul__, place, strides))] for place in _places(dims)]
    return {**node, "values": values}


def _places(dims: list[int]) -> Iterator[tuple[int, ...]]:
    if not dims:
        yield ()
        return
    for first in range(dims[0]):
        for rest in _places(dims[1:]):
            yield (first, *rest)
