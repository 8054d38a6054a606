"""The schema: what runs is what is declared, however a database came to be."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from instep_server.db import _sqlite, generate
from instep_server.db.connection import connect
from instep_server.db.opening import migrate, prepare
from instep_server.errors import StoreError


def declared(path: Path) -> dict[str, str]:
    """All tables and indices of a database, as text without layout."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    tidy = {
        name: re.sub(r"\s+", " ", sql).replace("( ", "(").replace(" )", ")").strip() for name, sql in rows
    }
    tidy.pop("alembic_version")
    return tidy


def test_generated_text_is_current() -> None:
    assert generate.TARGET.read_text() == generate.render(), "run python -m instep_server.db.generate"


def test_all_migrations_make_the_fresh_schema(tmp_path: Path) -> None:
    prepare(tmp_path / "fresh.db")
    migrate(tmp_path / "migrated.db")
    assert declared(tmp_path / "migrated.db") == declared(tmp_path / "fresh.db")


def test_prepare_migrates_what_is_older(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    connection.commit()
    connection.close()
    migrate(path)
    prepare(path)
    assert "runs" in declared(path)


def test_prepare_refuses_what_is_newer(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    prepare(path)
    connection = connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(
        StoreError, match=rf"newer version of Instep \(schema 9999; this one knows {_sqlite.SCHEMA_VERSION}\)"
    ):
        prepare(path)


def test_prepare_tells_when_there_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_text("This is no database, but a text that is long enough." * 10)
    with pytest.raises(StoreError, match="is damaged"):
        prepare(tmp_path / "bad.db")
    with pytest.raises(StoreError, match="can't be used"):
        prepare(tmp_path / "no" / "folder.db")


def test_statements_are_valid(tmp_path: Path) -> None:
    prepare(tmp_path / "one.db")
    connection = connect(tmp_path / "one.db")
    for name, text in vars(_sqlite).items():
        if name.isupper() and name not in ("SCHEMA", "SCHEMA_VERSION"):
            parameters = dict.fromkeys(re.findall(r":(\w+)", text))
            connection.execute(f"EXPLAIN {text}", parameters)
    connection.close()


def test_no_statement_reads_a_whole_table(tmp_path: Path) -> None:
    """What commands and runs ask for costs the same in a store of one run and of a million. `fsck` and `gc` look at all."""
    prepare(tmp_path / "one.db")
    connection = connect(tmp_path / "one.db")
    scanned = {}
    for name, text in vars(_sqlite).items():
        if name.isupper() and name not in ("SCHEMA", "SCHEMA_VERSION"):
            parameters = dict.fromkeys(re.findall(r":(\w+)", text))
            plan = connection.rows(f"EXPLAIN QUERY PLAN {text}", parameters)
            if scans := {row["detail"].split()[1] for row in plan if row["detail"].startswith("SCAN ")}:
                scanned[name] = scans
    connection.close()
    for name in ("ALL_RUNS", "ALL_USER_TAGS", "STORED_ARTIFACTS", "ALL_MANIFESTS"):
        assert scanned.pop(name)
    for name in ("FORGET_ORIGINS_OF_RUNS", "FORGET_ORIGINS_OF_TASKS"):
        assert scanned.pop(name)
    # These are lists in parameters, results of a subquery with a limit, and the names of all flows.
    assert set().union(*scanned.values()) == {"wanted", "anon_1", "flows"}, scanned
    assert [name for name, tables in scanned.items() if "flows" in tables] == ["FLOWS"]
