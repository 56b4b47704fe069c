"""Steps of a job may be unknown until its data are prepared, and jobs know how many steps an epoch has."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("jobs", "steps", existing_type=sa.BigInteger(), nullable=True)
    op.add_column("jobs", sa.Column("steps_per_epoch", sa.Float(), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "steps_per_epoch")
    op.execute("UPDATE jobs SET steps = greatest(step, 1) WHERE steps IS NULL")
    op.alter_column("jobs", "steps", existing_type=sa.BigInteger(), nullable=False)
