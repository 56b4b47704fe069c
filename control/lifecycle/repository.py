"""SQL about a job, its attempts and its events."""

from collections.abc import Sequence

from sqlalchemy import func, select, text

from control.db import ReadSession, WriteSession
from control.errors import NotFound
from control.lifecycle.models import Attempt, Event, Job
from control.lifecycle.schemas import Purpose


def of_project(
    session: ReadSession, project_id: str, job_id: str, *, purpose: Purpose = "train"
) -> Job | None:
    """The job, if it is the project's and of this purpose."""
    return session.scalars(
        select(Job).where(Job.id == job_id, Job.project_id == project_id, Job.purpose == purpose)
    ).one_or_none()


def lock_of_project(
    session: WriteSession, project_id: str, job_id: str, *, purpose: Purpose = "train"
) -> Job | None:
    """The same, with its row locked until the transaction ends."""
    return session.scalars(
        select(Job)
        .where(Job.id == job_id, Job.project_id == project_id, Job.purpose == purpose)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()


def events_after(session: ReadSession, job_id: str, event_id: int, limit: int) -> Sequence[Event]:
    """At most `limit` events with larger ids, oldest first."""
    return session.scalars(
        select(Event).where(Event.job_id == job_id, Event.id > event_id).order_by(Event.id).limit(limit)
    ).all()


def attempt(session: ReadSession, job_id: str, number: int) -> Attempt | None:
    """One attempt."""
    return session.get(Attempt, (job_id, number))


def lock(session: WriteSession, project_id: str, job_id: str, *, purpose: Purpose = "train") -> Job:
    """A job of the project, its row locked until the transaction ends.

    Raises:
        NotFound: ``job_not_found``.
    """
    job = lock_of_project(session, project_id, job_id, purpose=purpose)
    if job is None:
        raise NotFound("job_not_found", f"There is no job {job_id} in this project.")
    return job


def logs_taken(session: ReadSession, project_id: str) -> tuple[int, int]:
    """How many logs of a project are in storage, and bytes."""
    number, size = session.execute(
        select(func.count(), func.coalesce(func.sum(Attempt.log_bytes), 0))
        .join(Job, Job.id == Attempt.job_id)
        .where(Job.project_id == project_id, Attempt.log_key.is_not(None))
    ).one()
    return number, int(size)


def made_by_short_jobs(session: ReadSession, project_id: str, *, previews: bool) -> tuple[int, int]:
    """How many short jobs have files as their result, and the bytes of these: previews', or all others'."""
    row = session.execute(_MADE, {"project_id": project_id, "previews": previews}).one()
    return row.number, int(row.bytes)


_MADE = text("""
    SELECT count(*) AS number, coalesce(sum(made.bytes), 0) AS bytes
    FROM jobs CROSS JOIN LATERAL (
        SELECT coalesce(sum(CAST(file ->> 'bytes' AS bigint)), 0) AS bytes
        FROM jsonb_array_elements(jobs.result -> 'files') AS file
    ) AS made
    WHERE jobs.project_id = :project_id AND (jobs.purpose = 'preview') = :previews AND jobs.result ? 'files'
""")
