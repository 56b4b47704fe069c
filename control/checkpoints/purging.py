"""Taking the files of dropped checkpoints out of storage."""

from sqlalchemy import Connection, Engine, func, update

from control.checkpoints.models import Checkpoint
from control.db import write
from control.storage import Storage


def purge(bind: Engine | Connection, storage: Storage, checkpoint_id: str, prefix: str) -> None:
    """Remove a dropped checkpoint's files, then note that they are gone. Safe to repeat."""
    storage.delete_prefix(prefix)
    with write(bind) as session:
        session.execute(
            update(Checkpoint)
            .where(Checkpoint.id == checkpoint_id, Checkpoint.purged_at.is_(None))
            .values(purged_at=func.clock_timestamp())
        )
