"""SQL about short jobs."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select

from control.db import ReadSession, WriteSession
from control.lifecycle.models import Job
from control.lifecycle.states import TERMINAL


def same(session: ReadSession, purpose: str, checkpoint_id: str, options: Mapping[str, Any]) -> Job | None:
    """The newest short job on this checkpoint with these options that is queued, runs or has succeeded."""
    return session.scalars(
        select(Job)
        .where(
            Job.parent_checkpoint_id == checkpoint_id,
            Job.purpose == purpose,
            Job.options == dict(options),
            Job.state.in_(("queued", "running", "succeeded")),
        )
        .order_by(Job.id.desc())
        .limit(1)
    ).one_or_none()


def of_job(session: ReadSession, purpose: str, job_id: str, *, limit: int) -> list[Job]:
    """Short jobs on a job's checkpoints, newest first."""
    return list(
        session.scalars(
            select(Job)
            .where(Job.parent_job_id == job_id, Job.purpose == purpose)
            .order_by(Job.id.desc())
            .limit(limit)
        )
    )


def ended_before(session: ReadSession, purpose: str, ago: timedelta) -> Sequence[str]:
    """Ids of short jobs that ended longer ago than that."""
    return session.scalars(
        select(Job.id).where(
            Job.purpose == purpose,
            Job.state.in_(TERMINAL),
            Job.finished_at < func.clock_timestamp() - ago,
        )
    ).all()


def drop(session: WriteSession, short_job_id: str) -> None:
    """Delete the row; its files must have been removed from storage."""
    session.execute(delete(Job).where(Job.id == short_job_id))
