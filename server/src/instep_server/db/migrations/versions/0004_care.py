"""What finding damage and collecting garbage need to know."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns and the index."""
    op.add_column("log_chunks", sa.Column("checksum", sa.Integer()))
    op.add_column("runs", sa.Column("reuses", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_index("attempts_by_ran_run", "attempts", ["ran_run"])
