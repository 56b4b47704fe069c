"""What people are shown of a file lies beside its report, which lists need not load it with."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset_files", sa.Column("examples", sa.LargeBinary(), nullable=True))
    # Pictures of images and recordings move; of texts nothing was kept, and it is made when somebody asks.
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
