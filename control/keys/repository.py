"""The SQL of API keys."""

from datetime import timedelta

from sqlalchemy import Select, func, or_, select, update

from control.db import ReadSession, WriteSession
from control.keys.models import ApiKey


def by_digest(session: ReadSession, digest: bytes) -> ApiKey | None:
    return session.scalar(select(ApiKey).where(ApiKey.digest == digest))


def of_project(project_id: str) -> Select[ApiKey]:
    return select(ApiKey).where(ApiKey.project_id == project_id)


def touch(session: WriteSession, key_id: str, not_within: timedelta) -> None:
    now = func.clock_timestamp()
    session.execute(
        update(ApiKey)
        .where(
            ApiKey.id == key_id,
            or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < now - not_within),
        )
        .values(last_used_at=now)
    )
