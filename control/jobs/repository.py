"""SQL for lists of jobs and their lineage; `control.lifecycle.repository` has the SQL about a single job."""

from collections.abc import Collection, Sequence

from sqlalchemy import Select, exists, select, text, update
from sqlalchemy import delete as sql_delete
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import aliased
from sqlalchemy.sql import cast as sql_cast

from control.checkpoints.models import Checkpoint
from control.db import ReadSession, WriteSession
from control.lifecycle.models import Job
from control.lifecycle.schemas import State
from control.lifecycle.states import TERMINAL


def filtered(
    project_id: str, *, states: Collection[State], dataset_id: str | None, name: str | None
) -> Select[Job]:
    """The project's jobs in one of `states` (empty: in any), of a dataset, whose names contain `name` in any case."""
    query = select(Job).where(Job.project_id == project_id, Job.purpose == "train")
    if states:
        query = query.where(Job.state.in_(states))
    if dataset_id is not None:
        query = query.where(Job.dataset_id == dataset_id)
    if name is not None:
        query = query.where(Job.name.icontains(name, autoescape=True))
    return query


def last_with_checkpoint(session: ReadSession, project_id: str, dataset_id: str) -> Job | None:
    """The newest job on a dataset that is over and has a checkpoint left; one that succeeded comes before all others."""
    left = exists().where(Checkpoint.job_id == Job.id, Checkpoint.deleted_at.is_(None))
    return session.scalar(
        filtered(project_id, states=TERMINAL, dataset_id=dataset_id, name=None)
        .where(left)
        .order_by((Job.state == "succeeded").desc(), Job.id.desc())
        .limit(1)
    )


def first_step(session: ReadSession, job: Job) -> int:
    """The step at which a job begins: that of the checkpoint whose training it goes on with, else 0."""
    if job.parent_checkpoint_id is None or (job.spec.get("start") or {}).get("scope", "all") != "all":
        return 0
    start = session.get(Checkpoint, job.parent_checkpoint_id)
    return 0 if start is None else start.step


def teacher(session: ReadSession, job: Job) -> tuple[Checkpoint, Job | None] | tuple[None, None]:
    """The checkpoint that a job distils, and the job that wrote it; None where they were deleted, or the job has no teacher."""
    checkpoint = session.get(Checkpoint, job.teacher_checkpoint_id) if job.teacher_checkpoint_id else None
    return (None, None) if checkpoint is None else (checkpoint, session.get(Job, checkpoint.job_id))


def alike(session: ReadSession, job: Job, sections: Collection[str], limit: int = 20) -> Sequence[Job]:
    """Jobs on a job's data that succeeded and whose spec has the same sections, newest first."""
    return session.scalars(
        select(Job)
        .where(
            Job.project_id == job.project_id,
            Job.purpose == "train",
            Job.dataset_id == job.dataset_id,
            Job.state == "succeeded",
            *(Job.spec[name] == sql_cast(job.spec.get(name), JSONB) for name in sections),
        )
        .order_by(Job.id.desc())
        .limit(limit)
    ).all()


def ancestors(session: ReadSession, job: Job) -> Sequence[Job]:
    """The jobs that a job was forked from, parent first."""
    found = session.execute(_ANCESTORS, {"id": job.id}).scalars().all()
    by_id = {row.id: row for row in session.scalars(select(Job).where(Job.id.in_(found)))}
    return [by_id[job_id] for job_id in found]


def origins(session: ReadSession, job_id: str, limit: int) -> Sequence[Job]:
    """A job, the job whose checkpoint it started from, and so on; at most so many. Of any purpose."""
    found = session.execute(_ORIGINS, {"id": job_id, "limit": limit}).scalars().all()
    by_id = {row.id: row for row in session.scalars(select(Job).where(Job.id.in_(found)))}
    return [by_id[one] for one in found]


def descendants(session: ReadSession, job: Job, limit: int = 1000) -> Sequence[Job]:
    """Forks of the job, forks of those and so on; oldest first."""
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

_ORIGINS = text("""
    WITH RECURSIVE up(id, distance) AS (
        SELECT id, 0 FROM jobs WHERE id = :id
        UNION ALL
        SELECT checkpoints.job_id, up.distance + 1
        FROM up JOIN jobs ON jobs.id = up.id JOIN checkpoints ON checkpoints.id = jobs.parent_checkpoint_id
        WHERE up.distance + 1 < :limit
    )
    SELECT id FROM up ORDER BY distance
""")

_DESCENDANTS = text("""
    WITH RECURSIVE down(id) AS (
        SELECT id FROM jobs WHERE parent_job_id = :id AND purpose = 'train'
        UNION ALL
        SELECT jobs.id FROM jobs JOIN down ON jobs.parent_job_id = down.id AND jobs.purpose = 'train'
    )
    SELECT id FROM down ORDER BY id LIMIT :limit
""")


def short_jobs_of(session: ReadSession, job_id: str) -> list[str]:
    """Ids of the short jobs that work on the job's checkpoints."""
    return list(session.scalars(select(Job.id).where(Job.parent_job_id == job_id, Job.purpose != "train")))


def mark_forks(session: WriteSession, job_id: str, option: str) -> None:
    """Mark the forks that have written no checkpoint: they could start only from one of this job's, and a retry must not
    start from fresh weights instead."""
    own = aliased(Checkpoint)
    session.execute(
        update(Job)
        .where(
            Job.parent_job_id == job_id,
            Job.purpose == "train",
            ~exists().where(own.job_id == Job.id, own.deleted_at.is_(None)),
        )
        .values(options=Job.options.op("||")(sql_cast({option: True}, JSONB)))
        .execution_options(synchronize_session=False)
    )


def delete(session: WriteSession, ids: Collection[str]) -> None:
    """Delete jobs of any purpose with all rows about them."""
    session.execute(sql_delete(Job).where(Job.id.in_(ids)).execution_options(synchronize_session=False))
    session.expire_all()
