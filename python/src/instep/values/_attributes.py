"""R's attributes: which of them Python's values have a place for, and the loss of the others.

Theory of operation. What the types of the table need (names, dimensions, levels, zones, units) is in the nodes. Any
other attribute that R gave a value is stored beside it, and R has it back from a value that is passed on. Python's
values have no place for it, so a value that Python stores again is without it: that is told when it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from instep_proto.v1 import value_pb2 as pb

if TYPE_CHECKING:
    from instep.values._reader import Reader

_NOTES: Final = "r."
"""What the names of the R codec's own notes begin with: how R keeps the value in memory."""

_CLASSES: Final = {"int64": {"integer64"}, "time": {"hms", "difftime"}}
"""By logical type, the classes that it stands for."""


def note_attributes(reader: Reader, attrs: Sequence[pb.Attr], logical: str, parent: int) -> None:
    """Notes the loss of attributes of R that Python has no place for.

    Args:
        reader: Takes the losses; is at the value that has the attributes.
        attrs: The attributes of a node, or of a column of a frame.
        logical: The logical type. Empty: there is none.
        parent: Index of the node that names the attributes.
    """
    lost = sorted(attr.name for attr in attrs if not _has_place(reader, attr, logical, parent))
    if lost:
        names = ", ".join(map(repr, lost))
        reader.loss("R_ATTRIBUTES", f"Python has no place for what R says in the attributes {names}.")
    if any(attr.name == "r.na_level" for attr in attrs):
        reader.loss(
            "FACTOR_NA_LEVEL", "NA, which is a level of the factor in R, is a missing value in Python."
        )


def _has_place(reader: Reader, attr: pb.Attr, logical: str, parent: int) -> bool:
    """Says whether an attribute is no more than a detail of the type."""
    if attr.name == "class":
        return _classes(reader, attr, parent) <= {"AsIs"} | _CLASSES.get(logical, set())
    return attr.name.startswith(_NOTES) or (attr.name == "instep_time" and logical == "time")


def _classes(reader: Reader, attr: pb.Attr, parent: int) -> set[object]:
    found = reader.value(attr.value, parent)
    return set(found) if isinstance(found, list) else {found} if isinstance(found, str) else {None}
