"""The SQL of API keys and of sessions."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from control.db import ReadSession, WriteSession
from control.keys.models import ApiKey, EndedSession


def by_digest(session: ReadSession, digests: Sequence[bytes]) -> ApiKey | None:
    return session.scalar(select(ApiKey).where(ApiKey.digest.in_(digests)))


def replace_digest(session: WriteSession, key_id: str, digest: bytes) -> None:
    session.execute(update(ApiKey).where(ApiKey.id == key_id).values(digest=digest))


def is_ended(session: ReadSession, digest: bytes) -> bool:
    return session.get(EndedSession, digest) is not None


def end_session(session: WriteSession, digest: bytes, expires_at: datetime) -> None:
    session.execute(
        insert(EndedSession).values(digest=digest, expires_at=expires_at).on_conflict_do_nothing()
    )


def forget_ended_sessions(session: WriteSession) -> None:
    session.execute(delete(EndedSession).where(EndedSession.expires_at < func.clock_timestamp()))


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


def of_id(session: ReadSession, project_id: str, key_id: str) -> ApiKey | None:
    """The key, if it belongs to the project."""
    return session.scalar(of_project(project_id).where(ApiKey.id == key_id))


def by_id(session: ReadSession, key_id: str) -> ApiKey | None:
    return session.get(ApiKey, key_id)
