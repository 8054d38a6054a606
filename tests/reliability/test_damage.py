"""A few of the flipped bits of the campaign."""

from __future__ import annotations

from reliability import damage

SCALE = 0.004


def test_no_flipped_bit_goes_unnoticed() -> None:
    """What damage there is is named by readers of both languages and by `instep fsck`, and mended as far as can be."""
    assert damage.campaign(SCALE, seed=11).findings == ()
