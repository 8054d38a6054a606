"""Who runs a command."""

from __future__ import annotations

import getpass
import os


def user_name() -> str:
    """Tells who runs the command: ``INSTEP_USER``, else the login name."""
    return os.environ.get("INSTEP_USER") or getpass.getuser()
