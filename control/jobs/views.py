"""Rows as they go over HTTP."""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import func, select

from control.checkpoints.models import Checkpoint
from control.db import ReadSession
from control.jobs.models import Event, Job
from control.jobs.schemas import EventOut, Failure, JobOut, LineageNode, Parent, Pause, Progress
from control.jobs.waiting import waiting_reasons
from core.spec import JobSpec


def job_out(session: ReadSession, job: Job) -> JobOut:
    """One job."""
    return jobs_out(session, [job])[0]


def jobs_out(session: ReadSession, jobs: Sequence[Job]) -> list[JobOut]:
    """Jobs in the order given, with a few queries for all of them."""
    counted = session.execute(
        select(Checkpoint.job_id, func.count())
        .where(Checkpoint.job_id.in_([job.id for job in jobs]), Checkpoint.deleted_at.is_(None))
        .group_by(Checkpoint.job_id)
    )
    checkpoints: dict[str, int] = {row[0]: row[1] for row in counted}
    reasons = waiting_reasons(session, jobs)
    return [_job_out(job, checkpoints.get(job.id, 0), reasons.get(job.id)) for job in jobs]


def _job_out(job: Job, checkpoints: int, waiting_reason: str | None) -> JobOut:
    return JobOut.model_validate(
        {
            "id": job.id,
            "name": job.name,
            "dataset": job.dataset_id,
            "state": job.state,
            "intent": job.intent,
            "waiting_reason": waiting_reason,
            "priority": job.priority,
            "attempt": job.attempt,
            "retries_used": job.retries_used,
            "progress": progress(job),
            "latest": job.latest,
            "failure": None if job.failure is None else Failure.model_validate(job.failure),
            "pause": None if job.pause is None else Pause.model_validate(job.pause),
            "seconds_used": job.seconds_used,
            "parent": parent(job),
            "worker": job.worker_id,
            "checkpoints": checkpoints,
            "spec": JobSpec.model_validate(job.spec),
            "created_at": job.created_at,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
        }
    )


class Moving(Protocol):
    """What of a job tells how far it is: the job, or a row with these columns."""

    @property
    def state(self) -> str: ...
    @property
    def phase(self) -> str | None: ...
    @property
    def phase_fraction(self) -> float | None: ...
    @property
    def step(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def seconds_per_step(self) -> float | None: ...


def progress(job: Moving) -> Progress:
    """How far it is."""
    eta = None
    if job.state == "running" and job.seconds_per_step is not None:
        eta = job.seconds_per_step * (job.steps - job.step)
    return Progress.model_validate(
        {
            "phase": job.phase,
            "phase_fraction": job.phase_fraction,
            "step": job.step,
            "steps": job.steps,
            "fraction": job.step / job.steps,
            "eta_seconds": eta,
        }
    )


def parent(job: Job) -> Parent | None:
    """Where a fork came from."""
    if job.parent_job_id is None or job.parent_checkpoint_id is None:
        return None
    return Parent(job=job.parent_job_id, checkpoint=job.parent_checkpoint_id)


def lineage_node(job: Job) -> LineageNode:
    """A job as its relatives show it."""
    return LineageNode.model_validate(
        {"id": job.id, "name": job.name, "state": job.state, "parent": parent(job)}
    )


def event_out(event: Event) -> EventOut:
    """One event."""
    return EventOut(
        id=event.id,
        job=event.job_id,
        attempt=event.attempt,
        type=event.type,
        message=event.message,
        data=event.data,
        time=event.time,
    )
