"""Tables of planned lineages, their stages, and what was measured of the stages of jobs with ``continual``."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from control.base import Base, CreatedAt, PrimaryId, has_a_length, name_has_a_length


class PlannedLineage(Base):
    """A sequence of stages, each of which is submitted as a job when the one before has succeeded. Its state follows from the
    states of these jobs (`control.lineages.states`), so that none has to be kept in step with another."""

    __tablename__ = "lineages"
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy reads it from the class
    __table_args__ = (
        name_has_a_length(),
        has_a_length("spec", 256 << 10),
        Index(None, "project_id", "id"),
    )

    id: Mapped[PrimaryId]
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]
    spec: Mapped[dict[str, Any]]
    """The document of the spec as it was submitted, without dataset: what it leaves out, each stage decides for itself."""
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Why the next stage could not be submitted: ``code``, ``message``, ``params``, ``position``."""
    cancelled_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]


class LineageStage(Base):
    __tablename__ = "lineage_stages"
    __table_args__ = (
        CheckConstraint("position >= 0", name="position"),
        CheckConstraint("job_id IS NULL OR submitted_at IS NOT NULL", name="submitted_if_job"),
        # The leader looks for these in each of its rounds; of ended lineages there are none.
        Index("ix_lineage_stages_waiting", "lineage_id", postgresql_where=text("submitted_at IS NULL")),
    )

    lineage_id: Mapped[str] = mapped_column(ForeignKey("lineages.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    """From 0 on."""
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), index=True)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), unique=True)
    """Null before it is submitted, and after the job was deleted."""
    submitted_at: Mapped[datetime | None]
    """A stage is submitted once, even if its job is deleted later."""


class StageMeasure(Base):
    __tablename__ = "stage_measures"
    __table_args__ = (CheckConstraint("moment IN ('fresh', 'start', 'end')", name="moment"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    """The job that measured."""
    stage: Mapped[str] = mapped_column(primary_key=True)
    """Id of the job whose held-out part it was, itself included. That job may be deleted."""
    moment: Mapped[str] = mapped_column(primary_key=True)
    """With which weights: freshly initialised ones, those that the job starts from, or those that it ends with."""
    name_id: Mapped[int] = mapped_column(ForeignKey("metric_names.id"), primary_key=True)
    value: Mapped[float]
    attempt: Mapped[int]
