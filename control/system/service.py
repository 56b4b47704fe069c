"""How the service as a whole is doing."""

from dataclasses import dataclass

from sqlalchemy import text

from control.db import ReadSession
from control.maintenance.leader_election import leader
from control.scheduling.slots import places


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
    """None for a project."""
    metrics_lag_seconds: float | None
    database_bytes: int | None
    """None for a project."""


_ALL_OR_ONE = "(CAST(:project_id AS text) IS NULL OR project_id = :project_id)"


def load(session: ReadSession, project_id: str | None = None) -> Load:
    """Of all projects, or of one. Reads through the history of jobs once: for a look now and then, not for every
    request."""
    of = {"project_id": project_id}
    counted = session.execute(
        text(f"SELECT state, count(*) AS number FROM jobs WHERE {_ALL_OR_ONE} GROUP BY state"),  # noqa: S608 - ours
        of,
    )
    jobs = {row.state: row.number for row in counted}
    oldest = session.execute(
        text(
            "SELECT CAST(extract(epoch FROM clock_timestamp() - min(queued_at)) AS float8) "  # noqa: S608 - ours
            f"FROM jobs WHERE state = 'queued' AND {_ALL_OR_ONE}"
        ),
        of,
    ).scalar_one()
    everywhere = places(session).all
    return Load(
        jobs=jobs,
        oldest_wait_seconds=oldest,
        workers_online=len(everywhere),
        workers_busy=sum(place.occupant is not None for place in everywhere)
        if project_id is None
        else jobs.get("running", 0),
    )


def health(session: ReadSession, project_id: str | None = None) -> Health:
    """Of the service, or of one project."""
    lag = session.execute(
        text(
            "SELECT CAST(extract(epoch FROM clock_timestamp() - min(step_at)) AS float8) "  # noqa: S608 - ours
            f"FROM jobs WHERE state = 'running' AND phase = 'training' AND {_ALL_OR_ONE}"
        ),
        {"project_id": project_id},
    ).scalar_one()
    if project_id is not None:
        return Health(leader=None, metrics_lag_seconds=lag, database_bytes=None)
    size = session.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    return Health(leader=leader(session), metrics_lag_seconds=lag, database_bytes=size)
