"""What runs need to be found, resumed and reused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns and indices."""
    for name in ("max_workers", "max_num_splits", "max_log_bytes", "on_loss"):
        op.add_column("runs", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False))
    for name in ("project", "project_branch"):
        op.add_column("runs", _text(name))
    op.drop_index("runs_by_state", "runs")
    op.create_index("runs_by_state", "runs", ["state"])
    op.create_index("runs_by_flow", "runs", ["flow", "state"])
    op.create_index("runs_by_time", "runs", ["created_unix_ms"])

    op.add_column("tasks", _text("reason"))
    for name in ("origin_run", "origin_task"):
        op.add_column("tasks", sa.Column(name, sa.Integer()))
    op.drop_index("tasks_by_step", "tasks")
    op.create_index("tasks_by_step", "tasks", ["step", "run"])

    for name in ("foreach_count", "switch_case"):
        op.add_column("attempts", sa.Column(name, sa.Integer()))
    op.add_column("attempts", sa.Column("reuse_key", sa.Text()))
    for name in ("ran_run", "ran_task", "ran_attempt"):
        op.add_column("attempts", sa.Column(name, sa.Integer()))
    op.create_index("attempts_by_reuse_key", "attempts", ["reuse_key"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False)
