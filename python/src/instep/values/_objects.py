"""The directory of blobs on this machine, addressed by their content."""

from __future__ import annotations

import fcntl
import mmap
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from instep.errors import BlobCorruptError, BlobMissingError
from instep.values._digest import Blob

_HASH: Final = re.compile(r"b3:([0-9a-f]{2})([0-9a-f]{62})", re.ASCII)


class ObjectStore:
    """A directory with one read-only file for each blob, at `b3/<2 hex digits>/<62 hex digits>`.

    Those that are being written are in `tmp`.

    Args:
        root: The directory. It need not exist yet.
        durable: Whether blobs must survive a crash of the machine.
    """

    def __init__(self, root: str | os.PathLike[str], *, durable: bool = True) -> None:
        self.root = Path(root)
        self._unfinished = self.root / "tmp"
        self._durable = durable

    def path(self, digest: str) -> Path:
        """Gives the file of a blob.

        Args:
            digest: The blob's hash, such as `b3:af13...`.

        Raises:
            ValueError: This is not a hash.
        """
        match = _HASH.fullmatch(digest)
        if match is None:
            raise ValueError(f"{digest!r} is not the hash of a blob, which is 'b3:' and 64 hex digits.")
        return self.root / "b3" / match[1] / match[2]

    def has(self, digest: str) -> bool:
        """Says whether a blob is there."""
        return self.path(digest).exists()

    def open(self, digest: str, size: int) -> memoryview:
        """Opens a blob.

        Args:
            digest: The blob's hash.
            size: The number of bytes that it must have.

        Returns:
            The bytes, mapped privately: writing to them changes neither the file nor what others see.

        Raises:
            BlobMissingError: The blob is not there.
            BlobCorruptError: The file has another size.
        """
        path = self.path(digest)
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise BlobMissingError(
                f"Blob {digest} is not in the store {self.root}.", digest=digest
            ) from error
        try:
            found = os.fstat(file).st_size
            if found != size:
                raise BlobCorruptError(
                    f"Blob {digest} has {found} bytes in {path}, and {size} were stored.", digest=digest
                )
            return memoryview(mmap.mmap(file, size, access=mmap.ACCESS_COPY) if size else b"")
        finally:
            os.close(file)

    def put(self, blob: Blob) -> None:
        """Stores a blob, unless it is there already. It is on disk, whole, when this returns.

        Args:
            blob: The bytes and their address.

        Raises:
            BlobMissingError: The blob was said to be stored, and is not there.
        """
        path = self.path(blob.hash)
        if path.exists():
            return
        if blob.is_stored and blob.fetch is not None:
            blob = Blob.of(blob.fetch(blob.hash, blob.size))
        elif blob.is_stored:
            raise BlobMissingError(f"Blob {blob.hash} is not in the store {self.root}.", digest=blob.hash)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._unfinished / os.urandom(16).hex()
        file = _create(temporary)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)  # as long as it is held, this is not taken for a leftover
                blob.write(file)
                if self._durable:
                    os.fsync(file)
            finally:
                os.close(file)
            with suppress(FileExistsError):  # somebody else stored the same bytes meanwhile
                os.link(temporary, path)
        finally:
            temporary.unlink()
        if self._durable:
            _sync_directory(path.parent)


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o444)
    except FileNotFoundError:
        path.parent.mkdir(exist_ok=True)
        return os.open(path, flags, 0o444)


def _sync_directory(directory: Path) -> None:
    """Makes the name of a new file durable."""
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
