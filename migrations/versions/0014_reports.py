"""Allows samples that are JSON documents: the reports of a job's newest evaluation."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_NAME = "ck_samples_media_type"


def upgrade() -> None:
    _replace("'text/plain', 'image/png', 'application/json'")


def downgrade() -> None:
    op.execute("DELETE FROM samples WHERE media_type = 'application/json'")
    _replace("'text/plain', 'image/png'")


def _replace(allowed: str) -> None:
    op.drop_constraint(op.f(_NAME), "samples")
    op.create_check_constraint(op.f(_NAME), "samples", f"media_type IN ({allowed})")
