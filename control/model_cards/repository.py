"""SQL about what a model card tells."""

from collections.abc import Sequence

from sqlalchemy import select

from control.checkpoints.models import Checkpoint
from control.datasets.models import Dataset
from control.db import ReadSession
from control.lifecycle.models import Job


def job_of(session: ReadSession, checkpoint: Checkpoint) -> Job:
    """The job that wrote a checkpoint, or the row of its upload."""
    return session.get_one(Job, checkpoint.job_id)


def dataset(session: ReadSession, dataset_id: str | None) -> Dataset | None:
    """A dataset, also a deleted one."""
    return None if dataset_id is None else session.get(Dataset, dataset_id)


def evaluations(session: ReadSession, checkpoint_id: str, *, limit: int) -> Sequence[Job]:
    """Evaluations of the checkpoint that have succeeded, newest first."""
    return session.scalars(
        select(Job)
        .where(
            Job.parent_checkpoint_id == checkpoint_id, Job.purpose == "evaluation", Job.state == "succeeded"
        )
        .order_by(Job.id.desc())
        .limit(limit)
    ).all()


def ancestor(session: ReadSession, checkpoint_id: str | None) -> tuple[Checkpoint, Job] | None:
    """A checkpoint, also a deleted one, and the job that wrote it or the row of its upload."""
    if checkpoint_id is None:
        return None
    row = session.execute(
        select(Checkpoint, Job).join(Job, Job.id == Checkpoint.job_id).where(Checkpoint.id == checkpoint_id)
    ).one_or_none()
    return None if row is None else (row[0], row[1])
