"""Rows of workers → schemas for HTTP."""

from control.workers.models import Worker
from control.workers.schemas import WorkerOut


def worker_out(worker: Worker, *, online: bool, job_id: str | None, job_visible: bool) -> WorkerOut:
    """
    Args:
        job_id: The job that it runs now.
        job_visible: Whether the caller may see the job.
    """
    return WorkerOut.model_validate(
        {
            "id": worker.id,
            "name": worker.name,
            "state": "offline" if not online else "busy" if job_id else "idle",
            "device": worker.device,
            "device_name": worker.device_name,
            "memory_bytes": worker.memory_bytes,
            "threads": worker.threads,
            "version": worker.version,
            "job": job_id if job_visible else None,
            "details": worker.details,
            "started_at": worker.started_at,
            "last_seen_at": worker.last_seen_at,
        }
    )
