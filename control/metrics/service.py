"""Reads metrics: points written since a cursor, or a whole series at the resolution of a chart."""

from collections.abc import Sequence

from control.db import ReadSession
from control.metrics import repository
from control.metrics.presenters import present_buckets, present_points
from control.metrics.repository import Bucket, WrittenPoint
from control.metrics.schemas import MetricsOut


def points_since(
    session: ReadSession, job_id: str, cursor: int, *, names: Sequence[str] | None = None, limit: int = 5000
) -> list[WrittenPoint]:
    """At most `limit` points written after `cursor`, in the order of writing; none is ever skipped.

    Args:
        names: Only these metrics; None: all.
    """
    return repository.after(session, job_id, cursor, names, limit)


def since(
    session: ReadSession, job_id: str, cursor: int, *, names: Sequence[str] | None = None, limit: int = 5000
) -> MetricsOut:
    """Like `points_since`, as columns and with the cursor for the next call."""
    found = repository.after(session, job_id, cursor, names, limit + 1)
    points = found[:limit]
    return MetricsOut(
        job=job_id,
        series=present_points(points),
        next=points[-1].seq if points else cursor,
        has_more=len(found) > limit,
    )


def bucketed(
    session: ReadSession,
    job_id: str,
    *,
    names: Sequence[str] | None = None,
    max_points: int = 1000,
    from_step: int | None = None,
    to_step: int | None = None,
) -> MetricsOut:
    """Each metric in order of step; above `max_points` points as that many buckets of least, greatest and last value.

    Args:
        from_step: First step wanted, and `to_step` the last; None: from the beginning, to the end.
    """
    # Read first, so that what is written between the two queries is returned twice rather than never.
    cursor = repository.newest_seq(session, job_id)
    rows = repository.buckets(
        session, job_id, names=names, max_points=max_points, from_step=from_step, to_step=to_step
    )
    by_name: dict[str, list[Bucket]] = {}
    for row in rows:
        by_name.setdefault(row.name, []).append(row)
    return MetricsOut(
        job=job_id, series={name: present_buckets(column) for name, column in by_name.items()}, next=cursor
    )
