"""The load and the health of the whole service."""

from dataclasses import dataclass

from control.db import ReadSession
from control.maintenance.leader_election import leader
from control.scheduling.slots import slots
from control.system import repository


@dataclass(frozen=True)
class Load:
    """The queue and the workers."""

    jobs: dict[str, int]
    """State → how many, for each state that a job is in."""
    oldest_wait_seconds: float | None
    workers_online: int
    workers_busy: int


@dataclass(frozen=True)
class Health:
    """The facts that only operators need."""

    leader: str | None
    """None for a project."""
    metrics_lag_seconds: float | None
    database_bytes: int | None
    """None for a project."""


def load(session: ReadSession, project_id: str | None = None) -> Load:
    """Of all projects, or of one. Reads through the history of jobs once: for a look now and then, not for every
    request."""
    jobs = repository.jobs_by_state(session, project_id)
    everywhere = slots(session).all
    busy = sum(slot.running is not None for slot in everywhere)
    return Load(
        jobs=jobs,
        oldest_wait_seconds=repository.oldest_wait_seconds(session, project_id),
        workers_online=len(everywhere),
        workers_busy=busy if project_id is None else jobs.get("running", 0),
    )


def health(session: ReadSession, project_id: str | None = None) -> Health:
    """Of the service, or of one project."""
    lag = repository.oldest_point_seconds(session, project_id)
    if project_id is not None:
        return Health(leader=None, metrics_lag_seconds=lag, database_bytes=None)
    return Health(
        leader=leader(session), metrics_lag_seconds=lag, database_bytes=repository.database_bytes(session)
    )
