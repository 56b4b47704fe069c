"""SQL about samples."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from control.db import ReadSession, WriteSession
from control.lifecycle.models import Job
from control.samples.models import SAMPLE_SEQ, Sample


def upsert(session: WriteSession, values: dict[str, object]) -> Sample:
    """Write a sample; it replaces the job's sample of this name at this step."""
    statement = insert(Sample).values(**values)
    replaced = ("id", "attempt", "media_type", "bytes", "sha256", "object_key")
    return session.scalars(
        statement.on_conflict_do_update(
            index_elements=[Sample.job_id, Sample.step, Sample.name],
            set_={column: statement.excluded[column] for column in replaced}
            | {"seq": SAMPLE_SEQ.next_value(), "created_at": func.clock_timestamp()},
        ).returning(Sample),
        execution_options={"populate_existing": True},
    ).one()


def at(session: ReadSession, job_id: str, step: int, name: str) -> Sample | None:
    """A job's sample of this name at this step."""
    return session.scalars(
        select(Sample).where(Sample.job_id == job_id, Sample.step == step, Sample.name == name)
    ).one_or_none()


def count(session: ReadSession, job_id: str) -> int:
    """Number of a job's samples."""
    return session.execute(select(func.count()).where(Sample.job_id == job_id)).scalar_one()


def drop_others(session: WriteSession, job_id: str, name: str, step: int) -> None:
    """Drop the job's samples of this name at other steps."""
    session.execute(delete(Sample).where(Sample.job_id == job_id, Sample.name == name, Sample.step != step))


def thin_out(session: WriteSession, job_id: str) -> None:
    """Drop the samples of every second step, except the newest: the rest stays evenly spaced."""
    session.execute(_THIN_OUT, {"job_id": job_id})


_THIN_OUT = text("""
    DELETE FROM samples USING (
        SELECT step, row_number() OVER (ORDER BY step DESC) AS place
        FROM (SELECT DISTINCT step FROM samples WHERE job_id = :job_id) AS steps
    ) AS ranked
    WHERE samples.job_id = :job_id AND samples.step = ranked.step AND ranked.place % 2 = 0
""")


def after(session: ReadSession, job_id: str, cursor: int, name: str | None, limit: int) -> Sequence[Sample]:
    """At most `limit` samples written after `cursor`, in the order of writing."""
    query = select(Sample).where(Sample.job_id == job_id, Sample.seq > cursor)
    if name is not None:
        query = query.where(Sample.name == name)
    return session.scalars(query.order_by(Sample.seq).limit(limit)).all()


def of_project(session: ReadSession, project_id: str, sample_id: str) -> Sample | None:
    """The sample, if a job of the project wrote it."""
    return session.scalars(
        select(Sample)
        .join(Job, Job.id == Sample.job_id)
        .where(Sample.id == sample_id, Job.project_id == project_id)
    ).one_or_none()


def taken(session: ReadSession, project_id: str) -> tuple[int, int]:
    """Number and bytes of a project's samples."""
    number, size = session.execute(
        select(func.count(), func.coalesce(func.sum(Sample.bytes), 0))
        .join(Job, Job.id == Sample.job_id)
        .where(Job.project_id == project_id)
    ).one()
    return number, int(size)


def among(session: ReadSession, ids: Collection[str]) -> Sequence[Sample]:
    """Those of the samples that exist."""
    return session.scalars(select(Sample).where(Sample.id.in_(ids))).all() if ids else ()
