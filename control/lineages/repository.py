"""SQL about planned lineages and about what was measured of stages."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Select, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from control.checkpoints.models import Checkpoint
from control.datasets.models import Dataset
from control.db import ReadSession, WriteSession
from control.lifecycle.models import Job
from control.lineages.models import LineageStage, PlannedLineage, StageMeasure
from control.metrics.models import MetricName


class Measured(NamedTuple):
    """One measure of one stage's held-out part."""

    job_id: str
    """The job that measured it."""
    stage: str
    moment: str
    metric: str
    value: float


def keep_measures(
    session: WriteSession, job_id: str, attempt: int, *, stage: str, moment: str, values: Mapping[int, float]
) -> None:
    """Write measures of a stage by the ids of their names, or replace them."""
    if not values:
        return
    rows = [
        {
            "job_id": job_id,
            "stage": stage,
            "moment": moment,
            "name_id": name_id,
            "value": value,
            "attempt": attempt,
        }
        for name_id, value in values.items()
    ]
    statement = insert(StageMeasure).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[
                StageMeasure.job_id,
                StageMeasure.stage,
                StageMeasure.moment,
                StageMeasure.name_id,
            ],
            set_={"value": statement.excluded.value, "attempt": statement.excluded.attempt},
        )
    )


def measures(session: ReadSession, job_ids: Collection[str]) -> list[Measured]:
    """All that these jobs measured."""
    rows = session.execute(
        select(
            StageMeasure.job_id, StageMeasure.stage, StageMeasure.moment, MetricName.name, StageMeasure.value
        )
        .join(MetricName, MetricName.id == StageMeasure.name_id)
        .where(StageMeasure.job_id.in_(job_ids))
    )
    return [Measured(*row) for row in rows]


def jobs(session: ReadSession, ids: Collection[str]) -> dict[str, Job]:
    """Those of the jobs that were not deleted, by id."""
    return {job.id: job for job in session.scalars(select(Job).where(Job.id.in_(ids)))}


def job_of(session: ReadSession, stage: LineageStage, *, lock: bool = False) -> Job | None:
    """The job of a stage as it is now; None before it is submitted, and after it was deleted. ``lock``: its row is locked until the
    transaction ends."""
    if stage.job_id is None:
        return None
    return session.get(Job, stage.job_id, populate_existing=True, with_for_update=lock or None)


def dataset_names(session: ReadSession, ids: Collection[str]) -> dict[str, str]:
    """Names of those of the datasets that were not deleted, by id."""
    rows = session.execute(
        select(Dataset.id, Dataset.name).where(Dataset.id.in_(ids), Dataset.state != "deleted")
    )
    return {row[0]: row[1] for row in rows}


def checkpoints(session: ReadSession, ids: Collection[str]) -> dict[str, Checkpoint]:
    """Checkpoints by id, those that were dropped included."""
    return {one.id: one for one in session.scalars(select(Checkpoint).where(Checkpoint.id.in_(ids)))}


def of_project(project_id: str) -> Select[PlannedLineage]:
    return select(PlannedLineage).where(PlannedLineage.project_id == project_id)


def find(
    session: ReadSession, project_id: str, lineage_id: str, *, lock: bool = False
) -> PlannedLineage | None:
    """A lineage of the project; ``lock``: its row is locked until the transaction ends."""
    query = of_project(project_id).where(PlannedLineage.id == lineage_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()


def stages(session: ReadSession, lineage_ids: Collection[str]) -> dict[str, list[LineageStage]]:
    """The stages of each lineage, in order."""
    found: dict[str, list[LineageStage]] = {one: [] for one in lineage_ids}
    query = select(LineageStage).where(LineageStage.lineage_id.in_(lineage_ids))
    for stage in session.scalars(query.order_by(LineageStage.lineage_id, LineageStage.position)):
        found[stage.lineage_id].append(stage)
    return found


def of_job(session: ReadSession, job_id: str) -> str | None:
    """The planned lineage whose stage the job is."""
    return session.scalar(select(LineageStage.lineage_id).where(LineageStage.job_id == job_id))


def due(session: ReadSession, limit: int) -> Sequence[str]:
    """Lineages whose next stage can be submitted, because the one before it has succeeded."""
    return session.execute(_DUE, {"limit": limit}).scalars().all()


def lock_due(session: WriteSession, lineage_id: str) -> PlannedLineage | None:
    """A lineage that may go on, its row locked; None where it may not, or where it is locked elsewhere."""
    return session.scalars(
        select(PlannedLineage)
        .where(
            PlannedLineage.id == lineage_id,
            PlannedLineage.cancelled_at.is_(None),
            PlannedLineage.failure.is_(None),
        )
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def mark_submitted(session: WriteSession, lineage_id: str, position: int, job_id: str) -> bool:
    """Record the job of a stage, in one statement, unless the stage was submitted before; whether it was recorded."""
    done = session.execute(
        update(LineageStage)
        .where(
            LineageStage.lineage_id == lineage_id,
            LineageStage.position == position,
            LineageStage.submitted_at.is_(None),
        )
        .values(job_id=job_id, submitted_at=func.clock_timestamp())
        .returning(LineageStage.position)
        .execution_options(synchronize_session=False)
    )
    return done.one_or_none() is not None


_DUE = text("""
    SELECT lineages.id
    FROM lineage_stages AS next
    JOIN lineages ON lineages.id = next.lineage_id
    JOIN lineage_stages AS before
      ON before.lineage_id = next.lineage_id AND before.position = next.position - 1
    JOIN jobs ON jobs.id = before.job_id
    WHERE next.submitted_at IS NULL AND lineages.cancelled_at IS NULL AND lineages.failure IS NULL
      AND jobs.state = 'succeeded'
    ORDER BY lineages.id
    LIMIT :limit
""")
