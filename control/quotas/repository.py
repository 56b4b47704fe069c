"""SQL about quotas."""

from sqlalchemy import func, literal, select

from control.db import ReadSession
from control.quotas.schemas import Kind


def lock(session: ReadSession, project_id: str, kind: Kind) -> None:
    """Lock the project's sum of that kind until the transaction ends."""
    name = literal(f"quota {kind} {project_id}")
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
