"""Adds the samples of a run, and jobs with another purpose than training (short jobs), which have a result."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("purpose", sa.Text(), server_default="train", nullable=False))
    op.add_column("jobs", sa.Column("options", postgresql.JSONB(), server_default="{}", nullable=False))
    op.add_column("jobs", sa.Column("result", postgresql.JSONB(), nullable=True))
    op.create_check_constraint(
        op.f("ck_jobs_purpose"), "jobs", "purpose IN ('train', 'estimate', 'export')"
    )
    op.drop_index("ix_jobs_project_id_id", "jobs")
    op.create_index("ix_jobs_project_id_purpose_id", "jobs", ["project_id", "purpose", "id"])
    op.execute(sa.schema.CreateSequence(sa.Sequence("sample_seq")))
    op.create_table(
        "samples",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column(
            "seq", sa.BigInteger(), server_default=sa.text("nextval('sample_seq')"), nullable=False
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "media_type IN ('text/plain', 'image/png')", name=op.f("ck_samples_media_type")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_samples_job_id_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_samples"),
        sa.UniqueConstraint("job_id", "step", "name", name="uq_samples_job_id_step_name"),
    )
    op.create_index("ix_samples_job_id_seq", "samples", ["job_id", "seq"])


def downgrade() -> None:
    op.drop_table("samples")
    op.execute(sa.schema.DropSequence(sa.Sequence("sample_seq")))
    op.execute("DELETE FROM jobs WHERE purpose <> 'train'")
    op.drop_index("ix_jobs_project_id_purpose_id", "jobs")
    op.create_index("ix_jobs_project_id_id", "jobs", ["project_id", "id"])
    op.drop_constraint(op.f("ck_jobs_purpose"), "jobs", type_="check")
    for column in ("result", "options", "purpose"):
        op.drop_column("jobs", column)
