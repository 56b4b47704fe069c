"""The table of removals: storage keys to be removed, recorded together with the deletion of the rows that named them."""

from typing import Literal

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped

from control.base import Base, CreatedAt, PrimaryId

Kind = Literal["prefix", "blob"]
"""Everything below a key, or one object that several rows may name (`control.datasets.blobs`)."""


class Removal(Base):
    __tablename__ = "removals"
    __table_args__ = (CheckConstraint("kind IN ('prefix', 'blob')", name="kind"),)

    key: Mapped[PrimaryId]
    """Of one object (a dataset's blob), or the prefix of many."""
    kind: Mapped[str]
    created_at: Mapped[CreatedAt]
