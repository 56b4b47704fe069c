"""The SQL of a job's new metric points."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from control.db import ReadSession


def new_points(session: ReadSession, job_id: str, cursor: int, limit: int) -> Sequence[Any]:
    """The points after the cursor in the order of writing, each row with the job's progress."""
    return session.execute(_NEW_POINTS, {"job_id": job_id, "cursor": cursor, "limit": limit}).all()


_NEW_POINTS = text("""
    SELECT metric_names.name, point.step AS point_step, point.value,
        CAST(extract(epoch FROM point.time) AS float8), point.attempt, point.seq,
        jobs.state, jobs.phase, jobs.phase_fraction, jobs.step, jobs.steps, jobs.steps_per_epoch,
        jobs.seconds_per_step
    FROM jobs
    JOIN metric_points AS point ON point.job_id = jobs.id
    JOIN metric_names ON metric_names.id = point.name_id
    WHERE jobs.id = :job_id AND point.seq > :cursor
    ORDER BY point.seq
    LIMIT :limit
""")
