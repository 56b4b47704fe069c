"""Planned lineages and what is measured of the stages of jobs with ``continual``; a spec may describe 50 earlier stages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")


def upgrade() -> None:
    op.create_table(
        "lineages",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id", name="fk_lineages_project_id_projects"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("spec", postgresql.JSONB(), nullable=False),
        sa.Column("failure", postgresql.JSONB(), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 255", name=op.f("ck_lineages_name_length")),
        sa.CheckConstraint("octet_length(spec::text) <= 262144", name=op.f("ck_lineages_spec_length")),
    )
    op.create_index(op.f("ix_lineages_project_id_id"), "lineages", ["project_id", "id"])
    op.create_table(
        "lineage_stages",
        sa.Column(
            "lineage_id",
            sa.Text(),
            sa.ForeignKey("lineages.id", name="fk_lineage_stages_lineage_id_lineages", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column(
            "dataset_id",
            sa.Text(),
            sa.ForeignKey("datasets.id", name="fk_lineage_stages_dataset_id_datasets"),
            nullable=False,
        ),
        sa.Column(
            "job_id",
            sa.Text(),
            sa.ForeignKey("jobs.id", name="fk_lineage_stages_job_id_jobs", ondelete="SET NULL"),
            nullable=True,
        ),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("position >= 0", name=op.f("ck_lineage_stages_position")),
        sa.CheckConstraint(
            "job_id IS NULL OR submitted_at IS NOT NULL", name=op.f("ck_lineage_stages_submitted_if_job")
        ),
        sa.UniqueConstraint("job_id", name=op.f("uq_lineage_stages_job_id")),
    )
    op.create_index(op.f("ix_lineage_stages_dataset_id"), "lineage_stages", ["dataset_id"])
    op.create_index(
        "ix_lineage_stages_waiting",
        "lineage_stages",
        ["lineage_id"],
        postgresql_where=sa.text("submitted_at IS NULL"),
    )
    op.create_table(
        "stage_measures",
        sa.Column(
            "job_id",
            sa.Text(),
            sa.ForeignKey("jobs.id", name="fk_stage_measures_job_id_jobs", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("stage", sa.Text(), primary_key=True),
        sa.Column("moment", sa.Text(), primary_key=True),
        sa.Column(
            "name_id",
            sa.Integer(),
            sa.ForeignKey("metric_names.id", name="fk_stage_measures_name_id_metric_names"),
            primary_key=True,
        ),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.CheckConstraint("moment IN ('fresh', 'start', 'end')", name=op.f("ck_stage_measures_moment")),
    )
    _limit_specs(256 << 10)


def downgrade() -> None:
    op.drop_table("stage_measures")
    op.drop_table("lineage_stages")
    op.drop_table("lineages")
    op.execute("DELETE FROM jobs WHERE octet_length(spec::text) > 65536")
    _limit_specs(64 << 10)


def _limit_specs(most: int) -> None:
    op.drop_constraint(op.f("ck_jobs_spec_length"), "jobs", type_="check")
    op.create_check_constraint(op.f("ck_jobs_spec_length"), "jobs", f"octet_length(spec::text) <= {most}")
