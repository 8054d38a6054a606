"""What is missing: the scalar `NA`, and the float that means it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import ClassVar, Final, NoReturn

NA_LOW_WORD: Final = 1954
"""R takes a NaN whose low word is this one for NA."""

NAN_BITS: Final = 0x7FF8000000000000
NA_BITS: Final = 0x7FF80000000007A2

NAN: Final[float] = struct.unpack("<d", NAN_BITS.to_bytes(8, "little"))[0]
"""The NaN that is stored for every NaN."""

NA_FLOAT: Final[float] = struct.unpack("<d", NA_BITS.to_bytes(8, "little"))[0]
"""The NaN that Python gets for R's `NA_real_`. It stays NA in R as long as nobody calculates with it."""


def is_na_float(value: float) -> bool:
    """Says whether a float is the NaN that R takes for NA."""
    return value != value and struct.unpack("<I", struct.pack("<d", value)[:4])[0] == NA_LOW_WORD


def plain_float(value: float) -> float | None:
    """Gives the float to store: `None` for NA, the one NaN for every other NaN, else the value itself."""
    if value == value:
        return value
    return None if is_na_float(value) else NAN


class NAType:
    """The type of `NA`: a missing scalar that remembers what it is missing from.

    R has a missing value of each type (`NA`, `NA_integer_`, `NA_character_`). Python reads each of them as an
    instance of this class, which goes back to R as what it was. All are equal. None of them is true or false.

    Example:
        >>> from instep.values import NA
        >>> NA == NA
        True
    """

    __slots__ = ("logical",)

    logical: str
    """The logical type that it is missing from, such as `bool` or `string`."""

    _known: ClassVar[dict[str, NAType]] = {}

    def __new__(cls, logical: str = "bool") -> NAType:
        known = cls._known.get(logical)
        if known is None:
            known = cls._known[logical] = super().__new__(cls)
            known.logical = logical
        return known

    def __bool__(self) -> NoReturn:
        raise TypeError("NA is neither true nor false. Compare with `is` or `==`, as in `value == NA`.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NAType)

    def __hash__(self) -> int:
        return hash(NAType)

    def __repr__(self) -> str:
        return "NA"

    def __reduce__(self) -> tuple[Callable[[str], NAType], tuple[str]]:
        return NAType, (self.logical,)


NA: Final = NAType()
"""A missing logical value, R's `NA`."""
