"""Runs migrations over the connection that the caller gives. Called by Alembic."""

from __future__ import annotations

from alembic import context

from instep_server.db.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
