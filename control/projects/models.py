"""A project owns datasets, jobs and keys; nothing is visible across projects."""

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from control.base import Base, CreatedAt, PrimaryId, name_has_a_length


class Project(Base):
    __tablename__ = "projects"
    __table_args__ = (name_has_a_length(),)

    id: Mapped[PrimaryId]
    name: Mapped[str] = mapped_column(unique=True)
    quotas: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """Kind of stored objects (`control.quotas.schemas.Kind`) → quota in bytes; a kind that is absent has no quota of the project."""
    created_at: Mapped[CreatedAt]
