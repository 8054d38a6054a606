"""Values that are the same, and values that are not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from instep_conformance.sameness import differences
from instep_conformance.truth import truth_of
from instep_conformance.vectors import Vector, load

VECTORS = load()
BY_NAME = {f"{vector.producer}/{vector.case}": vector for vector in VECTORS}


@pytest.mark.parametrize("vector", VECTORS, ids=BY_NAME)
def test_truth_is_what_pyarrow_reads(vector: Vector) -> None:
    assert truth_of(vector.manifest, vector.fetch) == vector.truth


@pytest.mark.parametrize("case", sorted({vector.case for vector in VECTORS}))
def test_both_languages_stored_the_same_value(case: str) -> None:
    python, r = (BY_NAME[f"{language}/{case}"].truth for language in ("python", "r"))
    assert list(differences(python, r)) == []
    assert list(differences(r, python)) == []


def changes(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Makes values that differ from a value in one cell, label, name or kind."""
    found = []
    for key in ("values", "names", "levels", "columns", "dims", "dimnames", "keys"):
        for index, inner in enumerate((node.get(key) or [])[:20]):
            others = changes(inner) if isinstance(inner, dict) else [changed(inner)]
            for other in others:
                changed_node = copy.deepcopy(node)
                changed_node[key][index] = other
                found.append(changed_node)
    if "label" in node:
        found.append({**node, "label": "another"})
    return [*found, {**node, "kind": "opaque"}] if "kind" in node else found


def changed(cell: Any) -> Any:
    match cell:
        case None:
            return "0"
        case bool():
            return not cell
        case int():
            return cell + 1
        case list():
            return [*cell, "more"]
        case "1" | "1.0":
            return "2"
        case _:
            return "1"


@pytest.mark.parametrize("vector", VECTORS, ids=BY_NAME)
def test_another_value_is_told_apart(vector: Vector) -> None:
    others = [other for other in changes(vector.truth) if other != vector.truth]
    assert others
    assert [other for other in others if not list(differences(vector.truth, other))] == []


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("0.0", "-0.0", False),
        ("nan", "nan", True),
        ("nan", None, False),
        ("1", "1.0", True),
        ("inf", "-inf", False),
    ],
)
def test_numbers(a: str, b: str | None, same: bool) -> None:
    one, other = (
        {"kind": "vector", "logical": "float64", "shape": "vector", "values": [cell]} for cell in (a, b)
    )
    assert (not list(differences(one, other))) is same
