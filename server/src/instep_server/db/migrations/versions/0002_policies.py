"""What attempts looked at, and whether a run's last error was handled by `catch`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns. What is there keeps them empty."""
    op.add_column("attempts", sa.Column("reads", sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("caught", sa.Integer(), nullable=True))
