"""SQL about what a model card tells."""

from collections.abc import Sequence

from sqlalchemy import select

from control.checkpoints.models import Checkpoint
from control.db import ReadSession
from control.lifecycle.models import Job


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
