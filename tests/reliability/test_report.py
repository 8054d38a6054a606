"""The page that tells what was injected."""

from __future__ import annotations

from reliability import report


def test_the_page_is_what_the_reports_say() -> None:
    """Written by hand, or forgotten after a campaign, it would tell what no campaign found."""
    assert report.PAGE.read_text(encoding="utf-8") == report.page()
