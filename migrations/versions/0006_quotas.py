"""Adds quotas of projects, the reason why the service paused a job, and the seconds that a job has run."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("quotas", postgresql.JSONB(), server_default="{}", nullable=False))
    op.add_column("jobs", sa.Column("pause", postgresql.JSONB(), nullable=True))
    op.add_column("jobs", sa.Column("seconds_used", sa.Double(), server_default="0", nullable=False))


def downgrade() -> None:
    for column in ("seconds_used", "pause"):
        op.drop_column("jobs", column)
    op.drop_column("projects", "quotas")
