"""Workers introduce themselves, say that they are alive, and leave."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import func, or_, select, update

from control.db import ReadSession, WriteSession
from control.errors import NotFound
from control.ids import new_id
from control.jobs.models import Job
from control.workers.fleet import Member, WorkerDevice, online
from control.workers.models import Worker
from control.workers.schemas import WorkerOut

_LISTED_FOR = timedelta(days=1)
"""A worker that left or was lost is listed for so long."""


def register(
    session: WriteSession,
    *,
    name: str,
    device: WorkerDevice,
    device_name: str,
    memory_bytes: int,
    threads: int,
    version: str,
    details: Mapping[str, Any] | None = None,
) -> str:
    """A worker that starts introduces itself.

    Args:
        name: ``hostname:pid``, for people.
        device_name: As the maker calls it.
        memory_bytes: Of the device: GPU memory, or the machine's for a CPU worker.
        threads: CPU threads that a job gets.
        version: Of this software.

    Returns:
        Its id; new with each start.
    """
    worker = Worker(
        id=new_id("wrk"),
        name=name,
        device=device,
        device_name=device_name,
        memory_bytes=memory_bytes,
        threads=threads,
        version=version,
        details=dict(details or {}),
    )
    session.add(worker)
    session.flush()
    return worker.id


def beat(session: WriteSession, worker_id: str) -> None:
    """The worker is alive.

    Raises:
        NotFound: it never registered here; it should do so anew.
    """
    found = session.scalars(
        update(Worker)
        .where(Worker.id == worker_id)
        .values(last_seen_at=func.clock_timestamp())
        .returning(Worker.id)
    ).one_or_none()
    if found is None:
        raise NotFound("worker_not_found", f"No worker {worker_id} is registered.")


def stopped(session: WriteSession, worker_id: str) -> None:
    """The worker leaves in order."""
    session.execute(update(Worker).where(Worker.id == worker_id).values(stopped_at=func.clock_timestamp()))


def member(session: ReadSession, worker_id: str) -> Member:
    """One worker as the fleet knows it, online or not.

    Raises:
        NotFound: it never registered.
    """
    worker = session.get(Worker, worker_id)
    if worker is None:
        raise NotFound("worker_not_found", f"No worker {worker_id} is registered.")
    return Member(worker.id, worker.device, worker.memory_bytes)  # type: ignore[arg-type]


def list_workers(
    session: ReadSession, *, limit: int = 200, before: str | None = None, project_id: str | None = None
) -> list[WorkerOut]:
    """Workers that are online, hold a job, or were here within a day; newest first, from below id `before` on.

    Args:
        project_id: Who asks: workers serve every project, but what they run is told only to the job's own.
    """
    running = (
        select(Job.worker_id, func.min(Job.id).label("job_id"), func.min(Job.project_id).label("project_id"))
        .where(Job.state == "running")
        .group_by(Job.worker_id)
        .subquery()
    )
    query = (
        select(Worker, running.c.job_id, running.c.project_id, online().label("online"))
        .outerjoin(running, running.c.worker_id == Worker.id)
        .where(
            or_(
                Worker.last_seen_at > func.clock_timestamp() - _LISTED_FOR,
                running.c.job_id.is_not(None),
            )
        )
        .order_by(Worker.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(Worker.id < before)
    return [
        _out(worker, job_id, is_online, told=project_id in {None, owner})
        for worker, job_id, owner, is_online in session.execute(query)
    ]


def _out(worker: Worker, job_id: str | None, is_online: bool, *, told: bool) -> WorkerOut:  # noqa: FBT001 - a row's column
    return WorkerOut.model_validate(
        {
            "id": worker.id,
            "name": worker.name,
            "state": "offline" if not is_online else "busy" if job_id else "idle",
            "device": worker.device,
            "device_name": worker.device_name,
            "memory_bytes": worker.memory_bytes,
            "threads": worker.threads,
            "version": worker.version,
            "job": job_id if told else None,
            "details": worker.details,
            "started_at": worker.started_at,
            "last_seen_at": worker.last_seen_at,
        }
    )
