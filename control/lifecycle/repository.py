"""SQL about a job, its attempts and its events."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Select, func, select, text, update

from control.db import ReadSession, WriteSession
from control.errors import NotFound
from control.lifecycle.models import Attempt, Event, Job
from control.lifecycle.schemas import Purpose


def of_project(
    session: ReadSession, project_id: str, job_id: str, *, purpose: Purpose | None = "train"
) -> Job | None:
    """The job, if it belongs to the project and has this purpose; None: any purpose."""
    return session.scalars(_of_project(project_id, job_id, purpose)).one_or_none()


def _of_project(project_id: str, job_id: str, purpose: Purpose | None) -> Select[Job]:
    query = select(Job).where(Job.id == job_id, Job.project_id == project_id)
    return query if purpose is None else query.where(Job.purpose == purpose)


def lock_of_project(
    session: WriteSession, project_id: str, job_id: str, *, purpose: Purpose | None = "train"
) -> Job | None:
    """Like `of_project`, with the row locked until the transaction ends."""
    query = _of_project(project_id, job_id, purpose).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def events_after(session: ReadSession, job_id: str, event_id: int, limit: int) -> Sequence[Event]:
    """At most `limit` events with larger ids, oldest first."""
    return session.scalars(
        select(Event).where(Event.job_id == job_id, Event.id > event_id).order_by(Event.id).limit(limit)
    ).all()


def attempt(session: ReadSession, job_id: str, number: int) -> Attempt | None:
    """One attempt."""
    return session.get(Attempt, (job_id, number))


def lock(session: WriteSession, project_id: str, job_id: str, *, purpose: Purpose = "train") -> Job:
    """A job of the project, its row locked until the transaction ends.

    Raises:
        NotFound: ``job_not_found``.
    """
    job = lock_of_project(session, project_id, job_id, purpose=purpose)
    if job is None:
        raise NotFound("job_not_found", f"There is no job {job_id} in this project.", params={"job": job_id})
    return job


def logs_taken(session: ReadSession, project_id: str) -> tuple[int, int]:
    """Number and bytes of a project's logs in storage."""
    number, size = session.execute(
        select(func.count(), func.coalesce(func.sum(Attempt.log_bytes), 0))
        .join(Job, Job.id == Attempt.job_id)
        .where(Job.project_id == project_id, Attempt.log_key.is_not(None))
    ).one()
    return number, int(size)


def made_by_short_jobs(session: ReadSession, project_id: str, *, previews: bool) -> tuple[int, int]:
    """Number of short jobs whose result is files, and the bytes of these files: of previews, or of all other kinds."""
    row = session.execute(_MADE, {"project_id": project_id, "previews": previews}).one()
    return row.number, int(row.bytes)


_MADE = text("""
    SELECT count(*) AS number, coalesce(sum(made.bytes), 0) AS bytes
    FROM jobs CROSS JOIN LATERAL (
        SELECT coalesce(sum(CAST(file ->> 'bytes' AS bigint)), 0) AS bytes
        FROM jsonb_array_elements(jobs.result -> 'files') AS file
    ) AS made
    WHERE jobs.project_id = :project_id AND (jobs.purpose = 'preview') = :previews AND jobs.result ? 'files'
""")


def get(session: ReadSession, job_id: str) -> Job | None:
    """A job of any project."""
    return session.get(Job, job_id)


def lock_by_id(session: WriteSession, job_id: str) -> Job | None:
    """A job of any project, its row locked until the transaction ends."""
    return session.scalars(
        select(Job).where(Job.id == job_id).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()


def lock_expired(session: WriteSession, limit: int) -> Sequence[Job]:
    """The jobs whose leases ended longest ago, their rows locked; rows that are locked elsewhere are left out."""
    return session.scalars(
        select(Job)
        .where(Job.state == "running", Job.lease_until < func.clock_timestamp())
        .order_by(Job.lease_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def update_held(
    session: WriteSession, job_id: str, attempt: int, changes: Mapping[str, object]
) -> Job | None:
    """Change a job's row, in one statement, if the attempt holds the job; None where it does not."""
    return session.scalars(
        update(Job)
        .where(Job.id == job_id, Job.state == "running", Job.attempt == attempt)
        .values(changes)
        .returning(Job)
        .execution_options(populate_existing=True, synchronize_session=False)
    ).one_or_none()


def attempt_held(session: WriteSession, job_id: str, number: int) -> Attempt:
    """An attempt that exists."""
    return session.get_one(Attempt, (job_id, number))


def newest_event(session: ReadSession, job_id: str) -> int:
    """Id of the job's newest event; 0 where it has none."""
    return session.scalar(select(func.max(Event.id)).where(Event.job_id == job_id)) or 0


def move(session: WriteSession, **values: object) -> bool:
    """Set a running job's step, its newest values and its speed; False if the attempt does not hold it.

    Args:
        values: ``job_id``, ``attempt``, ``to_step``, ``time`` of the step, ``values`` (JSON), ``pace_seconds`` (time constant of
        the average of the speed).
    """
    return session.execute(_MOVE, values).one_or_none() is not None


# The speed is an exponential average over time, so it does not depend on the log interval.
_MOVE = text("""
    UPDATE jobs
    SET
        seconds_per_step = CASE
            WHEN step >= :to_step OR step_at IS NULL OR step_at >= CAST(:time AS timestamptz) THEN seconds_per_step
            ELSE
                coalesce(seconds_per_step, 0)
                + (CAST(extract(epoch FROM CAST(:time AS timestamptz) - step_at) AS float8) / (:to_step - step)
                    - coalesce(seconds_per_step, 0))
                * CASE
                    WHEN seconds_per_step IS NULL THEN 1
                    ELSE 1 - exp(
                        - CAST(extract(epoch FROM CAST(:time AS timestamptz) - step_at) AS float8) / :pace_seconds
                    )
                END
        END,
        step_at = CASE WHEN step <= :to_step THEN CAST(:time AS timestamptz) ELSE step_at END,
        step = greatest(step, :to_step),
        latest = latest || CAST(:values AS jsonb)
    WHERE id = :job_id AND state = 'running' AND attempt = :attempt
    RETURNING id
""")
