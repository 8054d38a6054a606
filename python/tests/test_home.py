"""Where the store is found and made."""

import os
from pathlib import Path

import pytest
from instep import _home
from instep._home import client_home, find_home, flow_home
from instep.errors import StoreMissingError, UsageError


@pytest.fixture(autouse=True)
def _no_store_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps a store of the developer's, above the tests' folder, from being found."""
    monkeypatch.delenv("INSTEP_HOME", raising=False)
    monkeypatch.setattr(_home, "HOME_NAME", ".instep-test")


def test_find_home_takes_the_nearest_store_above(tmp_path: Path) -> None:
    (tmp_path / ".instep-test").mkdir()
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_home(inner) == tmp_path / ".instep-test"
    (tmp_path / "a" / ".instep-test").mkdir()
    assert find_home(inner) == tmp_path / "a" / ".instep-test"


def test_find_home_skips_a_file_of_that_name(tmp_path: Path) -> None:
    (tmp_path / ".instep-test").write_text("")
    assert find_home(tmp_path) != tmp_path / ".instep-test"


def test_find_home_skips_stores_of_other_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".instep-test").mkdir()
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    assert find_home(tmp_path) is None


def test_find_home_obeys_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".instep-test").mkdir()
    monkeypatch.setenv("INSTEP_HOME", str(tmp_path / "elsewhere"))
    assert find_home(tmp_path) == tmp_path / "elsewhere"


def test_flow_home_makes_a_private_store_that_git_ignores(tmp_path: Path) -> None:
    home = flow_home(tmp_path / "flow.py")
    assert home == tmp_path / ".instep-test"
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / ".gitignore").read_text() == "*\n"
    assert flow_home(tmp_path / "flow.py") == home


def test_flow_home_that_cannot_be_made_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("INSTEP_HOME", str(tmp_path / "file" / "store"))
    with pytest.raises(UsageError, match="Set INSTEP_HOME to a directory that you may write to"):
        flow_home(tmp_path / "flow.py")


def test_client_home_without_a_store_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreMissingError) as caught:
        client_home()
    assert str(tmp_path) in caught.value.message
    assert "INSTEP_HOME" in caught.value.message


def test_client_home_refuses_a_named_store_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTEP_HOME", str(tmp_path / "gone"))
    with pytest.raises(StoreMissingError, match="not a directory"):
        client_home()
