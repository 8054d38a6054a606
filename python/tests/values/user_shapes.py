"""A user's file whose classes and functions are stored by value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Color(Enum):
    """A class that cloudpickle makes in another way than others."""

    RED = 1


@dataclass
class Point:
    """A class of values."""

    x: float
    color: Color = Color.RED

    def twice(self) -> Point:
        """Calls the class itself."""
        return Point(double(self.x), self.color)


class Named(Point):
    """A class with a base in the same file."""

    label = "named"


def double(x: float) -> float:
    """A function that the class calls."""
    return 2 * x
