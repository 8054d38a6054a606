from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from instep_server.errors import StoreError
from instep_server.home import Home, OwnerLock, is_alive


def test_make_keeps_others_and_version_control_out(tmp_path: Path) -> None:
    home = Home(tmp_path / "store")
    home.make("s1", b"nonce")
    assert home.probe("s1").read_bytes() == b"nonce"
    assert home.root.stat().st_mode & 0o777 == 0o700
    assert (home.root / ".gitignore").read_text() == "*\n"
    assert home.spool("s1").is_dir()
    home.clear("s1")
    assert not home.spool("s1").exists()


def test_make_tells_when_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"can't be made or written: Not a directory.*INSTEP_HOME"):
        Home(tmp_path / "file" / "store").make("s1", b"")


def test_owner_lives_as_long_as_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "s1.lock"
    assert not is_alive(path)
    lock = OwnerLock(path)
    assert is_alive(path)
    assert is_alive(path)
    lock.release()
    assert not is_alive(path)


def test_servers_are_listed_with_those_that_were_killed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    lock = home.make("s1", b"")
    home.make("s2", b"").release()
    assert sorted(home.owners()) == ["s1", "s2"]
    home.clear("s2")
    assert list(home.owners()) == ["s1"]
    lock.release()


def test_sweep_removes_what_was_left_unfinished(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make("s1", b"")
    home.unfinished.mkdir()
    old, fresh, written = (home.unfinished / name for name in ("old", "fresh", "written"))
    for path in (old, fresh, written):
        path.write_bytes(b"half")
    for path in (old, written):
        os.utime(path, (0, 0))
    with written.open() as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        home.sweep()
    assert sorted(home.unfinished.iterdir()) == [fresh, written]
