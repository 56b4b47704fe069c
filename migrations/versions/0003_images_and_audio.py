"""Allows datasets of images and of audio."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NAME = "ck_datasets_modality"


def upgrade() -> None:
    op.drop_constraint(op.f(_NAME), "datasets")
    op.create_check_constraint(op.f(_NAME), "datasets", "modality IN ('text', 'image', 'audio')")


def downgrade() -> None:
    op.drop_constraint(op.f(_NAME), "datasets")
    op.create_check_constraint(op.f(_NAME), "datasets", "modality IN ('text')")
