"""The store's directory: what is in it, and who works in it.

Each server holds a lock on a file of its own under `owners/` as long as it lives; the system drops the lock with
the process, however it ends. So a run whose owner's file is not locked has no orchestrator any more. The file is
locked before it gets its name, and comes before all else that is the server's, so that whoever finds one unlocked
may remove it with all that is left of its server.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from instep_server.errors import StoreUnwritableError, store_error

STALE_SECONDS = 60.0
"""How old a file is that nobody is about to take into use any more."""


@dataclass(frozen=True, slots=True)
class Home:
    """The places in a store."""

    root: Path
    """The store's directory."""

    @property
    def database(self) -> Path:
        """File of the database."""
        return self.root / "instep.db"

    @property
    def objects(self) -> Path:
        """Directory of the objects."""
        return self.root / "objects"

    @property
    def unfinished(self) -> Path:
        """Directory of objects that workers and clients are writing, each locked by who writes it."""
        return self.objects / "tmp"

    @property
    def logs(self) -> Path:
        """Directory of the logs."""
        return self.root / "logs"

    @property
    def _owners(self) -> Path:
        return self.root / "owners"

    def spool(self, server_id: str) -> Path:
        """Directory for what a server's workers write before it is taken over."""
        return self.root / "spool" / server_id

    def scratch(self, server_id: str) -> Path:
        """Directory for objects that a server is writing."""
        return self.root / "tmp" / server_id

    def lock(self, server_id: str) -> Path:
        """File that a server keeps locked while it lives."""
        return self._owners / f"{server_id}.lock"

    def probe(self, server_id: str) -> Path:
        """File whose content proves to a server that a worker shares the file system."""
        return self.scratch(server_id) / "probe"

    @property
    def sessions(self) -> Path:
        """Directory of flows that were taken out of R sessions."""
        return self.root / "session"

    @property
    def damaged(self) -> Path:
        """Directory for what was found to be damaged."""
        return self.root / "damaged"

    @property
    def damaged_objects(self) -> Path:
        """Directory of damaged objects, under their digests, and of empty files for objects that are gone."""
        return self.damaged / "objects"

    @property
    def collecting(self) -> Path:
        """File that is locked while garbage is collected."""
        return self.root / "collect.lock"

    def owners(self) -> list[str]:
        """Lists the ids of servers that live or were killed."""
        return sorted(path.stem for path in self._owners.glob("*.lock"))

    def living_owners(self) -> list[str]:
        """Lists the ids of servers that live."""
        return [owner for owner in self.owners() if is_alive(self.lock(owner))]

    def make(self, server_id: str, probe: bytes) -> OwnerLock:
        """Makes all directories, for this user alone, and keeps them out of version control.

        Args:
            server_id: The server that will work here.
            probe: What to put into its probe file.

        Returns:
            The server's lock.

        Raises:
            StoreUnwritableError: They cannot be made, or the lock cannot be taken.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
            self._owners.mkdir(exist_ok=True)
            lock = OwnerLock(self.lock(server_id))
            for folder in (self.objects, self.logs, self.spool(server_id), self.scratch(server_id)):
                folder.mkdir(parents=True, exist_ok=True)
            self.probe(server_id).write_bytes(probe)
        except OSError as err:
            advice = "Free some space, or choose" if err.errno == errno.ENOSPC else "Choose"
            raise StoreUnwritableError(
                f"The store {self.root} can't be made or written: {err.strerror}."
                f" {advice} another place with INSTEP_HOME."
            ) from err
        return lock

    def sweep(self) -> None:
        """Removes files that processes were about to write or to name when they were killed."""
        for path in (*self.unfinished.glob("*"), *self._owners.glob("*.new")):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - STALE_SECONDS and not is_alive(path):
                    path.unlink()

    def clear(self, server_id: str) -> None:
        """Removes the directories of a server that has ended, and its lock file; or leaves it to the next server."""
        shutil.rmtree(self.spool(server_id), ignore_errors=True)
        shutil.rmtree(self.scratch(server_id), ignore_errors=True)
        with suppress(OSError):
            self.lock(server_id).unlink()


class OwnerLock:
    """The lock that says that this server lives. Taken at once, and kept until it is released.

    Args:
        path: The server's lock file.

    Raises:
        StoreUnwritableError: It cannot be locked.
    """

    def __init__(self, path: Path) -> None:
        new = path.with_suffix(".new")
        try:
            self._file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            new.rename(path)
        except OSError as err:
            raise StoreUnwritableError(f"{path} can't be locked: {err.strerror}.") from err

    def release(self) -> None:
        """Gives the lock up."""
        os.close(self._file)


@contextmanager
def held(path: Path, *, alone: bool) -> Iterator[None]:
    """Holds a lock while a block runs. Waits for it.

    Args:
        path: Its file.
        alone: Nobody else may hold it. False: nobody may hold it alone.

    Raises:
        StoreError: It cannot be locked.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as err:
        raise store_error(err, path) from err
    try:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(file)


def is_alive(path: Path) -> bool:
    """Tells whether a server lives, or who writes an object.

    Args:
        path: The file that it keeps locked.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
