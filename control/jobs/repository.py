"""SQL about jobs as people list and relate them; `control.lifecycle.repository` has that about a single one."""

from collections.abc import Collection, Sequence

from sqlalchemy import Select, select, text

from control.db import ReadSession
from control.lifecycle.models import Job
from control.lifecycle.schemas import State


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
