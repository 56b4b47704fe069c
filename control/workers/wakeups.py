"""Wake-ups: messages that tell workers that there is work in the queue."""

from control.broker import Queue, broker
from control.db import WriteSession, after_commit
from control.workers.fleet import fleet


def wake_for(session: WriteSession, job_id: str, *, device: str, memory_bytes: int) -> None:
    """Send a wake-up for a job that enters the queue, after the commit, to the queue whose workers may run it.

    Args:
        device: Device in the job's spec: ``auto``, ``cpu`` or ``cuda``.
        memory_bytes: The job's memory estimate.
    """
    able = fleet(session).able(device, memory_bytes)
    queue: Queue = able[0].queue if able else "gpu" if device == "cuda" else "cpu"
    after_commit(session, lambda: broker().wake(queue, job_id))


def call(session: WriteSession, worker_id: str) -> None:
    """After the commit, wake up a worker because there is a request on the job that it runs."""
    after_commit(session, lambda: broker().call(worker_id))
