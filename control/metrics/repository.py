"""SQL about metric points."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from control.db import ReadSession, WriteSession
from control.metrics.models import MetricName, MetricPoint


@dataclass(frozen=True)
class Point:
    """One value of one metric, as an engine logged it."""

    name: str
    step: int
    value: float
    """Any float, NaN and infinities included."""
    time: datetime


class WrittenPoint(NamedTuple):
    """A point as it is in the database."""

    name: str
    step: int
    value: float
    time: float
    """Unix seconds."""
    attempt: int
    seq: int
    """The cursor: rises with every write of the job's points."""


class Bucket(NamedTuple):
    """Consecutive points of one metric, summarised; a bucket of one point is that point."""

    name: str
    step: int
    """Step of its last point, as are ``value`` and ``time``."""
    value: float
    time: float
    least: float | None
    """Least of its finite values; None if it has none."""
    greatest: float | None
    odd_step: int | None
    """Step of its first value that is not finite, with that value."""
    odd_value: float | None
    points: int


def name_ids(session: WriteSession, names: set[str]) -> dict[str, int]:
    """Ids of metric names; new names are added, also if another transaction adds them at the same time."""
    known = _known(session, names)
    missing = sorted(
        names - known.keys()
    )  # sorted, so that two transactions that add the same names cannot deadlock
    if missing:
        rows = [{"name": name} for name in missing]
        session.execute(insert(MetricName).values(rows).on_conflict_do_nothing())
        known = _known(session, names)
    return known


def _known(session: ReadSession, names: set[str]) -> dict[str, int]:
    found = session.execute(select(MetricName.name, MetricName.id).where(MetricName.name.in_(names)))
    return {row[0]: row[1] for row in found}


def upsert(session: WriteSession, job_id: str, attempt: int, points: Sequence[Point]) -> list[WrittenPoint]:
    """Write points; one that exists is overwritten and moves to the end of the order of writing.

    The caller has locked the job's row, so a job's points become visible in the order of their ``seq``.

    Args:
        points: No two with the same name and step.
    """
    rows = _insert(session, job_id, attempt, points)
    if len(rows) < len(points):
        # Some names are new, which happens once for each name in a database.
        written = {(row.name, row.step) for row in rows}
        missing = [point for point in points if (point.name, point.step) not in written]
        name_ids(session, {point.name for point in missing})
        rows += _insert(session, job_id, attempt, missing)
    return sorted(rows, key=lambda point: point.seq)


def _insert(session: WriteSession, job_id: str, attempt: int, points: Sequence[Point]) -> list[WrittenPoint]:
    """Write the points whose names have ids."""
    rows = session.execute(
        _UPSERT,
        {
            "job_id": job_id,
            "attempt": attempt,
            "names": [point.name for point in points],
            "steps": [point.step for point in points],
            "values": [float(point.value) for point in points],
            "times": [point.time for point in points],
        },
    )
    return [WrittenPoint(row.name, row.step, row.value, row.time, attempt, row.seq) for row in rows]


_UPSERT = text("""
    WITH written AS (
        INSERT INTO metric_points (job_id, name_id, step, value, attempt, time)
        SELECT :job_id, metric_names.id, step, value, :attempt, time
        FROM unnest(
            CAST(:names AS text[]), CAST(:steps AS bigint[]), CAST(:values AS float8[]), CAST(:times AS timestamptz[])
        ) WITH ORDINALITY AS point(name, step, value, time, place)
        JOIN metric_names USING (name)
        ORDER BY place
        ON CONFLICT (job_id, name_id, step) DO UPDATE
        SET value = excluded.value, attempt = excluded.attempt, time = excluded.time, seq = excluded.seq
        RETURNING name_id, step, value, time, seq
    )
    SELECT name, step, value, CAST(extract(epoch FROM time) AS float8) AS time, seq
    FROM written JOIN metric_names ON metric_names.id = name_id
""")


