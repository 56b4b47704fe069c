"""Adds the queue of files to remove from storage after a deletion is committed; references to deleted rows become NULL."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEYS = (
    ("checkpoints", "job_id", "jobs", "CASCADE"),
    ("jobs", "parent_job_id", "jobs", "SET NULL"),
    ("jobs", "parent_checkpoint_id", "checkpoints", "SET NULL"),
)


def upgrade() -> None:
    op.create_table(
        "removals",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("kind IN ('prefix', 'blob')", name=op.f("ck_removals_kind")),
        sa.PrimaryKeyConstraint("key", name="pk_removals"),
    )
    _replace_keys(deleting=True)
    op.create_index("ix_jobs_parent_checkpoint_id", "jobs", ["parent_checkpoint_id"])


def downgrade() -> None:
    op.drop_index("ix_jobs_parent_checkpoint_id", "jobs")
    _replace_keys(deleting=False)
    op.drop_table("removals")


def _replace_keys(*, deleting: bool) -> None:
    for table, column, target, action in _KEYS:
        name = f"fk_{table}_{column}_{target}"
        op.drop_constraint(name, table, type_="foreignkey")
        op.create_foreign_key(name, table, target, [column], ["id"], ondelete=action if deleting else None)
