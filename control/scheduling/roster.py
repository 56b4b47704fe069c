"""The workers, each with what it runs."""

from datetime import timedelta

from control.db import ReadSession
from control.scheduling import repository
from control.workers.presenters import worker_out
from control.workers.schemas import WorkerOut

_LISTED_FOR = timedelta(days=1)
"""A worker that left or was lost is listed for so long."""


def list_workers(
    session: ReadSession, *, limit: int = 200, before: str | None = None, project_id: str | None = None
) -> list[WorkerOut]:
    """Workers that are online, hold a job, or were here within a day; newest first, from below id `before` on.

    Args:
        project_id: Who asks: workers serve every project, but what they run is told only to the job's own.
    """
    return [
        worker_out(
            row.worker, online=row.online, job_id=row.job_id, told=project_id in {None, row.project_id}
        )
        for row in repository.workers_with_jobs(session, _LISTED_FOR, before, limit)
    ]
