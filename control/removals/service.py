"""Storage of deleted things is freed after the commit that deletes them, and whatever dies in between, it is freed.

The transaction that deletes rows writes down what they named. The objects are removed right after the commit, by the
process that deleted; where that fails or the process ends, the leader's upkeep does it.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from control.datasets import blobs
from control.db import WriteSession, after_commit, read, write
from control.removals.models import Removal
from control.storage import Storage

log = logging.getLogger(__name__)

LEFT_AFTER = timedelta(seconds=30)
"""What is still written down so long after its deletion was left by a process that ended, or by a storage that was away."""
_BATCH = 100


def remove_after_commit(
    session: WriteSession, storage: Storage, *, prefixes: Iterable[str] = (), object_keys: Iterable[str] = ()
) -> None:
    """Have everything below `prefixes`, and those blobs of `object_keys` that no file names, leave the storage.

    Nothing leaves it if the transaction is rolled back.
    """
    rows = [{"key": key, "kind": "prefix"} for key in sorted(set(prefixes))]
    rows += [{"key": key, "kind": "blob"} for key in sorted(set(object_keys))]
    if not rows:
        return
    session.execute(insert(Removal).values(rows).on_conflict_do_nothing())
    bind, keys = session.get_bind(), [row["key"] for row in rows]
    after_commit(session, lambda: carry_out(bind, storage, keys))


def leave_to_upkeep(session: WriteSession, prefix: str) -> None:
    """Have everything below a prefix leave the storage, some time after the commit."""
    session.execute(insert(Removal).values(key=prefix, kind="prefix").on_conflict_do_nothing())


def carry_out(bind: Engine | Connection, storage: Storage, keys: Sequence[str]) -> None:
    """Remove what is written down under these keys. Safe to repeat, and beside another process that does the same."""
    with read(bind) as session:
        found = session.execute(select(Removal.key, Removal.kind).where(Removal.key.in_(keys))).all()
    for key, kind in found:
        if kind == "blob":
            blobs.release(bind, storage, [key])
        else:
            storage.delete_prefix(key)
        with write(bind) as session:
            session.execute(delete(Removal).where(Removal.key == key))


def carry_out_left(engine: Engine, storage: Storage, *, older_than: timedelta = LEFT_AFTER) -> list[str]:
    """Remove what was left by those who wrote it down; its keys."""
    with read(engine) as session:
        left = session.scalars(
            select(Removal.key)
            .where(Removal.created_at < func.clock_timestamp() - older_than)
            .order_by(Removal.created_at)
            .limit(_BATCH)
        ).all()
    for key in left:
        try:
            carry_out(engine, storage, [key])
        except Exception:
            # The others may lie where the storage does answer.
            log.warning("%s has not left the storage yet; the next round tries again", key, exc_info=True)
    return list(left)
