"""SQL about the service as a whole; each of all projects (None) or of one."""

from sqlalchemy import text

from control.db import ReadSession

_ALL_OR_ONE = "(CAST(:project_id AS text) IS NULL OR project_id = :project_id)"


def jobs_by_state(session: ReadSession, project_id: str | None) -> dict[str, int]:
    """State → how many jobs, for each state that a job is in. Reads through the history of jobs once."""
    counted = session.execute(
        text(f"SELECT state, count(*) AS number FROM jobs WHERE {_ALL_OR_ONE} GROUP BY state"),  # noqa: S608 - ours
        {"project_id": project_id},
    )
    return {row.state: row.number for row in counted}


def oldest_wait_seconds(session: ReadSession, project_id: str | None) -> float | None:
    """For how long the job waits that waits longest."""
    found: float | None = session.execute(
        text(
            "SELECT CAST(extract(epoch FROM clock_timestamp() - min(queued_at)) AS float8) "  # noqa: S608 - ours
            f"FROM jobs WHERE state = 'queued' AND {_ALL_OR_ONE}"
        ),
        {"project_id": project_id},
    ).scalar_one()
    return found


def oldest_point_seconds(session: ReadSession, project_id: str | None) -> float | None:
    """How long ago the training job wrote its newest point that wrote it longest ago."""
    found: float | None = session.execute(
        text(
            "SELECT CAST(extract(epoch FROM clock_timestamp() - min(step_at)) AS float8) "  # noqa: S608 - ours
            f"FROM jobs WHERE state = 'running' AND phase = 'training' AND {_ALL_OR_ONE}"
        ),
        {"project_id": project_id},
    ).scalar_one()
    return found


def database_bytes(session: ReadSession) -> int:
    """What the database takes up."""
    found: int = session.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    return found