def after(
    session: ReadSession, job_id: str, cursor: int, names: Sequence[str] | None, limit: int
) -> list[WrittenPoint]:
    """At most `limit` points written after `cursor`, in the order of writing."""
    query = (
        select(
            MetricName.name,
            MetricPoint.step,
            MetricPoint.value,
            func.extract("epoch", MetricPoint.time).cast(MetricPoint.value.type),
            MetricPoint.attempt,
            MetricPoint.seq,
        )
        .join(MetricName, MetricName.id == MetricPoint.name_id)
        .where(MetricPoint.job_id == job_id, MetricPoint.seq > cursor)
        .order_by(MetricPoint.seq)
        .limit(limit)
    )
    if names is not None:
        query = query.where(MetricName.name.in_(names))
    return [WrittenPoint(*row) for row in session.execute(query)]


def newest_seq(session: ReadSession, job_id: str) -> int:
    """The cursor after everything written so far; 0 if nothing was."""
    found = session.execute(select(func.max(MetricPoint.seq)).where(MetricPoint.job_id == job_id))
    return found.scalar_one() or 0


def value_at(session: ReadSession, job_id: str, name: str, step: int) -> float | None:
    """The metric's newest value at `step` or before."""
    return session.execute(
        select(MetricPoint.value)
        .join(MetricName, MetricName.id == MetricPoint.name_id)
        .where(MetricPoint.job_id == job_id, MetricName.name == name, MetricPoint.step <= step)
        .order_by(MetricPoint.step.desc())
        .limit(1)
    ).scalar_one_or_none()


def buckets(
    session: ReadSession,
    job_id: str,
    *,
    names: Sequence[str] | None,
    max_points: int,
    from_step: int | None,
    to_step: int | None,
) -> list[Bucket]:
    """Each metric's points in order of step, or at most `max_points` buckets of equal width where there are more."""
    parameters: dict[str, Any] = {
        "job_id": job_id,
        "every": names is None,
        "names": list(names or ()),
        "max_points": max_points,
        "from_step": from_step,
        "to_step": to_step,
    }
    return [Bucket(*row) for row in session.execute(_BUCKETS, parameters)]


# A series' last point is always the last of its last bucket, and no extreme is lost. Values at the buckets' ends are
# looked up by key afterwards, which costs less than carrying every value through a sort.
_BUCKETS = text("""
    WITH series AS (
        SELECT id AS name_id, name, extent.*
        FROM metric_names CROSS JOIN LATERAL (
            SELECT count(*) AS points, min(step) AS first, max(step) AS last
            FROM metric_points
            WHERE job_id = :job_id AND name_id = metric_names.id
              AND step >= coalesce(CAST(:from_step AS bigint), 0)
              AND step <= coalesce(CAST(:to_step AS bigint), 9223372036854775807)
        ) AS extent
        WHERE points > 0 AND (:every OR name = ANY(CAST(:names AS text[])))
    ),
    bucket AS (
        SELECT series.name_id, series.name,
            max(point.step) AS step, count(*) AS points,
            min(value) FILTER (WHERE value NOT IN ('nan', 'inf', '-inf')) AS least,
            max(value) FILTER (WHERE value NOT IN ('nan', 'inf', '-inf')) AS greatest,
            min(step) FILTER (WHERE value IN ('nan', 'inf', '-inf')) AS odd_step
        FROM series JOIN metric_points AS point
          ON point.job_id = :job_id AND point.name_id = series.name_id
          AND point.step BETWEEN series.first AND series.last
        GROUP BY series.name_id, series.name,
            CASE WHEN series.points <= :max_points THEN point.step
                 ELSE div(
                    CAST(point.step - series.first AS numeric) * :max_points, series.last - series.first + 1
                 ) END
    )
    SELECT bucket.name, bucket.step, tail.value, CAST(extract(epoch FROM tail.time) AS float8),
        bucket.least, bucket.greatest, bucket.odd_step, odd.value, bucket.points
    FROM bucket
    JOIN metric_points AS tail
      ON tail.job_id = :job_id AND tail.name_id = bucket.name_id AND tail.step = bucket.step
    LEFT JOIN metric_points AS odd
      ON odd.job_id = :job_id AND odd.name_id = bucket.name_id AND odd.step = bucket.odd_step
    ORDER BY bucket.name, bucket.step
""")
