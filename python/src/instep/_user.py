"""Who runs a command, and in which namespace."""

from __future__ import annotations

import getpass
import os


def user_name() -> str:
    """Tells who runs the command: ``INSTEP_USER``, else the login name, else, as in containers, the number of the user.

    Example:
        >>> user_name()  # doctest: +SKIP
        'ann'
    """
    try:
        return os.environ.get("INSTEP_USER") or getpass.getuser()
    except (KeyError, OSError):  # nobody has given this user a name
        return str(os.geteuid())


def user_namespace() -> str:
    """Gives the namespace in effect when none was chosen: ``INSTEP_NAMESPACE``, else ``user:<name>``.

    Returns:
        The namespace. Empty: everything can be seen.
    """
    return os.environ.get("INSTEP_NAMESPACE", f"user:{user_name()}")
