"""SQL about workers; the SQL about the jobs that they run is in `control.scheduling.repository`."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, func, select, update

from control.db import ReadSession, WriteSession
from control.settings import settings
from control.workers.models import Worker


def online() -> ColumnElement[bool]:
    """Whether a row of `Worker` is a worker that is online."""
    limit = timedelta(seconds=settings().worker_online_seconds)
    return and_(Worker.stopped_at.is_(None), Worker.last_seen_at > func.clock_timestamp() - limit)


def all_online(session: ReadSession) -> Sequence[tuple[str, str, int]]:
    """Id, device and memory of the workers that are online now, in the order of their ids."""
    rows = session.execute(
        select(Worker.id, Worker.device, Worker.memory_bytes).where(online()).order_by(Worker.id)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def get(session: ReadSession, worker_id: str) -> Worker | None:
    """One worker, online or not."""
    return session.get(Worker, worker_id)


def touch(session: WriteSession, worker_id: str) -> bool:
    """Record a heartbeat of the worker; False if it is not registered."""
    found = session.scalars(
        update(Worker)
        .where(Worker.id == worker_id)
        .values(last_seen_at=func.clock_timestamp())
        .returning(Worker.id)
    ).one_or_none()
    return found is not None


def mark_stopped(session: WriteSession, worker_id: str) -> None:
    """Record that the worker has stopped."""
    session.execute(update(Worker).where(Worker.id == worker_id).values(stopped_at=func.clock_timestamp()))


def largest_memory(session: ReadSession, device: str | None, within: timedelta) -> int | None:
    """Memory of the largest worker that was seen within that time; None if there was none.

    Args:
        device: Only workers with this device; None: any.
    """
    query = select(func.max(Worker.memory_bytes)).where(Worker.last_seen_at > func.clock_timestamp() - within)
    if device is not None:
        query = query.where(Worker.device == device)
    return session.execute(query).scalar_one()
