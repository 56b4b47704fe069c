"""The table of answers by ``Idempotency-Key``, so that a repeated POST creates nothing twice."""

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from control.base import Base, CreatedAt


class IdempotentAnswer(Base):
    """A stored answer, written in the transaction that created the resource: both are committed or neither is."""

    __tablename__ = "idempotency"
    __table_args__ = (CheckConstraint("char_length(key) <= 255", name="key_length"),)

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[str]
    """Method and path."""
    body_sha256: Mapped[str]
    status: Mapped[int]
    answer: Mapped[dict[str, Any]]
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
