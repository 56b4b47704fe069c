"""What is asked of a running job stands in its row; its supervisor is told to look."""

from control.broker import broker
from control.db import WriteSession, after_commit
from control.jobs.events import record
from control.jobs.live_events import announce
from control.jobs.models import Job
from control.jobs.presenters import job_out


def ask(
    session: WriteSession, job: Job, event: str, message: str, data: dict[str, str] | None = None
) -> None:
    """Say in the job's events what its ``intent`` has become, and call its supervisor once that is committed."""
    session.flush()
    record(session, job, event, message, data)
    announce(session, job.id, "job", job_out(session, job).model_dump(mode="json"))
    worker_id = job.worker_id
    if worker_id is not None:
        after_commit(session, lambda: broker().call(worker_id))
