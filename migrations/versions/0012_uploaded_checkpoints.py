"""Allows jobs without a dataset: the row of an uploaded checkpoint has none."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("jobs", "dataset_id", nullable=True)


def downgrade() -> None:
    op.execute("UPDATE jobs SET parent_checkpoint_id = NULL WHERE dataset_id IS NULL")
    op.execute("DELETE FROM jobs WHERE dataset_id IS NULL")
    op.alter_column("jobs", "dataset_id", nullable=False)
