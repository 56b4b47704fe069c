"""Allows previews: short jobs that show the inputs of a job's networks."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NAME = "ck_jobs_purpose"


def upgrade() -> None:
    op.drop_constraint(op.f(_NAME), "jobs")
    op.create_check_constraint(
        op.f(_NAME), "jobs", "purpose IN ('train', 'estimate', 'export', 'preview')"
    )


def downgrade() -> None:
    op.execute("DELETE FROM jobs WHERE purpose = 'preview'")
    op.drop_constraint(op.f(_NAME), "jobs")
    op.create_check_constraint(op.f(_NAME), "jobs", "purpose IN ('train', 'estimate', 'export')")
