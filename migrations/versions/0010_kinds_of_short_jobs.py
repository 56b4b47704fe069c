"""Removes the database's list of the kinds of short jobs; the code checks them, so that a new kind needs no migration."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_NAME = "ck_jobs_purpose"


def upgrade() -> None:
    op.drop_constraint(op.f(_NAME), "jobs")
    op.create_check_constraint(op.f(_NAME), "jobs", "purpose ~ '^[a-z_]+$'")


def downgrade() -> None:
    op.execute("DELETE FROM jobs WHERE purpose NOT IN ('train', 'estimate', 'export', 'preview')")
    op.drop_constraint(op.f(_NAME), "jobs")
    op.create_check_constraint(
        op.f(_NAME), "jobs", "purpose IN ('train', 'estimate', 'export', 'preview')"
    )
