"""A project owns datasets, jobs and keys; nothing is visible across projects."""

from sqlalchemy.orm import Mapped, mapped_column

from control.base import Base, CreatedAt, PrimaryId


class Project(Base):
    __tablename__ = "projects"

    id: Mapped[PrimaryId]
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[CreatedAt]
