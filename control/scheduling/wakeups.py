"""A job that enters the queue rings, once that is committed."""

from control.broker import Queue, broker
from control.db import WriteSession, after_commit
from control.jobs.models import Job
from control.workers.fleet import fleet


def ring_for(session: WriteSession, job: Job) -> None:
    """Ring for `job` after the commit, where workers listen that may run it."""
    able = fleet(session).able(job.device, job.memory_bytes)
    queue: Queue = able[0].queue if able else "gpu" if job.device == "cuda" else "cpu"
    job_id = job.id
    after_commit(session, lambda: broker().ring(queue, job_id))
