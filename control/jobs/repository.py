"""SQL about jobs."""

from collections.abc import Collection, Sequence

from sqlalchemy import Select, select, text

from control.db import ReadSession, WriteSession
from control.jobs.models import Attempt, Event, Job
from control.jobs.schemas import Purpose, State


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


def filtered(
    project_id: str, *, states: Collection[State], dataset_id: str | None, name: str | None
) -> Select[Job]:
    """The project's jobs in any of `states` (none: in any), of a dataset, with `name` in theirs whatever its case."""
    query = select(Job).where(Job.project_id == project_id, Job.purpose == "train")
    if states:
        query = query.where(Job.state.in_(states))
    if dataset_id is not None:
        query = query.where(Job.dataset_id == dataset_id)
    if name is not None:
        query = query.where(Job.name.icontains(name, autoescape=True))
    return query


def events_after(session: ReadSession, job_id: str, event_id: int, limit: int) -> Sequence[Event]:
    """At most `limit` events with larger ids, oldest first."""
    return session.scalars(
        select(Event).where(Event.job_id == job_id, Event.id > event_id).order_by(Event.id).limit(limit)
    ).all()


def attempt(session: ReadSession, job_id: str, number: int) -> Attempt | None:
    """One attempt."""
    return session.get(Attempt, (job_id, number))


def ancestors(session: ReadSession, job: Job) -> Sequence[Job]:
    """Parent first."""
    found = session.execute(_ANCESTORS, {"id": job.id}).scalars().all()
    by_id = {row.id: row for row in session.scalars(select(Job).where(Job.id.in_(found)))}
    return [by_id[job_id] for job_id in found]


def descendants(session: ReadSession, job: Job, limit: int = 1000) -> Sequence[Job]:
    """Forks of it, forks of those and so on; oldest first."""
    found = session.execute(_DESCENDANTS, {"id": job.id, "limit": limit}).scalars().all()
    return session.scalars(select(Job).where(Job.id.in_(found)).order_by(Job.id)).all()


_ANCESTORS = text("""
    WITH RECURSIVE up(id, parent, distance) AS (
        SELECT id, parent_job_id, 0 FROM jobs WHERE id = :id
        UNION ALL
        SELECT jobs.id, jobs.parent_job_id, up.distance + 1 FROM jobs JOIN up ON jobs.id = up.parent
    )
    SELECT id FROM up WHERE distance > 0 ORDER BY distance
""")

_DESCENDANTS = text("""
    WITH RECURSIVE down(id) AS (
        SELECT id FROM jobs WHERE parent_job_id = :id AND purpose = 'train'
        UNION ALL
        SELECT jobs.id FROM jobs JOIN down ON jobs.parent_job_id = down.id AND jobs.purpose = 'train'
    )
    SELECT id FROM down ORDER BY id LIMIT :limit
""")
