"""Adds to jobs the checkpoint that they distil."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_NAME = "teacher_checkpoint_id"


def upgrade() -> None:
    op.add_column("jobs", sa.Column(_NAME, sa.Text(), nullable=True))
    op.create_index(op.f(f"ix_jobs_{_NAME}"), "jobs", [_NAME])
    op.create_foreign_key(
        op.f(f"fk_jobs_{_NAME}_checkpoints"), "jobs", "checkpoints", [_NAME], ["id"], ondelete="SET NULL"
    )


def downgrade() -> None:
    op.drop_constraint(op.f(f"fk_jobs_{_NAME}_checkpoints"), "jobs", type_="foreignkey")
    op.drop_index(op.f(f"ix_jobs_{_NAME}"), "jobs")
    op.drop_column("jobs", _NAME)
