"""Makes the database of a store ready: creates it, or brings its schema up to date."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from instep_server.db import _sqlite
from instep_server.db.database import connect, translated
from instep_server.errors import StoreError

_VERSION_TABLE = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"


def prepare(path: Path) -> None:
    """Creates the database if there is none, and migrates it if it is older than this server.

    Args:
        path: Its file. The directory must exist.

    Raises:
        StoreError: It cannot be used, or a newer Instep has migrated it.
    """
    try:
        connection = connect(path)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            found = _version(connection) or _create(connection)
        finally:
            connection.close()
    except sqlite3.Error as err:
        raise translated(err, path) from err
    if found > _sqlite.SCHEMA_VERSION:
        raise StoreError(
            f"{path} was made by a newer version of Instep (schema {found}; this one knows"
            f" {_sqlite.SCHEMA_VERSION}). Update Instep, or choose another store with INSTEP_HOME."
        )
    if found < _sqlite.SCHEMA_VERSION:
        migrate(path)


def migrate(path: Path) -> None:
    """Runs the migrations that a database lacks. Imports Alembic, which takes a while.

    Args:
        path: Its file, which may be empty.
    """
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


def _version(connection: sqlite3.Connection) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as err:
        if "no such table" in str(err):
            return None
        raise
    return str(row[0]) if row else None


def _create(connection: sqlite3.Connection) -> str:
    """Creates the newest schema, unless another server was faster."""
    connection.execute("BEGIN IMMEDIATE")
    found = _version(connection)
    if found is None:
        for statement in (_VERSION_TABLE, *_sqlite.SCHEMA):
            connection.execute(statement)
        connection.execute("INSERT INTO alembic_version VALUES (?)", (_sqlite.SCHEMA_VERSION,))
    connection.commit()
    return found or _sqlite.SCHEMA_VERSION
