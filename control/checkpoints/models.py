"""Checkpoints: a row exists only after every file of it, and its manifest, is in object storage."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from control.base import Base, CreatedAt, PrimaryId


class Checkpoint(Base):
    __tablename__ = "checkpoints"
    __table_args__ = (
        UniqueConstraint("job_id", "attempt", "step"),
        Index(None, "job_id", "step"),
        Index(
            "ix_checkpoints_purge",
            "deleted_at",
            postgresql_where=text("deleted_at IS NOT NULL AND purged_at IS NULL"),
        ),
    )

    id: Mapped[PrimaryId]
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    step: Mapped[int] = mapped_column(BigInteger)
    prefix: Mapped[str]
    """``jobs/ID/attempt-N/step-K`` in object storage."""
    manifest: Mapped[dict[str, Any]]
    manifest_sha256: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    metrics: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    created_at: Mapped[CreatedAt]
    deleted_at: Mapped[datetime | None]
    """When retention or a person deleted it; the row stays as history."""
    purged_at: Mapped[datetime | None]
    """When its files were removed from storage, some time after ``deleted_at``."""
