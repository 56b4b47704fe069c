"""Reads metrics: points written since a cursor, or a whole series at the resolution of a chart."""

import math
from collections.abc import Sequence
from typing import Any

from control.db import ReadSession
from control.metrics import repository
from control.metrics.repository import Bucket, WrittenPoint
from control.metrics.schemas import MetricsOut, Series


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
    series: dict[str, Series] = {}
    for point in points:
        column = series.setdefault(point.name, Series(steps=[], values=[], times=[]))
        column.steps.append(point.step)
        column.values.append(finite(point.value))
        column.times.append(point.time)
        if not math.isfinite(point.value):
            column.not_finite[str(point.step)] = repr(point.value)
    return MetricsOut(
        job=job_id,
        series=series,
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
        job=job_id, series={name: _series(column) for name, column in by_name.items()}, next=cursor
    )


def _series(column: Sequence[Bucket]) -> Series:
    together = any(bucket.points > 1 for bucket in column)
    return Series(
        steps=[bucket.step for bucket in column],
        values=[finite(bucket.value) for bucket in column],
        times=[bucket.time for bucket in column],
        min=[bucket.least for bucket in column] if together else None,
        max=[bucket.greatest for bucket in column] if together else None,
        not_finite=_odd(column),
    )


def _odd(column: Sequence[Bucket]) -> dict[str, str]:
    """For each bucket, its first value that is not finite, and its last value if that is not finite."""
    found = {}
    for bucket in column:
        if bucket.odd_step is not None and bucket.odd_value is not None:
            found[str(bucket.odd_step)] = repr(bucket.odd_value)
        if not math.isfinite(bucket.value):
            found[str(bucket.step)] = repr(bucket.value)
    return found


def finite(value: float) -> float | None:
    """The value, or None if JSON cannot represent it."""
    return value if math.isfinite(value) else None


def as_json(point: WrittenPoint) -> dict[str, Any]:
    """A point for the live stream; a value that is not finite is written as ``"nan"``, ``"inf"`` or ``"-inf"``."""
    value = point.value if math.isfinite(point.value) else repr(point.value)
    return point._asdict() | {"value": value}
