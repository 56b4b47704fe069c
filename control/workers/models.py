"""The table of workers; each row is written by the worker's registration."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from control.base import Base, CreatedAt, PrimaryId


class Worker(Base):
    __tablename__ = "workers"
    __table_args__ = (CheckConstraint("device IN ('cpu', 'cuda')", name="device"),)

    id: Mapped[PrimaryId]
    name: Mapped[str]
    """``hostname:pid`` for people."""
    device: Mapped[str]
    device_name: Mapped[str]
    memory_bytes: Mapped[int] = mapped_column(BigInteger)
    """Of the device: GPU memory, or the machine's for a CPU worker."""
    threads: Mapped[int]
    version: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    started_at: Mapped[CreatedAt]
    last_seen_at: Mapped[CreatedAt]
    stopped_at: Mapped[datetime | None]
    """When the worker stopped by a graceful shutdown; a killed worker becomes offline when its heartbeats stop."""
