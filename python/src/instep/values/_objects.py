"""The directory of blobs on this machine, addressed by their content.

Theory of operation. A blob is hashed before its bytes are believed, also when it is found where one was to be written:
a disk that changed a bit must not go on as if nothing had happened, and the next writer of the same value mends it.
Small blobs are hashed whenever they are decoded, by the decoder. Hashing a large one each time would cost more than
all else that opening it does, so what was written or hashed less than ten minutes ago is not hashed again: its pages
are still those in memory that were hashed. An empty file in `verified/` says so. Its name has the inode and the time of
its last change, which any writing to the file changes, and its own time says when.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from instep.errors import BlobCorruptError, BlobMissingError
from instep.values._digest import Blob, hash_of
from instep.values._writer import OWN_BLOB_BYTES

VERIFIED_SECONDS: Final = 600
"""How long it counts that a large blob was written or hashed."""

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
            BlobCorruptError: The file has another size, or, when it is large, another hash.
        """
        path = self.path(digest)
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise BlobMissingError(
                f"Blob {digest} is not in the store {self.root}.", digest=digest
            ) from error
        try:
            found = os.fstat(file)
            if found.st_size != size:
                raise damaged(digest, path, f"it has {found.st_size:,} bytes, and {size:,} were stored")
            view = memoryview(mmap.mmap(file, size, access=mmap.ACCESS_COPY) if size else b"")
        finally:
            os.close(file)
        if size >= OWN_BLOB_BYTES and not self._was_verified(digest, found):
            if hash_of([view]) != digest:
                raise damaged(digest, path, "its bytes are not those that were stored")
            self._note_verified(digest, found)
        return view

    def read(self, digest: str, size: int) -> bytes:
        """Reads and hashes a blob of any size. As `open` otherwise."""
        data = bytes(self.open(digest, size))
        if size < OWN_BLOB_BYTES and hash_of([data]) != digest:
            raise damaged(digest, self.path(digest), "its bytes are not those that were stored")
        return data

    def put(self, blob: Blob) -> None:
        """Stores a blob, unless it is there already and whole. It is on disk, whole, when this returns.

        Args:
            blob: The bytes and their address.

        Raises:
            BlobMissingError: The blob was said to be stored, and is not there.
        """
        path = self.path(blob.hash)
        if blob.is_stored:
            if path.exists():
                return
            if blob.fetch is None:
                raise BlobMissingError(f"Blob {blob.hash} is not in the store {self.root}.", digest=blob.hash)
            blob = Blob.of(blob.fetch(blob.hash, blob.size))
        elif self._is_whole(blob):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._unfinished / os.urandom(16).hex()
        file = _create(temporary)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)  # as long as it is held, this is not taken for a leftover
            blob.write(file)
            if self._durable:
                os.fsync(file)
            os.replace(temporary, path)  # what was there has the same bytes, or is damaged
            if blob.size >= OWN_BLOB_BYTES:
                self._note_verified(blob.hash, os.fstat(file))
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            os.close(file)
        if self._durable:
            _sync_directory(path.parent)

    def _is_whole(self, blob: Blob) -> bool:
        """Says whether a blob is there with the bytes that it should have, and that it is wanted."""
        try:
            if blob.size >= OWN_BLOB_BYTES:
                self.open(blob.hash, blob.size)
            else:
                self.read(blob.hash, blob.size)
            path = self.path(blob.hash)
            os.utime(path)  # so that garbage collection sees that somebody wants it
            if blob.size >= OWN_BLOB_BYTES:
                self._note_verified(blob.hash, path.stat())
        except (BlobMissingError, BlobCorruptError, FileNotFoundError):
            return False
        return True

    def _was_verified(self, digest: str, found: os.stat_result) -> bool:
        """Says whether the file of a blob was written or hashed a short time ago, and not touched since."""
        try:
            noted = self._note(digest, found).stat().st_mtime
        except OSError:
            return False
        return noted > time.time() - VERIFIED_SECONDS

    def _note_verified(self, digest: str, found: os.stat_result) -> None:
        with suppress(OSError):  # of a store that is read-only: the blob is hashed again the next time
            note = self._note(digest, found)
            note.parent.mkdir(exist_ok=True)
            note.touch(0o600)

    def _note(self, digest: str, found: os.stat_result) -> Path:
        return self.root / "verified" / f"{digest[3:]}.{found.st_ino}.{found.st_ctime_ns}"


def damaged(digest: str, path: Path, why: str) -> BlobCorruptError:
    """Makes the error of a blob whose file is damaged.

    Args:
        digest: The blob's hash.
        path: Its file.
        why: What is wrong with it, as a clause.
    """
    return BlobCorruptError(
        f"The stored file {path} is damaged: {why}. `instep fsck` tells what that touches and what makes it again.",
        digest=digest,
    )


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
