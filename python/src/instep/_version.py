"""The version of this SDK."""

from __future__ import annotations

from functools import cache


@cache
def version() -> str:
    """Tells the version of the installed distribution, such as `0.1.0`."""
    from importlib.metadata import version as installed  # 20 ms

    return installed("instep")
