"""Watches what is written into a store, so that a fault can be injected at the n-th write, whenever that is."""

from __future__ import annotations

import ctypes
import os
import select
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_C = ctypes.CDLL(None, use_errno=True)
_EVENT = struct.Struct("iIII")
_MODIFY, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x80, 0x100, 0x200
_IS_FOLDER = 0x4000_0000


class Writes:
    """Counts the writes into a folder and all folders below: files made, written to, linked, renamed, removed.

    Each is one event of inotify, which comes some microseconds after the system call. Writes that follow each other
    at once into one file count as one.

    Args:
        root: The folder. It must exist. What is in it already counts for nothing.
        created: Called with each file that appears.
    """

    def __init__(self, root: Path, created: Callable[[Path], None] = lambda _: None) -> None:
        self.count = 0
        self._created = created
        self._file = _C.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self._folders: dict[int, Path] = {}
        self._add(root, is_new=False)

    def close(self) -> None:
        """Ends the watch."""
        os.close(self._file)

    def wait(self, seconds: float) -> bool:
        """Waits for the next writes, and counts them.

        Returns:
            False: there were none for so long.
        """
        if not select.select([self._file], [], [], seconds)[0]:
            return False
        data = os.read(self._file, 1 << 16)
        at = 0
        while at < len(data):
            watch, mask, _, length = _EVENT.unpack_from(data, at)
            name = data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0").decode()
            at += _EVENT.size + length
            self._take(self._folders.get(watch), mask, name)
        return True

    def _take(self, folder: Path | None, mask: int, name: str) -> None:
        if folder is None or not mask & (_MODIFY | _MOVED_TO | _CREATE | _DELETE):
            return
        self.count += 1
        if mask & (_CREATE | _MOVED_TO) and mask & _IS_FOLDER:
            self._add(folder / name, is_new=True)
        elif mask & (_CREATE | _MOVED_TO):
            self._created(folder / name)

    def _add(self, folder: Path, *, is_new: bool) -> None:
        """Watches a folder. What was put into a new one before that counts now."""
        watch = _C.inotify_add_watch(self._file, os.fsencode(folder), _MODIFY | _MOVED_TO | _CREATE | _DELETE)
        if watch < 0:
            return  # it is gone again
        self._folders[watch] = folder
        with suppress(FileNotFoundError):
            for entry in list(os.scandir(folder)):
                self.count += is_new
                if entry.is_dir(follow_symlinks=False):
                    self._add(folder / entry.name, is_new=is_new)
                elif is_new:
                    self._created(folder / entry.name)
