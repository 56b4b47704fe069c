"""How the service as a whole is doing."""

from dataclasses import dataclass

from sqlalchemy import text

from control.db import ReadSession
from control.jobs.leader import leader
from control.jobs.places import places


@dataclass(frozen=True)
class Load:
    """What there is to do, and who is there to do it."""

    jobs: dict[str, int]
    """State → how many, for each state that a job is in."""
    oldest_wait_seconds: float | None
    workers_online: int
    workers_busy: int


@dataclass(frozen=True)
class Health:
    """What only an operator asks for."""

    leader: str | None
    metrics_lag_seconds: float | None
    database_bytes: int


def load(session: ReadSession) -> Load:
    """Read through the history of jobs once: for a look now and then, not for every request."""
    counted = session.execute(text("SELECT state, count(*) AS number FROM jobs GROUP BY state"))
    jobs = {row.state: row.number for row in counted}
    oldest = session.execute(
        text(
            "SELECT CAST(extract(epoch FROM clock_timestamp() - min(queued_at)) AS float8) "
            "FROM jobs WHERE state = 'queued'"
        )
    ).scalar_one()
    everywhere = places(session).all
    return Load(
        jobs=jobs,
        oldest_wait_seconds=oldest,
        workers_online=len(everywhere),
        workers_busy=sum(place.occupant is not None for place in everywhere),
    )


def health(session: ReadSession) -> Health:
    lag = session.execute(
        text(
            "SELECT CAST(extract(epoch FROM clock_timestamp() - min(step_at)) AS float8) "
            "FROM jobs WHERE state = 'running' AND phase = 'training'"
        )
    ).scalar_one()
    size = session.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    return Health(leader=leader(session), metrics_lag_seconds=lag, database_bytes=size)
