"""Moves the examples of a file (thumbnails) out of its report into a column that lists do not load."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset_files", sa.Column("examples", sa.LargeBinary(), nullable=True))
    # Thumbnails of images and recordings are moved. Examples of text files were not stored; they are made on request.
    op.execute(
        """
        UPDATE dataset_files
        SET examples = convert_to(jsonb_build_object('thumbnails', report->'thumbnails')::text, 'UTF8')
        WHERE report ? 'thumbnails'
        """
    )
    op.execute("UPDATE dataset_files SET report = report - 'thumbnails' - 'preview'")


def downgrade() -> None:
    op.execute(
        """
        UPDATE dataset_files
        SET report = report || convert_from(examples, 'UTF8')::jsonb
        WHERE report ? 'samples' AND NOT report ? 'documents' AND examples IS NOT NULL
        """
    )
    op.execute("UPDATE dataset_files SET report = report || '{\"preview\": []}' WHERE report ? 'documents'")
    op.drop_column("dataset_files", "examples")
