"""The list of workers, each with the job that it runs."""

from datetime import timedelta

from control.db import ReadSession
from control.scheduling import repository
from control.workers.presenters import worker_out
from control.workers.schemas import WorkerOut

_LISTED_FOR = timedelta(days=1)
"""How long a worker that has stopped or was lost stays in the list."""


def list_workers(
    session: ReadSession, *, limit: int = 200, before: str | None = None, project_id: str | None = None
) -> list[WorkerOut]:
    """Workers that are online, hold a job, or were seen within a day; newest first, those with ids below `before`.

    Args:
        project_id: The caller's project: workers serve every project, but only a job's own project sees which worker runs it.
    """
    return [
        worker_out(
            row.worker, online=row.online, job_id=row.job_id, job_visible=project_id in {None, row.project_id}
        )
        for row in repository.workers_with_jobs(session, _LISTED_FOR, before, limit)
    ]
