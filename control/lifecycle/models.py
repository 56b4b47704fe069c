"""Tables of jobs, their attempts and their events. The job's row holds its state."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from control.base import Base, CreatedAt, PrimaryId, has_a_length, name_has_a_length


class Job(Base):
    __tablename__ = "jobs"
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy reads it from the class
    __table_args__ = (
        CheckConstraint(
            "state IN ('queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled')", name="state"
        ),
        CheckConstraint("intent IN ('pause', 'cancel', 'preempt')", name="intent"),
        CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="leased_iff_running"),
        CheckConstraint(
            "(state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)",
            name="finished_iff_terminal",
        ),
        name_has_a_length(),
        has_a_length("spec", 256 << 10),
        CheckConstraint("priority BETWEEN -100 AND 100", name="priority"),
        CheckConstraint("purpose ~ '^[a-z_]+$'", name="purpose"),
        Index(None, "project_id", "purpose", "id"),
        CheckConstraint("intent IS NULL OR state = 'running'", name="intent_only_running"),
        # The order of claims; a partial index, so that its cost does not grow with the number of ended jobs.
        Index(
            "ix_jobs_claim",
            "device",
            "priority",
            "project_id",
            "queued_at",
            postgresql_where=text("state = 'queued'"),
        ),
        Index("ix_jobs_lease", "lease_until", postgresql_where=text("state = 'running'")),
    )

    id: Mapped[PrimaryId]
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), index=True, nullable=True)
    """NULL only for an uploaded checkpoint's row, and for a short job about such a checkpoint; every other job has one."""
    purpose: Mapped[str] = mapped_column(server_default="train")
    """``train``, the kind of a short job (`control.short_jobs`), or ``upload`` (`control.checkpoints.uploads`)."""
    name: Mapped[str]
    spec: Mapped[dict[str, Any]]
    """The validated spec with every default written out."""
    options: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """Options of a short job besides its spec."""
    result: Mapped[dict[str, Any] | None]
    """Result of a short job."""
    parent_job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    parent_checkpoint_id: Mapped[str | None] = mapped_column(
        ForeignKey("checkpoints.id", use_alter=True, ondelete="SET NULL"), index=True
    )
    """The checkpoint that the first attempt of a fork starts from."""
    against_checkpoint_id: Mapped[str | None] = mapped_column(
        ForeignKey("checkpoints.id", use_alter=True, ondelete="SET NULL"), index=True
    )
    """The second checkpoint of a short job that compares two."""
    teacher_checkpoint_id: Mapped[str | None] = mapped_column(
        ForeignKey("checkpoints.id", use_alter=True, ondelete="SET NULL"), index=True
    )
    """The checkpoint that a job distils."""

    state: Mapped[str] = mapped_column(server_default="queued")
    intent: Mapped[str | None]
    """What a running job was requested to do; its supervisor carries it out."""
    priority: Mapped[int] = mapped_column(server_default="0")
    device: Mapped[str] = mapped_column(server_default="auto")
    memory_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Estimated peak memory of training on its device."""
    preemptible: Mapped[bool] = mapped_column(server_default="false")

    attempt: Mapped[int] = mapped_column(server_default="0")
    """Number of the newest attempt, and the fencing token: a write with another one changes nothing."""
    retries_used: Mapped[int] = mapped_column(server_default="0")
    max_retries: Mapped[int] = mapped_column(server_default="3")
    worker_id: Mapped[str | None] = mapped_column(ForeignKey("workers.id"))
    lease_until: Mapped[datetime | None]

    phase: Mapped[str | None]
    """Phase of a running attempt: ``staging``, ``preparing``, ``training``, ``saving``."""
    phase_fraction: Mapped[float | None]
    step: Mapped[int] = mapped_column(BigInteger, server_default="0")
    steps: Mapped[int | None] = mapped_column(BigInteger)
    """In all; null until the data of a job that gives ``training.epochs`` are prepared."""
    steps_per_epoch: Mapped[float | None]
    """Training samples / batch size; null until the data are prepared."""
    step_at: Mapped[datetime | None]
    """When this attempt reached ``step``."""
    seconds_per_step: Mapped[float | None]
    """Recent speed of this attempt, averaged over about half a minute."""
    latest: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """The newest value of each metric, so that a list of jobs needs no join."""
    failure: Mapped[dict[str, Any] | None]
    """``code``, ``message``, ``hint``, ``details``."""

    pause: Mapped[dict[str, Any] | None]
    """Why the service itself paused it: ``code``, ``message``, ``hint``; none if a person did."""
    seconds_used: Mapped[float] = mapped_column(server_default="0")
    """Run time of all attempts that have ended, from claim to end."""

    created_at: Mapped[CreatedAt]
    queued_at: Mapped[CreatedAt]
    """When it last entered the queue."""
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Attempt(Base):
    __tablename__ = "attempts"
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy reads it from the class

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    worker_id: Mapped[str] = mapped_column(ForeignKey("workers.id"))
    start_step: Mapped[int | None] = mapped_column(BigInteger)
    engine: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """What the engine reported at its start: device, threads, precision, torch."""
    outcome: Mapped[str | None]
    """``completed``, ``paused``, ``cancelled``, ``preempted``, ``worker_stopped``, ``crashed``,
    ``failed``, ``lease_expired``."""
    exit_code: Mapped[int | None]
    log_tail: Mapped[str] = mapped_column(server_default="")
    """The log's last lines; the whole log is in object storage."""
    log_key: Mapped[str | None]
    log_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    started_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]


class Event(Base):
    __tablename__ = "events"
    __table_args__ = (Index(None, "job_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    type: Mapped[str]
    """For example ``queued``, ``claimed``, ``started``, ``cancel_requested``, ``checkpoint``, ``succeeded``."""
    code: Mapped[str] = mapped_column(server_default="other")
    """Code of the event's message (`control.lifecycle.event_codes`); ``other`` for events from before codes."""
    params: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    """Parameters of the sentence."""
    message: Mapped[str]
    """The sentence, for people."""
    data: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    time: Mapped[CreatedAt]
