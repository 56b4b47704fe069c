"""Datasets have versions: each has the rows of its parent's files, which share their objects in storage, and its own."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("datasets", sa.Column("parent_id", sa.Text(), nullable=True))
    op.add_column("datasets", sa.Column("first_id", sa.Text(), nullable=True))
    op.add_column("datasets", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    for column in ("parent_id", "first_id"):
        op.create_foreign_key(op.f(f"fk_datasets_{column}_datasets"), "datasets", "datasets", [column], ["id"])
    op.create_index(op.f("ix_datasets_first_id"), "datasets", ["first_id"])
    op.create_check_constraint(op.f("ck_datasets_version"), "datasets", "version >= 1")
    op.create_check_constraint(
        op.f("ck_datasets_ancestors"),
        "datasets",
        "num_nulls(parent_id, first_id) = CASE WHEN version = 1 THEN 2 ELSE 0 END",
    )
    op.add_column(
        "dataset_files", sa.Column("inherited", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("dataset_files", "inherited")
    op.drop_constraint(op.f("ck_datasets_ancestors"), "datasets")
    op.drop_constraint(op.f("ck_datasets_version"), "datasets")
    op.drop_index(op.f("ix_datasets_first_id"), "datasets")
    for column in ("first_id", "parent_id"):
        op.drop_constraint(op.f(f"fk_datasets_{column}_datasets"), "datasets")
    for column in ("version", "first_id", "parent_id"):
        op.drop_column("datasets", column)
