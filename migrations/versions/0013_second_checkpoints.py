"""Adds to jobs the second checkpoint of a short job that compares two."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_NAME = "against_checkpoint_id"


def upgrade() -> None:
    op.add_column("jobs", sa.Column(_NAME, sa.Text(), nullable=True))
    op.create_index(op.f(f"ix_jobs_{_NAME}"), "jobs", [_NAME])
    op.create_foreign_key(
        op.f(f"fk_jobs_{_NAME}_checkpoints"), "jobs", "checkpoints", [_NAME], ["id"], ondelete="SET NULL"
    )


def downgrade() -> None:
    op.execute("DELETE FROM jobs WHERE purpose = 'evaluation'")
    op.drop_constraint(op.f(f"fk_jobs_{_NAME}_checkpoints"), "jobs", type_="foreignkey")
    op.drop_index(op.f(f"ix_jobs_{_NAME}"), "jobs")
    op.drop_column("jobs", _NAME)
