"""Adds to events the code and the parameters of their message; earlier events get the code ``other``."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default writes no row anew, however many events there are.
    op.add_column("events", sa.Column("code", sa.Text(), server_default="other", nullable=False))
    op.add_column("events", sa.Column("params", postgresql.JSONB(), server_default="{}", nullable=False))


def downgrade() -> None:
    for column in ("params", "code"):
        op.drop_column("events", column)
