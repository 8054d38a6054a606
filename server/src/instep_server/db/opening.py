"""Makes the database of a store ready: creates it, or brings its schema up to date."""

from __future__ import annotations

import contextlib
from pathlib import Path

import apsw

from instep_server.db import _sqlite
from instep_server.db.connection import (
    ADVICE,
    CHECKSUM_BYTES,
    Connection,
    connect,
    lost_commits,
    patiently,
    translated,
)
from instep_server.errors import StoreDamagedError, StoreError

_VERSION_TABLE = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"


def prepare(path: Path) -> None:
    """Creates the database if there is none, and migrates it if it is older than this server.

    Args:
        path: Its file. The directory must exist.

    Raises:
        StoreError: It cannot be used, or a newer Instep has migrated it.
        StoreDamagedError: It is damaged.
    """
    with contextlib.closing(connect(path)) as connection:
        try:
            if path.stat().st_size == 0:
                connection.reserve_bytes(reserve=CHECKSUM_BYTES)
            patiently(lambda: connection.execute("PRAGMA journal_mode=WAL"))
            found = _version(connection) or _create(connection)
            if found == _sqlite.SCHEMA_VERSION:
                check(connection, path)
        except apsw.Error as err:
            raise translated(err, path) from err
    if found > _sqlite.SCHEMA_VERSION:
        raise StoreError(
            f"{path} was made by a newer version of Instep (schema {found}; this one knows"
            f" {_sqlite.SCHEMA_VERSION}). Update Instep, or choose another store with INSTEP_HOME."
        )
    if found < _sqlite.SCHEMA_VERSION:
        migrate(path)


def can_be_read(path: Path) -> bool:
    """Tells whether a database that can't be written is there and can be read by this server.

    Args:
        path: Its file.
    """
    if not path.exists() or not path.stat().st_size:
        return False
    try:
        with contextlib.closing(connect(path, reads_only=True)) as connection:
            return _version(connection) == _sqlite.SCHEMA_VERSION and connection.has_checksums
    except (apsw.Error, StoreError):  # why it can't be written says more
        return False


def check(connection: Connection, path: Path) -> None:
    """Looks for damage that SQLite does not see.

    Args:
        connection: A connection to the database that has read something.
        path: Its file.

    Raises:
        StoreDamagedError: There is some.
    """
    if not connection.has_checksums:  # which switches all checking off
        raise StoreDamagedError(
            f"The database {path} is damaged: its header does not say that pages have checksums. {ADVICE}"
        )
    if lost := lost_commits(connection, path):
        raise StoreDamagedError(
            f"The journal of the database {path} is damaged: what was recorded last can't be read"
            f" (transactions: {lost:,} or more). {ADVICE}"
        )


def migrate(path: Path) -> None:
    """Runs the migrations that a database lacks. Imports Alembic, which takes a while.

    Alembic works through Python's own SQLite, which writes no checksums: they are added in the end.

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
    with contextlib.closing(connect(path)) as migrated:
        migrated.add_checksums()


def _version(connection: Connection) -> str | None:
    try:
        row = connection.row("SELECT version_num FROM alembic_version")
    except apsw.SQLError as err:
        if "no such table" in str(err):
            return None
        raise
    return str(row["version_num"]) if row else None


def _create(connection: Connection) -> str:
    """Creates the newest schema, unless another server was faster."""
    connection.execute("BEGIN IMMEDIATE")
    found = _version(connection)
    if found is None:
        for statement in (_VERSION_TABLE, *_sqlite.SCHEMA):
            connection.execute(statement)
        connection.execute("INSERT INTO alembic_version VALUES (?)", (_sqlite.SCHEMA_VERSION,))
    connection.commit()
    return found or _sqlite.SCHEMA_VERSION
