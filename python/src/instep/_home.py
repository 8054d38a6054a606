"""Where the store is: one rule for every command and client.

``INSTEP_HOME`` names it. Without that it is the nearest directory ``.instep``, at or above the start folder,
that belongs to the current user. A command with a flow file makes ``.instep`` beside that file when there is
none; everybody else is told that there is none.
"""

from __future__ import annotations

import os
from pathlib import Path

from instep.errors import StoreMissingError, UsageError

HOME_NAME = ".instep"


def find_home(start: Path) -> Path | None:
    """Looks for a store, without making one.

    Args:
        start: Absolute path of the folder to start from.

    Returns:
        The store's directory. None: there is none. A directory that ``INSTEP_HOME`` names is returned even when
        it does not exist.
    """
    if named := os.environ.get("INSTEP_HOME"):
        return Path(named).expanduser().absolute()
    return next(
        (folder / HOME_NAME for folder in (start, *start.parents) if _is_own(folder / HOME_NAME)), None
    )


def flow_home(file: Path) -> Path:
    """Gives the store for commands about a flow file, and makes it when there is none.

    Args:
        file: Absolute path of the flow file.

    Returns:
        The store's directory. It exists.

    Raises:
        UsageError: The directory cannot be made.
    """
    home = find_home(file.parent) or file.parent / HOME_NAME
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = home / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
    except OSError as err:
        raise UsageError(
            f"Can't make the store {str(home)!r}: {err.strerror}. Set INSTEP_HOME to a directory that you may write to."
        ) from err
    return home


def client_home() -> Path:
    """Gives the store for programs without a flow file: the one of the working directory.

    Returns:
        The store's directory. It exists.

    Raises:
        StoreMissingError: There is none.
    """
    start = Path.cwd()
    home = find_home(start)
    if home is None:
        raise StoreMissingError(
            f"There is no store: neither {str(start)!r} nor a folder above it has a directory {HOME_NAME!r} of yours. "
            "Set INSTEP_HOME to the store's directory, or go to the folder of the flow.",
            start=start,
        )
    if not home.is_dir():
        raise StoreMissingError(f"INSTEP_HOME names {str(home)!r}, which is not a directory.", start=home)
    return home


def _is_own(path: Path) -> bool:
    try:
        return path.is_dir() and path.stat().st_uid == os.geteuid()
    except OSError:
        return False
