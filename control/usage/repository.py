"""SQL about what projects take up: sums over rows, never a walk through the storage."""

from collections.abc import Callable

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, func, literal, select, text

from control.checkpoints.models import Checkpoint
from control.datasets.models import Dataset, DatasetFile
from control.db import ReadSession
from control.jobs.models import Attempt, Job
from control.samples.models import Sample
from control.usage.schemas import Kind


def _sum(column: SQLColumnExpression[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(column), 0)


def datasets(session: ReadSession, project_id: str) -> tuple[int, int]:
    """How many datasets, and bytes; a blob that several files name counts once."""
    count = session.scalar(
        select(func.count()).where(Dataset.project_id == project_id, Dataset.state != "deleted")
    )
    blobs = (
        select(DatasetFile.object_key, func.max(DatasetFile.bytes).label("bytes"))
        .join(Dataset, Dataset.id == DatasetFile.dataset_id)
        .where(Dataset.project_id == project_id)
        .group_by(DatasetFile.object_key)
        .subquery()
    )
    return count or 0, int(session.execute(select(_sum(blobs.c.bytes))).scalar_one())


def checkpoints(session: ReadSession, project_id: str) -> tuple[int, int]:
    """Those that are there: not dropped by retention, and not deleted."""
    return _two(session, _checkpoints(project_id).where(Checkpoint.deleted_at.is_(None)))


def leaving(session: ReadSession, project_id: str) -> int:
    """Bytes of checkpoints that were dropped and whose files have not left the storage yet."""
    dropped = _checkpoints(project_id).where(
        Checkpoint.deleted_at.is_not(None), Checkpoint.purged_at.is_(None)
    )
    return _two(session, dropped)[1]


def _checkpoints(project_id: str) -> Select[int, int]:
    return (
        select(func.count(), _sum(Checkpoint.bytes))
        .join(Job, Job.id == Checkpoint.job_id)
        .where(Job.project_id == project_id)
    )


def samples(session: ReadSession, project_id: str) -> tuple[int, int]:
    return _two(
        session,
        select(func.count(), _sum(Sample.bytes))
        .join(Job, Job.id == Sample.job_id)
        .where(Job.project_id == project_id),
    )


def logs(session: ReadSession, project_id: str) -> tuple[int, int]:
    """Those that are in storage."""
    return _two(
        session,
        select(func.count(), _sum(Attempt.log_bytes))
        .join(Job, Job.id == Attempt.job_id)
        .where(Job.project_id == project_id, Attempt.log_key.is_not(None)),
    )


def exports(session: ReadSession, project_id: str) -> tuple[int, int]:
    return _made_by_short_jobs(session, project_id, "export")


def previews(session: ReadSession, project_id: str) -> tuple[int, int]:
    return _made_by_short_jobs(session, project_id, "preview")


def _made_by_short_jobs(session: ReadSession, project_id: str, purpose: str) -> tuple[int, int]:
    row = session.execute(_MADE, {"project_id": project_id, "purpose": purpose}).one()
    return row.number, int(row.bytes)


_MADE = text("""
    SELECT count(*) AS number, coalesce(sum(made.bytes), 0) AS bytes
    FROM jobs CROSS JOIN LATERAL (
        SELECT coalesce(sum(CAST(file ->> 'bytes' AS bigint)), 0) AS bytes
        FROM jsonb_array_elements(jobs.result -> 'files') AS file
    ) AS made
    WHERE jobs.project_id = :project_id AND jobs.purpose = :purpose AND jobs.result ? 'files'
""")


def _two(session: ReadSession, query: Select[int, int]) -> tuple[int, int]:
    count, size = session.execute(query).one()
    return count, int(size)


def lock(session: ReadSession, project_id: str, kind: Kind) -> None:
    """Hold the project's sum of that kind as it is until the transaction ends."""
    name = literal(f"quota {kind} {project_id}")
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


TAKEN: dict[Kind, Callable[[ReadSession, str], tuple[int, int]]] = {
    "datasets": datasets,
    "checkpoints": checkpoints,
    "samples": samples,
    "exports": exports,
    "logs": logs,
}
"""Kind → what counts it: how many, and bytes."""
