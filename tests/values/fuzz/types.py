"""A type that both languages register: the S3 class `pair` in `decoder.R`."""

from __future__ import annotations

from dataclasses import dataclass

from instep.values import register_type


@register_type("fuzz.pair")
@dataclass(frozen=True)
class Pair:
    """Two values."""

    a: object
    b: object
