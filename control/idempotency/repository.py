"""The SQL of idempotent answers."""

from datetime import timedelta

from sqlalchemy import delete, func, select

from control.db import ReadSession, WriteSession
from control.idempotency.models import IdempotentAnswer


def try_lock(session: WriteSession, project_id: str, key: str) -> bool:
    """Lock the key until the transaction ends; False if another transaction holds it."""
    lock = func.pg_try_advisory_xact_lock(func.hashtextextended(f"idempotency {project_id} {key}", 0))
    return bool(session.scalar(select(lock)))


def kept(session: ReadSession, project_id: str, key: str) -> IdempotentAnswer | None:
    return session.get(IdempotentAnswer, (project_id, key))


def delete_older(session: WriteSession, than: timedelta) -> int:
    """Drop answers that are older; returns how many."""
    old = IdempotentAnswer.created_at < func.clock_timestamp() - than
    return len(session.scalars(delete(IdempotentAnswer).where(old).returning(IdempotentAnswer.key)).all())
