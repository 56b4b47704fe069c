"""SQL about recorded removals."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import cast

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from control.db import ReadSession, WriteSession
from control.removals.models import Kind, Removal


def add(session: WriteSession, kind: Kind, keys: Collection[str]) -> None:
    """Record keys; those that are recorded already stay as they are."""
    rows = [{"key": key, "kind": kind} for key in sorted(keys)]
    session.execute(insert(Removal).values(rows).on_conflict_do_nothing())


def present(session: ReadSession, keys: Collection[str]) -> list[str]:
    """Those of the keys that are recorded."""
    return list(session.scalars(select(Removal.key).where(Removal.key.in_(keys))))


def forget(session: WriteSession, key: str) -> None:
    """Delete the records of keys whose objects have been removed."""
    session.execute(delete(Removal).where(Removal.key == key))


def older(session: ReadSession, than: timedelta, limit: int) -> Sequence[tuple[str, Kind]]:
    """The oldest removals that were recorded longer ago than that, with their kinds."""
    rows = session.execute(
        select(Removal.key, Removal.kind)
        .where(Removal.created_at < func.clock_timestamp() - than)
        .order_by(Removal.created_at)
        .limit(limit)
    )
    return [(row[0], cast("Kind", row[1])) for row in rows]
