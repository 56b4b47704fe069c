"""Tables of datasets and their files; a dataset is open for uploads until it is complete, then immutable."""

import builtins
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from control.base import Base, CreatedAt, PrimaryId, has_a_length, name_has_a_length
from core.characters import LONGEST_NAME

LARGEST_REPORT = 4 << 20
"""Bytes of a file's report and of a dataset's statistics, as JSON. They have some hundred kB at most."""


class Dataset(Base):
    __tablename__ = "datasets"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'ready', 'deleted')", name="state"),
        CheckConstraint("modality IN ('text', 'image', 'audio')", name="modality"),
        name_has_a_length(),
        has_a_length("statistics", LARGEST_REPORT),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint(
            "num_nulls(parent_id, first_id) = CASE WHEN version = 1 THEN 2 ELSE 0 END", name="ancestors"
        ),
        Index(None, "project_id", "id"),
    )

    id: Mapped[PrimaryId]
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str]
    modality: Mapped[str] = mapped_column(server_default="text")
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id"))
    """The dataset that this one is a version of, even if deleted; null for a first version."""
    first_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id"), index=True)
    """The first version, which all versions of one dataset have in common; null for itself."""
    version: Mapped[int] = mapped_column(server_default="1")
    """The parent's and 1."""
    state: Mapped[str] = mapped_column(server_default="open")
    sha256: Mapped[str | None]
    """SHA-256 of the sorted (name, sha256) of its files; set when complete."""
    statistics: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    created_at: Mapped[CreatedAt]
    completed_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class DatasetFile(Base):
    __tablename__ = "dataset_files"
    __table_args__ = (
        UniqueConstraint("dataset_id", "name"),
        CheckConstraint(f"octet_length(name) BETWEEN 1 AND {LONGEST_NAME}", name="name_length"),
        has_a_length("report", LARGEST_REPORT),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    name: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(index=True)
    inherited: Mapped[bool] = mapped_column(server_default="false")
    """Whether it is a file of the parent, whose bytes it shares."""
    object_key: Mapped[str]
    """Where the bytes are in object storage; content-addressed within the project."""
    report: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """What inspection found: kind, documents, characters."""
    examples: Mapped[builtins.bytes | None] = mapped_column(deferred=True)
    """Examples, as `control.datasets.examples` encodes them; loaded only on request. None if the file was uploaded before examples
    were stored: then they are made at the first request."""
    created_at: Mapped[CreatedAt]
