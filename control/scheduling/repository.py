"""SQL about the queue, the slots and which worker runs which job."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, and_, func, or_, select, text

from control.db import ReadSession, WriteSession
from control.lifecycle.models import Event, Job
from control.workers.models import Worker
from control.workers.repository import online


@dataclass(frozen=True)
class WorkerRow:
    """A worker and what it runs."""

    worker: Worker
    job_id: str | None
    project_id: str | None
    """Project of the job."""
    online: bool


def workers_with_jobs(
    session: ReadSession, seen_within: timedelta, before: str | None, limit: int
) -> list[WorkerRow]:
    """Workers that were seen within that time or hold a job; newest first, those with ids below `before`."""
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
                Worker.last_seen_at > func.clock_timestamp() - seen_within,
                running.c.job_id.is_not(None),
            )
        )
        .order_by(Worker.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(Worker.id < before)
    return [WorkerRow(*row) for row in session.execute(query)]


def slots(session: ReadSession) -> Sequence[Row[str, str, int, str | None, int, bool, str | None, Any]]:
    """The workers that are online, each with the job that it runs: id, device, memory, then the job's id (None: it
    runs none), priority, whether it may be preempted, its intent, when it was queued; older jobs first."""
    return session.execute(
        select(
            Worker.id,
            Worker.device,
            Worker.memory_bytes,
            Job.id,
            Job.priority,
            Job.preemptible,
            Job.intent,
            Job.queued_at,
        )
        .outerjoin(Job, and_(Job.worker_id == Worker.id, Job.state == "running"))
        .where(online())
        .order_by(Worker.id, Job.queued_at)
    ).all()


def head_of_queue(session: ReadSession, devices: Sequence[str], limit: int) -> list[str]:
    """Ids of the first queued jobs for any of the devices, in the order of the queue."""
    return list(
        session.scalars(
            select(Job.id)
            .where(Job.state == "queued", Job.device.in_(devices))
            .order_by(Job.priority.desc(), Job.queued_at)
            .limit(limit)
        )
    )


def waiting(
    session: ReadSession, device: str, memory_bytes: int, limit: int
) -> Sequence[Row[str, str, int, int, Any, bool]]:
    """The first queued jobs for a device that need at most this memory: id, device, memory, priority, when it was queued,
    and whether it is a training job."""
    return session.execute(
        select(Job.id, Job.device, Job.memory_bytes, Job.priority, Job.queued_at, Job.purpose == "train")
        .where(Job.state == "queued", Job.device == device, Job.memory_bytes <= memory_bytes)
        .order_by(Job.priority.desc(), Job.queued_at)
        .limit(limit)
    ).all()


def lock_preemptible(session: WriteSession, job_id: str) -> Job | None:
    """A running job without an intent, its row locked; None if it is none, or its row is locked elsewhere."""
    return session.scalars(
        select(Job)
        .where(Job.id == job_id, Job.state == "running", Job.intent.is_(None))
        .with_for_update(skip_locked=True)
    ).one_or_none()


def decisions(session: ReadSession, job_id: str) -> list[dict[str, Any]]:
    """Decisions of the job's engines, the newest first."""
    return list(
        session.scalars(
            select(Event.data)
            .where(Event.job_id == job_id, Event.type == "decision")
            .order_by(Event.id.desc())
        )
    )


def highest_priority(session: ReadSession, offers: dict[str, Any], below: int) -> int | None:
    """The highest priority below that of a queued job that one of the offers takes.

    Args:
        offers: ``devices``, ``aboves``, ``uptos``: arrays of one length (`control.workers.fleet.Offer`).
    """
    found: int | None = session.execute(_HIGHEST, offers | {"below": below}).scalar_one()
    return found


def lock_best(session: WriteSession, offers: dict[str, Any], priority: int) -> Job | None:
    """The next job of that priority, its row locked; None if concurrent claims hold all of them."""
    job_id = session.execute(_BEST, offers | {"priority": priority}).scalar_one_or_none()
    return None if job_id is None else session.get_one(Job, job_id, populate_existing=True)


_OFFERS = """offer(device, above, upto) AS (
    SELECT * FROM unnest(CAST(:devices AS text[]), CAST(:aboves AS bigint[]), CAST(:uptos AS bigint[]))
)"""

_HIGHEST = text(f"""
    WITH {_OFFERS}
    SELECT max(best.priority)
    FROM offer CROSS JOIN LATERAL (
        SELECT priority FROM jobs
        WHERE state = 'queued' AND device = offer.device
          AND memory_bytes > offer.above AND memory_bytes <= offer.upto AND priority < :below
        ORDER BY priority DESC
        LIMIT 1
    ) AS best
""")  # noqa: S608 - no value is pasted in

# Neither the number of queued jobs nor the history matters to its cost, only the number of projects that wait:
# `waiting` skips through the index from project to project, `candidate` reads the head of each project's queue.
# The head has 32 jobs because a job locked by another claim is skipped. `IS TRUE` hides the narrow range of memory from the
# planner, which would otherwise read and sort a project's whole queue instead of the beginning of the index.
_BEST = text(f"""
    WITH RECURSIVE {_OFFERS},
    waiting(device, above, upto, project_id) AS (
        SELECT offer.*, (
            SELECT min(project_id) FROM jobs
            WHERE state = 'queued' AND device = offer.device AND priority = :priority
        ) FROM offer
        UNION ALL
        SELECT waiting.device, waiting.above, waiting.upto, (
            SELECT min(jobs.project_id) FROM jobs
            WHERE state = 'queued' AND jobs.device = waiting.device AND priority = :priority
              AND jobs.project_id > waiting.project_id
        ) FROM waiting WHERE waiting.project_id IS NOT NULL
    ),
    candidate AS (
        SELECT head.* FROM waiting CROSS JOIN LATERAL (
            SELECT id, project_id, queued_at FROM jobs
            WHERE state = 'queued' AND device = waiting.device AND priority = :priority
              AND project_id = waiting.project_id
              AND (memory_bytes > waiting.above) IS TRUE AND memory_bytes <= waiting.upto
            ORDER BY queued_at
            LIMIT 32
        ) AS head
    ),
    busy AS (
        SELECT project_id, count(*) AS running FROM jobs WHERE state = 'running' GROUP BY project_id
    )
    SELECT jobs.id
    FROM jobs
    JOIN candidate ON candidate.id = jobs.id
    LEFT JOIN busy ON busy.project_id = candidate.project_id
    WHERE jobs.state = 'queued'
    ORDER BY coalesce(busy.running, 0), candidate.queued_at, jobs.id
    LIMIT 1
    FOR UPDATE OF jobs SKIP LOCKED
""")  # noqa: S608 - no value is pasted in
